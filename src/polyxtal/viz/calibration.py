"""Figures of a calibration: measured and fitted curves, and pairs of parameters."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polyxtal.calibration.result import Calibration
from polyxtal.viz.style import INK, LINE_COLORS, TICK_SIZE, TITLE_SIZE, new_figure, style_axes

CHI2_90 = 4.605170185988092
"""90 % quantile of the χ² distribution of two degrees of freedom."""


def draw_fits(found: Calibration) -> Figure:
    """Return a figure of measured points, fitted curves and their rest below."""
    figure = new_figure(7.0, 5.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.0, 1.0))
    for k, one in enumerate(found.tests):
        color = LINE_COLORS[k % len(LINE_COLORS)]
        x = 100 * one.strain
        above.plot(x, one.reduced.stress, "o", color=color, markersize=3, alpha=0.5)
        for branch in np.unique(one.reduced.branch):
            mine = one.reduced.branch == branch
            label = one.test.name if branch == 0 else None
            above.plot(x[mine], one.stress[mine], color=color, linewidth=1.4, label=label)
            if one.band is not None:
                above.fill_between(x[mine], *one.band[:, mine], color=color, alpha=0.25)
        below.plot(x, one.stress - one.reduced.stress, color=color, linewidth=1.0)
    above.set_ylabel("Engineering stress [MPa]")
    above.set_title("Measured (points) and fitted (lines)", fontsize=TITLE_SIZE)
    above.legend(fontsize=TICK_SIZE, frameon=False)
    below.axhline(0.0, color=INK, linewidth=0.6)
    below.set_ylabel("Rest [MPa]")
    below.set_xlabel("Engineering strain of the specimen [%]")
    style_axes(above)
    style_axes(below)
    return figure


def draw_corner(found: Calibration) -> Figure:
    """Return a figure of every pair of parameters: the 90 % ellipse, and samples if trusted."""
    names = list(found.free)
    count = len(names)
    figure = new_figure(1.4 + 1.7 * count, 1.2 + 1.6 * count)
    axes = figure.subplots(count, count, squeeze=False)
    chains = found.posterior
    samples = found.samples() if chains is not None and chains.trusted else None
    for row in range(count):
        for column in range(count):
            own: Axes = axes[row, column]
            if column > row:
                own.set_visible(False)
                continue
            if row == column:
                _draw_one(own, found, names[row], row, samples)
            else:
                _draw_pair(own, found, (column, row), samples)
            own.tick_params(labelsize=TICK_SIZE - 1)
            if row == count - 1:
                own.set_xlabel(_short(names[column]), fontsize=TICK_SIZE)
            else:
                own.set_xticklabels([])
            if column == 0 and row > 0:
                own.set_ylabel(_short(names[row]), fontsize=TICK_SIZE)
            else:
                own.set_yticklabels([])
    return figure


def _draw_one(
    axes: Axes, found: Calibration, name: str, k: int, samples: np.ndarray | None
) -> None:
    if samples is not None:
        axes.hist(samples[:, k], bins=40, color=LINE_COLORS[0], alpha=0.5, density=True)
    one, bounds = found.parameters[name], found.free[name]
    deviation = found.laplace.deviation(k)
    z = found.laplace.x[k] + np.linspace(-4, 4, 161) * deviation
    z = z[(z >= 0) & (z <= 1)]
    values = np.array([bounds.value(float(v)) for v in z])
    slope = bounds.width * (values if bounds.log else np.ones_like(values))
    normal = np.exp(-0.5 * ((z - found.laplace.x[k]) / deviation) ** 2)
    axes.plot(values, normal / (np.sqrt(2 * np.pi) * deviation * slope), color=LINE_COLORS[1])
    axes.axvline(one.value, color=INK, linewidth=0.8)
    axes.set_title(f"{one.value:.4g}", fontsize=TICK_SIZE)


def _draw_pair(
    axes: Axes, found: Calibration, pair: tuple[int, int], samples: np.ndarray | None
) -> None:
    if samples is not None:
        axes.plot(*samples[:, pair].T, ",", color=LINE_COLORS[0], alpha=0.3)
    block = found.covariance[np.ix_(pair, pair)]
    turn = np.linspace(0, 2 * np.pi, 181)
    values, vectors = np.linalg.eigh(block)
    ring = (vectors * np.sqrt(np.maximum(values, 0.0) * CHI2_90)) @ [np.cos(turn), np.sin(turn)]
    ends = list(found.free.values())
    x, y = (
        [ends[k].value(float(found.laplace.x[k] + v)) for v in offset]
        for k, offset in zip(pair, ring, strict=True)
    )
    axes.plot(x, y, color=LINE_COLORS[1], linewidth=1.0)
    best = list(found.parameters.values())
    axes.plot(best[pair[0]].value, best[pair[1]].value, "+", color=INK)


def _short(name: str) -> str:
    """Return a name in two lines at most."""
    words = name.replace("slip_", "").split("_")
    half = (len(words) + 1) // 2
    return " ".join(words[:half]) + ("\n" + " ".join(words[half:]) if words[half:] else "")
