"""Distribution of disorientation angles: of random crystals, and of the pairs of a texture."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.rotation import quaternion_conjugate, quaternion_multiply
from polyxtal.argument_types import require_type
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.distribution import Texture
from polyxtal.texture.zone import as_group

AXES = 200_000
"""Rotation axes, evenly over the sphere, by which the fundamental zone is measured."""


def random_misorientation_density(
    angle: Float[Tensor, " n"], laue: str | LaueGroup = CUBIC
) -> Float[Tensor, " n"]:
    """Return the density of disorientation angles of random crystals [Mackenzie1958].

    The share of rotations by ω, (1 - cos ω) / π, times the order of the group and the share of the
    axes about which a rotation by ω stays within the fundamental zone, whose faces lie at
    tan(α/4) along the axes of the symmetry rotations by α. For m-3m this is Mackenzie's curve:
    mean 40.7°, peak at 45°, zero beyond 62.8°.

    Args:
        angle: Disorientation angles ω. [rad]
        laue: Laue group of the crystals, or its name.
    Returns:
        Density. [1/rad]

    Example:
        >>> at = torch.tensor([45.0, 62.0, 63.0], dtype=torch.float64).deg2rad()
        >>> [round(float(p) * math.pi / 180, 4) for p in random_misorientation_density(at)]
        [0.0391, 0.0004, 0.0]
    """
    w, group = number_tensor(angle, "angle"), as_group(laue)
    reach = _reach(group)
    inside = 1 - torch.searchsorted(reach, (w / 2).tan().contiguous()) / len(reach)
    return group.order * (1 - w.cos()) / math.pi * inside


@lru_cache(maxsize=11)
def _reach(laue: LaueGroup) -> Tensor:
    """Return tan(ω/2) at the surface of the zone along each axis, in increasing order."""
    index = torch.arange(AXES, dtype=torch.float64) + 0.5
    z, turn = 1 - 2 * index / AXES, math.pi * (1 + 5**0.5) * index
    flat = (1 - z * z).sqrt()
    axes = torch.stack([flat * turn.cos(), flat * turn.sin(), z], -1)
    nearest = torch.full((AXES,), math.inf, dtype=torch.float64)
    for w, *vector in laue.rotations[1:].tolist():
        axis = torch.tensor(vector, dtype=torch.float64)
        quarter = 0.5 * math.acos(min(1.0, abs(w)))
        along = (axes @ (axis / axis.norm())).abs().clamp_min(1e-15)
        nearest = torch.minimum(nearest, math.tan(quarter) / along)
    return nearest.sort().values


def misorientations(texture: Texture, pairs: int = 100_000, seed: int = 0) -> Float[Tensor, " n"]:
    """Return the disorientations of pairs of crystals drawn independently from a texture. [rad]"""
    require_type(texture, Texture, "texture")
    q = texture.orientations(2 * pairs, seed)
    between = quaternion_multiply(quaternion_conjugate(q[:pairs]), q[pairs:])
    return 2 * texture.laue.half_angle_cosine(between).acos()
