"""Points and weights for integrals of orientation densities: the zone, balls and fibre tubes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    normalize_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    quaternion_to_matrix,
)
from polyxtal.argument_types import require_number, require_type
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.components import rotation_from_z, unit_direction
from polyxtal.texture.cubochoric import EDGE
from polyxtal.texture.distribution import unit_quaternions
from polyxtal.texture.fibres import Fibre, beta_fibre, find_fibre, sheet_variants
from polyxtal.texture.zone import zone_grid

POINTS = 4096
"""Points within a ball or tube: a Sobol sequence, whose error is about 0.1 %."""
LEAST_POINTS = 256
"""Least points within each of several balls."""
MOST_CELLS = 200
"""Most cells along the edge of the grid of all rotations."""
MOST_ANGLE = math.radians(60)


def zone_points(resolution: float, laue: LaueGroup) -> Float[Tensor, "n 4"]:
    """Return orientations at equal shares of the fundamental zone, about `resolution` [rad] apart.

    The spacing grows where that would be too many, see `MOST_CELLS`.
    """
    cells = min(max(8, round(2 * EDGE / resolution)), MOST_CELLS)
    cells = min(cells, max(8, round((200_000 * laue.order) ** (1 / 3))))
    return _zone_grid(cells, laue)


@lru_cache(maxsize=4)
def _zone_grid(cells: int, laue: LaueGroup) -> Float[Tensor, "n 4"]:
    return zone_grid(cells, laue)


def region_points(
    orientation: ArrayLike | Tensor | None,
    angle: float,
    fibre: Fibre | str | None,
    laue: LaueGroup,
    sample: LaueGroup,
) -> tuple[Float[Tensor, "n 4"], Float[Tensor, " n"]]:
    """Return the points of balls about orientations, or of a tube about a fibre (h, r) or its name.

    Raises:
        ValueError: if neither or both are given, or one does not fit.
    """
    require_number(angle, "angle")
    if (orientation is None) == (fibre is None):
        raise ValueError("Either `orientation` or `fibre` must be given, and not both.")
    if isinstance(fibre, str):
        fibre = find_fibre(fibre, laue)
        if fibre is None:
            return ball_points(sheet_variants(beta_fibre()), angle, laue, sample)
    if fibre is not None:
        require_type(fibre, Sequence, "fibre")
        if len(fibre) != 2:
            raise ValueError(
                "Argument `fibre` must be a crystal and a sample direction, or the name of a "
                f"fibre, but has {len(fibre)} parts."
            )
        return tube_points(*fibre, angle, laue, sample)
    q = unit_quaternions("orientation", number_tensor(orientation, "orientation"))
    if q.ndim > 2:
        raise ValueError(
            "Argument `orientation` must be one quaternion or several, shape (n, 4), but has shape "
            f"{tuple(q.shape)}."
        )
    return ball_points(normalize_quaternion(q.reshape(-1, 4)), angle, laue, sample)


def ball_points(
    orientations: Float[Tensor, "m 4"], angle: float, laue: LaueGroup, sample: LaueGroup
) -> tuple[Float[Tensor, "n 4"], Float[Tensor, " n"]]:
    """Return points and weights that integrate over all within an angle of some orientation.

    All equivalents by crystal and sample count; where their balls overlap, a point that n of them
    hold has 1/n of the weight.

    Args:
        orientations: Unit quaternions. [-]
        angle: Radius of the balls, up to `MOST_ANGLE`. [rad]
        laue: Laue group of the crystals.
        sample: Group of the sample's symmetry.
    Raises:
        ValueError: if the angle is out of range.
    """
    _check_angle(angle)
    centres, orbits = list[Tensor](), list[Tensor]()
    for q in orientations:
        if not any(bool(((orbit @ q).abs() > 1 - 1e-9).any()) for orbit in orbits):
            copies = laue.equivalents(quaternion_multiply(sample.rotations, q)).reshape(-1, 4)
            centres.append(q)
            orbits.append(_distinct(copies, signed=False))
    place = _sobol(3)[: max(LEAST_POINTS, POINTS // len(centres))]
    # Shares of the volume to angles, ω - sin ω = share of that of the ball.
    turn = torch.linspace(0, angle, 4097, dtype=torch.float64)
    share = (turn - turn.sin()) / (angle - math.sin(angle))
    omega = _interpolate(place[:, 0], share, turn)
    scatter = axis_angle_to_quaternion(_sphere(place), omega)
    points = quaternion_multiply(torch.stack(centres)[:, None], scatter[None]).reshape(-1, 4)
    cosine = (points @ torch.cat(orbits).T).abs()
    held = (cosine >= math.cos(angle / 2) - 1e-12).sum(1).clamp_min(1).double()
    copies = torch.tensor([len(orbit) for orbit in orbits]).repeat_interleave(len(place))
    volume = copies * ((angle - math.sin(angle)) / math.pi)
    return points, volume / (len(place) * held)


def tube_points(
    crystal: Sequence[float] | Tensor,
    along: Sequence[float] | Tensor,
    angle: float,
    laue: LaueGroup,
    sample: LaueGroup,
) -> tuple[Float[Tensor, "n 4"], Float[Tensor, " n"]]:
    """Return points and weights that integrate over all with ±h within an angle of r.

    Args:
        crystal: Crystal direction h in Cartesian axes; its equivalents count. [-]
        along: Sample direction r; its equivalents count. [-]
        angle: Largest angle of h and r, up to `MOST_ANGLE`. [rad]
        laue: Laue group of the crystals.
        sample: Group of the sample's symmetry.
    Raises:
        ValueError: if a direction has no length or the angle is out of range.
    """
    _check_angle(angle)
    h, r = unit_direction("fibre", crystal), unit_direction("fibre", along)
    copies = quaternion_to_matrix(laue.rotations) @ h
    copies = _distinct(torch.cat([copies, -copies]), signed=True)
    goals = _distinct(quaternion_to_matrix(sample.rotations) @ r, signed=True)
    place = _sobol(3)
    z = 1 - place[:, 1] * (1 - math.cos(angle))
    flat, azimuth = (1 - z * z).clamp_min(0).sqrt(), 2 * math.pi * place[:, 2]
    cap = torch.stack([flat * azimuth.cos(), flat * azimuth.sin(), z], -1)
    half = math.pi * place[:, 0]
    zero = torch.zeros_like(half)
    spin = torch.stack([half.cos(), zero, zero, half.sin()], -1)
    tilted = quaternion_multiply(rotation_from_z(cap), spin)
    points = quaternion_multiply(
        quaternion_multiply(rotation_from_z(r), tilted),
        quaternion_conjugate(rotation_from_z(h)),
    )
    seen = torch.einsum("nij,gi->ngj", quaternion_to_matrix(points), goals) @ copies.T
    held = (seen >= math.cos(angle) - 1e-12).sum((1, 2)).clamp_min(1).double()
    volume = len(copies) * len(goals) * 0.5 * (1 - math.cos(angle))
    return points, volume / (len(points) * held)


def _check_angle(angle: float) -> None:
    if not 0 < angle <= MOST_ANGLE:
        raise ValueError(
            f"Argument `angle` must be from 0 to 60 degrees, given in rad, but is {angle:g} rad."
        )


def _sobol(dimensions: int) -> Tensor:
    engine = torch.quasirandom.SobolEngine(dimensions)
    return engine.draw(POINTS, dtype=torch.float64) + 0.5 / POINTS


def _sphere(place: Tensor) -> Tensor:
    z, azimuth = 1 - 2 * place[:, 1], 2 * math.pi * place[:, 2]
    flat = (1 - z * z).clamp_min(0).sqrt()
    return torch.stack([flat * azimuth.cos(), flat * azimuth.sin(), z], -1)


def _interpolate(at: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return y at places of increasing x, linearly between them."""
    right = torch.searchsorted(x, at.contiguous()).clamp(1, len(x) - 1)
    part = (at - x[right - 1]) / (x[right] - x[right - 1])
    return y[right - 1] + part.clamp(0, 1) * (y[right] - y[right - 1])


def _distinct(vectors: Tensor, signed: bool) -> Tensor:
    cosine = vectors @ vectors.T
    alike = (cosine if signed else cosine.abs()) > 1 - 1e-9
    return vectors[~alike.tril(-1).any(1)]
