"""The folder of a fine-tuning: what it was begun with, its table, its results.

finetuning.json            what the run was asked for
table.csv, results.json    what came out
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyxtal.files.atomic import atomic_file
from polyxtal.files.bounded import read_bounded

CONFIG, TABLE, RESULTS, RESULT, MODEL = (
    "finetuning.json",
    "table.csv",
    "results.json",
    "result.json",
    "model",
)
MAX_JSON = 1 << 22


def claim(folder: Path, asked: Mapping[str, Any], free: Sequence[str] = ()) -> None:
    """Begin a fine-tuning in a new or empty folder, or make sure that it is the one that is there.

    Args:
        folder: Made if it is not there.
        asked: All that the run depends on, as JSON holds it.
        free: What may be another than at the beginning; "a.b" for `b` within `a`.
    Raises:
        FileExistsError: if the folder holds something else.
        ValueError: if it holds another fine-tuning, or what it was begun with can not be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CONFIG
    if not path.is_file():
        if any(folder.iterdir()):
            raise FileExistsError(
                f"{folder}: must be new, empty or hold a fine-tuning, but is not."
            )
        write_json(path, asked)
        return
    try:
        earlier = json.loads(read_bounded(path, MAX_JSON))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: must say what was begun, but can not be read.") from error
    if not isinstance(earlier, dict):
        raise ValueError(f"{path}: must say what was begun, but is no mapping.")
    now = json.loads(json.dumps(asked))
    for name in free:
        for one in (earlier, now):
            *parents, last = name.split(".")
            for parent in parents:
                one = one.get(parent) if isinstance(one, dict) else None
            if isinstance(one, dict):
                one.pop(last, None)
    wrong = [name for name in now if earlier.get(name) != now[name]]
    if wrong:
        raise ValueError(
            f"{folder}: a fine-tuning must go on with what it was begun with, but `{wrong[0]}` is "
            "another there."
        )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain numbers, strings, lists and mappings; NaN and infinity are refused."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_results(
    folder: Path,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any],
) -> None:
    """Write the table as CSV, and with what it is about as JSON."""
    with atomic_file(folder / TABLE) as temporary, temporary.open("w") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)
    write_json(folder / RESULTS, {**about, "rows": list(rows)})
