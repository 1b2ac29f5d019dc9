"""The topology of a network, a binary tree, and the normals of its inner nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions


@dataclass(frozen=True, eq=False)
class BinaryTree:
    """A binary tree over leaves 0 … L-1.

    Inner node k has index L + k and joins the nodes `left[k]` and `right[k]`; children come
    before parents, so the root is the last node, 2 L - 2.

    Attributes:
        left: Index of the left child of each inner node, (L-1,).
        right: Index of the right child of each inner node, (L-1,).

    Raises:
        ValueError: if a child comes after its parent or a node has not exactly one parent.
    """

    left: np.ndarray
    right: np.ndarray

    def __post_init__(self) -> None:
        """Validate that the arrays describe one tree."""
        left = np.ascontiguousarray(self.left, dtype=np.int64)
        right = np.ascontiguousarray(self.right, dtype=np.int64)
        object.__setattr__(self, "left", left)
        object.__setattr__(self, "right", right)
        if left.ndim != 1 or left.shape != right.shape:
            raise ValueError(
                "A tree's `left` and `right` must be vectors of one length, but have shapes "
                f"{left.shape} and {right.shape}."
            )
        children = np.concatenate([left, right])
        parents = self.leaves + np.arange(len(left))
        if not np.array_equal(np.sort(children), np.arange(2 * len(left))) or (
            len(left) and not (np.maximum(left, right) < parents).all()
        ):
            raise ValueError(
                "A tree must join every node but the root exactly once, children before parents."
            )

    @classmethod
    def balanced(cls, leaves: int) -> BinaryTree:
        """Return the tree that joins neighbours level by level; perfect for powers of two.

        Raises:
            ValueError: if `leaves` is not at least 1.
        """
        if leaves < 1:
            raise ValueError(f"A tree must have at least one leaf, but {leaves} were asked for.")
        left: list[int] = []
        right: list[int] = []
        level = list(range(leaves))
        while len(level) > 1:
            above = []
            for k in range(0, len(level) - 1, 2):
                left.append(level[k])
                right.append(level[k + 1])
                above.append(leaves + len(left) - 1)
            level = above + level[len(level) - len(level) % 2 :]
        return cls(np.array(left, dtype=np.int64), np.array(right, dtype=np.int64))

    @property
    def leaves(self) -> int:
        """Number of leaves L."""
        return len(self.left) + 1

    @property
    def root(self) -> int:
        """Index of the root node."""
        return 2 * self.leaves - 2

    @cached_property
    def levels(self) -> tuple[np.ndarray, ...]:
        """Inner nodes k in groups, each of which depends on leaves and earlier groups only."""
        height = np.zeros(2 * self.leaves - 1, dtype=np.int64)
        for k, (left, right) in enumerate(zip(self.left, self.right, strict=True)):
            height[self.leaves + k] = 1 + max(height[left], height[right])
        inner = height[self.leaves :]
        return tuple(np.flatnonzero(inner == h) for h in range(1, int(height.max()) + 1))


def spread_normals(tree: BinaryTree, generator: torch.Generator) -> Float[Tensor, "inner 3"]:
    """Return normals that are even over the half sphere in each level of a tree. [-]

    Those of a level form a Fibonacci lattice, points of equal area, in random rotation and order.
    """
    normals = torch.zeros(tree.leaves - 1, 3, dtype=torch.float64)
    for level in tree.levels:
        n = len(level)
        k = torch.arange(n, dtype=torch.float64) + 0.5
        height, angle = k / n, math.pi * (1 + 5**0.5) * k
        radius = (1 - height**2).sqrt()
        lattice = torch.stack([radius * angle.cos(), radius * angle.sin(), height], 1)
        turn = quaternion_to_matrix(random_quaternions(1, generator))[0]
        normals[level] = lattice[torch.randperm(n, generator=generator)] @ turn.T
    return normals / torch.linalg.vector_norm(normals, dim=1, keepdim=True)
