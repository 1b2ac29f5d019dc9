"""The derivative of a network's stiffness by its interface normals, in closed form.

The interaction vectors make the elastic energy stationary, so that it depends on the normals only
explicitly: for two macroscopic strains e and f,

    ∂(e : C : f)/∂N_k = W_k f_l f_r [(σ_l(f) - σ_r(f)) · a_k(e) + (σ_l(e) - σ_r(e)) · a_k(f)].
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_to_matrix
from polyxtal.network.laminate import interface_operator
from polyxtal.network.offline import node_stiffness, node_weights
from polyxtal.network.topology import BinaryTree


class StiffnessSensitivity(NamedTuple):
    """A network's stiffness and its derivative.

    Attributes:
        stiffness: Mandel stiffness. [MPa]
        by_normal: Its derivative by the components of every normal. [MPa]
    """

    stiffness: Float[Tensor, "*batch 6 6"]
    by_normal: Float[Tensor, "*batch 6 6 inner 3"]


def stiffness_sensitivity(
    tree: BinaryTree,
    leaf_stiffness: Float[Tensor, "*batch leaves 6 6"],
    leaf_weights: Float[Tensor, " leaves"],
    normals: Float[Tensor, "inner 3"],
) -> StiffnessSensitivity:
    """Return the stiffness and its derivative by the normals, whose length is not constrained.

    Args:
        tree, leaf_stiffness, leaf_weights, normals: As for `homogenize_tree`.
    """
    stiffness = node_stiffness(tree, leaf_stiffness, leaf_weights, normals)
    volumes = node_weights(tree, leaf_weights)
    inner = volumes[tree.leaves :]
    share = volumes[tree.left] / inner
    left, right = stiffness[..., tree.left, :, :], stiffness[..., tree.right, :, :]
    f = share[:, None, None]
    operator = interface_operator(normals)
    acoustic = operator.mT @ ((1 - f) * left + f * right) @ operator
    response = -torch.linalg.solve(acoustic, operator.mT @ (left - right))  # a = response ε
    # Strains of all nodes for six macroscopic unit strains, from the root down.
    strain: list[Tensor] = [torch.eye(6, dtype=normals.dtype)] * (2 * tree.leaves - 1)
    for k in range(tree.leaves - 2, -1, -1):
        parent = strain[tree.leaves + k]
        jump = operator[k] @ (response[..., k, :, :] @ parent)
        strain[tree.left[k]] = parent + (1 - share[k]) * jump
        strain[tree.right[k]] = parent - share[k] * jump
    shape = stiffness.shape[:-3]
    every = torch.stack([one.expand(*shape, 6, 6) for one in strain], -3)
    interaction = response @ every[..., tree.leaves :, :, :]
    stress = stiffness @ every
    jumps = stress[..., tree.left, :, :] - stress[..., tree.right, :, :]
    traction = mandel_to_matrix(jumps.mT)  # (..., inner, macroscopic strain, 3, 3)
    one_way = torch.einsum(
        "...kae,...kfab,k->...efkb", interaction, traction, inner * share * (1 - share)
    )
    by_normal = one_way + one_way.transpose(-4, -3)
    return StiffnessSensitivity(stiffness[..., tree.root, :, :], by_normal)
