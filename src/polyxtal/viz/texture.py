"""Pole figures, inverse pole figures and their colours, for every Laue group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.measure import volume_shares
from polyxtal.texture.zone import as_group
from polyxtal.viz.density import (
    DEFAULT_HALFWIDTH,
    crystal_directions,
    inverse_pole_density,
    pole_density,
)
from polyxtal.viz.poles import Plane, main_plane, plane_name, sample_poles
from polyxtal.viz.sector import reduce_to_sector, sector_grid, triangle_weights
from polyxtal.viz.sphere import (
    EQUAL_AREA,
    direction_name,
    hemisphere_grid,
    project_equal_area,
    to_numpy,
)
from polyxtal.viz.sphere_axes import draw_density, draw_points, frame_hemisphere, frame_sector
from polyxtal.viz.style import TITLE_SIZE

FEW_CRYSTALS = 200
"""Largest number of crystals that are also drawn as points."""

NO_CRYSTAL = 0.85
"""Grey of points without an orientation."""

_COLOR_GAMMA = 0.5
_SHADE = 0.65


def direction_colors(
    directions: Float[Tensor, "*batch 3"], laue: str | LaueGroup = CUBIC
) -> Float[Tensor, "*batch 3"]:
    """Return the colours of crystal directions: red, green and blue at the corners.

    Cubic: 001 red, 101 green, 111 blue; 6/mmm: 0001, 2-1-10, 10-10; 4/mmm: 001, 100, 110; mmm: 001,
    100, 010. The weights of a direction in the basis of the corners are scaled so that the largest
    is 1; their square root keeps the middle of the triangle bright. Groups that lack mirrors of
    these four have several triangles in their sector: all but the first are darkened towards the
    middle, each to a different degree. The colours are thus continuous, and equal for equivalent
    directions only, except on the triangles' edges.

    Args:
        directions: Unit directions in crystal axes. [-]
        laue: Laue group or its name.
    Returns:
        Red, green and blue in [0, 1].
    """
    parts, which = triangle_weights(directions, laue)
    colors = (parts / parts.amax(-1, keepdim=True)) ** _COLOR_GAMMA
    if as_group(laue).name in ("m-3m", "6/mmm", "4/mmm", "mmm"):
        return colors
    middle = 27 * parts.prod(-1) / parts.sum(-1) ** 3  # 1 in the middle, 0 on the edges
    return colors * (1 - _SHADE * which * middle**_COLOR_GAMMA)[..., None]


def ipf_colors(
    orientations: Float[Tensor, "*batch 4"],
    direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0),
    laue: str | LaueGroup = CUBIC,
) -> Float[Tensor, "*batch 3"]:
    """Return the colours of orientations by the crystal direction along a sample direction.

    Args:
        orientations: Unit quaternions, v_sample = R(q) v_crystal. [-]
        direction: Sample direction. [-]
        laue: Laue group of the crystals, or its name.
    Returns:
        Red, green and blue in [0, 1].
    Raises:
        ValueError: unless the direction has three components, not all zero.
    """
    return direction_colors(crystal_directions(orientations, direction), laue)


def crystal_colors(
    orientations: Float[Tensor, "*batch 4"],
    phase: Int[Tensor, "*batch"],
    laue: Callable[[int], LaueGroup],
    direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0),
) -> Float[Tensor, "*batch 3"]:
    """Return the colours of crystals of several phases, see `ipf_colors`; grey without a phase.

    Args:
        orientations: Unit quaternions. [-]
        phase: Phase of every crystal; negative where there is none.
        laue: Function that returns the Laue group of a phase.
        direction: Sample direction. [-]
    Returns:
        Red, green and blue in [0, 1].
    """
    colors = torch.full((*phase.shape, 3), NO_CRYSTAL, dtype=orientations.dtype)
    for index in phase[phase >= 0].unique().tolist():
        members = phase == index
        colors[members] = ipf_colors(orientations[members], direction, laue(index))
    return colors


def grain_colors(
    rve: Polycrystal, direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0)
) -> Float[Tensor, "grains 3"]:
    """Return the colour of every grain by the Laue group of its phase, see `ipf_colors`."""
    return crystal_colors(rve.orientations, rve.phase, rve.laue_group, direction)


def draw_inverse_pole_figure(
    axes: Axes,
    orientations: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"] | None = None,
    direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0),
    halfwidth: float = DEFAULT_HALFWIDTH,
    peak: float | None = None,
    colorbar: bool = True,
    laue: str | LaueGroup = CUBIC,
    projection: str = EQUAL_AREA,
) -> Axes:
    """Draw the density of a sample direction over the Laue group's sector (`sector_corners`).

    Args:
        axes: Axes to draw onto.
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit; None for equal volumes.
        direction: Sample direction. [-]
        halfwidth: Half-width at half maximum of the kernel. [rad]
        peak: Upper end of the colour scale, to compare figures; None for the maximum of the
            data. [multiples of random]
        colorbar: Whether to add a colour bar and, if there are points, a legend.
        laue: Laue group of the crystals, or its name.
        projection: "equal-area" or "equal-angle".
    Returns:
        The axes.
    """
    grid = sector_grid(60, laue)
    points = grid.reshape(-1, 3)
    density = inverse_pole_density(orientations, weights, direction, points, halfwidth, laue)
    draw_density(axes, grid, density.reshape(grid.shape[:2]), peak, colorbar, projection)
    if len(orientations) <= FEW_CRYSTALS:
        h = reduce_to_sector(crystal_directions(orientations, direction), laue)
        draw_points(axes, h, volume_shares(orientations, weights), colorbar, projection)
    frame_sector(axes, laue, projection)
    axes.set_title(f"Inverse pole figure, {direction_name(direction)}", fontsize=TITLE_SIZE)
    return axes


def draw_pole_figure(
    axes: Axes,
    orientations: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"] | None = None,
    plane: Plane | None = None,
    halfwidth: float = DEFAULT_HALFWIDTH,
    peak: float | None = None,
    colorbar: bool = True,
    lattice: Lattice | None = None,
    projection: str = EQUAL_AREA,
) -> Axes:
    """Draw the density of plane normals over the upper hemisphere, viewed from +z.

    Args:
        axes: Axes to draw onto.
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit; None for equal volumes.
        plane: Miller or Miller-Bravais indices, see `plane_normal`; all symmetry copies count.
            None for {111} of cubic, {0001} of hexagonal, {001} of other crystals. [-]
        halfwidth: Half-width at half maximum of the kernel. [rad]
        peak: Upper end of the colour scale, to compare figures; None for the maximum of the
            data. [multiples of random]
        colorbar: Whether to add a colour bar and, if there are points, a legend.
        lattice: Lattice of the crystals; None for cubic ones.
        projection: "equal-area" or "equal-angle".
    Returns:
        The axes, x to the right and y upwards.
    Raises:
        ValueError: if the indices do not belong to the lattice, or c/a is needed and unknown.
    """
    plane = main_plane(lattice) if plane is None else plane
    grid = hemisphere_grid(45)
    density = pole_density(orientations, weights, plane, grid.reshape(-1, 3), halfwidth, lattice)
    draw_density(axes, grid, density.reshape(grid.shape[:2]), peak, colorbar, projection)
    if len(orientations) <= FEW_CRYSTALS:
        poles = sample_poles(orientations, plane, lattice)
        share = volume_shares(orientations, weights)[:, None].expand(poles.shape[:2]).reshape(-1)
        poles = torch.where(poles[..., 2:] < 0, -poles, poles).reshape(-1, 3)
        draw_points(axes, poles, share, colorbar, projection)
    frame_hemisphere(axes)
    axes.set_title(f"Pole figure {plane_name(plane, lattice)}", fontsize=TITLE_SIZE)
    return axes


def draw_ipf_key(axes: Axes, laue: str | LaueGroup = CUBIC) -> Axes:
    """Draw the colour key of `ipf_colors` over the Laue group's sector."""
    grid = sector_grid(150, laue)
    x, y = to_numpy(project_equal_area(grid)).transpose(2, 0, 1)
    centre = grid[1:, 1:] + grid[1:, :-1] + grid[:-1, 1:] + grid[:-1, :-1]
    axes.pcolormesh(
        x, y, to_numpy(direction_colors(centre, laue)), shading="flat", linewidth=0, rasterized=True
    )
    return frame_sector(axes, laue)
