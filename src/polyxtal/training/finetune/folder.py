"""The folder of a fine-tuning: what it was begun with, its table, its results.

finetuning.json            what the run was last asked for, and what the files that it names hold
table.csv, results.json    what came out, and of what
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyxtal.dataset.store import PolycrystalStore
from polyxtal.files.plain import write_json, write_table
from polyxtal.files.run_folder import RunFolder

CONFIG, TABLE, RESULTS, RESULT, MODEL = (
    "finetuning.json",
    "table.csv",
    "results.json",
    "result.json",
    "model",
)
CONTENTS = "contents"


def claim(
    folder: Path,
    asked: Mapping[str, Any],
    contents: Mapping[str, Mapping[str, Any]],
    free: Sequence[str] = (),
) -> dict[str, Any]:
    """Begin a fine-tuning in a new or empty folder, or make sure that it is the one that is there.

    What is free may change; then `finetuning.json` is written again, so that it says what was asked
    for last.

    Args:
        folder: Made if it is not there.
        asked: All that the run depends on, as JSON holds it.
        contents: What its fields name holds, by field: a path alone does not say.
        free: What may be another than at the beginning; "a.b" for `b` within `a`, "contents.a" for
            what `a` names.
    Returns:
        `asked` and its `contents`, as they are written.
    Raises:
        FileExistsError: if the folder holds something else.
        ValueError: if it holds another fine-tuning, or what it was begun with can not be read.
    """
    record = RunFolder(folder, CONFIG, "a fine-tuning")
    return record.claim({**asked, CONTENTS: contents}, free)


def data_set(store: PolycrystalStore) -> dict[str, Any]:
    """Say what a data set is: all fields of its recipe, and how many RVEs it has."""
    return {**store.recipe.model_dump(mode="json"), "rves": len(store)}


def write_results(
    folder: Path,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any],
) -> None:
    """Write the table as CSV, and with what it is about as JSON."""
    write_table(folder / TABLE, columns, rows)
    write_json(folder / RESULTS, {**about, "rows": list(rows)})
