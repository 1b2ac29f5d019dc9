"""Overview of a texture in one row: two pole figures and three inverse pole figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from polyxtal.algebra.rotation import (
    quaternion_conjugate,
    quaternion_multiply,
    quaternion_to_matrix,
)
from polyxtal.crystal.lattice import Lattice
from polyxtal.texture.components import rotation_from_z
from polyxtal.texture.distribution import DiscreteTexture, Texture
from polyxtal.texture.orientation_density import ODF
from polyxtal.viz.density import axis_density, inverse_pole_density
from polyxtal.viz.poles import default_planes, plane_name, plane_normal, sample_axes
from polyxtal.viz.sector import sector_grid
from polyxtal.viz.sphere import EQUAL_AREA, direction_name, hemisphere_grid, unit_vector
from polyxtal.viz.sphere_axes import draw_density, frame_hemisphere, frame_sector
from polyxtal.viz.style import TITLE_SIZE, add_common_colorbar

DIRECTIONS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
TURNS = 48
"""Number of orientations along a fibre, enough for half-widths of 5° and above."""


def draw_texture_overview(
    figure: Figure | SubFigure,
    texture: Texture,
    peak: float | None = None,
    lattice: Lattice | None = None,
    projection: str = EQUAL_AREA,
) -> list[Axes]:
    """Draw two pole figures and the inverse pole figures of x, y and z, with a common colour scale.

    The poles are the first two `default_planes`: {001} and {111} of cubic crystals, {0001} and
    {10-10} of hexagonal ones.

    Args:
        figure: Figure or part of one, without axes; about 13 by 3 inches.
        texture: Texture.
        peak: Upper end of the colour scale, to compare figures; None for the maximum of the
            data. [multiples of random]
        lattice: Lattice of the crystals; None for one of the texture's Laue group.
        projection: "equal-area" or "equal-angle".
    Returns:
        The axes of the five figures.
    Raises:
        ValueError: if the lattice is of another Laue group than the texture.
    """
    lattice = lattice or Lattice.of_laue_group(texture.laue.name)
    if lattice.laue_group != texture.laue:
        raise ValueError(
            f"Argument `lattice` must be of the texture's Laue group, {texture.laue.name}, "
            f"but is of {lattice.laue_group.name}."
        )
    planes = default_planes(lattice)[:2]
    disk, sector = hemisphere_grid(30), sector_grid(30, texture.laue)
    normals = [plane_normal(plane, lattice) for plane in planes]
    poles = [mean_along_fibres(texture, normal.tolist(), disk) for normal in normals]
    inverse = [mean_along_fibres(texture, sector, direction) for direction in DIRECTIONS]
    if peak is None:
        peak = max(2.0, *(float(density.max()) for density in (*poles, *inverse)))
    grid = figure.add_gridspec(1, 5, width_ratios=[1.0, 1.0, 0.9, 0.9, 0.9])
    panels = [figure.add_subplot(grid[0, column]) for column in range(5)]
    for axes, plane, density in zip(panels[:2], planes, poles, strict=True):
        draw_density(axes, disk, density, peak, False, projection)
        frame_hemisphere(axes)
        axes.set_title(f"Pole figure {plane_name(plane, lattice)}", fontsize=TITLE_SIZE)
    for axes, direction, density in zip(panels[2:], DIRECTIONS, inverse, strict=True):
        draw_density(axes, sector, density, peak, False, projection)
        frame_sector(axes, texture.laue, projection)
        axes.set_title(f"Inverse pole figure, {direction_name(direction)}", fontsize=TITLE_SIZE)
    add_common_colorbar(figure, panels, "Density [multiples of random]")
    return panels


def mean_along_fibres(
    texture: Texture,
    crystal: Sequence[float] | Float[Tensor, "*grid 3"],
    sample: Sequence[float] | Float[Tensor, "*grid 3"],
) -> Float[Tensor, "*grid"]:
    """Return how often crystal directions ±h lie along sample directions r.

        P(h, r) = mean of f(q) over all q with R(q) h = ±r

    A discrete texture is smoothed on the sphere instead, by its half-width, which is equivalent
    for half-widths well below 90° and faster for many crystals.

    Args:
        texture: Texture.
        crystal: One direction h in Cartesian crystal axes, or many for one r. [-]
        sample: One direction r, or many for one h. [-]
    Returns:
        Density for each of the many. [multiples of random]
    """
    single = not isinstance(sample, Tensor)
    many = crystal if single else sample
    assert isinstance(many, Tensor)
    points = many.reshape(-1, 3)
    if isinstance(texture, DiscreteTexture):
        q, weights, halfwidth = texture.points, texture.weights, texture.halfwidth
        if single:
            density = inverse_pole_density(q, weights, sample, points, halfwidth, texture.laue)
        else:
            axes = sample_axes(q, unit_vector(crystal, "crystal"), texture.laue)
            density = axis_density(points, axes, weights, halfwidth)
        return density.reshape(many.shape[:-1])
    if isinstance(texture, ODF):
        return texture.pole_density(crystal, sample)
    h = points if single else unit_vector(crystal, "crystal").expand_as(points)
    r = unit_vector(sample, "sample").expand_as(points) if single else points
    half = math.pi * torch.arange(TURNS, dtype=torch.float64) / TURNS
    zero = torch.zeros_like(half)
    about = torch.stack([half.cos(), zero, zero, half.sin()], dim=-1)
    total = torch.zeros(len(points), dtype=torch.float64)
    # A rotation takes h to -h on mirror planes and along axes with two-fold axes normal to them.
    opposite = torch.einsum("kij,nj->kni", quaternion_to_matrix(texture.laue.rotations), h) + h
    even = bool((opposite.norm(dim=-1).amin(0) < 1e-9).all())
    signs = (1.0,) if even else (1.0, -1.0)
    for sign in signs:
        # h -> z, turns about z, z -> r.
        turned = quaternion_multiply(
            about, quaternion_conjugate(rotation_from_z(sign * h))[:, None]
        )
        q = quaternion_multiply(rotation_from_z(r)[:, None], turned)
        total += texture.density(q.reshape(-1, 4)).reshape(len(points), TURNS).mean(1) / len(signs)
    return total.reshape(many.shape[:-1])
