"""Figure of a look inside: volume, grain sizes, texture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polyxtal.files.atomic import atomic_file
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.viz.lengths import RELATIVE, length_unit
from polyxtal.viz.style import LINE_COLORS, TITLE_SIZE, new_figure, style_axes
from polyxtal.viz.texture_overview import draw_texture_overview
from polyxtal.workflows.info.sizes import diameters
from polyxtal.workflows.summary.panels import draw_volume_panel, shown_crystals

PICTURES = (".png", ".pdf", ".svg")


def write_picture(path: Path, rve: Polycrystal) -> None:
    """Write the figure of a polycrystal, atomically.

    Raises:
        ValueError: if the extension is not one of `PICTURES`.
    """
    if path.suffix.lower() not in PICTURES:
        raise ValueError(
            f"{path}: a picture must end in {', '.join(PICTURES[:-1])} or {PICTURES[-1]}, "
            f"but ends in '{path.suffix}'."
        )
    with atomic_file(path) as temporary:
        draw_info(rve).savefig(temporary, format=path.suffix[1:].lower())


def draw_info(rve: Polycrystal) -> Figure:
    """Draw a polycrystal, the sizes of its grains, and the texture of its largest phase."""
    figure = new_figure(12.0, 7.2)
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.5, 1.0))
    upper, lower = halves
    left, right = upper.subfigures(1, 2, wspace=0.05)
    draw_volume_panel(left, rve)
    _draw_sizes(right.subplots(), rve)
    shown = shown_crystals(rve, rve.phase, rve.volume_fractions)
    share = rve.volume_fractions * shown.members
    kept = share > 0
    texture = DiscreteTexture(rve.orientations[kept], share[kept], laue=rve.laue_group(shown.phase))
    draw_texture_overview(lower, texture, lattice=shown.lattice)
    if shown.only:
        lower.suptitle(f"Texture of the largest phase, {shown.only}", fontsize=TITLE_SIZE)
    return figure


def _draw_sizes(axes: Axes, rve: Polycrystal) -> None:
    unit = length_unit(max(rve.size))
    unit = unit if unit.name == RELATIVE else length_unit(float(diameters(rve).max()))
    size = diameters(rve).numpy() / unit.micrometres
    bins = min(30, max(5, round(2 * len(size) ** (1 / 3))))
    axes.hist(size, bins=bins, color=LINE_COLORS[0], edgecolor="white", linewidth=0.5)
    axes.axvline(float(np.mean(size)), color=LINE_COLORS[1], label="mean")
    shape = "circle of equal area" if min(rve.grid) == 1 else "sphere of equal volume"
    axes.set_xlabel(f"Grain diameter, {shape} [{'-' if unit.name == RELATIVE else unit.name}]")
    axes.set_ylabel("Grains")
    axes.set_title(f"Sizes of {len(size)} grains")
    axes.legend(frameon=False)
    style_axes(axes)
