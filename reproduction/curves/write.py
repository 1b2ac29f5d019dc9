"""Write a study of curves into the folder that holds its full fields."""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.figure import Figure

from polyxtal.files.atomic import atomic_files
from polyxtal.files.plain import write_csv, write_json
from polyxtal.mechanics.response import loaded_component
from polyxtal.viz.curves import draw_curves
from polyxtal.viz.style import new_figure
from reproduction.curves.measure import COLUMNS, CurveStudy, summary_rows
from reproduction.pretrained import versions

SUMMARY, TABLE, ERRORS, PICTURE = "curves.json", "table.csv", "errors.csv", "curves.png"

CONVENTION = (
    "mean, maximum: errors in the stress that does the work, over its history, relative to its "
    "largest value in the full field; turned: mean disorientation of grains at the end from the "
    "full field's [degrees]; means over loads and seeds"
)


def write_curves(study: CurveStudy, folder: Path) -> Path:
    """Write tables, summary and picture, each whole.

    Returns:
        The picture.
    """
    settings, table = study.settings, summary_rows(study.rows)
    files = (folder / name for name in (ERRORS, TABLE, SUMMARY, PICTURE))
    with atomic_files(*files) as (errors, means, summary, picture):
        write_csv(errors, COLUMNS, ([_cell(v) for v in row] for row in study.rows))
        write_csv(means, list(table[0]), (list(row.values()) for row in table))
        write_json(
            summary,
            {
                "command": settings.command,
                "versions": versions(),
                "table": table,
                "seconds": dict(study.seconds),
                "convention": CONVENTION,
            },
        )
        draw_study(study).savefig(picture, format="png")
    return folder / PICTURE


def _cell(value: float | str) -> float | str:
    return "" if isinstance(value, float) and math.isnan(value) else value


def draw_study(study: CurveStudy) -> Figure:
    """Draw every case: the full field, and the first network of each kind."""
    names = list(dict.fromkeys(name for name, _ in study.curves))
    loads = list(dict.fromkeys(load for _, load in study.curves))
    figure = new_figure(3.6 * len(loads), 2.5 * len(names))
    axes = figure.subplots(len(names), len(loads), squeeze=False)
    for row, name in zip(axes, names, strict=True):
        for place, load in zip(row, loads, strict=True):
            found = study.curves[name, load]
            truth = next(iter(found.values()))
            i, j = loaded_component(truth)
            start = 1.0 if i == j else 0.0
            draw_curves(
                place,
                {k: (one.F[:, i, j] - start, one.P[:, i, j]) for k, one in found.items()},
            )
            place.set_title(f"{name}, {load}")
    return figure
