"""The mean orientation of each grain of a measured map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
)
from polyxtal.crystal.laue import CUBIC, LaueGroup

_CHUNK = 2**18


def nearest_equivalent(
    reference: Float[Tensor, "n 4"], q: Float[Tensor, "n 4"], group: LaueGroup = CUBIC
) -> Float[Tensor, "n 4"]:
    """Pick the equivalent ±q s that is closest to each reference; needs less memory than a list."""
    symmetry = group.rotations.to(q)
    between = quaternion_multiply(quaternion_conjugate(reference), q)
    cosine = between @ quaternion_conjugate(symmetry).T  # scalar part of `between` s
    best = cosine.abs().argmax(-1)
    sign = torch.sign(cosine.gather(-1, best[:, None]))
    return sign * quaternion_multiply(q, symmetry[best])


def average_orientations(
    q: Float[Tensor, "n 4"], grain: Int[Tensor, " n"], groups: Sequence[LaueGroup]
) -> Float[Tensor, "grains 4"]:
    """Average unit quaternions over each grain, under its crystal's symmetry.

    Starting from a grain's first orientation, all others are replaced by their nearest
    equivalent and summed; twice more around the mean so found.

    Args:
        q: Orientations. [-]
        grain: Grain of each, 0 to grains - 1; every grain occurs.
        groups: Laue group of each grain.
    Returns:
        Mean orientations, w >= 0. [-]
    """
    mean = torch.empty(len(groups), 4, dtype=q.dtype)
    for group in dict.fromkeys(groups):
        mine = torch.tensor([other == group for other in groups])
        points = mine[grain]
        place = mine.cumsum(0) - 1
        mean[mine] = _average(q[points], place[grain[points]], int(mine.sum()), group)
    return mean


def _average(
    q: Float[Tensor, "n 4"], grain: Int[Tensor, " n"], grains: int, group: LaueGroup
) -> Float[Tensor, "grains 4"]:
    last_to_first = torch.arange(len(q) - 1, -1, -1)
    first = torch.empty(grains, dtype=torch.int64)
    first[grain[last_to_first]] = last_to_first
    mean = q[first]
    for _ in range(3):
        total = torch.zeros_like(mean)
        for chunk, owner in zip(q.split(_CHUNK), grain.split(_CHUNK), strict=True):
            total.index_add_(0, owner, nearest_equivalent(mean[owner], chunk, group))
        mean = normalize_quaternion(total)
    return mean
