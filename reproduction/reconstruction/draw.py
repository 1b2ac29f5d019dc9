"""Draw slices of polycrystals: true, masked and reconstructed."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from polyxtal.viz.sphere import to_numpy
from polyxtal.viz.style import INK, LABEL_SIZE, TITLE_SIZE, new_figure
from polyxtal.viz.texture import draw_ipf_key, ipf_colors
from reproduction.reconstruction.measure import ReconstructionStudy, Slice

HIDDEN = 0.78
"""Grey of hidden voxels."""
EDGE = 1.75
"""Of a panel. [inch]"""


def draw_reconstruction(study: ReconstructionStudy) -> Figure:
    """Draw one row for each RVE: true, masked, and reconstructed by each predictor."""
    predictors = list(study.slices[0].degrees)
    titles = ["true", "masked", *predictors]
    rows = len(study.slices)
    figure = new_figure(EDGE * (len(titles) + 0.75), EDGE * 1.06 * rows + 0.7)
    figure.suptitle(
        "Slices normal to z (x to the right, y upwards) in inverse-pole-figure colours of z;\n"
        "below them the mean disorientation of their hidden voxels",
        fontsize=TITLE_SIZE,
    )
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(len(titles), 0.75))[0]
    panels = left.subplots(rows, len(titles), squeeze=False)
    for row, one in enumerate(study.slices):
        axes_of_row = panels[row]
        for axes, title in zip(axes_of_row, titles, strict=True):
            _draw_panel(axes, one, title)
            if row == 0:
                axes.set_title(title, fontsize=TITLE_SIZE, color=INK)
        axes_of_row[0].set_ylabel(f"RVE {one.number}", fontsize=LABEL_SIZE, color=INK)
    height = EDGE / figure.get_figheight()
    draw_ipf_key(right.add_axes((0.02, 0.5 - 0.25 * height, 0.96, 0.5 * height)))
    return figure


def _draw_panel(axes: Axes, one: Slice, title: str) -> None:
    colors = to_numpy(ipf_colors(one.orientations["true" if title == "masked" else title]))
    if title == "masked":
        colors[one.hidden.numpy()] = HIDDEN
        caption = f"{100 * one.share:.0f} % hidden"
    elif title == "true":
        caption = f"z = {one.z}"
    else:
        caption = f"{one.degrees[title]:.1f}°"
    nx, ny = one.hidden.shape
    axes.imshow(
        colors.transpose(1, 0, 2), origin="lower", interpolation="nearest", extent=(0, nx, 0, ny)
    )
    if title == "true":
        axes.add_collection(LineCollection(_lines(*one.boundaries), colors=INK, linewidths=0.5))
    else:
        edges = (one.hidden[1:] != one.hidden[:-1], one.hidden[:, 1:] != one.hidden[:, :-1])
        axes.add_collection(LineCollection(_lines(*edges), colors="white", linewidths=0.7))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(caption, fontsize=LABEL_SIZE, color=INK)


def _lines(along_x: Tensor, along_y: Tensor) -> list[np.ndarray]:
    """Collect the edges between voxels that are marked as different."""
    i, j = along_x.nonzero(as_tuple=True)
    upright = [np.array([[x + 1, y], [x + 1, y + 1]]) for x, y in zip(i, j, strict=True)]
    i, j = along_y.nonzero(as_tuple=True)
    level = [np.array([[x, y + 1], [x + 1, y + 1]]) for x, y in zip(i, j, strict=True)]
    return [*upright, *level]
