"""Modes of an orientation density: its maxima."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import axis_angle_to_quaternion, quaternion_multiply
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.distribution import Texture
from polyxtal.texture.quadrature import zone_points

STEPS = 12
"""Number of times that the steps of the climb are halved."""


class Modes(NamedTuple):
    """Maxima of a density, the highest first.

    Attributes:
        orientations: Unit quaternions, (modes, 4). [-]
        densities: Density there, (modes,). [multiples of random]
    """

    orientations: Tensor
    densities: Tensor


def find_modes(
    texture: Texture,
    count: int,
    separation: float,
    resolution: float,
    sample: LaueGroup,
    density: Float[Tensor, " n"] | None = None,
) -> Modes:
    """Return the highest maxima of a density.

    Args:
        texture: Texture.
        count: Largest number of maxima.
        separation: Smallest disorientation of two maxima, also under the sample's symmetry. [rad]
        resolution: Spacing of the grid that the climbs start from. [rad]
        sample: Group of the sample's symmetry.
        density: Density on the grid, where it is known.
    """
    grid = zone_points(resolution, texture.laue)
    density = texture.density(grid) if density is None else density
    starts, left = list[Tensor](), density.clone()
    while len(starts) < 2 * count and bool(torch.isfinite(left).any()):
        best = grid[left.argmax()]
        starts.append(best)
        near = _closeness(texture.laue, sample, grid, best) > math.cos(0.25 * separation)
        left[near] = -math.inf
    points, height = _climb(texture, torch.stack(starts), resolution)
    order = height.argsort(descending=True)
    kept = list[int]()
    for index in order.tolist():
        gaps = [
            float(_apart(texture.laue, sample, points[index][None], points[k])[0]) for k in kept
        ]
        if all(gap >= separation for gap in gaps) and len(kept) < count:
            kept.append(index)
    return Modes(texture.laue.reduce(points[kept]), height[kept])


def _climb(texture: Texture, points: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Move points uphill by steps about six axes, halved where none leads upwards."""
    axes = torch.cat([torch.eye(3, dtype=torch.float64), -torch.eye(3, dtype=torch.float64)])
    height = texture.density(points)
    for _ in range(3 * STEPS):
        moves = axis_angle_to_quaternion(axes, torch.full((6,), step, dtype=torch.float64))
        near = quaternion_multiply(points[:, None], moves)
        there = texture.density(near.reshape(-1, 4)).reshape(-1, 6)
        best, which = there.max(1)
        better = best > height
        points = torch.where(better[:, None], near[torch.arange(len(points)), which], points)
        height = torch.where(better, best, height)
        if not bool(better.any()):
            step *= 0.5
            if step < 1e-3:
                break
    return points, height


def _apart(
    laue: LaueGroup, sample: LaueGroup, q: Float[Tensor, "n 4"], centre: Float[Tensor, "4"]
) -> Float[Tensor, " n"]:
    return 2 * _closeness(laue, sample, q, centre).clamp_max(1).acos()


def _closeness(
    laue: LaueGroup, sample: LaueGroup, q: Float[Tensor, "n 4"], centre: Float[Tensor, "4"]
) -> Float[Tensor, " n"]:
    """Return cos(ω/2) of the smallest disorientation ω."""
    variants = laue.equivalents(quaternion_multiply(sample.rotations, centre)).reshape(-1, 4)
    return (variants @ q.T).abs_().amax(0)
