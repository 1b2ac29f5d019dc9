"""Sections of constant σ = φ1 + φ2 through orientation space, over the positions of the c axis.

The disk of each section is that of pole figures: an orientation lies where its crystal axis z
points, at the tilt Φ and the azimuth φ1 - 90°. Unlike in sections of constant φ2, orientations with
Φ = 0 are one point, and the mean of all sections is the pole figure of z [Matthies1990].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from polyxtal.algebra.rotation import bunge_to_quaternion
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.distribution import Texture
from polyxtal.texture.pole_figure import sample_directions
from polyxtal.viz.odf_sections import SECTIONS, euler_range
from polyxtal.viz.section_marks import (
    MARKERS,
    draw_components,
    draw_fibres,
    section_fibres,
    sigma_points,
)
from polyxtal.viz.sphere import EQUAL_AREA, hemisphere_grid, project
from polyxtal.viz.sphere_axes import draw_density, frame_hemisphere
from polyxtal.viz.style import TITLE_SIZE, add_common_colorbar


def draw_sigma_sections(
    figure: Figure | SubFigure,
    texture: Texture,
    sigma: Sequence[float] | None = None,
    peak: float | None = None,
    components: bool = True,
    projection: str = EQUAL_AREA,
) -> list[Axes]:
    """Draw the orientation density in sections of constant σ, with a common colour scale.

    The upper hemisphere holds all orientations of crystals with a two-fold axis normal to z; of
    4/m, -3, 6/m, 2/m and -1 those whose c axis points upwards.

    Args:
        figure: Figure or part of one, without axes.
        texture: Texture.
        sigma: Sections; None for six over the period of φ2. [degrees]
        peak: Upper end of the colour scale; None for the maximum of the data. [multiples of
            random]
        components: Whether to mark standard components (m-3m) and the fibres in a section.
        projection: "equal-area" or "equal-angle".
    Returns:
        The axes of the sections.
    Raises:
        ValueError: if there is no section, or the projection is unknown.
    """
    period = euler_range(texture.laue)[1]
    if sigma is None:
        sigma = [period * n / SECTIONS for n in range(SECTIONS)]
    if not len(sigma):
        raise ValueError("Argument `sigma` must hold at least one section, but is empty.")
    disk = hemisphere_grid(30)
    densities = [sigma_density(texture, disk, angle) for angle in sigma]
    top = max(2.0, *(float(part.max()) for part in densities)) if peak is None else peak
    columns = min(3, len(sigma))
    grid = figure.add_gridspec(math.ceil(len(sigma) / columns), columns)
    drawn: list[Axes] = []
    for index, (angle, density) in enumerate(zip(sigma, densities, strict=True)):
        axes = figure.add_subplot(grid[divmod(index, columns)])
        draw_density(axes, disk, density, top, False, projection)
        frame_hemisphere(axes)
        if components:
            mark_sigma_section(axes, angle, texture.laue, projection)
        axes.set_title(f"σ = {angle:g}°", fontsize=TITLE_SIZE)
        drawn.append(axes)
    add_common_colorbar(figure, drawn, "Density [multiples of random]")
    return drawn


def sigma_density(
    texture: Texture, directions: Float[Tensor, "*grid 3"], sigma: float
) -> Float[Tensor, "*grid"]:
    """Return the density of crystals with z along directions and φ1 + φ2 = σ.

    Args:
        texture: Texture.
        directions: Unit sample directions. [-]
        sigma: Section. [degrees]
    Returns:
        Density. [multiples of random]
    """
    x, y, z = directions.unbind(-1)
    phi1 = torch.atan2(y, x) + math.pi / 2
    angles = torch.stack([phi1, torch.acos(z.clamp(-1, 1)), math.radians(sigma) - phi1], -1)
    q = bunge_to_quaternion(angles.reshape(-1, 3))
    return texture.density(q).reshape(directions.shape[:-1])


def mark_sigma_section(axes: Axes, sigma: float, laue: LaueGroup, projection: str) -> None:
    """Mark the standard fibres and components that lie in a section."""

    def distance(angles: Tensor) -> Tensor:
        return (angles[..., 0] + angles[..., 2] - sigma + 180).remainder(360) - 180

    def place(angles: Tensor) -> Tensor:
        rad = angles.deg2rad()
        return project(sample_directions(rad[..., 1], rad[..., 0] - math.pi / 2), projection)

    lines = [
        (name, place(line[line[:, 1] <= 90 + 1e-3]))
        for name, line in section_fibres(laue, distance, 0.0)
    ]
    draw_fibres(axes, [(name, line) for name, line in lines if len(line) > 5], 1.0, 2.0)
    if laue == CUBIC:
        points = {name: place(sigma_points(name, sigma)) for name in MARKERS}
        draw_components(axes, points, 1.0, 2.0)
