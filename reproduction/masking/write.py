"""Write a masking study: curves, ends, what it was made of, and its picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polyxtal.files.atomic import atomic_files
from polyxtal.files.output_folder import OutputFolder
from polyxtal.files.plain import write_csv, write_json
from reproduction.masking.draw import draw_masking
from reproduction.masking.measure import MaskingStudy, other_differences
from reproduction.pretrained import UNSEEN_SEED, versions
from reproduction.unseen import plain

SUMMARY, CURVES, TABLE, PICTURE = "masking.json", "curves.csv", "summary.csv", "masking.png"
FILES = (SUMMARY, CURVES, TABLE, PICTURE)
OUTPUT = OutputFolder("masking study", FILES)
MEASURED = ("loss", "validation_loss", "validation_degrees")


def write_masking(study: MaskingStudy, folder: str | Path) -> Path:
    """Write all files of a study, or none, beside what else the folder holds.

    Returns:
        The picture.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with atomic_files(*(target / name for name in FILES)) as (summary_file, curves, table, picture):
        write_json(summary_file, summary(study))
        write_csv(curves, ["ratio", "step", "rves", *MEASURED], curve_rows(study))
        write_csv(table, table_header(study), table_rows(study))
        draw_masking(study).savefig(picture)
    return target / PICTURE


def summary(study: MaskingStudy) -> dict[str, Any]:
    """Gather what `masking.json` holds: plain numbers, lists and strings."""
    return {
        "versions": versions(),
        "rves": study.count,
        "seeds": {"study": study.seed, "added_to_pretraining_for_rves": UNSEEN_SEED},
        "differ_also_in": other_differences(study.runs),
        "units": {"loss": "-", "degrees": "degrees", "seconds": "s"},
        "runs": [
            {
                "folder": str(run.folder),
                "model": dict(run.pretrained.identity),
                "pretraining": run.pretrained.config.model_dump(mode="json"),
                "judged": {name: dict(measures) for name, measures in evaluation.items()},
            }
            for run, evaluation in zip(study.runs, study.evaluations, strict=True)
        ],
    }


def curve_rows(study: MaskingStudy) -> Iterator[list[float | str]]:
    """Write what was not measured at a step as an empty cell."""
    for run in study.runs:
        for row in run.curve:
            measured = [row.get(name, "") for name in MEASURED]
            yield [run.ratio, int(row["step"]), int(row["rves"]), *measured]


def table_header(study: MaskingStudy) -> list[str]:
    """Name the columns of `table_rows`."""
    judged = [
        f"{plain(name)} {what}" for name in study.evaluations[0] for what in ("loss", "degrees")
    ]
    first = ["ratio", "steps", "rves", "validation_loss", "validation_degrees"]
    return [*first, *judged, "seconds"]


def table_rows(study: MaskingStudy) -> Iterator[list[float | str]]:
    """Yield, for each run, its final losses and the evaluation of it and the trivial predictors."""
    for run, evaluation in zip(study.runs, study.evaluations, strict=True):
        identity = run.pretrained.identity
        validated = [run.last(name) for name in MEASURED[1:]]
        judged = [row[what] for row in evaluation.values() for what in ("loss", "degrees")]
        cells = [
            run.ratio,
            identity["steps_done"],
            identity["rves_seen"],
            *validated,
            *judged,
            identity["seconds"],
        ]
        yield ["" if cell is None else cell for cell in cells]
