"""Sections of orientation densities through Euler space."""

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
from polyxtal.texture.zone import as_group
from polyxtal.viz.section_marks import mark_euler_section
from polyxtal.viz.sphere import to_numpy
from polyxtal.viz.sphere_axes import draw_lines
from polyxtal.viz.style import (
    DENSITY_MAP,
    INK,
    LABEL_SIZE,
    TICK_SIZE,
    TITLE_SIZE,
    add_common_colorbar,
    density_levels,
)

PHI2 = (0.0, 45.0, 65.0)
"""Default sections of cubic crystals, through the components of rolled fcc metals. [degrees]"""
STEP = 2.0
"""Largest distance between points at which the density is evaluated. [degrees]"""
SECTIONS = 6
"""Number of default sections of other crystals."""

_MOST_COLUMNS = 4
_STACKED = 3
"""Most sections of φ1 beyond 180° that stand in one column; more stand in two."""


def euler_range(laue: str | LaueGroup = CUBIC) -> tuple[float, float]:
    """Return the upper ends of Φ and φ2 that cover a Laue group. [degrees]

    φ2 ends at 360 over the order of the axis along z: at 90 in tetragonal and 60 in hexagonal
    crystals, and at 90 in cubic m-3m, whose three-fold axes are by custom not used. Φ ends at 90
    where a two-fold axis normal to z halves it, else (4/m, -3, 6/m, -1) at 180.

    Args:
        laue: Laue group or its name.
    """
    w, x, y, z = as_group(laue).rotations.abs().unbind(-1)
    about = int(((x < 1e-9) & (y < 1e-9)).sum())
    across = bool(((w < 1e-9) & (z < 1e-9)).any())
    return 90.0 if across else 180.0, 360.0 / about


def default_sections(laue: str | LaueGroup = CUBIC) -> tuple[float, ...]:
    """Return the default sections of a Laue group. [degrees]

    `PHI2` for m-3m; otherwise `SECTIONS` evenly spaced ones from 0, without the end of φ2, which is
    equivalent to 0.
    """
    if as_group(laue) == CUBIC:
        return PHI2
    end = euler_range(laue)[1]
    return tuple(end * n / SECTIONS for n in range(SECTIONS))


def draw_odf_sections(
    figure: Figure | SubFigure,
    texture: Texture,
    phi2: Sequence[float] | None = None,
    phi1_end: float = 90.0,
    peak: float | None = None,
    components: bool = True,
) -> list[Axes]:
    """Draw the orientation density in sections of constant φ2, with a common colour scale.

    As is customary, φ1 runs to the right and Φ downwards, to its end for the Laue group
    (`euler_range`). φ1 from 0 to 90° suffices for the orthorhombic sample symmetry of a rolled
    sheet; without sample symmetry, 0 to 360° is needed.

    Args:
        figure: Figure or part of one, without axes.
        texture: Texture.
        phi2: Sections; None for `default_sections` of the texture's Laue group. [degrees]
        phi1_end: Right end of φ1, up to 360. [degrees]
        peak: Upper end of the colour scale, to compare figures; None for the maximum of the
            data. [multiples of random]
        components: Whether to mark the standard fibres that lie in a section, and in m-3m cube,
            rotated cube, Goss, brass, copper and S.
    Returns:
        The axes of the sections.
    Raises:
        ValueError: if there is no section, or `phi1_end` is not above 0 and at most 360.
    """
    phi2 = default_sections(texture.laue) if phi2 is None else phi2
    if not len(phi2) or not 0 < phi1_end <= 360:
        raise ValueError(
            "Arguments `phi2` and `phi1_end` must be at least one section and from above 0 to 360 "
            f"degrees, but are {tuple(phi2)} and {phi1_end:g}."
        )
    tilt_end, _ = euler_range(texture.laue)
    phi1, tilt = _steps(phi1_end), _steps(tilt_end)
    densities = [section_density(texture, phi1, tilt, angle) for angle in phi2]
    top = max(2.0, *(float(part.max()) for part in densities)) if peak is None else peak
    levels = density_levels(top)
    extend = "max" if max(float(p.max()) for p in densities) > levels[-1] else "neither"
    wide = 1 if len(phi2) <= _STACKED else 2
    rows = math.ceil(len(phi2) / (wide if phi1_end > 180 else _MOST_COLUMNS))
    columns = math.ceil(len(phi2) / rows)
    grid = figure.add_gridspec(rows, columns)
    drawn: list[Axes] = []
    for index, (angle, density) in enumerate(zip(phi2, densities, strict=True)):
        row, column = divmod(index, columns)
        axes = figure.add_subplot(grid[row, column])
        filled = axes.contourf(
            *map(to_numpy, (phi1, tilt, density)), levels=levels, cmap=DENSITY_MAP, extend=extend
        )
        draw_lines(axes, filled)
        if components:
            mark_euler_section(axes, angle, texture.laue, (phi1_end, tilt_end))
        _frame(axes, angle, (phi1_end, tilt_end), first_row=row == 0, first_column=column == 0)
        drawn.append(axes)
    add_common_colorbar(figure, drawn, "Density [multiples of random]")
    return drawn


def section_density(
    texture: Texture,
    phi1: Float[Tensor, " columns"],
    tilt: Float[Tensor, " rows"],
    phi2: float,
) -> Float[Tensor, "rows columns"]:
    """Evaluate the density on a section. [multiples of random]

    Args:
        texture: Texture.
        phi1: φ1. [degrees]
        tilt: Φ. [degrees]
        phi2: φ2. [degrees]
    """
    down, right = torch.meshgrid(tilt, phi1, indexing="ij")
    angles = torch.stack([right, down, torch.full_like(right, phi2)], dim=-1)
    q = bunge_to_quaternion(angles.deg2rad())
    return texture.density(q.reshape(-1, 4)).reshape(right.shape)


def _steps(end: float) -> Tensor:
    return torch.linspace(0.0, end, math.ceil(end / STEP) + 1, dtype=torch.float64)


def _frame(
    axes: Axes, phi2: float, ends: tuple[float, float], *, first_row: bool, first_column: bool
) -> None:
    phi1_end, tilt_end = ends
    axes.set_aspect("equal")
    axes.set_xlim(0, phi1_end)
    axes.set_ylim(tilt_end, 0)
    spacing = 30 if phi1_end <= 180 else 60
    axes.set_xticks([n * spacing for n in range(int(phi1_end // spacing) + 1)])
    axes.set_yticks([n * 30 for n in range(int(tilt_end // 30) + 1)])
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.tick_params(
        labelsize=TICK_SIZE, colors=INK, width=0.6, labelleft=first_column, labeltop=first_row
    )
    if first_row:
        axes.set_xlabel("φ1 [degrees]", fontsize=LABEL_SIZE, color=INK)
    if first_column:
        axes.set_ylabel("Φ [degrees]", fontsize=LABEL_SIZE, color=INK)
    for spine in axes.spines.values():
        spine.set_linewidth(0.8)
        spine.set_color(INK)
    below = axes.annotate(
        f"φ2 = {phi2:g}°",
        (0.5, 0.0),
        xytext=(0, -7),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=TITLE_SIZE,
        color=INK,
    )
    below.set_in_layout(True)
