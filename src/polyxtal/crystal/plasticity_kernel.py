"""The plasticity law of `plasticity.py`, one material point at a time, compiled for CPU.

The equations, their symbols and the Newton method are documented in `plasticity.py`; this file
is the fast form of the same, tested equal to it. Two things make it fast: the slip resistances
are eliminated from Newton's system, and slip systems that carry next to no slip are left out of
its matrix (not out of its residual).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

_F = TypeVar("_F", bound=Callable[..., Any])

MAX_ITERATIONS = 60
MAX_CONTINUATION_STEPS = 4096
SMALLEST_STRIDE = 1e-5
"""Continuation gives up below this share of the way. [-]"""
SLIP_SYSTEMS = 12
INACTIVE, EXACT = 1e-7, 1e-14
"""Slip systems below this share of the most active one are left out of Newton's matrix, and out
of a tangent that users see. [-]"""
QUADRATIC = 1e-11
"""Newton stops once n δ², the error its relative step δ leaves behind, is below this. [-]"""
SMALL_STEP = 1e-2
"""Relative steps below this need neither growth limit nor line search. [-]"""
SMALL_RESIDUAL = 1e-2
"""Strain residuals below this come from a start that needs no taming. [-]"""
MAX_HALVINGS = 10
TINY = 1e-300
SQRT1_2 = 0.5**0.5


def compiled(function: _F) -> _F:
    """Compile with numba; NaN stays NaN, sums may be reordered, the machine code is cached."""
    options = {"contract", "reassoc", "nsz", "arcp"}
    return numba.njit(cache=True, nogil=True, fastmath=options, error_model="numpy")(function)  # type: ignore[return-value]


_SYSTEMS, _MATRIX = (SLIP_SYSTEMS,), (3, 3)

LAW_CONSTANTS = np.dtype(
    [
        ("compliance", "f8", (6, 6)),  # C⁻¹, Mandel, crystal frame [1/MPa]
        ("rate", "f8"),  # γ̇_0; 0 without plasticity [1/s]
        ("exponent", "f8"),  # n [-]
        ("hardening_exponent", "f8"),  # a [-]
        ("saturation", "f8"),  # ξ_∞ [MPa]
        ("hardening", "f8", (SLIP_SYSTEMS, SLIP_SYSTEMS)),  # [b, a] = h_0 h_ab: acting first [MPa]
        ("schmid", "f8", (SLIP_SYSTEMS, 3, 3)),  # s ⊗ n [-]
        ("schmid_mandel", "f8", (6, SLIP_SYSTEMS)),  # [-]
    ]
)
"""Constants of one phase, as one record: the kernel gets one pointer and knows every shape."""

POINT_WORKSPACE = np.dtype(
    [
        ("trial", "f8", _MATRIX),  # A = F F_p⁻¹(old)
        ("elastic", "f8", _MATRIX),  # F_e
        ("plastic_inverse", "f8", _MATRIX),  # F_p⁻¹(new), not normalised
        ("pull", "f8", _MATRIX),  # F_eᵀ A; later S F_p⁻ᵀ
        ("carried", "f8", _MATRIX),  # F_e S
        ("slipped", "f8", _MATRIX),
        ("rotated", "f8", _MATRIX),
        ("interim", "f8", _MATRIX),
        ("deformation", "f8", _MATRIX),  # the F on the way, in continuation
        ("relaxed", "f8", _MATRIX),  # F_p(old)
        ("slip", "f8", _SYSTEMS),  # Δγ
        ("resolved", "f8", _SYSTEMS),  # τ
        ("ratio", "f8", _SYSTEMS),  # scratch
        ("power", "f8", _SYSTEMS),  # |τ/ξ|^(n-1)
        ("softening", "f8", _SYSTEMS),  # ∂Δγ/∂τ at fixed ξ
        ("saturation_factor", "f8", _SYSTEMS),  # w
        ("saturation_slope", "f8", _SYSTEMS),  # dw/dξ
        ("accumulated", "f8", _SYSTEMS),  # h_0 Σ_b h_ab |Δγ_b|
        ("resistance_residual", "f8", _SYSTEMS),
        ("resolved_step", "f8", _SYSTEMS),
        ("resistance_step", "f8", _SYSTEMS),
        ("resistance_old", "f8", _SYSTEMS),
        ("resistance_kept", "f8", _SYSTEMS),
        ("active", "i8", _SYSTEMS),  # indices of active systems
        ("system", "f8", (SLIP_SYSTEMS, SLIP_SYSTEMS)),  # G
        ("slip_tangent", "f8", (SLIP_SYSTEMS, 8)),  # ∂|Δγ|/∂S; column 6: the constant part
        ("strain", "f8", (6,)),
        ("residual", "f8", (6,)),  # strain
        ("step", "f8", (6,)),
        ("stress_old", "f8", (6,)),
        ("stress_kept", "f8", (6,)),
        ("jacobian", "f8", (6, 8)),  # its LU factors after the solve
        ("strain_gradient", "f8", (6, 9)),  # ∂E/∂F at fixed slip
        ("stress_gradient", "f8", (6, 9)),  # ∂S/∂F
        ("push", "f8", (9, 6)),  # ∂P/∂S
    ]
)
"""Scratch of one material point; after `solve_point` it describes the solution."""


def point_workspace() -> np.void:
    """Allocate the scratch of one thread."""
    return np.zeros(1, POINT_WORKSPACE)[0]


@compiled
def _powers(law, ws):
    """Fill `power` with `ratio` ** (n - 1); whole exponents by repeated squaring."""
    exponent = law.exponent - 1.0
    whole = int(exponent)
    if whole != exponent or whole > 256:
        for a in range(SLIP_SYSTEMS):
            ws.power[a] = ws.ratio[a] ** exponent
        return
    for a in range(SLIP_SYSTEMS):
        ws.power[a] = 1.0
    while whole > 0:
        if whole & 1:
            for a in range(SLIP_SYSTEMS):
                ws.power[a] *= ws.ratio[a]
        for a in range(SLIP_SYSTEMS):
            ws.ratio[a] *= ws.ratio[a]
        whole >>= 1


@compiled
def _saturation(law, resistance, ws):
    """Fill w(ξ) = sgn(1 - ξ/ξ_inf) |1 - ξ/ξ_inf|^a and dw/dξ."""
    inverse, exponent = 1.0 / law.saturation, law.hardening_exponent
    for a in range(SLIP_SYSTEMS):
        distance = 1.0 - resistance[a] * inverse
        size = max(abs(distance), TINY)
        magnitude = size**exponent
        ws.saturation_factor[a] = magnitude if distance >= 0.0 else -magnitude
        ws.saturation_slope[a] = -exponent * inverse * magnitude / size


@compiled
def invert(m, out):
    """Invert a 3x3 matrix by its cofactors."""
    c00 = m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1]
    c01 = m[1, 2] * m[2, 0] - m[1, 0] * m[2, 2]
    c02 = m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0]
    inverse = 1.0 / (m[0, 0] * c00 + m[0, 1] * c01 + m[0, 2] * c02)
    out[0, 0] = c00 * inverse
    out[1, 0] = c01 * inverse
    out[2, 0] = c02 * inverse
    out[0, 1] = (m[0, 2] * m[2, 1] - m[0, 1] * m[2, 2]) * inverse
    out[1, 1] = (m[0, 0] * m[2, 2] - m[0, 2] * m[2, 0]) * inverse
    out[2, 1] = (m[0, 1] * m[2, 0] - m[0, 0] * m[2, 1]) * inverse
    out[0, 2] = (m[0, 1] * m[1, 2] - m[0, 2] * m[1, 1]) * inverse
    out[1, 2] = (m[0, 2] * m[1, 0] - m[0, 0] * m[1, 2]) * inverse
    out[2, 2] = (m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]) * inverse


@compiled
def _multiply(a, b, out):
    for i in range(3):
        for j in range(3):
            out[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j] + a[i, 2] * b[2, j]


@compiled
def _symmetric_product(a, b, out):
    """Mandel vector of sym(aᵀ b)."""
    for i in range(3):
        out[i] = a[0, i] * b[0, i] + a[1, i] * b[1, i] + a[2, i] * b[2, i]
    m = 3
    for i, j in ((1, 2), (0, 2), (0, 1)):
        value = 0.0
        for k in range(3):
            value += a[k, i] * b[k, j] + a[k, j] * b[k, i]
        out[m] = SQRT1_2 * value
        m += 1


@compiled
def _evaluate(law, resistance_start, dt, stress, resistance, ws):
    """Residual of the law at (S, ξ); returns its norm in units of strain."""
    rate, exponent = law.rate * dt, law.exponent
    for a in range(SLIP_SYSTEMS):
        ws.resolved[a] = 0.0
    for m in range(6):
        component = stress[m]
        for a in range(SLIP_SYSTEMS):
            ws.resolved[a] += component * law.schmid_mandel[m, a]
    for a in range(SLIP_SYSTEMS):
        ws.ratio[a] = abs(ws.resolved[a] / resistance[a])
    _powers(law, ws)
    for a in range(SLIP_SYSTEMS):
        softening = rate * ws.power[a] / resistance[a]
        ws.slip[a] = softening * ws.resolved[a]
        ws.softening[a] = exponent * softening
    _slip_velocity(law, ws)
    _multiply(ws.trial, ws.interim, ws.elastic)
    _symmetric_product(ws.elastic, ws.elastic, ws.strain)
    norm = 0.0
    for m in range(6):
        value = -0.5 * ws.strain[m]
        if m < 3:
            value += 0.5
        for k in range(6):
            value += law.compliance[m, k] * stress[k]
        ws.residual[m] = value
        norm = max(norm, abs(value))
        if value != value:
            norm = np.inf
    _saturation(law, resistance, ws)
    for a in range(SLIP_SYSTEMS):
        ws.accumulated[a] = 0.0
    for b in range(SLIP_SYSTEMS):
        slip = abs(ws.slip[b])
        for a in range(SLIP_SYSTEMS):
            ws.accumulated[a] += slip * law.hardening[b, a]
    worst = 0.0
    for a in range(SLIP_SYSTEMS):
        value = resistance[a] - resistance_start[a] - ws.saturation_factor[a] * ws.accumulated[a]
        ws.resistance_residual[a] = value
        worst = max(worst, abs(value / resistance[a]))
    # A relative error of ξ acts like the same relative error of the elastic strain, about 1e-3.
    return max(norm, 1e-3 * worst)


@compiled
def _slip_velocity(law, ws):
    """Fill `interim` with I - Σ_a Δγ_a s_a ⊗ n_a."""
    for i in range(3):
        for j in range(3):
            ws.interim[i, j] = 1.0 if i == j else 0.0
    for a in range(SLIP_SYSTEMS):
        slip = ws.slip[a]
        for i in range(3):
            for j in range(3):
                ws.interim[i, j] -= slip * law.schmid[a, i, j]


@compiled
def _factorise(matrix, size):
    """LU without pivoting, in place; the pivots stay positive for these matrices."""
    for k in range(size):
        inverse = 1.0 / matrix[k, k]
        for i in range(k + 1, size):
            factor = matrix[i, k] * inverse
            matrix[i, k] = factor
            for j in range(k + 1, size):
                matrix[i, j] -= factor * matrix[k, j]


@compiled
def _substitute(factors, size, right):
    """Solve with LU factors for all columns of `right` (its column count is fixed), in place."""
    columns = right.shape[1]
    for k in range(size):
        for i in range(k + 1, size):
            factor = factors[i, k]
            for c in range(columns):
                right[i, c] -= factor * right[k, c]
    for k in range(size - 1, -1, -1):
        inverse = 1.0 / factors[k, k]
        for c in range(columns):
            right[k, c] *= inverse
        for i in range(k):
            factor = factors[i, k]
            for c in range(columns):
                right[i, c] -= factor * right[k, c]


@compiled
def _linearise(law, resistance, inactive, ws):
    """Condense ξ and factorise Newton's matrix; returns the number of active systems.

    Column 6 of `jacobian` carries what ξ's residual adds to the right-hand side.
    """
    largest = 0.0
    for a in range(SLIP_SYSTEMS):
        largest = max(largest, abs(ws.slip[a]))
    count = 0
    for a in range(SLIP_SYSTEMS):
        if abs(ws.slip[a]) > inactive * largest:
            ws.active[count] = a
            count += 1
    for m in range(6):
        for k in range(6):
            ws.jacobian[m, k] = law.compliance[m, k]
        ws.jacobian[m, 6] = ws.jacobian[m, 7] = 0.0
    if count == 0:
        _factorise(ws.jacobian, 6)
        return 0
    exponent = law.exponent
    for i in range(3):
        for j in range(3):
            ws.pull[i, j] = (
                ws.elastic[0, i] * ws.trial[0, j]
                + ws.elastic[1, i] * ws.trial[1, j]
                + ws.elastic[2, i] * ws.trial[2, j]
            )
    for row in range(count):
        a = ws.active[row]
        damping = 1.0 / (1.0 - ws.saturation_slope[a] * ws.accumulated[a])
        weight = exponent * abs(ws.slip[a]) / resistance[a] * damping
        coupling = weight * ws.saturation_factor[a]
        for column in range(count):
            ws.system[row, column] = coupling * law.hardening[ws.active[column], a]
        ws.system[row, row] += 1.0
        softening = ws.softening[a] if ws.slip[a] >= 0.0 else -ws.softening[a]
        for m in range(6):
            ws.slip_tangent[row, m] = softening * law.schmid_mandel[m, a]
        ws.slip_tangent[row, 6] = weight * ws.resistance_residual[a]
        ws.slip_tangent[row, 7] = 0.0
    _factorise(ws.system, count)
    _substitute(ws.system, count, ws.slip_tangent)
    for row in range(count):
        a = ws.active[row]
        # b_a = sgn(Δγ_a) mandel(sym(F_eᵀ A s ⊗ n))
        for i in range(3):
            for j in range(3):
                ws.interim[i, j] = (
                    ws.pull[i, 0] * law.schmid[a, 0, j]
                    + ws.pull[i, 1] * law.schmid[a, 1, j]
                    + ws.pull[i, 2] * law.schmid[a, 2, j]
                )
        sign = 1.0 if ws.slip[a] >= 0.0 else -1.0
        ws.strain[0] = ws.interim[0, 0]
        ws.strain[1] = ws.interim[1, 1]
        ws.strain[2] = ws.interim[2, 2]
        ws.strain[3] = SQRT1_2 * (ws.interim[1, 2] + ws.interim[2, 1])
        ws.strain[4] = SQRT1_2 * (ws.interim[0, 2] + ws.interim[2, 0])
        ws.strain[5] = SQRT1_2 * (ws.interim[0, 1] + ws.interim[1, 0])
        for m in range(6):
            direction = sign * ws.strain[m]
            for k in range(8):
                ws.jacobian[m, k] += direction * ws.slip_tangent[row, k]
    _factorise(ws.jacobian, 6)
    return count


@compiled
def _newton_step(law, count, resistance, ws):
    """Newton's correction of S (into `step`) and ξ (into `resistance_step`).

    Returns the largest relative change of any |τ/ξ| it asks for.
    """
    for m in range(6):
        ws.step[m] = -ws.residual[m] - ws.jacobian[m, 6]
    for k in range(6):
        for i in range(k + 1, 6):
            ws.step[i] -= ws.jacobian[i, k] * ws.step[k]
    for k in range(5, -1, -1):
        ws.step[k] /= ws.jacobian[k, k]
        for i in range(k):
            ws.step[i] -= ws.jacobian[i, k] * ws.step[k]
    for a in range(SLIP_SYSTEMS):
        ws.resolved_step[a] = 0.0
        ws.ratio[a] = 0.0
    for m in range(6):
        component = ws.step[m]
        for a in range(SLIP_SYSTEMS):
            ws.resolved_step[a] += component * law.schmid_mandel[m, a]
    for row in range(count):
        slip = ws.slip_tangent[row, 6]
        for m in range(6):
            slip += ws.slip_tangent[row, m] * ws.step[m]
        b = ws.active[row]
        for a in range(SLIP_SYSTEMS):
            ws.ratio[a] += slip * law.hardening[b, a]
    for a in range(SLIP_SYSTEMS):
        ws.resistance_step[a] = (
            ws.saturation_factor[a] * ws.ratio[a] - ws.resistance_residual[a]
        ) / (1.0 - ws.saturation_slope[a] * ws.accumulated[a])
    relative = 0.0
    for a in range(SLIP_SYSTEMS):
        relative = max(
            relative, (abs(ws.resolved_step[a]) + abs(ws.resistance_step[a])) / resistance[a]
        )
    for m in range(6):
        if ws.step[m] != ws.step[m]:
            return np.inf
    return relative


@compiled
def _ratio_limit(law, dt, ws):
    """Largest |τ/ξ| worth visiting: it already slips ten times the trial strain."""
    rate = law.rate * dt
    if rate == 0.0:
        return np.inf
    _symmetric_product(ws.trial, ws.trial, ws.strain)
    strain = 1e-6
    for m in range(6):
        strain = max(strain, 0.5 * abs(ws.strain[m] - (1.0 if m < 3 else 0.0)))
    return (10.0 * strain / rate) ** (1.0 / law.exponent)


@compiled
def _admissible_share(limit, resistance, ws):
    """Share of Newton's step that keeps ξ > 0 and |τ/ξ| within the growth limit."""
    share = 1.0
    for a in range(SLIP_SYSTEMS):
        step = ws.resistance_step[a] / resistance[a]
        if step < -0.5:
            share = min(share, -0.5 / step)
        new = abs(ws.resolved[a] + ws.resolved_step[a]) / (resistance[a] * (1.0 + max(step, -0.5)))
        old = abs(ws.resolved[a]) / resistance[a]
        if new > limit and new > old:
            share = min(share, max(0.05, (limit - old) / (new - old)))
    return share


@compiled
def _newton(law, deformation, plastic_start, resistance_start, dt, stress, resistance, ws):
    """Solve for (S, ξ) from the start values in place; returns iterations, or -1."""
    _multiply(deformation, plastic_start, ws.trial)
    norm = _evaluate(law, resistance_start, dt, stress, resistance, ws)
    limit = np.inf
    if not norm < SMALL_RESIDUAL:
        limit = _ratio_limit(law, dt, ws)
        largest = 0.0
        for a in range(SLIP_SYSTEMS):
            largest = max(largest, abs(ws.resolved[a]) / resistance[a])
        if largest > limit:
            for m in range(6):
                stress[m] *= limit / largest
            norm = _evaluate(law, resistance_start, dt, stress, resistance, ws)
    if not norm < np.inf:
        return -1
    exponent = law.exponent
    for iteration in range(MAX_ITERATIONS):
        count = _linearise(law, resistance, INACTIVE, ws)
        relative = _newton_step(law, count, resistance, ws)
        if not relative < np.inf:
            return -1
        share = 1.0
        if relative > SMALL_STEP:
            if limit == np.inf:
                limit = _ratio_limit(law, dt, ws)
            share = _admissible_share(limit, resistance, ws)
        _keep(stress, resistance, ws.stress_old, ws.resistance_old)
        best = norm
        for _ in range(MAX_HALVINGS):
            for m in range(6):
                stress[m] = ws.stress_old[m] + share * ws.step[m]
            for a in range(SLIP_SYSTEMS):
                resistance[a] = ws.resistance_old[a] + share * ws.resistance_step[a]
            norm = _evaluate(law, resistance_start, dt, stress, resistance, ws)
            if norm <= best or relative < SMALL_STEP:
                break
            share *= 0.5
        if share == 1.0 and exponent * relative * relative < QUADRATIC and norm < 1e-9:
            return iteration + 1
    return -1


@compiled
def _keep(stress, resistance, stress_copy, resistance_copy):
    for m in range(6):
        stress_copy[m] = stress[m]
    for a in range(SLIP_SYSTEMS):
        resistance_copy[a] = resistance[a]


@compiled
def solve_point(law, deformation, plastic_start, resistance_start, dt, stress, resistance, ws):
    """Solve the law at one point for the end of the step.

    `stress` (6,) and `resistance` (12,) hold the start of Newton and are overwritten by the
    solution. Where Newton fails, the same equations are solved for a deformation that travels
    from the stress-free trial state to the wanted one in steps that adapt (continuation): it
    changes the way to the solution, not the solution.

    Returns:
        Newton iterations, or -1 where no solution was found.
    """
    # λ = 1 is the wanted deformation; F(λ) = (1 - λ) F_p(old) + λ F is stress-free at λ = 0.
    reached, stride, iterations = 0.0, 1.0, 0
    for attempt in range(MAX_CONTINUATION_STEPS):
        goal = min(1.0, reached + stride)
        for i in range(3):
            for j in range(3):
                ws.deformation[i, j] = deformation[i, j]
                if goal < 1.0:
                    ws.deformation[i, j] += (1.0 - goal) * (ws.relaxed[i, j] - deformation[i, j])
        used = _newton(
            law, ws.deformation, plastic_start, resistance_start, dt, stress, resistance, ws
        )
        if used > 0:
            iterations += used
            if goal == 1.0:
                return iterations
            reached, stride = goal, stride * 1.5
            _keep(stress, resistance, ws.stress_kept, ws.resistance_kept)
            continue
        iterations += MAX_ITERATIONS
        if attempt == 0:
            invert(plastic_start, ws.relaxed)
            stride = 0.5
            _keep(ws.stress_kept, resistance_start, ws.stress_kept, ws.resistance_kept)
            for m in range(6):
                ws.stress_kept[m] = 0.0
        stride *= 0.25
        if stride < SMALLEST_STRIDE:
            return -1
        _keep(ws.stress_kept, ws.resistance_kept, stress, resistance)
    return -1


@compiled
def point_stress(plastic_start, stress, law, ws, out):
    """First Piola-Kirchhoff stress P = F_e S F_p⁻ᵀ and F_p⁻¹ of the solution in `ws`."""
    _slip_velocity(law, ws)
    _multiply(plastic_start, ws.interim, ws.plastic_inverse)
    _fill_symmetric(stress, ws.interim)
    _multiply(ws.elastic, ws.interim, ws.pull)
    for i in range(3):
        for j in range(3):
            out[i, j] = (
                ws.pull[i, 0] * ws.plastic_inverse[j, 0]
                + ws.pull[i, 1] * ws.plastic_inverse[j, 1]
                + ws.pull[i, 2] * ws.plastic_inverse[j, 2]
            )


@compiled
def _fill_symmetric(vector, out):
    for i in range(3):
        out[i, i] = vector[i]
    out[1, 2] = out[2, 1] = SQRT1_2 * vector[3]
    out[0, 2] = out[2, 0] = SQRT1_2 * vector[4]
    out[0, 1] = out[1, 0] = SQRT1_2 * vector[5]


@compiled
def point_tangent(law, plastic_start, stress, resistance, inactive, ws, out):
    """Consistent tangent ∂P/∂F at the solution in `ws` (after `point_stress`), row-major 9x9.

        ∂P/∂F = I ⊗ (F_p⁻¹ S F_p⁻ᵀ) + (Bᵀ - W T) J⁻¹ B

    with B = ∂E/∂F at fixed slip, J Newton's matrix, T = ∂Δγ/∂S, W = ∂P/∂Δγ at fixed S.
    Slip systems below the share `inactive` of the most active one are left out.
    """
    count = _linearise(law, resistance, inactive, ws)
    elastic, inverse = ws.elastic, ws.plastic_inverse
    for i in range(3):
        for j in range(3):
            column = 3 * i + j
            for m in range(3):
                ws.strain_gradient[m, column] = elastic[i, m] * inverse[j, m]
            ws.strain_gradient[3, column] = SQRT1_2 * (
                elastic[i, 1] * inverse[j, 2] + elastic[i, 2] * inverse[j, 1]
            )
            ws.strain_gradient[4, column] = SQRT1_2 * (
                elastic[i, 0] * inverse[j, 2] + elastic[i, 2] * inverse[j, 0]
            )
            ws.strain_gradient[5, column] = SQRT1_2 * (
                elastic[i, 0] * inverse[j, 1] + elastic[i, 1] * inverse[j, 0]
            )
    for m in range(6):
        for c in range(9):
            ws.stress_gradient[m, c] = ws.strain_gradient[m, c]
            ws.push[c, m] = ws.strain_gradient[m, c]
    _substitute(ws.jacobian, 6, ws.stress_gradient)
    # S F_p⁻ᵀ, F_e S and F F_p⁻¹(old) = A serve every slip system.
    _fill_symmetric(stress, ws.interim)
    _multiply(elastic, ws.interim, ws.carried)
    for i in range(3):
        for j in range(3):
            ws.pull[i, j] = (
                ws.interim[i, 0] * inverse[j, 0]
                + ws.interim[i, 1] * inverse[j, 1]
                + ws.interim[i, 2] * inverse[j, 2]
            )
    for row in range(count):
        a = ws.active[row]
        sign = 1.0 if ws.slip[a] >= 0.0 else -1.0
        # W_a = A (s⊗n) S F_p⁻ᵀ + F_e S (F_p⁻¹(old) s⊗n)ᵀ
        for i in range(3):
            for j in range(3):
                left, right = 0.0, 0.0
                for k in range(3):
                    left += law.schmid[a, i, k] * ws.pull[k, j]
                    right += ws.carried[i, k] * law.schmid[a, j, k]
                ws.slipped[i, j] = left
                ws.rotated[i, j] = right
        for i in range(3):
            for j in range(3):
                value = 0.0
                for k in range(3):
                    value += ws.trial[i, k] * ws.slipped[k, j]
                    value += ws.rotated[i, k] * plastic_start[j, k]
                value *= sign
                for m in range(6):
                    ws.push[3 * i + j, m] -= value * ws.slip_tangent[row, m]
    for r in range(9):
        for c in range(9):
            out[r, c] = 0.0
        for m in range(6):
            factor = ws.push[r, m]
            for c in range(9):
                out[r, c] += factor * ws.stress_gradient[m, c]
    for j in range(3):
        for k in range(3):
            value = (
                inverse[j, 0] * ws.pull[0, k]
                + inverse[j, 1] * ws.pull[1, k]
                + inverse[j, 2] * ws.pull[2, k]
            )
            for i in range(3):
                out[3 * i + k, 3 * i + j] += value


@compiled
def update_points(
    laws,
    phase,
    deformation,
    plastic_start,
    resistance_start,
    dt,
    stress,
    resistance,
    plastic_inverse,
    piola,
    tangent,
    stress_gradient,
    with_tangent,
    inactive,
    ws,
):
    """Solve the law for a batch of points; returns the first that failed, or -1.

    `stress` and `resistance` hold Newton's start and are overwritten, as are `plastic_inverse`
    (not normalised), `piola` and, `with_tangent`, the (points, 9, 9) `tangent` ∂P/∂F and the
    (points, 6, 9) `stress_gradient` ∂S/∂F.
    """
    for point in range(len(phase)):
        law = laws[phase[point]]
        used = solve_point(
            law,
            deformation[point],
            plastic_start[point],
            resistance_start[point],
            dt,
            stress[point],
            resistance[point],
            ws,
        )
        if used < 0:
            return point
        point_stress(plastic_start[point], stress[point], law, ws, piola[point])
        for i in range(3):
            for j in range(3):
                plastic_inverse[point, i, j] = ws.plastic_inverse[i, j]
        if with_tangent:
            point_tangent(
                law,
                plastic_start[point],
                stress[point],
                resistance[point],
                inactive,
                ws,
                tangent[point],
            )
            for m in range(6):
                for c in range(9):
                    stress_gradient[point, m, c] = ws.stress_gradient[m, c]
    return -1
