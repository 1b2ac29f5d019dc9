"""Derivatives of leaves by a parameter of their law, by implicit differentiation, compiled.

At the converged (S, z) of a step the residual r(S, z; F, F_p⁻¹(old), z(old), p) is zero, so that
along a parameter p, with the derivatives of F, F_p⁻¹(old) and z(old) that are given,

    d(S, z)/dp = -J⁻¹ dr/dp   at fixed (S, z),   J = ∂r/∂(S, z).

dr/dp, and P and F_p⁻¹ along the solution, are central differences of explicit formulas of the law
at p ± h, exact to about 1e-9; J is Newton's own matrix. No equation is solved again.
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.batches import linearise_groups
from polyxtal.crystal.kernel.linear import determinant, multiply
from polyxtal.crystal.kernel.newton import evaluate, linearise, newton_step
from polyxtal.crystal.kernel.points import point_stress
from polyxtal.crystal.kernel.records import COUPLED, EXACT


@compiled
def _place(step, F, change, start, by_start, old, by_old, moved, moved_start, moved_old, ws):
    """Move F, F_p⁻¹(old) and z(old) by a step along the parameter; fill the trial with them."""
    for i in range(3):
        for j in range(3):
            moved[i, j] = F[i, j] + step * change[i, j]
            moved_start[i, j] = start[i, j] + step * by_start[i, j]
    for s in range(len(old)):
        moved_old[s] = old[s] + step * by_old[s]
    multiply(moved, moved_start, ws.trial)


@compiled
def vary_leaves(
    laws,
    minus,
    plus,
    step,
    phase,
    members,
    ws,
    dt,
    deformation,
    change,
    start,
    by_start,
    old,
    by_old,
    stress,
    state,
    by_piola,
    by_plastic,
    by_state,
):
    """Compute the derivatives of P, F_p⁻¹ and z of the leaves of a group by one parameter.

    Args:
        laws, minus, plus: Constants of every phase with this law at p, p - h and p + h.
        step: h.
        phase, members, ws: See `solve_points`.
        dt: Length of the step. [s]
        deformation, change: F and dF/dp of the leaves, (leaves or more, 3, 3).
        start, by_start: F_p⁻¹(old) and its derivative, (leaves, 3, 3).
        old, by_old: z(old) and its derivative, (leaves, width).
        stress, state: The solution S (leaves, 6) and z (leaves, width).
        by_piola: Out: dP/dp, (leaves or more, 3, 3).
        by_plastic: Out: dF_p⁻¹/dp of determinant 1, (leaves, 3, 3).
        by_state: Out: dz/dp, (leaves, width).
    """
    width = old.shape[1]
    moved, moved_start, piola = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    moved_old, moved_state, moved_stress = np.empty(width), np.empty(width), np.empty(6)
    residual, state_residual = np.empty(6), np.empty(width)
    for place in range(len(members)):
        leaf = members[place]
        law, states = laws[phase[place]], laws[phase[place]].state_scale.shape[0]
        given = (deformation[leaf], change[leaf], start[leaf], by_start[leaf], old[leaf],
                 by_old[leaf])  # fmt: skip
        for side in range(2):
            signed = -step if side == 0 else step
            other = minus[phase[place]] if side == 0 else plus[phase[place]]
            _place(signed, *given, moved, moved_start, moved_old, ws)
            evaluate(other, moved_old, dt, stress[leaf], state[leaf], COUPLED, ws)
            for m in range(6):
                value = ws.residual[m] / (2.0 * step)
                residual[m] = -value if side == 0 else residual[m] + value
            for s in range(states):
                value = ws.state_residual[s] / (2.0 * step)
                state_residual[s] = -value if side == 0 else state_residual[s] + value
        # z(old) such that the residual of the state is its derivative, in all that a law derives.
        _place(0.0, *given, moved, moved_start, moved_old, ws)
        for s in range(states):
            moved_old[s] -= state_residual[s]
        evaluate(law, moved_old, dt, stress[leaf], state[leaf], COUPLED, ws)
        for m in range(6):
            ws.residual[m] = residual[m]
        count = linearise(law, state[leaf], EXACT, COUPLED, ws)
        newton_step(law, count, state[leaf], COUPLED, ws)
        for m in range(6):
            residual[m] = ws.step[m]
        for s in range(states):
            by_state[leaf, s] = ws.state_step[s]
        for side in range(2):
            signed = -step if side == 0 else step
            other = minus[phase[place]] if side == 0 else plus[phase[place]]
            for m in range(6):
                moved_stress[m] = stress[leaf, m] + signed * residual[m]
            for s in range(width):
                moved_state[s] = state[leaf, s] + signed * by_state[leaf, s]
            _place(signed, *given, moved, moved_start, moved_old, ws)
            evaluate(other, moved_old, dt, moved_stress, moved_state, COUPLED, ws)
            point_stress(moved_start, moved_stress, other, ws, piola)
            scale = determinant(ws.plastic_inverse) ** (-1.0 / 3.0)
            for i in range(3):
                for j in range(3):
                    p = piola[i, j] / (2.0 * step)
                    inverse = scale * ws.plastic_inverse[i, j] / (2.0 * step)
                    if side == 0:
                        by_piola[leaf, i, j], by_plastic[leaf, i, j] = -p, -inverse
                    else:
                        by_piola[leaf, i, j] += p
                        by_plastic[leaf, i, j] += inverse


@compiled
def linearise_all(groups, *points):
    """Compute the tangents of all leaves, see `linearise_groups`."""
    linearise_groups(groups, *points)
