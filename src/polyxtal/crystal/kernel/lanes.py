"""The solution at many material points of one crystal at once, for laws that have a form for it.

Point l of a batch is lane l, the last axis of every array, so that each operation on a number is a
vector instruction. Newton's method is that of `solve.py` without its safeguards: lanes that do not
converge from their start values are left to it. The state is not eliminated; with L = ∂z/∂Δγ, the
rate at which slip hardens, and M = ∂Δγ/∂z, Newton's equations

    C⁻¹ dS + B dΔγ = -r_S,    dΔγ = D dτ + M dz,    dz = L dΔγ - r_z

are solved by sweeps over dz, which converge fast because little hardening takes place in one step.
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.dispatch import evaluate_lanes, sweep_lanes
from polyxtal.crystal.kernel.linear import SQRT1_2
from polyxtal.crystal.kernel.records import LANES

MAX_ITERATIONS = 5
SWEEPS = 3
RENEWED = 1e-3
"""Relative error above which Newton's matrix is computed anew. [-]"""
FEW = LANES // 16
"""Number of lanes that are not worth another iteration of all."""
SMALLEST_STRAIN = 1e-6
"""Errors of stress are relative to at least the stress of this strain. [-]"""


@compiled
def _size(value):
    """Return the magnitude; infinite if it is NaN, which `max` might lose."""
    return abs(value) if value == value else np.inf


@compiled
def _resolve(law, stress, out):
    for a in range(law.schmid.shape[0]):
        for lane in range(LANES):
            out[a, lane] = 0.0
        for m in range(6):
            factor = law.schmid_mandel[m, a]
            if factor != 0.0:
                for lane in range(LANES):
                    out[a, lane] += factor * stress[m, lane]


@compiled
def _subtract_flow(law, slip, identity, out):
    """Set out = identity - Σ_a Δγ_a s_a ⊗ n_a."""
    for i in range(3):
        for j in range(3):
            start = identity if i == j else 0.0
            for lane in range(LANES):
                out[i, j, lane] = start
            for a in range(law.schmid.shape[0]):
                factor = law.schmid[a, i, j]
                if factor != 0.0:
                    for lane in range(LANES):
                        out[i, j, lane] -= factor * slip[a, lane]


@compiled
def _multiply(a, b, out):
    for i in range(3):
        for j in range(3):
            for lane in range(LANES):
                out[i, j, lane] = (
                    a[i, 0, lane] * b[0, j, lane]
                    + a[i, 1, lane] * b[1, j, lane]
                    + a[i, 2, lane] * b[2, j, lane]
                )


@compiled
def _transposed_multiply(a, b, out):
    """Set out = aᵀ b."""
    for i in range(3):
        for j in range(3):
            for lane in range(LANES):
                out[i, j, lane] = (
                    a[0, i, lane] * b[0, j, lane]
                    + a[1, i, lane] * b[1, j, lane]
                    + a[2, i, lane] * b[2, j, lane]
                )


@compiled
def _mandel(matrix, out):
    """Set `out` to the Mandel vector of the symmetric part."""
    for i in range(3):
        for lane in range(LANES):
            out[i, lane] = matrix[i, i, lane]
    for m, i, j in ((3, 1, 2), (4, 0, 2), (5, 0, 1)):
        for lane in range(LANES):
            out[m, lane] = SQRT1_2 * (matrix[i, j, lane] + matrix[j, i, lane])


@compiled
def _evaluate(law, dt, first, ws):
    """Evaluate the residuals, and the largest relative error of each lane."""
    _resolve(law, ws.stress, ws.resolved)
    evaluate_lanes(law, dt, first, ws)
    _subtract_flow(law, ws.slip, 1.0, ws.flow)
    _multiply(ws.trial, ws.flow, ws.elastic)
    _transposed_multiply(ws.elastic, ws.elastic, ws.product)
    _mandel(ws.product, ws.strain)
    for lane in range(LANES):
        ws.norm[lane], ws.largest[lane] = 0.0, SMALLEST_STRAIN
    for m in range(6):
        unit = 0.5 if m < 3 else 0.0
        for lane in range(LANES):
            ws.residual[m, lane] = 0.0
        for k in range(6):
            factor = law.compliance[m, k]
            if factor != 0.0:
                for lane in range(LANES):
                    ws.residual[m, lane] += factor * ws.stress[k, lane]
        for lane in range(LANES):
            value = ws.residual[m, lane]
            ws.largest[lane] = max(ws.largest[lane], abs(value))
            value += unit - 0.5 * ws.strain[m, lane]
            ws.residual[m, lane] = value
            ws.norm[lane] = max(ws.norm[lane], _size(value))
    for lane in range(LANES):
        ws.error[lane] = max(ws.error[lane], ws.norm[lane] / ws.largest[lane])


@compiled
def _factorise(law, ws):
    """Fill `jacobian` with the LU factors of C⁻¹ + B D Mᵀ."""
    _transposed_multiply(ws.elastic, ws.trial, ws.pull)
    for k in range(6):
        for i in range(3):
            for j in range(3):
                for lane in range(LANES):
                    ws.spread[i, j, lane] = 0.0
                for a in range(law.schmid.shape[0]):
                    factor = law.schmid[a, i, j] * law.schmid_mandel[k, a]
                    if factor != 0.0:
                        for lane in range(LANES):
                            ws.spread[i, j, lane] += factor * ws.softening[a, lane]
        _multiply(ws.pull, ws.spread, ws.product)
        _mandel(ws.product, ws.strain)
        for m in range(6):
            factor = law.compliance[m, k]
            for lane in range(LANES):
                ws.jacobian[m, k, lane] = factor + ws.strain[m, lane]
    for k in range(6):
        for lane in range(LANES):
            ws.jacobian[k, k, lane] = 1.0 / ws.jacobian[k, k, lane]
        for i in range(k + 1, 6):
            for lane in range(LANES):
                ws.jacobian[i, k, lane] *= ws.jacobian[k, k, lane]
            for j in range(k + 1, 6):
                for lane in range(LANES):
                    ws.jacobian[i, j, lane] -= ws.jacobian[i, k, lane] * ws.jacobian[k, j, lane]


@compiled
def _sweep(law, ws):
    """Update dz and M dz from dΔγ, then dS and dΔγ."""
    sweep_lanes(law, ws)
    _subtract_flow(law, ws.slip_by_state, 0.0, ws.spread)
    _multiply(ws.pull, ws.spread, ws.product)
    _mandel(ws.product, ws.step)
    for i in range(6):
        for lane in range(LANES):
            ws.step[i, lane] -= ws.residual[i, lane]
        for k in range(i):
            for lane in range(LANES):
                ws.step[i, lane] -= ws.jacobian[i, k, lane] * ws.step[k, lane]
    for i in range(5, -1, -1):
        for k in range(i + 1, 6):
            for lane in range(LANES):
                ws.step[i, lane] -= ws.jacobian[i, k, lane] * ws.step[k, lane]
        for lane in range(LANES):
            ws.step[i, lane] *= ws.jacobian[i, i, lane]
    _resolve(law, ws.step, ws.resolved_step)
    for a in range(law.schmid.shape[0]):
        for lane in range(LANES):
            ws.slip_step[a, lane] = (
                ws.softening[a, lane] * ws.resolved_step[a, lane] + ws.slip_by_state[a, lane]
            )


@compiled
def _measure(law, ws):
    """Set `error` to the relative size of the step that is still to take, where that is smaller."""
    floor = SMALLEST_STRAIN / law.compliance[0, 0]
    for lane in range(LANES):
        ws.norm[lane], ws.largest[lane] = 0.0, floor
    for m in range(6):
        for lane in range(LANES):
            ws.norm[lane] = max(ws.norm[lane], _size(ws.step[m, lane]))
            ws.largest[lane] = max(ws.largest[lane], abs(ws.stress[m, lane]))
    for lane in range(LANES):
        ws.norm[lane] /= ws.largest[lane]
    for s in range(law.state_scale.shape[0]):
        scale = law.state_scale[s]
        for lane in range(LANES):
            size = _size(ws.state_step[s, lane])
            size /= ws.state[s, lane] if scale == 0.0 else scale
            ws.norm[lane] = max(ws.norm[lane], size)
    for lane in range(LANES):
        if ws.norm[lane] < ws.error[lane]:
            ws.error[lane] = ws.norm[lane]


@compiled
def _unsolved(accuracy, ws):
    """Return the number of lanes that are not accurate, and their largest error."""
    worst, count = 0.0, 0
    for lane in range(LANES):
        if not ws.error[lane] <= accuracy:
            count += 1
            worst = max(worst, ws.error[lane])
    return count, worst


@compiled
def solve_lanes(law, dt, accuracy, ws):
    """Solve the law in all lanes from the start values `stress` and `state`, in place.

    Lanes of which `error` is above `accuracy` afterwards are not solved.
    """
    _multiply(ws.deformation, ws.plastic_start, ws.trial)
    for iteration in range(MAX_ITERATIONS):
        _evaluate(law, dt, iteration == 0, ws)
        count, worst = _unsolved(accuracy, ws)
        if count == 0:
            break
        for a in range(law.schmid.shape[0]):
            for lane in range(LANES):
                ws.slip_step[a, lane] = 0.0
        if iteration == 0 or worst > RENEWED:
            _factorise(law, ws)
        for sweep in range(SWEEPS):
            _sweep(law, ws)
            if iteration > 0 and sweep == 0:
                _measure(law, ws)
                count, worst = _unsolved(accuracy, ws)
                if count <= FEW or iteration == MAX_ITERATIONS - 1:
                    break
        if count <= FEW or iteration == MAX_ITERATIONS - 1:
            break
        for m in range(6):
            for lane in range(LANES):
                ws.stress[m, lane] += ws.step[m, lane]
        for s in range(law.state_scale.shape[0]):
            for lane in range(LANES):
                ws.state[s, lane] += ws.state_step[s, lane]
    _multiply(ws.plastic_start, ws.flow, ws.plastic_inverse)
    _push_stress(ws)


@compiled
def _push_stress(ws):
    """Fill `piola` with P = F_e S F_p⁻ᵀ."""
    for i in range(3):
        for lane in range(LANES):
            ws.product[i, i, lane] = ws.stress[i, lane]
    for m, i, j in ((3, 1, 2), (4, 0, 2), (5, 0, 1)):
        for lane in range(LANES):
            ws.product[i, j, lane] = ws.product[j, i, lane] = SQRT1_2 * ws.stress[m, lane]
    _multiply(ws.elastic, ws.product, ws.spread)
    for i in range(3):
        for j in range(3):
            for lane in range(LANES):
                ws.piola[i, j, lane] = (
                    ws.spread[i, 0, lane] * ws.plastic_inverse[j, 0, lane]
                    + ws.spread[i, 1, lane] * ws.plastic_inverse[j, 1, lane]
                    + ws.spread[i, 2, lane] * ws.plastic_inverse[j, 2, lane]
                )
