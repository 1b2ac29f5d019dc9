"""One row that shows a texture: two pole figures and three inverse pole figures."""

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
from polyxtal.crystal.symmetry import cubic_rotations
from polyxtal.texture.components import rotation_from_z
from polyxtal.texture.distribution import DiscreteTexture, Texture
from polyxtal.viz.density import inverse_pole_density, pole_density, unit_vector
from polyxtal.viz.sphere import (
    hemisphere_grid,
    standard_triangle_grid,
)
from polyxtal.viz.style import TITLE_SIZE, add_common_colorbar
from polyxtal.viz.texture import direction_name, draw_density, frame_hemisphere, frame_triangle

PLANES = ((0, 0, 1), (1, 1, 1))
DIRECTIONS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
TURNS = 48
"""Orientations along a fibre; they resolve half-widths from 5° on."""


def draw_texture_overview(
    figure: Figure | SubFigure, texture: Texture, peak: float | None = None
) -> list[Axes]:
    """Draw the {001} and {111} pole figures and the inverse ones of x, y and z, in one scale.

    Args:
        figure: Figure or part of one, without axes; about 13 by 3 inches.
        texture: What to draw.
        peak: Upper end of the colours, to compare figures; from the data if None.
            [multiples of random]
    Returns:
        The axes of the five figures.
    """
    disk, triangle = hemisphere_grid(30), standard_triangle_grid(30)
    poles = [mean_along_fibres(texture, plane, disk) for plane in PLANES]
    inverse = [mean_along_fibres(texture, triangle, direction) for direction in DIRECTIONS]
    if peak is None:
        peak = max(2.0, *(float(density.max()) for density in (*poles, *inverse)))
    grid = figure.add_gridspec(1, 5, width_ratios=[1.0, 1.0, 0.9, 0.9, 0.9])
    panels = [figure.add_subplot(grid[0, column]) for column in range(5)]
    for axes, plane, density in zip(panels[:2], PLANES, poles, strict=True):
        draw_density(axes, disk, density, peak, colorbar=False)
        frame_hemisphere(axes)
        axes.set_title(f"Pole figure {{{''.join(map(str, plane))}}}", fontsize=TITLE_SIZE)
    for axes, direction, density in zip(panels[2:], DIRECTIONS, inverse, strict=True):
        draw_density(axes, triangle, density, peak, colorbar=False)
        frame_triangle(axes)
        axes.set_title(f"Inverse pole figure, {direction_name(direction)}", fontsize=TITLE_SIZE)
    add_common_colorbar(figure, panels, "Density [multiples of random]")
    return panels


def mean_along_fibres(
    texture: Texture,
    crystal: Sequence[float] | Float[Tensor, "*grid 3"],
    sample: Sequence[float] | Float[Tensor, "*grid 3"],
) -> Float[Tensor, "*grid"]:
    """Find how often crystal directions ±h lie along sample directions r.

        P(h, r) = mean of f(q) over all q with R(q) h = ±r

    A list of orientations is spread by its half-width over the sphere instead, which is the same
    for half-widths well below 90° and quicker for many crystals.

    Args:
        texture: Any.
        crystal: One direction h, or many for one r. [-]
        sample: One direction r, or many for one h. [-]
    Returns:
        Density for each of the many. [multiples of random]
    """
    single = not isinstance(sample, Tensor)
    many = crystal if single else sample
    assert isinstance(many, Tensor)
    points = many.reshape(-1, 3)
    if isinstance(texture, DiscreteTexture):
        estimate = inverse_pole_density if single else pole_density
        one = sample if single else crystal
        density = estimate(texture.points, texture.weights, one, points, texture.halfwidth)
        return density.reshape(many.shape[:-1])
    h = points if single else unit_vector(crystal, "crystal").expand_as(points)
    r = unit_vector(sample, "sample").expand_as(points) if single else points
    half = math.pi * torch.arange(TURNS, dtype=torch.float64) / TURNS
    zero = torch.zeros_like(half)
    about = torch.stack([half.cos(), zero, zero, half.sin()], dim=-1)
    total = torch.zeros(len(points), dtype=torch.float64)
    # Directions on a mirror plane, as those of {001} and {111}, are turned to -h by a symmetry.
    opposite = torch.einsum("kij,nj->kni", quaternion_to_matrix(cubic_rotations()), h) + h
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
