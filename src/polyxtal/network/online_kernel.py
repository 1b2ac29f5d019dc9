"""The material network's online step, compiled for CPU: the fast form of `online.py`.

One call advances the whole tree by one time step: Newton on all interaction vectors and on the
free components of the macroscopic deformation gradient at once. The linear system is condensed
from the leaves to the root and solved by back-substitution, so a step costs O(leaves).
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.batches import SOLVED, linearise_groups, solve_groups
from polyxtal.mechanics.loading.mixed_control import ROUNDING
from polyxtal.network.condense_kernel import condense_stresses, condense_tangents

CONVERGED, STALLED, LOCAL_FAILURE = 0, 1, 2
CHORD = 0.05
"""A tangent is reused while each iteration reduces the residual by this factor. [-]"""
LAW_SHARE = 0.1
"""Relative error of the law, in units of the tolerance of equilibrium. [-]"""


@compiled
def _solve_dense(matrix, right):
    """Solve by Gaussian elimination with partial pivoting, in place; return False if singular."""
    size = right.shape[0]
    for k in range(size):
        pivot = k
        for i in range(k + 1, size):
            if abs(matrix[i, k]) > abs(matrix[pivot, k]):
                pivot = i
        if not abs(matrix[pivot, k]) > 0.0:
            return False
        if pivot != k:
            for j in range(size):
                matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
            right[k], right[pivot] = right[pivot], right[k]
        for i in range(k + 1, size):
            factor = matrix[i, k] / matrix[k, k]
            for j in range(k + 1, size):
                matrix[i, j] -= factor * matrix[k, j]
            right[i] -= factor * right[k]
    for k in range(size - 1, -1, -1):
        for j in range(k + 1, size):
            right[k] -= matrix[k, j] * right[j]
        right[k] /= matrix[k, k]
    return True


@compiled
def _component(basis, k, tensor):
    """Return B_k : tensor."""
    value = 0.0
    for i in range(3):
        for j in range(3):
            value += basis[k, 3 * i + j] * tensor[i, j]
    return value


@compiled
def root_step(tree, state, tree_ws, goal, stress_controlled, basis, matrix, right):
    """Compute the Newton step of the macroscopic F under mixed boundary conditions."""
    root = 2 * tree.leaves.shape[0] - 2
    for k in range(9):
        if stress_controlled[k]:
            for c in range(9):
                matrix[k, c] = 0.0
            for r in range(9):
                share = basis[k, r]
                for c in range(9):
                    matrix[k, c] += share * tree_ws.tangent[root, r, c]
            right[k] = goal[k] - _component(basis, k, tree_ws.condensed[root])
        else:
            for c in range(9):
                matrix[k, c] = basis[k, c]
            right[k] = goal[k] - _component(basis, k, state.deformation[root])
    if not _solve_dense(matrix, right):
        return False
    for r in range(9):
        tree_ws.change[root, r // 3, r % 3] = right[r]
    return True


@compiled
def substitute_down(tree, tree_ws):
    """Substitute back from the root down: da = -K⁻¹ (mismatch + [N · (A_l - A_r)] dF)."""
    leaves = tree.leaves.shape[0]
    for k in range(leaves - 2, -1, -1):
        parent, left, right, share = leaves + k, tree.left[k], tree.right[k], tree.fraction[k]
        rest = 1.0 - share
        for i in range(3):
            tree_ws.interaction_change[k, i] = 0.0
        for m in range(3):
            value = tree_ws.mismatch[k, m]
            for c in range(9):
                value += tree_ws.jump_left[k, m, c] * tree_ws.change[parent, c // 3, c % 3]
            for i in range(3):
                tree_ws.interaction_change[k, i] -= tree_ws.compliance[k, i, m] * value
        for i in range(3):
            for j in range(3):
                jump = tree_ws.interaction_change[k, i] * tree.normal[k, j]
                tree_ws.change[left, i, j] = tree_ws.change[parent, i, j] + rest * jump
                tree_ws.change[right, i, j] = tree_ws.change[parent, i, j] - share * jump


@compiled
def _apply(tree, state, tree_ws):
    """Take the Newton step; it also predicts the stresses that the law starts from."""
    leaves = tree.leaves.shape[0]
    for node in range(2 * leaves - 1):
        for i in range(3):
            for j in range(3):
                state.deformation[node, i, j] += tree_ws.change[node, i, j]
    for leaf in range(leaves):
        for m in range(6):
            value = 0.0
            for c in range(9):
                value += tree_ws.stress_gradient[leaf, m, c] * tree_ws.change[leaf, c // 3, c % 3]
            state.stress[leaf, m] += value
    for k in range(leaves - 1):
        for i in range(3):
            state.interaction[k, i] += tree_ws.interaction_change[k, i]


@compiled
def _place_prescribed(deformation, goal, stress_controlled, basis):
    """Give the prescribed components of F their values, dyads to the last bit."""
    for k in range(9):
        if stress_controlled[k]:
            continue
        if basis[k, k] == 1.0:
            deformation[k // 3, k % 3] = goal[k]
            continue
        gap = goal[k] - _component(basis, k, deformation)
        for i in range(3):
            for j in range(3):
                deformation[i, j] += gap * basis[k, 3 * i + j]


@compiled
def _stress_scale(state, floor):
    """Return the largest stress component in any leaf, at least the floor. [MPa]"""
    scale = floor
    leaves = (state.piola.shape[0] + 1) // 2
    for leaf in range(leaves):
        for i in range(3):
            for j in range(3):
                scale = max(scale, abs(state.piola[leaf, i, j]))
    return scale


@compiled
def update_leaves(groups, state, dt, accuracy, fresh, inactive, rows, piola, tree_ws):
    """Solve the law in all leaves, with `fresh` tangents; return the leaf that failed, or -1.

    `rows` and `piola` are scratch for F and P of the leaves, (9, leaves).
    """
    for leaf in range(rows.shape[1]):
        for c in range(9):
            rows[c, leaf] = state.deformation[leaf, c // 3, c % 3]
    given = (rows, state.plastic_start, state.internal_start, dt)
    failed = solve_groups(
        groups, *given, accuracy, state.stress, state.internal, state.plastic_inverse, piola
    )
    if failed != SOLVED:
        return failed
    for leaf in range(rows.shape[1]):
        for c in range(9):
            state.piola[leaf, c // 3, c % 3] = piola[c, leaf]
    if fresh:
        out = (tree_ws.tangent, tree_ws.stress_gradient)
        linearise_groups(groups, *given, state.stress, state.internal, inactive, *out)
    return failed


@compiled
def advance(
    tree,
    groups,
    state,
    dt,
    goal,
    stress_controlled,
    basis,
    elastic_start,
    tolerance,
    floor,
    iterations,
    inactive,
    tree_ws,
):
    """Advance the tree by one time step towards the macroscopic goal.

    Args:
        tree, groups: The network, and its leaves by law (see `solve_groups`).
        state: Where the step starts; overwritten.
        dt: Time step. [s]
        goal: Target of each component, (9,): P [MPa] where `stress_controlled`, F elsewhere.
        basis: Tensors B_k of the components, (9, 9).
        elastic_start: Whether the first iteration is elastic (after a change of direction).
        tolerance: Largest traction jump and stress error, relative to the stress in the leaves.
        floor: Smallest stress that residuals are divided by. [MPa]
        iterations: Largest number of Newton iterations.
        inactive: Share of the largest slip below which systems are omitted from tangents. [-]
    Returns:
        (status, iterations used, last relative residual)
    """
    leaves = tree.leaves.shape[0]
    root = 2 * leaves - 2
    matrix, right = np.empty((9, 9)), np.empty(9)
    residual, previous = np.inf, np.inf
    fresh = iterations > 0
    rows, piola = np.empty((9, leaves)), np.empty((9, leaves))
    for iteration in range(iterations):
        # Without time there is no slip: the accepted stresses and elastic tangents.
        elastic = elastic_start and iteration == 0
        step = 0.0 if elastic else dt
        failed = update_leaves(
            groups, state, step, LAW_SHARE * tolerance, fresh, inactive, rows, piola, tree_ws
        )
        if failed != SOLVED:
            return LOCAL_FAILURE, iteration + 1, residual
        if fresh:
            condense_tangents(tree, tree_ws)
        residual = condense_stresses(tree, state, tree_ws)
        off = 0.0
        for k in range(9):
            if stress_controlled[k]:
                residual = max(residual, abs(_component(basis, k, state.piola[root]) - goal[k]))
            else:
                off = max(off, abs(_component(basis, k, state.deformation[root]) - goal[k]))
        residual /= _stress_scale(state, floor)
        if not residual < np.inf:
            return STALLED, iteration + 1, residual
        if residual < tolerance and off <= ROUNDING and not elastic:
            return CONVERGED, iteration + 1, residual
        if not root_step(tree, state, tree_ws, goal, stress_controlled, basis, matrix, right):
            return STALLED, iteration + 1, residual
        substitute_down(tree, tree_ws)
        _apply(tree, state, tree_ws)
        _place_prescribed(state.deformation[root], goal, stress_controlled, basis)
        # A tangent is reused as long as the residual falls fast enough.
        fresh = elastic or residual > CHORD * previous
        previous = residual
    return STALLED, iterations, residual
