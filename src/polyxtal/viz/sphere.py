"""Directions on the unit sphere: projection, grids, labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor


def project_equal_area(directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
    """Project unit directions of the upper hemisphere onto the unit disk (Lambert).

    (X, Y) = (x, y) / √(1 + z)
    """
    return directions[..., :2] / (1 + directions[..., 2:]).sqrt()


def project_equal_angle(directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
    """Project unit directions of the upper hemisphere onto the unit disk stereographically.

    (X, Y) = (x, y) / (1 + z); angles between curves are kept, areas are not.
    """
    return directions[..., :2] / (1 + directions[..., 2:])


EQUAL_AREA, EQUAL_ANGLE = "equal-area", "equal-angle"
"""Names of the projections."""


def project(directions: Float[Tensor, "*batch 3"], projection: str) -> Float[Tensor, "*batch 2"]:
    """Project unit directions of the upper hemisphere onto the unit disk.

    Raises:
        ValueError: if the name of the projection is unknown.
    """
    if projection == EQUAL_AREA:
        return project_equal_area(directions)
    if projection == EQUAL_ANGLE:
        return project_equal_angle(directions)
    raise ValueError(
        f"Argument `projection` must be {EQUAL_AREA} or {EQUAL_ANGLE}, but is {projection!r}."
    )


def unproject_equal_area(points: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 3"]:
    """Invert `project_equal_area`; points outside the disk are pulled onto its rim."""
    squared = points.square().sum(-1, keepdim=True).clamp(max=1.0)
    radius = points.norm(dim=-1, keepdim=True).clamp(min=1.0)
    return torch.cat([points / radius * (2 - squared).sqrt(), 1 - squared], dim=-1)


def hemisphere_grid(steps: int) -> Float[Tensor, "radial azimuth 3"]:
    """Return unit directions over the upper hemisphere, evenly spaced in equal-area projection."""
    radius = torch.linspace(0, 1, steps + 1, dtype=torch.float64)[:, None]
    azimuth = torch.linspace(0, 2 * math.pi, 4 * steps + 1, dtype=torch.float64)
    disk = torch.stack([radius * azimuth.cos(), radius * azimuth.sin()], dim=-1)
    return unproject_equal_area(disk)


def unit_vector(vector: Sequence[int | float] | Tensor, name: str) -> Float[Tensor, " 3"]:
    """Return a direction scaled to unit length, in double precision.

    Raises:
        ValueError: unless it has three components, not all zero.
    """
    direction = number_tensor(vector, name)
    if tuple(direction.shape) != (3,) or not direction.norm() > 0:
        raise ValueError(
            f"Argument `{name}` must be three components, not all zero, but is {vector}."
        )
    return direction / direction.norm()


def direction_name(direction: Sequence[int | float] | Tensor) -> str:
    """Return the label of a direction: x, y, z, or its components."""
    values = [float(v) for v in direction]
    for index, name in enumerate("xyz"):
        if values[index] > 0 and sum(v != 0 for v in values) == 1:
            return name
    return "[" + " ".join(f"{v:g}" for v in values) + "]"


def to_numpy(tensor: Tensor) -> NDArray[np.float64]:
    """Return a tensor as an array for Matplotlib."""
    return tensor.detach().cpu().to(torch.float64).numpy()
