"""Linear homogenisation up the tree: differentiable, batched level by level."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.network.laminate import laminate_stiffness
from polyxtal.network.topology import BinaryTree


def node_weights(tree: BinaryTree, leaf_weights: Float[Tensor, "leaves"]) -> Float[Tensor, "nodes"]:
    """Sum the leaves' weights up the tree. [-]"""
    weights = list(leaf_weights.unbind())
    for left, right in zip(tree.left.tolist(), tree.right.tolist(), strict=True):
        weights.append(weights[left] + weights[right])
    return torch.stack(weights)


def homogenize_tree(
    tree: BinaryTree,
    leaf_stiffness: Float[Tensor, "*batch leaves 6 6"],
    leaf_weights: Float[Tensor, "leaves"],
    normals: Float[Tensor, "inner 3"],
) -> Float[Tensor, "*batch 6 6"]:
    """Homogenise the leaves' stiffness through every laminate of the tree.

    Args:
        tree: Topology.
        leaf_stiffness: Mandel stiffness of the leaves, sample frame; any batch of materials. [MPa]
        leaf_weights: Positive weights of the leaves (not necessarily normalised). [-]
        normals: Unit interface normals of the inner nodes. [-]
    Returns:
        Mandel stiffness of the root. [MPa]
    """
    weights = node_weights(tree, leaf_weights)
    stiffness: list[Tensor | None] = [None] * (2 * tree.leaves - 1)
    for leaf in range(tree.leaves):
        stiffness[leaf] = leaf_stiffness[..., leaf, :, :]
    for level in tree.levels:
        left, right = tree.left[level], tree.right[level]
        joined = laminate_stiffness(
            torch.stack([stiffness[k] for k in left], -3),  # type: ignore[arg-type]
            torch.stack([stiffness[k] for k in right], -3),  # type: ignore[arg-type]
            weights[left] / (weights[left] + weights[right]),
            normals[level],
        )
        for position, k in enumerate(level.tolist()):
            stiffness[tree.leaves + k] = joined[..., position, :, :]
    root = stiffness[tree.root]
    assert root is not None
    return root
