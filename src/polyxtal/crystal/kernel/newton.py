"""Newton for stress and state at one material point, for any law."""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.dispatch import (
    condense_law,
    evaluate_law,
    fill_drive,
    fill_limits,
    law_step,
)
from polyxtal.crystal.kernel.linear import (
    SQRT1_2,
    factorise,
    invert,
    multiply,
    substitute,
    symmetric_product,
)
from polyxtal.crystal.kernel.records import INACTIVE

MAX_ITERATIONS = 60
MAX_ATTEMPTS = 4096
DIRECT, SWEEPING, SWEPT_START, CONTINUATION = 0, 1, 2, 3
"""Ways to a solution, in the order in which they are tried."""
SMALLEST_STRIDE = 1e-5
"""Continuation gives up below this share of the way. [-]"""
QUADRATIC = 1e-11
"""Newton stops once n δ², the error its relative step δ leaves behind, is below this. [-]"""
SMALL_STEP = 1e-2
"""Relative steps below this need neither growth limit nor line search. [-]"""
SMALL_RESIDUAL = 1e-2
"""Strain residuals below this come from a start that needs no taming. [-]"""
MAX_HALVINGS = 10
MAX_SWEEPS, SWEPT = 100, 1e-6
"""Sweeps over stress and state in turn, and the relative change of the state that ends them."""
GROWTH = 10.0
"""Newton visits no drive |τ/ξ| that would slip more than this many times the trial strain. [-]"""


@compiled
def slip_velocity(law, ws):
    """Fill `interim` with I - Σ_a Δγ_a s_a ⊗ n_a."""
    for i in range(3):
        for j in range(3):
            ws.interim[i, j] = 1.0 if i == j else 0.0
    for a in range(law.schmid.shape[0]):
        slip = ws.slip[a]
        for i in range(3):
            for j in range(3):
                ws.interim[i, j] -= slip * law.schmid[a, i, j]


@compiled
def resolve(law, stress, out):
    """Resolve a stress onto all systems: τ_a = S : P_a."""
    for a in range(law.schmid.shape[0]):
        out[a] = 0.0
    for m in range(6):
        component = stress[m]
        for a in range(law.schmid.shape[0]):
            out[a] += component * law.schmid_mandel[m, a]


@compiled
def _evaluate(law, state_start, dt, stress, state, coupled, ws):
    """Residual of the law at (S, z); returns its norm in units of strain, of S alone if not `coupled`."""
    resolve(law, stress, ws.resolved)
    worst = evaluate_law(law, state_start, dt, state, ws)
    slip_velocity(law, ws)
    multiply(ws.trial, ws.interim, ws.elastic)
    symmetric_product(ws.elastic, ws.elastic, ws.strain)
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
    # A relative error of ξ acts like the same relative error of the elastic strain, about 1e-3.
    return max(norm, 1e-3 * worst) if coupled else norm


@compiled
def linearise(law, state, inactive, coupled, ws):
    """Condense the state and factorise Newton's matrix; returns the number of active systems.

    If not `coupled` the state is fixed.

    Column 6 of `jacobian` carries what the state's residual adds to the right-hand side.
    """
    systems = law.schmid.shape[0]
    largest = 0.0
    for a in range(systems):
        largest = max(largest, abs(ws.slip[a]))
    count = 0
    for a in range(systems):
        if abs(ws.slip[a]) > inactive * largest:
            ws.active[count] = a
            count += 1
    for m in range(6):
        for k in range(6):
            ws.jacobian[m, k] = law.compliance[m, k]
        ws.jacobian[m, 6] = ws.jacobian[m, 7] = 0.0
    if count == 0:
        factorise(ws.jacobian, 6)
        return 0
    for i in range(3):
        for j in range(3):
            ws.pull[i, j] = (
                ws.elastic[0, i] * ws.trial[0, j]
                + ws.elastic[1, i] * ws.trial[1, j]
                + ws.elastic[2, i] * ws.trial[2, j]
            )
    if coupled:
        condense_law(law, state, count, ws)
    else:
        for row in range(count):
            for column in range(count):
                ws.system[row, column] = 1.0 if row == column else 0.0
            ws.slip_tangent[row, 6] = ws.slip_tangent[row, 7] = 0.0
    for row in range(count):
        a = ws.active[row]
        softening = ws.softening[a] if ws.slip[a] >= 0.0 else -ws.softening[a]
        for m in range(6):
            ws.slip_tangent[row, m] = softening * law.schmid_mandel[m, a]
    factorise(ws.system, count)
    substitute(ws.system, count, ws.slip_tangent)
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
    factorise(ws.jacobian, 6)
    return count


@compiled
def _newton_step(law, count, state, coupled, ws):
    """Newton's correction of S (into `step`) and z (into `state_step`).

    Returns the largest relative change of any drive it asks for.
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
    resolve(law, ws.step, ws.resolved_step)
    for row in range(count):
        slip = ws.slip_tangent[row, 6]
        for m in range(6):
            slip += ws.slip_tangent[row, m] * ws.step[m]
        ws.slip_step[row] = slip
    relative = law_step(law, state, count, ws)
    if not coupled:
        relative = _fixed_state_step(law, state, ws)
    for m in range(6):
        if ws.step[m] != ws.step[m]:
            return np.inf
    return relative


@compiled
def _fixed_state_step(law, state, ws):
    """Leave the state as it is; returns the largest change of any drive, both signs apart."""
    for s in range(law.state_scale.shape[0]):
        ws.state_step[s] = 0.0
    relative = 0.0
    fill_drive(law, ws.resolved_step, state, ws.drive)
    for a in range(law.schmid.shape[0]):
        ws.drive_new[a] = -ws.resolved_step[a]
        relative = max(relative, ws.drive[a])
    fill_drive(law, ws.drive_new, state, ws.drive)
    for a in range(law.schmid.shape[0]):
        relative = max(relative, ws.drive[a])
    return relative


@compiled
def _limit_drive(law, dt, ws):
    """Fill `drive_limit` with what already slips ten times the trial strain."""
    symmetric_product(ws.trial, ws.trial, ws.strain)
    strain = 1e-6
    for m in range(6):
        strain = max(strain, 0.5 * abs(ws.strain[m] - (1.0 if m < 3 else 0.0)))
    fill_limits(law, GROWTH * strain, dt, ws)


@compiled
def _admissible_share(law, state, ws):
    """Share of Newton's step that keeps the state positive and each drive within its limit."""
    share = 1.0
    fill_drive(law, ws.resolved, state, ws.drive)
    for a in range(law.schmid.shape[0]):
        ws.resolved_step[a] += ws.resolved[a]
    for s in range(law.state_scale.shape[0]):
        new = state[s] + ws.state_step[s]
        if law.state_scale[s] == 0.0 and new < 0.5 * state[s]:
            share = min(share, -0.5 * state[s] / ws.state_step[s])
            new = 0.5 * state[s]
        ws.state_old[s] = new
    fill_drive(law, ws.resolved_step, ws.state_old, ws.drive_new)
    for a in range(law.schmid.shape[0]):
        old, new, limit = ws.drive[a], ws.drive_new[a], ws.drive_limit[a]
        if new > limit and new > old:
            share = min(share, max(0.05, (limit - old) / (new - old)))
    return share


@compiled
def _keep(law, stress, state, stress_copy, state_copy):
    for m in range(6):
        stress_copy[m] = stress[m]
    for s in range(law.state_scale.shape[0]):
        state_copy[s] = state[s]


@compiled
def _newton(law, deformation, plastic_start, state_start, dt, stress, state, coupled, ws):
    """Solve for (S, z) from the start values in place, for S alone if not `coupled`.

    Returns:
        Newton iterations, or -1 where no solution was found.
    """
    multiply(deformation, plastic_start, ws.trial)
    norm, limited = np.inf, False
    for start in range(2):
        norm = _evaluate(law, state_start, dt, stress, state, coupled, ws)
        if norm < SMALL_RESIDUAL or start == 1:
            break
        _limit_drive(law, dt, ws)
        limited = True
        fill_drive(law, ws.resolved, state, ws.drive)
        share = 1.0
        for a in range(law.schmid.shape[0]):
            if ws.drive[a] > ws.drive_limit[a]:
                share = min(share, ws.drive_limit[a] / ws.drive[a])
        if share == 1.0:
            break
        for m in range(6):
            stress[m] *= share
    if not norm < np.inf:
        return -1
    for iteration in range(MAX_ITERATIONS):
        count = linearise(law, state, INACTIVE, coupled, ws)
        relative = _newton_step(law, count, state, coupled, ws)
        if not relative < np.inf:
            return -1
        share = 1.0
        if relative > SMALL_STEP:
            if not limited:
                _limit_drive(law, dt, ws)
                limited = True
            share = _admissible_share(law, state, ws)
        _keep(law, stress, state, ws.stress_old, ws.state_old)
        best = norm
        for _ in range(MAX_HALVINGS):
            for m in range(6):
                stress[m] = ws.stress_old[m] + share * ws.step[m]
            for s in range(law.state_scale.shape[0]):
                state[s] = ws.state_old[s] + share * ws.state_step[s]
            norm = _evaluate(law, state_start, dt, stress, state, coupled, ws)
            if norm <= best or relative < SMALL_STEP:
                break
            share *= 0.5
        if share == 1.0 and law.exponent * relative * relative < QUADRATIC and norm < 1e-9:
            return iteration + 1
    return -1


@compiled
def _sweep_state(law, state, ws):
    """Take over the state that the slip in `ws` makes; returns its largest relative change."""
    largest = 0.0
    for s in range(law.state_scale.shape[0]):
        scale, change = law.state_scale[s], -ws.state_residual[s]
        if scale == 0.0:
            scale = state[s]
            change = max(change, -0.5 * state[s])
        state[s] += change
        largest = max(largest, abs(change) / scale)
    return largest


@compiled
def solve_point(law, deformation, plastic_start, state_start, dt, stress, state, ws):
    """Solve the law at one point for the end of the step.

    `stress` (6,) and `state` hold the start of Newton and are overwritten by the solution. Where
    Newton fails, S at fixed z and z at fixed slip are solved for in turn from the stress-free
    state, and Newton starts from there: where systems harden each other more than themselves the
    equations have several solutions, and this way leads to the one nearest to the start. Where
    that fails, too, the same equations are solved for a deformation that travels from the
    stress-free trial state to the wanted one in steps that adapt (continuation): it changes the
    way to the solution, not the solution.

    Returns:
        Newton iterations, or -1 where no solution was found.
    """
    # λ = 1 is the wanted deformation; F(λ) = (1 - λ) F_p(old) + λ F is stress-free at λ = 0.
    reached, stride, iterations, mode, sweeps = 0.0, 1.0, 0, DIRECT, 0
    for _ in range(MAX_ATTEMPTS):
        goal = min(1.0, reached + stride)
        for i in range(3):
            for j in range(3):
                ws.deformation[i, j] = deformation[i, j]
                if goal < 1.0:
                    ws.deformation[i, j] += (1.0 - goal) * (ws.relaxed[i, j] - deformation[i, j])
        used = _newton(  # in one place only: compilers copy it into each
            law,
            ws.deformation,
            plastic_start,
            state_start,
            dt,
            stress,
            state,
            mode != SWEEPING,
            ws,
        )
        iterations += used if used > 0 else MAX_ITERATIONS
        if used > 0 and mode == SWEEPING:
            sweeps += 1
            if _sweep_state(law, state, ws) < SWEPT or sweeps == MAX_SWEEPS:
                mode = SWEPT_START
            continue
        if used > 0:
            if goal == 1.0:
                return iterations
            reached, stride = goal, stride * 1.5
            _keep(law, stress, state, ws.stress_kept, ws.state_kept)
            continue
        if mode == DIRECT:
            mode = SWEEPING
            for m in range(6):
                stress[m] = 0.0
            _keep(law, stress, state_start, ws.stress_kept, state)
            continue
        if mode != CONTINUATION:
            mode = CONTINUATION
            invert(plastic_start, ws.relaxed)
            stride = 0.5
            for m in range(6):
                ws.stress_kept[m] = 0.0
            _keep(law, ws.stress_kept, state_start, stress, ws.state_kept)
        stride *= 0.25
        if stride < SMALLEST_STRIDE:
            return -1
        _keep(law, ws.stress_kept, ws.state_kept, stress, state)
    return -1
