"""Mean orientation of each grain from the orientations of its points."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.rotation import normalize_quaternion
from polyxtal.crystal.laue import LaueGroup

_CHUNK = 2**18


def average_orientations(
    q: Float[Tensor, "n 4"], grain: Int[Tensor, " n"], groups: Sequence[LaueGroup]
) -> Float[Tensor, "grains 4"]:
    """Average unit quaternions over each grain under its crystal symmetry.

    The orientations of a grain are replaced by their equivalents nearest to the first one and
    averaged; this is repeated twice with the mean as the reference.

    Args:
        q: Unit quaternions. [-]
        grain: Grain of each quaternion, 0 to grains - 1; every grain must occur.
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
            total.index_add_(0, owner, group.nearest(chunk, mean[owner]))
        mean = normalize_quaternion(total)
    return mean
