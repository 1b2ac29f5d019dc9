"""The solution at one material point: Newton with growth limit and line search, and fallbacks."""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.dispatch import fill_drive, fill_limits
from polyxtal.crystal.kernel.linear import invert, multiply, symmetric_product
from polyxtal.crystal.kernel.newton import evaluate, linearise, newton_step
from polyxtal.crystal.kernel.records import INACTIVE

MAX_ITERATIONS = 60
MAX_ATTEMPTS = 4096
DIRECT, SWEEPS, CONTINUATION, HALF_SWEEPS, QUARTER_SWEEPS = range(5)
"""Solution strategies, in the order in which they are tried."""
FIRST_STRIDE, SMALLEST_STRIDE = 0.125, 1e-5
"""First and smallest step of the continuation parameter. [-]"""
SOLVED = 1e-9
"""Largest residual of a solution, in units of strain. [-]"""
SMALL_STEP = 1e-2
"""Relative steps below this need neither growth limit nor line search. [-]"""
SMALL_RESIDUAL = 1e-2
"""Strain residual below which the initial stress is not scaled down. [-]"""
MAX_HALVINGS = 10
MAX_SWEEPS, SWEPT = 100, 1e-6
"""Most alternating sweeps over stress and state, and the relative change that ends them."""
GROWTH = 10.0
"""Largest slip that the drives of Newton's iterates may cause, in trial strains. [-]"""


@compiled
def _limit_drive(law, dt, ws):
    """Fill `drive_limit` with the drive that causes a slip of ten trial strains."""
    symmetric_product(ws.trial, ws.trial, ws.strain)
    strain = 1e-6
    for m in range(6):
        strain = max(strain, 0.5 * abs(ws.strain[m] - (1.0 if m < 3 else 0.0)))
    fill_limits(law, GROWTH * strain, dt, ws)


@compiled
def _admissible_share(law, state, ws):
    """Return the share of Newton's step that keeps the state positive and drives within limits."""
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
def _newton(law, deformation, plastic_start, state_start, dt, accuracy, stress, state, coupled, ws):
    """Solve for (S, z) from the start values in place, for S alone if not `coupled`.

    Newton stops when n δ², the error that remains after a relative step δ, is below `accuracy`.

    Returns:
        Newton iterations, or -1 where no solution was found.
    """
    multiply(deformation, plastic_start, ws.trial)
    norm, limited = np.inf, False
    for start in range(2):
        norm = evaluate(law, state_start, dt, stress, state, coupled, ws)
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
        relative = newton_step(law, count, state, coupled, ws)
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
            norm = evaluate(law, state_start, dt, stress, state, coupled, ws)
            if norm <= best or relative < SMALL_STEP:
                break
            share *= 0.5
        if share == 1.0 and law.exponent * relative * relative < accuracy and norm < SOLVED:
            return iteration + 1
    return -1


@compiled
def _sweep_state(law, state, share, ws):
    """Update the state by a share of what the slip in `ws` asks for; return its largest change."""
    largest = 0.0
    for s in range(law.state_scale.shape[0]):
        scale, change = law.state_scale[s], -share * ws.state_residual[s]
        if scale == 0.0:
            scale = state[s]
            change = max(change, -0.5 * state[s])
        state[s] += change
        largest = max(largest, abs(change) / scale)
    return largest


@compiled
def solve_point(law, deformation, plastic_start, state_start, dt, accuracy, stress, state, ws):
    """Solve the law at one point for the end of the step.

    `stress` (6,) and `state` hold Newton's initial values and are overwritten by the solution. If
    Newton fails, S at fixed z and z at fixed slip are solved for alternately, starting from the
    stress-free state, and Newton is started from the result: where systems harden each other more
    than themselves the equations have several solutions, and this finds the one nearest to the
    start of the step. If that fails, too, the same equations are solved for deformations between
    the stress-free trial state and the wanted one, in adaptive steps (continuation). The sweeps
    overshoot where the state changes much, as in soft crystals within a large step; at last they
    are repeated with a half and a quarter of each change of state.

    Args:
        accuracy: Largest relative error of drives. [-]

    Returns:
        Newton iterations, or -1 where no solution was found.
    """
    # λ = 1 is the target deformation; F(λ) = (1 - λ) F_p(old) + λ F is stress-free at λ = 0.
    reached, stride, iterations = 0.0, 1.0, 0
    strategy, sweeping, sweeps, share = DIRECT, False, 0, 1.0
    for _ in range(MAX_ATTEMPTS):
        goal = min(1.0, reached + stride)
        for i in range(3):
            for j in range(3):
                ws.deformation[i, j] = deformation[i, j]
                if goal < 1.0:
                    ws.deformation[i, j] += (1.0 - goal) * (ws.relaxed[i, j] - deformation[i, j])
        used = _newton(  # a single call site, because it is inlined
            law,
            ws.deformation,
            plastic_start,
            state_start,
            dt,
            accuracy,
            stress,
            state,
            not sweeping,
            ws,
        )
        iterations += used if used > 0 else MAX_ITERATIONS
        if used > 0 and sweeping:
            sweeps += 1
            sweeping = _sweep_state(law, state, share, ws) >= SWEPT and sweeps < MAX_SWEEPS
            continue
        if used > 0:
            if goal == 1.0:
                return iterations
            reached, stride = goal, stride * 1.5
            _keep(law, stress, state, ws.stress_kept, ws.state_kept)
            continue
        stride *= 0.25
        if strategy != CONTINUATION or stride < SMALLEST_STRIDE:
            strategy += 1
            if strategy > QUARTER_SWEEPS:
                return -1
            share = 1.0 if strategy < HALF_SWEEPS else 0.5 * share
            sweeping, sweeps = strategy != CONTINUATION, 0
            reached, stride = 0.0, 1.0 if sweeping else FIRST_STRIDE
            invert(plastic_start, ws.relaxed)
            for m in range(6):
                ws.stress_kept[m] = 0.0
            _keep(law, ws.stress_kept, state_start, ws.stress_kept, ws.state_kept)
        _keep(law, ws.stress_kept, ws.state_kept, stress, state)
    return -1
