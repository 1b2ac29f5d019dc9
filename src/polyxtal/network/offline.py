"""Linear homogenisation up the tree: differentiable, batched level by level."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.network.laminate import laminate_stiffness
from polyxtal.network.topology import BinaryTree


def node_weights(
    tree: BinaryTree, leaf_weights: Float[Tensor, "*batch leaves"]
) -> Float[Tensor, "*batch nodes"]:
    """Return the weight of every node, the sum of its leaves' weights. [-]"""
    weights, place = leaf_weights, np.arange(2 * tree.leaves - 1)
    for level in tree.levels:
        place[tree.leaves + level] = weights.shape[-1] + np.arange(len(level))
        left, right = place[tree.left[level]], place[tree.right[level]]
        weights = torch.cat([weights, weights[..., left] + weights[..., right]], -1)
    return weights[..., place]


def homogenize_tree(
    tree: BinaryTree,
    leaf_stiffness: Float[Tensor, "*batch leaves 6 6"],
    leaf_weights: Float[Tensor, "*#batch leaves"],
    normals: Float[Tensor, "*#batch inner 3"],
) -> Float[Tensor, "*batch 6 6"]:
    """Return the stiffness of a tree of laminates.

    Args:
        tree: Topology.
        leaf_stiffness: Mandel stiffness of the leaves, sample frame, batched over materials,
            networks with the same tree, or both. [MPa]
        leaf_weights: Positive weights of the leaves, not necessarily normalised. [-]
        normals: Unit interface normals of the inner nodes. [-]
    Returns:
        Mandel stiffness of the root. [MPa]
    """
    return node_stiffness(tree, leaf_stiffness, leaf_weights, normals)[..., tree.root, :, :]


def node_stiffness(
    tree: BinaryTree,
    leaf_stiffness: Float[Tensor, "*batch leaves 6 6"],
    leaf_weights: Float[Tensor, "*#batch leaves"],
    normals: Float[Tensor, "*#batch inner 3"],
) -> Float[Tensor, "*batch nodes 6 6"]:
    """Return the stiffness of every subtree; arguments as of `homogenize_tree`. [MPa]"""
    weights = node_weights(tree, leaf_weights)
    # Computed nodes are appended level by level; `place` is the position of each.
    stiffness, place = leaf_stiffness, np.arange(2 * tree.leaves - 1)
    for level in tree.levels:
        place[tree.leaves + level] = stiffness.shape[-3] + np.arange(len(level))
        left, right = tree.left[level], tree.right[level]
        joined = laminate_stiffness(
            stiffness[..., place[left], :, :],
            stiffness[..., place[right], :, :],
            weights[..., left] / (weights[..., left] + weights[..., right]),
            normals[..., level, :],
        )
        stiffness = torch.cat([stiffness, joined], -3)
    return stiffness[..., place, :, :]
