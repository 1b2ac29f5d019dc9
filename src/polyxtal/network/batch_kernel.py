"""One increment of many networks at prescribed F, in global axes, compiled for CPU."""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.linear import multiply
from polyxtal.network.point_kernel import advance_point


@compiled
def _to_local(axes, matrix, own, out):
    """Express a matrix in the axes that are the columns of `axes`: out = Rᵀ M R."""
    multiply(matrix, axes, own.interim)
    for i in range(3):
        for j in range(3):
            out[i, j] = (
                axes[0, i] * own.interim[0, j]
                + axes[1, i] * own.interim[1, j]
                + axes[2, i] * own.interim[2, j]
            )


@compiled
def _stress_to_global(axes, stress, own, out):
    """Express a stress in global axes: out = R P Rᵀ."""
    multiply(axes, stress, own.interim)
    for i in range(3):
        for j in range(3):
            out[i, j] = (
                own.interim[i, 0] * axes[j, 0]
                + own.interim[i, 1] * axes[j, 1]
                + own.interim[i, 2] * axes[j, 2]
            )


@compiled
def _tangent_to_global(axes, own, out):
    """Express the tangent in global axes: A_ijkl = R_ia R_jb R_kc R_ld A_abcd."""
    for r in range(9):
        for c in range(9):
            own.turn[r, c] = axes[r // 3, c // 3] * axes[r % 3, c % 3]
    for r in range(9):
        for c in range(9):
            value = 0.0
            for m in range(9):
                value += own.tangent[r, m] * own.turn[c, m]
            out[r, c] = value
    own.tangent[:] = out
    for r in range(9):
        for c in range(9):
            value = 0.0
            for m in range(9):
                value += own.turn[r, m] * own.tangent[m, c]
            out[r, c] = value


@compiled
def advance_points(
    first,
    last,
    members,
    axes,
    goal,
    dt,
    with_tangent,
    before,
    accepted,
    trial,
    tree,
    groups,
    network,
    state,
    tree_ws,
    own,
    piola,
    tangent,
    pieces,
    status,
):
    """Advance points `first` to `last` - 1 of a network by one increment.

    Args:
        first, last: Range of points k within the network's.
        members: Point number of each k, (points of the network,).
        axes: Rotations R of the material axes of all points, (points, 3, 3).
        goal: Wanted F of all points in global axes, (points, 3, 3).
        dt: Time step. [s]
        with_tangent: Whether to evaluate the consistent tangent.
        before, accepted: The last two accepted states.
        trial: State at the end; written.
        tree, groups, network: The network, its leaves by law, and the rest.
        state, tree_ws, own: Scratch of the thread.
        piola, tangent: P (points, 3, 3) and ∂P/∂F (points, 9, 9) of all points; written. [MPa]
        pieces: Number of pieces of the increment of every point, 0 where it failed; written.
        status: Status of every point; written.
    """
    for k in range(first, last):
        point = members[k]
        _to_local(axes[point], goal[point], own, own.local)
        pieces[point], status[point] = advance_point(
            k, dt, with_tangent, before, accepted, trial, tree, groups, network, state, tree_ws, own
        )
        if pieces[point] == 0:
            piola[point] = np.nan
            tangent[point] = np.nan
            continue
        _stress_to_global(axes[point], trial.piola[k], own, piola[point])
        if with_tangent:
            _tangent_to_global(axes[point], own, tangent[point])
