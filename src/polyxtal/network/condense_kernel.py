"""Condensation of stresses and tangents from the leaves to the root, compiled for CPU."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.linear import invert


class TreeArrays(NamedTuple):
    """Topology and geometry: internal node k of L - 1 has index L + k; children come first."""

    left: np.ndarray  # (L-1,) node index
    right: np.ndarray  # (L-1,)
    normal: np.ndarray  # (L-1, 3)
    fraction: np.ndarray  # (L-1,) share of the left child in its parent
    leaves: np.ndarray  # (L,) only its length counts


class TreeState(NamedTuple):
    """State at the start of a step (`_start`) and at its end."""

    plastic_start: np.ndarray  # (L, 3, 3) F_p⁻¹
    internal_start: np.ndarray  # (L, width) internal variables
    plastic_inverse: np.ndarray  # (L, 3, 3) not normalised
    internal: np.ndarray  # (L, width)
    stress: np.ndarray  # (L, 6) S, Newton's start and result [MPa]
    interaction: np.ndarray  # (L-1, 3) a
    deformation: np.ndarray  # (2L-1, 3, 3) F of every node
    piola: np.ndarray  # (2L-1, 3, 3) volume-average P of every node [MPa]


class TreeWorkspace(NamedTuple):
    """Scratch arrays of the condensation."""

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
def condense_stresses(tree, state, tree_ws):
    """Average and condense stresses up the tree; return the largest traction jump. [MPa]"""
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
