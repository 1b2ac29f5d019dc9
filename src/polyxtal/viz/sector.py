"""The fundamental sector of each Laue group, which holds every crystal direction once.

By Friedel's law ±h are one direction, so that a sector covers 1 / (2 order) of the sphere. Its
first corner is z ∥ c; viewed from +z, the side from the second to the last corner runs
anticlockwise.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.zone import as_group
from polyxtal.viz.poles import index_label
from polyxtal.viz.sphere import unit_vector


class Corner(NamedTuple):
    """Corner of a sector: a direction in Cartesian crystal axes, and its label."""

    direction: tuple[float, float, float]
    name: str


# Azimuth on the rim [degrees] to the indices of the direction there, or to the name of a Cartesian
# crystal axis where the edges of the cell are not Cartesian.
_RIMS: dict[str, dict[int, str | tuple[int, ...]]] = {
    "-1": {0: "x", 90: "y", 180: "-x", 270: "-y", 360: "x"},
    "2/m": {0: "x", 90: "y", 180: "-x"},
    "mmm": {0: (1, 0, 0), 90: (0, 1, 0)},
    "4/m": {0: (1, 0, 0), 90: (0, 1, 0)},
    "4/mmm": {0: (1, 0, 0), 45: (1, 1, 0)},
    "-3": {0: (2, -1, -1, 0), 120: (-1, 2, -1, 0)},
    "-3m": {30: (1, 0, -1, 0), 90: (0, 1, -1, 0)},
    "6/m": {0: (2, -1, -1, 0), 60: (1, 1, -2, 0)},
    "6/mmm": {0: (2, -1, -1, 0), 30: (1, 0, -1, 0)},
}
_MIRRORED = {
    "-1": "mmm", "2/m": "mmm", "4/m": "4/mmm", "-3": "6/mmm", "-3m": "6/mmm", "6/m": "6/mmm",
    "m-3": "m-3m",
}  # fmt: skip


def sector_corners(laue: str | LaueGroup = CUBIC) -> tuple[Corner, ...]:
    """Return the corners: z first, then those of the opposite side.

    Cubic: 001-101-111, of m-3 also 011; 6/mmm: 0001, 2-1-10, 10-10; 4/mmm: 001-100-110. The sector
    of -1 is the upper hemisphere; its last corner is its second.

    Args:
        laue: Laue group or its name.
    """
    name = as_group(laue).name
    if name in ("m-3m", "m-3"):
        side = ((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))[: 3 if name == "m-3m" else 4]
        return tuple(Corner((float(x), float(y), float(z)), f"{x}{y}{z}") for x, y, z in side)
    rim = _RIMS[name]
    top = "z" if isinstance(rim[min(rim)], str) else "0001" if len(rim[min(rim)]) == 4 else "001"
    corners = [Corner((0.0, 0.0, 1.0), top)]
    for degrees, indices in rim.items():
        x, y = (round(f(math.radians(degrees)), 15) for f in (math.cos, math.sin))
        label = indices if isinstance(indices, str) else index_label(indices)
        corners.append(Corner((x, y, 0.0), label))
    return tuple(corners)


def reduce_to_sector(
    directions: Float[Tensor, "*batch 3"], laue: str | LaueGroup = CUBIC
) -> Float[Tensor, "*batch 3"]:
    """Return the equivalents of crystal directions in the sector, under rotations and inversion.

    Args:
        directions: Directions in crystal axes. [-]
        laue: Laue group or its name.
    Returns:
        Equivalent directions; for m-3m, those with z >= x >= y >= 0.
    """
    group = as_group(laue)
    if group == CUBIC:
        y, x, z = directions.abs().sort(dim=-1).values.unbind(-1)
        return torch.stack([x, y, z], dim=-1)
    return _reduce(directions, group)[0]


def sector_grid(steps: int, laue: str | LaueGroup = CUBIC) -> Float[Tensor, "radial along 3"]:
    """Return a grid of unit directions over the sector.

    Args:
        steps: Number of cells from z to the opposite side, and along each piece of that side.
        laue: Laue group or its name.
    Returns:
        Directions; axis 0 runs from z to the opposite side, axis 1 along that side.
    """
    corner, *ends = (unit_vector(c.direction, "corner") for c in sector_corners(laue))
    fraction = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    along, radial = fraction[:, None], fraction[:, None, None]
    pieces = [(1 - along) * first + along * last for first, last in pairwise(ends)]
    side = torch.cat([pieces[0], *(piece[1:] for piece in pieces[1:])])
    side = side / side.norm(dim=-1, keepdim=True)
    grid = (1 - radial) * corner + radial * side
    return grid / grid.norm(dim=-1, keepdim=True)


def sector_outline(steps: int = 60, laue: str | LaueGroup = CUBIC) -> Float[Tensor, "outline 3"]:
    """Return the closed outline of the sector as unit directions."""
    grid = sector_grid(steps, laue)
    if as_group(laue).name == "-1":
        return grid[-1]
    return torch.cat([grid[:, 0], grid[-1, 1:], grid[:, -1].flip(0)[1:]])


def triangle_weights(
    directions: Float[Tensor, "*batch 3"], laue: str | LaueGroup = CUBIC
) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, "*batch"]]:
    """Return the weights of crystal directions in a triangle of mirror planes.

    The mirrors of the smallest of mmm, 4/mmm, 6/mmm and m-3m that includes the group cut its
    sector into one triangle or more.

    Args:
        directions: Unit directions in crystal axes. [-]
        laue: Laue group or its name.
    Returns:
        Weights of the direction in the basis of the triangle's corners, none negative, and the
        triangle of the sector that it lies in, from 0 (first) to 1 (last).
    """
    group = as_group(laue)
    mirrored = LaueGroup(_MIRRORED.get(group.name, group.name))
    if group == CUBIC:
        reduced = reduce_to_sector(directions)
        which = torch.zeros_like(reduced[..., 0])
    else:
        reduced, index = _reduce(directions, mirrored)
        which = _triangles(group, mirrored).to(directions)[index]
    x, y, z = reduced.unbind(-1)
    if mirrored == CUBIC:
        return torch.stack([z - x, 2**0.5 * (x - y), 3**0.5 * y], dim=-1), which
    angle = math.radians(max(_RIMS[mirrored.name]))
    parts = torch.stack([z, x - y / math.tan(angle), y / math.sin(angle)], dim=-1)
    return parts.clamp(min=0), which


def _reduce(directions: Tensor, group: LaueGroup) -> tuple[Tensor, Tensor]:
    """Return the copies in the sector, and the index of the rotation that takes them there."""
    copies = torch.einsum(
        "kij,...j->...ki", quaternion_to_matrix(group.rotations).to(directions), directions
    )
    copies = torch.cat([copies, -copies], dim=-2)
    inside = (copies @ _inward(group.name).to(directions).mT).amin(-1)
    index = inside.argmax(-1)
    chosen = copies.gather(-2, index[..., None, None].expand(*index.shape, 1, 3)).squeeze(-2)
    return chosen, index % group.order


@cache
def _inward(name: str) -> Tensor:
    """Return the inward normals of the great circles that bound the sector."""
    top, *side = (torch.tensor(c.direction, dtype=torch.float64) for c in sector_corners(name))
    pairs = [*pairwise(side)]
    if name != "-1":
        pairs += [(top, side[0]), (side[-1], top)]
    normals = torch.stack([torch.linalg.cross(first, last) for first, last in pairs])
    return normals / normals.norm(dim=-1, keepdim=True)


@cache
def _triangles(group: LaueGroup, mirrored: LaueGroup) -> Tensor:
    """Return the number of the coset g H of each g of a group with mirrors, scaled to [0, 1]."""
    g = mirrored.rotations
    alike = group.disorientation(g[:, None], g[None]) < 1e-6
    _, number = torch.unique(alike.to(torch.int8).argmax(-1), return_inverse=True)
    return number.to(torch.float64) / max(1, int(number.max()))
