"""The material network's online step, compiled for CPU: the fast form of `online.py`.

One call advances the whole tree by one time step: Newton on all interaction vectors and on the
free components of the macroscopic deformation gradient at once. The linear system is condensed
from the leaves to the root and solved by back-substitution, so a step costs O(leaves).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.linear import invert
from polyxtal.crystal.kernel.points import update_groups

CONVERGED, STALLED, LOCAL_FAILURE = 0, 1, 2
CHORD = 0.05
"""A tangent is kept while one iteration with it shrinks the residual to this share. [-]"""


class TreeArrays(NamedTuple):
    """Topology and geometry: internal node k of L - 1 has index L + k; children come first."""

    left: np.ndarray  # (L-1,) node index
    right: np.ndarray  # (L-1,)
    normal: np.ndarray  # (L-1, 3)
    fraction: np.ndarray  # (L-1,) share of the left child in its parent
    leaves: np.ndarray  # (L,) only its length counts


class TreeState(NamedTuple):
    """What a step starts from (`_start`) and arrives at."""

    plastic_start: np.ndarray  # (L, 3, 3) F_p⁻¹
    internal_start: np.ndarray  # (L, width) internal variables
    plastic_inverse: np.ndarray  # (L, 3, 3) not normalised
    internal: np.ndarray  # (L, width)
    stress: np.ndarray  # (L, 6) S, Newton's start and result [MPa]
    interaction: np.ndarray  # (L-1, 3) a
    deformation: np.ndarray  # (2L-1, 3, 3) F of every node
    piola: np.ndarray  # (2L-1, 3, 3) volume-average P of every node [MPa]


class TreeWorkspace(NamedTuple):
    """Scratch of the condensation."""

    tangent: np.ndarray  # (2L-1, 9, 9)
    stress_gradient: np.ndarray  # (L, 6, 9) ∂S/∂F of the leaves
    condensed: np.ndarray  # (2L-1, 3, 3) P after the node's own equilibrium
    compliance: np.ndarray  # (L-1, 3, 3) K⁻¹
    jump_left: np.ndarray  # (L-1, 3, 9) N · (A_l - A_r)
    jump_right: np.ndarray  # (L-1, 9, 3) (A_l - A_r) · N
    mismatch: np.ndarray  # (L-1, 3) condensed traction jump
    change: np.ndarray  # (2L-1, 3, 3) Newton step of F
    interaction_change: np.ndarray  # (L-1, 3)


def tree_workspace(leaves: int) -> TreeWorkspace:
    """Allocate scratch arrays for a tree."""
    nodes, inner = 2 * leaves - 1, leaves - 1
    return TreeWorkspace(
        np.zeros((nodes, 9, 9)),
        np.zeros((leaves, 6, 9)),
        np.zeros((nodes, 3, 3)),
        np.zeros((inner, 3, 3)),
        np.zeros((inner, 3, 9)),
        np.zeros((inner, 9, 3)),
        np.zeros((inner, 3)),
        np.zeros((nodes, 3, 3)),
        np.zeros((inner, 3)),
    )


@compiled
def place_deformation(tree, interaction, deformation):
    """Distribute the root's F to all nodes: F_l = F + f_r a ⊗ N, F_r = F - f_l a ⊗ N."""
    leaves = tree.leaves.shape[0]
    for k in range(leaves - 2, -1, -1):
        parent, left, right, share = leaves + k, tree.left[k], tree.right[k], tree.fraction[k]
        for i in range(3):
            for j in range(3):
                jump = interaction[k, i] * tree.normal[k, j]
                deformation[left, i, j] = deformation[parent, i, j] + (1.0 - share) * jump
                deformation[right, i, j] = deformation[parent, i, j] - share * jump


@compiled
def condense_tangents(tree, tree_ws):
    """Condense the leaves' tangents up the tree.

    K = N · (f_r A_l + f_l A_r) · N
    A = f_l A_l + f_r A_r - f_l f_r [(A_l - A_r) · N] K⁻¹ [N · (A_l - A_r)]
    """
    jump, stiffness, product = np.empty((9, 9)), np.empty((3, 3)), np.empty((3, 9))
    leaves = tree.leaves.shape[0]
    for k in range(leaves - 1):
        left, right, share = tree.left[k], tree.right[k], tree.fraction[k]
        rest = 1.0 - share
        a_left, a_right = tree_ws.tangent[left], tree_ws.tangent[right]
        out, normal = tree_ws.tangent[leaves + k], tree.normal[k]
        from_left, from_right = tree_ws.jump_left[k], tree_ws.jump_right[k]
        for r in range(9):
            for c in range(9):
                jump[r, c] = a_left[r, c] - a_right[r, c]
                out[r, c] = share * a_left[r, c] + rest * a_right[r, c]
        for i in range(3):
            for c in range(9):
                from_left[i, c] = (
                    normal[0] * jump[3 * i, c]
                    + normal[1] * jump[3 * i + 1, c]
                    + normal[2] * jump[3 * i + 2, c]
                )
        for r in range(9):
            for i in range(3):
                from_right[r, i] = (
                    jump[r, 3 * i] * normal[0]
                    + jump[r, 3 * i + 1] * normal[1]
                    + jump[r, 3 * i + 2] * normal[2]
                )
        for i in range(3):
            for m in range(3):
                value = 0.0
                for j in range(3):
                    for n in range(3):
                        value += (
                            normal[j]
                            * normal[n]
                            * (
                                rest * a_left[3 * i + j, 3 * m + n]
                                + share * a_right[3 * i + j, 3 * m + n]
                            )
                        )
                stiffness[i, m] = value
        invert(stiffness, tree_ws.compliance[k])
        for i in range(3):
            for c in range(9):
                value = 0.0
                for m in range(3):
                    value += tree_ws.compliance[k, i, m] * from_left[m, c]
                product[i, c] = share * rest * value
        for r in range(9):
            for i in range(3):
                factor = from_right[r, i]
                for c in range(9):
                    out[r, c] -= factor * product[i, c]


@compiled
def _condense_stresses(tree, state, tree_ws):
    """Average and condense stresses up the tree; returns the largest traction jump. [MPa]"""
    leaves = tree.leaves.shape[0]
    worst = 0.0
    for leaf in range(leaves):
        for i in range(3):
            for j in range(3):
                tree_ws.condensed[leaf, i, j] = state.piola[leaf, i, j]
    for k in range(leaves - 1):
        left, right, share = tree.left[k], tree.right[k], tree.fraction[k]
        rest, parent = 1.0 - share, leaves + k
        for i in range(3):
            traction, condensed = 0.0, 0.0
            for j in range(3):
                normal = tree.normal[k, j]
                traction += (state.piola[left, i, j] - state.piola[right, i, j]) * normal
                condensed += (
                    tree_ws.condensed[left, i, j] - tree_ws.condensed[right, i, j]
                ) * normal
                state.piola[parent, i, j] = (
                    share * state.piola[left, i, j] + rest * state.piola[right, i, j]
                )
                tree_ws.condensed[parent, i, j] = (
                    share * tree_ws.condensed[left, i, j] + rest * tree_ws.condensed[right, i, j]
                )
            tree_ws.mismatch[k, i] = condensed
            worst = max(worst, abs(traction))
            if traction != traction:
                worst = np.inf
        for m in range(3):
            value = 0.0
            for i in range(3):
                value += tree_ws.compliance[k, m, i] * tree_ws.mismatch[k, i]
            for r in range(9):
                tree_ws.condensed[parent, r // 3, r % 3] -= (
                    share * rest * tree_ws.jump_right[k, r, m] * value
                )
    return worst


@compiled
def _solve_dense(matrix, right):
    """Gauss elimination with partial pivoting, in place; returns False if singular."""
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
def _root_step(tree, state, tree_ws, goal, stress_controlled, matrix, right):
    """Newton step of the macroscopic F under mixed boundary conditions."""
    root = 2 * tree.leaves.shape[0] - 2
    for r in range(9):
        i, j = r // 3, r % 3
        for c in range(9):
            matrix[r, c] = 0.0
        if stress_controlled[i, j]:
            for c in range(9):
                matrix[r, c] = tree_ws.tangent[root, r, c]
            right[r] = goal[i, j] - tree_ws.condensed[root, i, j]
        else:
            matrix[r, r] = 1.0
            right[r] = goal[i, j] - state.deformation[root, i, j]
    if not _solve_dense(matrix, right):
        return False
    for r in range(9):
        tree_ws.change[root, r // 3, r % 3] = right[r]
    return True


@compiled
def _substitute_down(tree, tree_ws):
    """Back-substitution: da = -K⁻¹ (mismatch + [N · (A_l - A_r)] dF) from the root down."""
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
    """Take the Newton step; the law starts from the stress it predicts."""
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
def _stress_scale(state, floor):
    """Largest stress component in any leaf, or the floor. [MPa]"""
    scale = floor
    leaves = (state.piola.shape[0] + 1) // 2
    for leaf in range(leaves):
        for i in range(3):
            for j in range(3):
                scale = max(scale, abs(state.piola[leaf, i, j]))
    return scale


@compiled
def advance(
    tree,
    groups,
    state,
    dt,
    goal,
    stress_controlled,
    elastic_start,
    tolerance,
    floor,
    iterations,
    inactive,
    tree_ws,
):
    """Advance the tree by one time step towards the macroscopic goal.

    Args:
        tree, groups: The network, and its leaves by law (see `update_groups`).
        state: Where the step starts; overwritten.
        dt: Time step. [s]
        goal: (3, 3) end value of each component: of P [MPa] where `stress_controlled`, of F else.
        elastic_start: Take the first step with elastic tangents (after a change of direction).
        tolerance: Largest traction jump and stress error, relative to the stress in the leaves.
        floor: Smallest stress to compare with. [MPa]
        iterations: Most Newton iterations.
        inactive: Slip systems below this share of the most active one are left out of tangents.
    Returns:
        (status, iterations used, last relative residual)
    """
    leaves = tree.leaves.shape[0]
    root = 2 * leaves - 2
    matrix, right = np.empty((9, 9)), np.empty(9)
    residual, previous = np.inf, np.inf
    fresh = iterations > 0
    for iteration in range(iterations):
        # Without time there is no slip: the accepted stresses and elastic tangents.
        elastic = elastic_start and iteration == 0
        step = 0.0 if elastic else dt
        failed = update_groups(
            groups,
            state.deformation,
            state.plastic_start,
            state.internal_start,
            step,
            state.stress,
            state.internal,
            state.plastic_inverse,
            state.piola,
            tree_ws.tangent,
            tree_ws.stress_gradient,
            fresh,
            inactive,
        )
        if failed >= 0:
            return LOCAL_FAILURE, iteration + 1, residual
        if fresh:
            condense_tangents(tree, tree_ws)
        residual = _condense_stresses(tree, state, tree_ws)
        off = 0.0
        for i in range(3):
            for j in range(3):
                if stress_controlled[i, j]:
                    residual = max(residual, abs(state.piola[root, i, j] - goal[i, j]))
                else:
                    off = max(off, abs(state.deformation[root, i, j] - goal[i, j]))
        residual /= _stress_scale(state, floor)
        if not residual < np.inf:
            return STALLED, iteration + 1, residual
        if residual < tolerance and off == 0.0 and not elastic:
            return CONVERGED, iteration + 1, residual
        if not _root_step(tree, state, tree_ws, goal, stress_controlled, matrix, right):
            return STALLED, iteration + 1, residual
        _substitute_down(tree, tree_ws)
        _apply(tree, state, tree_ws)
        for i in range(3):
            for j in range(3):
                if not stress_controlled[i, j]:  # exactly, not to the last rounding
                    state.deformation[root, i, j] = goal[i, j]
        # An old tangent serves as long as it gains enough.
        fresh = elastic or residual > CHORD * previous
        previous = residual
    return STALLED, iterations, residual
