"""Pole figures, inverse pole figures and their colours for cubic crystals."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from torch import Tensor

from polyxtal.texture.measure import volume_shares
from polyxtal.viz.density import (
    DEFAULT_HALFWIDTH,
    crystal_directions,
    inverse_pole_density,
    pole_density,
    sample_poles,
    unit_vector,
)
from polyxtal.viz.sphere import (
    hemisphere_grid,
    project_equal_area,
    reduce_to_standard_triangle,
    standard_triangle_grid,
    standard_triangle_outline,
    to_numpy,
)
from polyxtal.viz.style import (
    DENSITY_MAP,
    INK,
    LABEL_SIZE,
    TITLE_SIZE,
    add_colorbar,
    density_levels,
)

FEW_CRYSTALS = 200
"""Up to this many crystals are also drawn as points."""

_COLOR_GAMMA = 0.5


def direction_name(direction: Sequence[int | float] | Tensor) -> str:
    """Name a sample direction for a title: x, y, z, or its components."""
    values = [float(v) for v in direction]
    for index, name in enumerate("xyz"):
        if values[index] > 0 and sum(v != 0 for v in values) == 1:
            return name
    return "[" + " ".join(f"{v:g}" for v in values) + "]"


def direction_colors(directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Colour crystal directions: 001 red, 101 green, 111 blue, between them in proportion.

    The weights of a direction in the basis of the triangle's three corners, scaled so that the
    largest is 1; their square root keeps the middle of the triangle bright.
    """
    x, y, z = reduce_to_standard_triangle(directions).unbind(-1)
    parts = torch.stack([z - x, 2**0.5 * (x - y), 3**0.5 * y], dim=-1)
    return (parts / parts.amax(-1, keepdim=True)) ** _COLOR_GAMMA


def ipf_colors(
    orientations: Float[Tensor, "*batch 4"],
    direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0),
) -> Float[Tensor, "*batch 3"]:
    """Colour orientations by the crystal direction that points along a sample direction.

    Args:
        orientations: Unit quaternions, v_sample = R(q) v_crystal. [-]
        direction: Sample direction. [-]
    Returns:
        Red, green and blue in [0, 1].
    Raises:
        ValueError: if the direction is not three components with a length.
    """
    return direction_colors(crystal_directions(orientations, direction))


def draw_inverse_pole_figure(
    axes: Axes,
    orientations: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"] | None = None,
    direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0),
    halfwidth: float = DEFAULT_HALFWIDTH,
    peak: float | None = None,
    colorbar: bool = True,
) -> Axes:
    """Draw the density of a sample direction over the standard triangle 001-101-111.

    Args:
        axes: Axes to draw onto.
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit; equal if None.
        direction: Sample direction. [-]
        halfwidth: Angle at which the kernel has dropped to half. [rad]
        peak: Upper end of the colours, to compare figures; from the data if None.
            [multiples of random]
        colorbar: Add a colour bar.
    Returns:
        The axes, in equal-area projection.
    """
    grid = standard_triangle_grid(60)
    density = inverse_pole_density(orientations, weights, direction, grid.reshape(-1, 3), halfwidth)
    draw_density(axes, grid, density.reshape(grid.shape[:2]), peak, colorbar)
    if len(orientations) <= FEW_CRYSTALS:
        h = reduce_to_standard_triangle(crystal_directions(orientations, direction))
        _draw_points(axes, h, volume_shares(orientations, weights))
    frame_triangle(axes)
    axes.set_title(f"Inverse pole figure, {direction_name(direction)}", fontsize=TITLE_SIZE)
    return axes


def draw_pole_figure(
    axes: Axes,
    orientations: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"] | None = None,
    plane: Sequence[int] = (1, 1, 1),
    halfwidth: float = DEFAULT_HALFWIDTH,
    peak: float | None = None,
    colorbar: bool = True,
) -> Axes:
    """Draw the density of plane normals over the upper hemisphere, seen against z.

    Args:
        axes: Axes to draw onto.
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit; equal if None.
        plane: Miller indices; all symmetry copies count. [-]
        halfwidth: Angle at which the kernel has dropped to half. [rad]
        peak: Upper end of the colours, to compare figures; from the data if None.
            [multiples of random]
        colorbar: Add a colour bar.
    Returns:
        The axes, in equal-area projection, x to the right and y upwards.
    """
    grid = hemisphere_grid(45)
    density = pole_density(orientations, weights, plane, grid.reshape(-1, 3), halfwidth)
    draw_density(axes, grid, density.reshape(grid.shape[:2]), peak, colorbar)
    if len(orientations) <= FEW_CRYSTALS:
        poles = sample_poles(orientations, plane)
        share = volume_shares(orientations, weights)[:, None].expand(poles.shape[:2]).reshape(-1)
        poles = torch.where(poles[..., 2:] < 0, -poles, poles).reshape(-1, 3)
        _draw_points(axes, poles, share)
    frame_hemisphere(axes)
    indices = "".join(f"{i:d}" if i >= 0 else f"{-i:d}\u0305" for i in plane)
    axes.set_title(f"Pole figure {{{indices}}}", fontsize=TITLE_SIZE)
    return axes


def draw_ipf_key(axes: Axes) -> Axes:
    """Draw the colours of the standard triangle: the key to `ipf_colors`."""
    grid = standard_triangle_grid(150)
    x, y = to_numpy(project_equal_area(grid)).transpose(2, 0, 1)
    centre = grid[1:, 1:] + grid[1:, :-1] + grid[:-1, 1:] + grid[:-1, :-1]
    axes.pcolormesh(
        x, y, to_numpy(direction_colors(centre)), shading="flat", linewidth=0, rasterized=True
    )
    return frame_triangle(axes)


def draw_density(
    axes: Axes, grid: Tensor, density: Tensor, peak: float | None, colorbar: bool
) -> None:
    """Fill a grid of directions with colours of their density. [multiples of random]"""
    x, y = to_numpy(project_equal_area(grid)).transpose(2, 0, 1)
    # A floor of 2 keeps the ripples of a random texture from filling the colour range.
    top = max(2.0, float(density.max())) if peak is None else peak
    levels = density_levels(top)
    values = to_numpy(density)
    extend = "max" if values.max() > levels[-1] else "neither"
    filled = axes.contourf(x, y, values, levels=levels, cmap=DENSITY_MAP, extend=extend)
    if colorbar:
        add_colorbar(axes, filled, "Density [multiples of random]")


def _draw_points(axes: Axes, directions: Tensor, share: Tensor) -> None:
    x, y = to_numpy(project_equal_area(directions)).T
    area = to_numpy(4.0 * (share / share.mean()).clamp(max=8.0))
    axes.scatter(x, y, s=area, facecolor="white", edgecolor=INK, linewidth=0.3, alpha=0.8)


def frame_hemisphere(axes: Axes) -> Axes:
    """Draw the rim and name the sample's axes."""
    rim = hemisphere_grid(45)[-1]
    axes.plot(*to_numpy(project_equal_area(rim)).T, color=INK, linewidth=1.0)
    for x, y, name in ((1.09, 0.0, "x"), (0.0, 1.09, "y")):
        axes.text(x, y, name, fontsize=LABEL_SIZE, color=INK, ha="center", va="center")
    axes.plot([0], [0], marker="+", markersize=6, color="white", markeredgewidth=1.2)
    label = axes.text(0.05, 0.05, "z", fontsize=LABEL_SIZE, color="white")
    label.set_path_effects([withStroke(linewidth=1.5, foreground=INK)])
    return _finish(axes, (-1.04, 1.18), (-1.04, 1.18))


def frame_triangle(axes: Axes) -> Axes:
    """Draw the edge and name the corners."""
    outline = to_numpy(project_equal_area(standard_triangle_outline())).T
    axes.plot(*outline, color=INK, linewidth=1.0)
    corners = (((0.0, 0.0, 1.0), "001"), ((1.0, 0.0, 1.0), "101"), ((1.0, 1.0, 1.0), "111"))
    for corner, name in corners:
        x, y = to_numpy(project_equal_area(unit_vector(corner, "corner")))
        above = name == "111"
        axes.annotate(
            name,
            (x, y),
            xytext=(0, 4 if above else -4),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=LABEL_SIZE,
            color=INK,
        )
    return _finish(axes, (-0.05, 0.60), (-0.06, 0.52))


def _finish(axes: Axes, x_limits: tuple[float, float], y_limits: tuple[float, float]) -> Axes:
    axes.set_aspect("equal")
    axes.set_xlim(*x_limits)
    axes.set_ylim(*y_limits)
    axes.set_axis_off()
    return axes
