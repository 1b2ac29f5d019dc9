"""Predicted against true labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from polyxtal.viz.style import INK, LINE_COLORS, TICK_SIZE, new_figure, style_axes

MAX_PANELS = 16


def draw_predicted(
    labels: Sequence[str],
    truth: Float[Tensor, "volumes labels"],
    predicted: Float[Tensor, "volumes labels"],
    parts: Mapping[str, Sequence[int]],
    notes: Sequence[str] = (),
) -> Figure:
    """Draw predicted against true labels, one panel per label; of many, the first 16.

    Args:
        labels: Names of the labels, with units.
        truth: True labels.
        predicted: Predicted labels.
        parts: Numbers of the volumes of each part, such as "train" and "test"; the last is on top.
        notes: Titles of the panels, such as an error.
    Returns:
        The Matplotlib figure.
    """
    count = min(len(labels), MAX_PANELS)
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    figure = new_figure(3.6 * columns, 3.4 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for axes in panels[count:]:
        axes.set_axis_off()
    for column, axes in enumerate(panels[:count]):
        both = [values[:, column] for values in (truth, predicted)]
        low, high = min(float(v.min()) for v in both), max(float(v.max()) for v in both)
        axes.plot([low, high], [low, high], color=INK, linewidth=0.8)
        for (part, numbers), color in zip(parts.items(), LINE_COLORS, strict=False):
            x, y = (values[list(numbers)].tolist() for values in both)
            axes.plot(x, y, "o", color=color, markersize=3, label=part)
        name = labels[column].replace("$", r"\$")  # else what follows is mathematics
        axes.set(xlabel=f"True {name}", ylabel=f"Predicted {name}")
        axes.set_title(notes[column] if notes else "")
        axes.set_aspect("equal", adjustable="datalim")
        style_axes(axes)
    panels[0].legend(fontsize=TICK_SIZE, frameon=False)
    return figure
