"""Common style of all figures: sizes, colours, and figures without global state."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

TITLE_SIZE = 10.0
LABEL_SIZE = 9.0
TICK_SIZE = 8.0
INK = "#222222"
GRID = "#dddddd"
DENSITY_MAP = "viridis"
MODULUS_MAP = "cividis"

LINE_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Palette of Okabe and Ito, safe for common colour-vision deficiencies."""


def new_figure(width: float = 4.5, height: float = 3.5, dpi: float = 200) -> Figure:
    """Return a new figure that pyplot does not manage.

    Args:
        width: Width. [inch]
        height: Height. [inch]
        dpi: Resolution of raster files. [pixels/inch]
    Returns:
        Figure with an Agg canvas and constrained layout.
    """
    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def style_axes(axes: Axes) -> None:
    """Set font sizes, drop the upper and right spines, and put a pale grid behind the data."""
    axes.tick_params(labelsize=TICK_SIZE, colors=INK)
    axes.title.set_fontsize(TITLE_SIZE)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(LABEL_SIZE)
        label.set_color(INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def density_levels(top: float) -> list[float]:
    """Return round contour levels from 0 to at least a density. [multiples of random]"""
    return list(MaxNLocator(nbins=14, steps=[1, 2, 2.5, 5, 10]).tick_values(0.0, top))


def add_colorbar(axes: Axes, mappable: ScalarMappable, label: str) -> Colorbar:
    """Add a labelled colour bar to the right of the axes."""
    return _finish_bar(
        axes.figure.colorbar(mappable, ax=axes, shrink=0.75, aspect=22, pad=0.04), label
    )


def add_common_colorbar(figure: Figure | SubFigure, panels: Sequence[Axes], label: str) -> Colorbar:
    """Add one labelled colour bar beside panels with a common colour scale."""
    first = panels[0].collections[0]
    return _finish_bar(figure.colorbar(first, ax=list(panels), aspect=30, pad=0.02), label)


def _finish_bar(bar: Colorbar, label: str) -> Colorbar:
    bar.set_label(label, fontsize=LABEL_SIZE, color=INK)
    bar.ax.tick_params(labelsize=TICK_SIZE, colors=INK)
    bar.outline.set_linewidth(0.5)
    return bar
