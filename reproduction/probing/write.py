"""Write a study of probes to a folder, whole or not at all, with its picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from polyxtal.files.output_folder import OutputFolder
from polyxtal.files.plain import write_csv, write_json
from polyxtal.viz.style import INK, LINE_COLORS, TICK_SIZE, new_figure, style_axes
from reproduction.pretrained import versions
from reproduction.probing.measure import ProbeStudy

SUMMARY, TABLE, PICTURE = "probe.json", "probe.csv", "probe.png"
FILES = (SUMMARY, TABLE, PICTURE)
OUTPUT = OutputFolder("study of probes", FILES)
LEAST = -0.1
"""R² below which nothing is drawn."""


def write_probes(study: ProbeStudy, folder: str | Path, force: bool = False) -> Path:
    """Write table, summary and picture, or nothing.

    Returns:
        The picture.
    Raises:
        FileExistsError, NotADirectoryError, PermissionError: see `OutputFolder.check`.
    """
    with OUTPUT.write(folder, force) as temporary:
        write_json(temporary / SUMMARY, summary(study))
        header = ["features", "labels", "target", "r_squared", "deviation"]
        write_csv(temporary / TABLE, header, _rows(study))
        draw_probes(study).savefig(temporary / PICTURE)
    return Path(folder) / PICTURE


def summary(study: ProbeStudy) -> dict[str, Any]:
    """Gather what `probe.json` holds: plain numbers, lists and strings."""
    return {
        "command": study.settings.command,
        "versions": versions(),
        "model": dict(study.identity),
        "data": dict(study.recipe),
        "draws": study.settings.draws,
        "test": study.settings.test,
        "r_squared": {
            name: {str(count): grouped(study, name, count) for count in by_count}
            for name, by_count in study.scores.items()
        },
        "convention": "r_squared: 1 - squared error over the variance of the test RVEs, mean over "
        "draws of the labels and over C11, C22, C33; ridge penalties by leave-one-out errors",
    }


def grouped(study: ProbeStudy, name: str, count: int) -> dict[str, float]:
    """Average R² over draws, and over the components of one crystal's stiffness."""
    values: dict[str, list[float]] = {}
    for target, score in zip(
        study.targets, study.scores[name][count].mean(0).tolist(), strict=True
    ):
        group = target.partition(" at ")[2] or target
        values.setdefault(group, []).append(score)
    return {group: sum(scores) / len(scores) for group, scores in values.items()}


def _rows(study: ProbeStudy) -> Iterator[list[float | str]]:
    for name, by_count in study.scores.items():
        for count, scores in by_count.items():
            spread = scores.std(0, correction=0)
            for k, target in enumerate(study.targets):
                yield [name, count, target, float(scores[:, k].mean()), float(spread[k])]


def draw_probes(study: ProbeStudy) -> Figure:
    """Draw R² over the number of labels, one panel for each group of targets."""
    first = next(iter(study.scores))
    groups = list(grouped(study, first, study.settings.labels[0]))
    figure = new_figure(2.6 * len(groups) + 1.6, 3.4)
    panels = figure.subplots(1, len(groups), squeeze=False)[0]
    shown = [name for name in study.scores if not name.endswith(" both")]
    for axes, group in zip(panels, groups, strict=True):
        for name, color in zip(shown, LINE_COLORS, strict=False):
            values = [grouped(study, name, count)[group] for count in study.settings.labels]
            style = "-" if name.startswith("pretrained") else "--"
            axes.plot(study.settings.labels, values, "o" + style, ms=4, color=color, label=name)
        axes.set(xscale="log", xlabel="Labels", title=group)
        low = min(min(line.get_ydata()) for line in axes.lines)  # pyright: ignore[reportArgumentType]
        axes.set_ylim(bottom=max(LEAST, float(low) - 0.02))
        axes.set_xticks(study.settings.labels, [str(count) for count in study.settings.labels])
        axes.minorticks_off()
        style_axes(axes)
    panels[0].set_ylabel("R² [-]", color=INK)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        fontsize=TICK_SIZE,
        frameon=False,
    )
    return figure
