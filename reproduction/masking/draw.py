"""Draw a masking study: losses over RVEs seen (the paper's Fig. 4), and where they end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from polyxtal.viz.style import INK, LINE_COLORS, TICK_SIZE, new_figure, style_axes
from reproduction.masking.measure import MaskingStudy, Run

SEQUENCE = "viridis"
"""Colours of the shares, light for the largest, but never too light to see."""
LIGHTEST = 0.88
STYLES = ("o-", "D--", "^-.", "s--", "v:")
"""Of the model, which is drawn first, and of the other predictors."""


def draw_masking(study: MaskingStudy) -> Figure:
    """Draw the curves, and loss and disorientation of model and trivial predictors at the end."""
    figure = new_figure(11.5, 3.9)
    curves, loss, degrees = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
    _draw_curves(curves, study.runs)
    for axes, what, label in (
        (loss, "loss", "Mean squared error [-]"),
        (degrees, "degrees", "Mean disorientation [°]"),
    ):
        _draw_ends(axes, study, what)
        axes.set(
            xlabel="Hidden patches [%]",
            ylabel=label,
            title=f"Rebuilt patches of {study.count} unseen RVEs",
            ylim=(0, None),
        )
        style_axes(axes)
    loss.legend(fontsize=TICK_SIZE, frameon=False, loc="lower left", handlelength=3.2)
    return figure


def _draw_curves(axes: Axes, runs: Sequence[Run]) -> None:
    colors = colormaps[SEQUENCE]
    handles = []
    for place, run in enumerate(runs):
        color = colors(LIGHTEST * place / max(1, len(runs) - 1))
        for name, width, alpha in (("loss", 0.9, 0.4), ("validation_loss", 1.7, 1.0)):
            rows = [row for row in run.curve if name in row]
            seen = [row["rves"] / 1e3 for row in rows]
            marker = "o" if len(rows) == 1 else "None"
            values = [row[name] for row in rows]
            axes.plot(seen, values, marker=marker, lw=width, color=color, alpha=alpha)
        handles.append(Line2D([], [], color=color, lw=1.7, label=f"{100 * run.ratio:g} %"))
    handles.append(Line2D([], [], color=INK, lw=1.7, label="validation"))
    handles.append(Line2D([], [], color=INK, lw=0.9, alpha=0.4, label="training"))
    kind = runs[0].pretrained.config.loss
    axes.set(
        xlabel="RVEs seen [thousands]",
        ylabel=f"Loss ({'mean squared error' if kind == 'plain' else kind}) [-]",
        yscale="log",
        title="Pretraining, by share of hidden patches",
    )
    plain_log_ticks(axes)
    style_axes(axes)
    axes.legend(
        handles=handles, fontsize=TICK_SIZE, frameon=False, ncols=1 + len(handles) // 8, loc="best"
    )


def plain_log_ticks(axes: Axes) -> None:
    """Label 1, 2 and 5 times powers of ten as plain numbers."""
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_ends(axes: Axes, study: MaskingStudy, what: str) -> None:
    shares = [100 * run.ratio for run in study.runs]
    looks = zip(cycle(STYLES), cycle(LINE_COLORS), strict=False)
    for name, (style, color) in zip(study.evaluations[0], looks, strict=False):
        values = [evaluation[name][what] for evaluation in study.evaluations]
        axes.plot(shares, values, style, color=color, lw=1.6, ms=4, label=name)
