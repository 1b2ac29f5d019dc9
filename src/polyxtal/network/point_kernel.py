"""One increment of a network at prescribed F, in pieces where it does not converge, compiled.

A point is solved for the whole increment first, then in 2, 4, … equal pieces of it until all of
them converge. Newton's start is extrapolated from the last accepted increment where F continues in
its direction; then elastic.
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.batches import SOLVED
from polyxtal.crystal.kernel.linear import determinant
from polyxtal.crystal.kernel.records import EXACT, INACTIVE
from polyxtal.network.condense_kernel import place_deformation
from polyxtal.network.online_kernel import (
    CONVERGED,
    LAW_SHARE,
    LOCAL_FAILURE,
    STALLED,
    advance,
    update_leaves,
)

MAX_PIECES = 64
"""Largest number of pieces of an increment. [-]"""
MAX_ITERATIONS = 25
STEADY = 0.99
"""Cosine between two changes of F above which the last one predicts the next. [-]"""
ELASTIC = 0.0
"""Start of Newton's method that is no multiple of the last increment."""
STRESS_ONLY = np.bool_(False)
"""No tangent. A literal `False` would be a type of its own, compiled for once more."""
DIFFERENCE = 1e-6
"""Change of F in the differences that give the tangent of an increment in pieces. [-]"""


@compiled
def _load(k, accepted, state):
    """Start from the accepted state of a point."""
    root = state.deformation.shape[0] - 1
    state.deformation[root] = accepted.deformation[k]
    state.plastic_start[:] = accepted.plastic_inverse[k]
    state.internal_start[:] = accepted.internal[k]
    state.plastic_inverse[:] = accepted.plastic_inverse[k]
    state.internal[:] = accepted.internal[k]
    state.stress[:] = accepted.stress[k]
    state.interaction[:] = accepted.interaction[k]


@compiled
def _continued(before, now, goal):
    """Return the change of F as a multiple of the last one, 0 if its direction differs."""
    last, new, both = 0.0, 0.0, 0.0
    for i in range(3):
        for j in range(3):
            old, wanted = now[i, j] - before[i, j], goal[i, j] - now[i, j]
            last += old * old
            new += wanted * wanted
            both += old * wanted
    if last == 0.0 or not both > STEADY * np.sqrt(last * new):
        return 0.0
    return both / last


@compiled
def _extrapolate(k, share, before, accepted, goal, network, state):
    """Continue the last increment by a share of it; F becomes the wanted one."""
    root = state.deformation.shape[0] - 1
    state.deformation[root] = goal
    leaves, width = state.internal.shape
    for leaf in range(leaves):
        for m in range(6):
            last = accepted.stress[k, leaf, m] - before.stress[k, leaf, m]
            state.stress[leaf, m] += share * last
        for s in range(width):
            start = state.internal[leaf, s]
            guess = start + share * (start - before.internal[k, leaf, s])
            if network.positive[leaf, s]:
                guess = max(guess, 0.5 * start)
            state.internal[leaf, s] = guess
    for inner in range(leaves - 1):
        for i in range(3):
            last = accepted.interaction[k, inner, i] - before.interaction[k, inner, i]
            state.interaction[inner, i] += share * last


@compiled
def _average(network, state, tree_ws):
    """Average P and the tangent of leaves that all have the point's F."""
    root = state.deformation.shape[0] - 1
    state.piola[root] = 0.0
    tree_ws.tangent[root] = 0.0
    for leaf in range(len(network.weights)):
        weight = network.weights[leaf]
        for r in range(9):
            state.piola[root, r // 3, r % 3] += weight * state.piola[leaf, r // 3, r % 3]
            for c in range(9):
                tree_ws.tangent[root, r, c] += weight * tree_ws.tangent[leaf, r, c]


@compiled
def _solve(tree, groups, network, dt, goal, elastic_start, final, state, tree_ws, own):
    """Solve one time step for the F `goal`; `final` evaluates the tangent at the solution."""
    if network.interfaces:
        status, _, _ = advance(
            tree,
            groups,
            state,
            dt,
            goal.reshape(9),
            own.free,
            own.basis,
            elastic_start,
            network.tolerance,
            network.floor,
            1 if final else MAX_ITERATIONS,
            EXACT if final else INACTIVE,
            tree_ws,
        )
        return CONVERGED if final and status == STALLED else status
    for node in range(state.deformation.shape[0]):
        state.deformation[node] = goal
    leaves = len(network.weights)
    rows, piola = np.empty((9, leaves)), np.empty((9, leaves))
    accuracy = LAW_SHARE * network.tolerance
    failed = update_leaves(groups, state, dt, accuracy, final, EXACT, rows, piola, tree_ws)
    if failed != SOLVED:
        return LOCAL_FAILURE
    _average(network, state, tree_ws)
    return CONVERGED


@compiled
def _normalise(state):
    """Scale F_p⁻¹ of all leaves to determinant one."""
    for leaf in range(state.plastic_inverse.shape[0]):
        scale = determinant(state.plastic_inverse[leaf]) ** (-1.0 / 3.0)
        for i in range(3):
            for j in range(3):
                state.plastic_inverse[leaf, i, j] *= scale


@compiled
def _follow(
    k, goal, dt, pieces, share, final, before, accepted, tree, groups, network, state, tree_ws, own
):
    """Advance a point from its accepted state to F `goal` in equal pieces; return the status.

    `share` is the multiple of the last increment that Newton starts from, or `ELASTIC`;
    `final` evaluates the tangent, too.
    """
    _load(k, accepted, state)
    root = state.deformation.shape[0] - 1
    for piece in range(pieces):
        for i in range(3):
            for j in range(3):
                start = accepted.deformation[k, i, j]
                own.waypoint[i, j] = start + (goal[i, j] - start) * ((piece + 1) / pieces)
        elastic = piece == 0 and share == ELASTIC
        if piece == 0 and not elastic:
            _extrapolate(k, share, before, accepted, goal, network, state)
        place_deformation(tree, state.interaction, state.deformation)
        for turn in range(2 if final and piece == pieces - 1 else 1):
            status = _solve(
                tree,
                groups,
                network,
                dt / pieces,
                own.waypoint,
                elastic and turn == 0,
                turn == 1,
                state,
                tree_ws,
                own,
            )
            if status != CONVERGED:
                return status
        if piece < pieces - 1:
            _normalise(state)
            state.plastic_start[:] = state.plastic_inverse
            state.internal_start[:] = state.internal
            state.deformation[root] = own.waypoint
    return CONVERGED


@compiled
def _keep(k, goal, state, trial):
    """Store the solution of a point."""
    _normalise(state)
    root = state.deformation.shape[0] - 1
    trial.deformation[k] = goal
    trial.piola[k] = state.piola[root]
    trial.plastic_inverse[k] = state.plastic_inverse
    trial.internal[k] = state.internal
    trial.stress[k] = state.stress
    trial.interaction[k] = state.interaction


@compiled
def _differences(
    k, dt, pieces, before, accepted, trial, tree, groups, network, state, tree_ws, own
):
    """Fill the tangent of an increment in pieces by central differences; return the status."""
    root = state.deformation.shape[0] - 1
    for c in range(9):
        for sign in range(2):
            own.varied[:] = own.local
            own.varied[c // 3, c % 3] += DIFFERENCE if sign == 0 else -DIFFERENCE
            status = _follow(
                k,
                own.varied,
                dt,
                pieces,
                ELASTIC,
                STRESS_ONLY,
                before,
                accepted,
                tree,
                groups,
                network,
                state,
                tree_ws,
                own,
            )
            if status != CONVERGED:
                return status
            for r in range(9):
                value = state.piola[root, r // 3, r % 3] / (2.0 * DIFFERENCE)
                if sign == 0:
                    own.tangent[r, c] = value
                else:
                    own.tangent[r, c] -= value
    return CONVERGED


@compiled
def advance_point(
    k, dt, with_tangent, before, accepted, trial, tree, groups, network, state, tree_ws, own
):
    """Solve a point for F `own.local`; return the number of pieces and the status."""
    root = state.deformation.shape[0] - 1
    share = _continued(before.deformation[k], accepted.deformation[k], own.local)
    pieces, status = np.int64(1), STALLED  # a literal 1 would be a type of its own
    last = np.empty((9, 9))
    while pieces <= MAX_PIECES:
        direct = pieces == 1
        status = _follow(
            k,
            own.local,
            dt,
            pieces,
            share,
            with_tangent and direct,
            before,
            accepted,
            tree,
            groups,
            network,
            state,
            tree_ws,
            own,
        )
        if status == CONVERGED:
            _keep(k, own.local, state, trial)
            last[:] = tree_ws.tangent[root]
            own.tangent[:] = last
            if with_tangent and not direct:
                found = _differences(
                    k, dt, pieces, before, accepted, trial, tree, groups, network, state, tree_ws,
                    own,
                )  # fmt: skip
                if found != CONVERGED:  # that of the last piece; the stress stays
                    own.tangent[:] = last
            return pieces, status
        if share == ELASTIC:
            pieces *= 2
        share = ELASTIC
    return 0, status
