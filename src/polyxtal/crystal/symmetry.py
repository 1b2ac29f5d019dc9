"""Cubic crystal symmetry acting on orientations.

An orientation q maps crystal to sample axes, so a crystal symmetry s acts from the right:
q and q s describe the same crystal.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_angle,
)


@lru_cache(maxsize=1)
def _cubic_rotations() -> Tensor:
    half, root = 0.5, 0.5**0.5
    elements = [[1.0, 0.0, 0.0, 0.0]]
    elements += [[0.0, *row] for row in torch.eye(3, dtype=torch.float64).tolist()]
    elements += [
        [half, a * half, b * half, c * half] for a in (1, -1) for b in (1, -1) for c in (1, -1)
    ]
    for axis in range(3):
        for sign in (1, -1):
            q = [root, 0.0, 0.0, 0.0]
            q[1 + axis] = sign * root
            elements.append(q)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        for sign in (1, -1):
            q = [0.0, 0.0, 0.0, 0.0]
            q[1 + i], q[1 + j] = root, sign * root
            elements.append(q)
    return torch.tensor(elements, dtype=torch.float64)


def cubic_rotations() -> Float[Tensor, "24 4"]:
    """Return the 24 proper rotations of the cube; the identity comes first."""
    return _cubic_rotations().clone()


def equivalent_orientations(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 24 4"]:
    """List the 24 quaternions q s that describe the same cubic crystal."""
    return quaternion_multiply(q[..., None, :], cubic_rotations().to(q))


def reduce_to_fundamental_zone(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Pick the equivalent orientation with the smallest rotation angle, w >= 0.

    On the zone's surface several equivalents share that angle; the first in lexicographic order
    of (x, y, z), after rounding to 1e-9, is taken, so equivalent inputs give one answer.
    """
    candidates = normalize_quaternion(equivalent_orientations(q))
    rounded = candidates.mul(1e9).round()
    tied = rounded[..., 0] >= rounded[..., 0].amax(-1, keepdim=True) - 1
    for component in (1, 2, 3):
        value = torch.where(tied, rounded[..., component], -torch.inf)
        tied = tied & (value >= value.amax(-1, keepdim=True) - 1)
    index = tied.to(torch.int8).argmax(-1)[..., None, None]
    return candidates.gather(-2, index.expand(*index.shape[:-1], 4)).squeeze(-2)


def disorientation(
    p: Float[Tensor, "*#batch 4"], q: Float[Tensor, "*#batch 4"]
) -> Float[Tensor, "*batch"]:
    """Return the smallest rotation angle between two cubic crystals, at most 62.8°. [rad]"""
    between = quaternion_multiply(quaternion_conjugate(p), q)
    return rotation_angle(equivalent_orientations(between)).amin(-1)
