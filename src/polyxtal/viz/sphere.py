"""Directions on the unit sphere: projection, grids, and the cubic standard triangle."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor


def project_equal_area(directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
    """Project unit directions of the upper hemisphere onto the unit disk (Lambert).

    (X, Y) = (x, y) / √(1 + z)
    """
    return directions[..., :2] / (1 + directions[..., 2:]).sqrt()


def unproject_equal_area(points: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 3"]:
    """Invert `project_equal_area`; points outside the disk are pulled onto its rim."""
    squared = points.square().sum(-1, keepdim=True).clamp(max=1.0)
    radius = points.norm(dim=-1, keepdim=True).clamp(min=1.0)
    return torch.cat([points / radius * (2 - squared).sqrt(), 1 - squared], dim=-1)


def reduce_to_standard_triangle(directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Move crystal directions to the triangle 001-101-111 by the cube's 48 symmetries.

    Returns:
        The equivalent direction with z >= x >= y >= 0.
    """
    y, x, z = directions.abs().sort(dim=-1).values.unbind(-1)
    return torch.stack([x, y, z], dim=-1)


def standard_triangle_grid(steps: int) -> Float[Tensor, "radial along 3"]:
    """Cover the standard triangle by unit directions; its rim is three great circles.

    Args:
        steps: Cells along each side. [-]
    Returns:
        Directions; axis 0 runs from 001 to the side 101-111, axis 1 along that side.
    """
    corner, first, last = (
        _unit_vector(*v) for v in ((0.0, 0.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 1.0))
    )
    fraction = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    along, radial = fraction[:, None], fraction[:, None, None]
    side = (1 - along) * first + along * last
    side = side / side.norm(dim=-1, keepdim=True)
    grid = (1 - radial) * corner + radial * side
    return grid / grid.norm(dim=-1, keepdim=True)


def standard_triangle_outline(steps: int = 60) -> Float[Tensor, "outline 3"]:
    """Trace the standard triangle's edge 001-101-111-001 in unit directions."""
    grid = standard_triangle_grid(steps)
    return torch.cat([grid[:, 0], grid[-1, 1:], grid[:, -1].flip(0)[1:]])


def hemisphere_grid(steps: int) -> Float[Tensor, "radial azimuth 3"]:
    """Cover the upper hemisphere by unit directions, evenly spaced in equal-area projection."""
    radius = torch.linspace(0, 1, steps + 1, dtype=torch.float64)[:, None]
    azimuth = torch.linspace(0, 2 * math.pi, 4 * steps + 1, dtype=torch.float64)
    disk = torch.stack([radius * azimuth.cos(), radius * azimuth.sin()], dim=-1)
    return unproject_equal_area(disk)


def _unit_vector(*components: float) -> Tensor:
    vector = torch.tensor(components, dtype=torch.float64)
    return vector / vector.norm()


def to_numpy(tensor: Tensor) -> NDArray[np.float64]:
    """Hand a tensor to matplotlib."""
    return tensor.detach().cpu().to(torch.float64).numpy()
