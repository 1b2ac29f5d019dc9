"""Densities and points over the upper hemisphere or the sector of a Laue group, with frames."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from torch import Tensor

from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.zone import as_group
from polyxtal.viz.sector import sector_corners, sector_outline
from polyxtal.viz.sphere import EQUAL_AREA, hemisphere_grid, project, to_numpy, unit_vector
from polyxtal.viz.style import (
    DENSITY_MAP,
    INK,
    LABEL_SIZE,
    TICK_SIZE,
    add_colorbar,
    density_levels,
)

POINTS_LABEL = "crystals, area by volume"
"""What the points are."""


def draw_density(
    axes: Axes,
    grid: Tensor,
    density: Tensor,
    peak: float | None,
    colorbar: bool,
    projection: str = EQUAL_AREA,
) -> None:
    """Draw filled contours of a density over a grid of directions. [multiples of random]"""
    x, y = to_numpy(project(grid, projection)).transpose(2, 0, 1)
    # A floor of 2 keeps the ripples of a random texture from filling the colour range.
    top = max(2.0, float(density.max())) if peak is None else peak
    levels = density_levels(top)
    values = to_numpy(density)
    extend = "max" if values.max() > levels[-1] else "neither"
    filled = axes.contourf(x, y, values, levels=levels, cmap=DENSITY_MAP, extend=extend)
    draw_lines(axes, filled)
    if colorbar:
        add_colorbar(axes, filled, "Density [multiples of random]")


def draw_lines(axes: Axes, filled: Any) -> None:
    """Draw thin lines at the levels of filled contours that the data reach."""
    values = filled.zmin, filled.zmax
    levels = [level for level in filled.levels[1:] if values[0] < level < values[1]]
    if levels:
        axes.contour(filled, levels=levels, colors="white", linewidths=0.3, alpha=0.6)


def draw_points(
    axes: Axes, directions: Tensor, share: Tensor, legend: bool, projection: str = EQUAL_AREA
) -> None:
    """Draw crystals as points whose area is their share."""
    x, y = to_numpy(project(directions, projection)).T
    area = to_numpy(4.0 * (share / share.mean()).clamp(max=8.0))
    style = {"facecolor": "white", "edgecolor": INK, "linewidth": 0.3, "alpha": 0.8}
    axes.scatter(x, y, s=area, label=POINTS_LABEL, **style)
    if legend:
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, 0.0), fontsize=TICK_SIZE, frameon=False
        )


def frame_hemisphere(axes: Axes) -> Axes:
    """Draw the rim, the same in all projections, and label the sample axes."""
    rim = hemisphere_grid(45)[-1]
    axes.plot(*to_numpy(rim[:, :2]).T, color=INK, linewidth=1.0)
    for x, y, name in ((1.09, 0.0, "x"), (0.0, 1.09, "y")):
        axes.text(x, y, name, fontsize=LABEL_SIZE, color=INK, ha="center", va="center")
    axes.plot([0], [0], marker="+", markersize=6, color="white", markeredgewidth=1.2)
    label = axes.text(0.05, 0.05, "z", fontsize=LABEL_SIZE, color="white")
    label.set_path_effects([withStroke(linewidth=1.5, foreground=INK)])
    return _finish(axes, (-1.04, 1.18), (-1.04, 1.18))


def frame_sector(axes: Axes, laue: str | LaueGroup = CUBIC, projection: str = EQUAL_AREA) -> Axes:
    """Draw the outline of the Laue group's sector and label the corners."""
    if as_group(laue).name == "-1":
        return frame_hemisphere(axes)
    x, y = to_numpy(project(sector_outline(laue=laue), projection)).T
    axes.plot(x, y, color=INK, linewidth=1.0)
    middle = 0.5 * (y.min() + y.max())
    for corner in sector_corners(laue):
        direction = unit_vector(corner.direction, "corner")
        left, up = to_numpy(project(direction, projection))
        above = up > middle
        axes.annotate(
            corner.name,
            (left, up),
            xytext=(0, 4 if above else -4),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=LABEL_SIZE,
            color=INK,
        )
    edge = 0.11 * float(x.max() - x.min())
    return _finish(axes, (x.min() - edge, x.max() + edge), (y.min() - edge, y.max() + edge))


def _finish(axes: Axes, x_limits: tuple[float, float], y_limits: tuple[float, float]) -> Axes:
    axes.set_aspect("equal")
    axes.set_xlim(*x_limits)
    axes.set_ylim(*y_limits)
    axes.set_axis_off()
    return axes
