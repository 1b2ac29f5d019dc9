"""The folder of a fine-tuning: what it was begun with, its table, its results.

finetuning.json            what the run was last asked for, and what the files that it names hold
table.csv, results.json    what came out, and of what
"""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyxtal.dataset.store import PolycrystalStore
from polyxtal.files.atomic import atomic_file
from polyxtal.files.claim import begun
from polyxtal.files.yaml import shorten

CONFIG, TABLE, RESULTS, RESULT, MODEL = (
    "finetuning.json",
    "table.csv",
    "results.json",
    "result.json",
    "model",
)
CONTENTS = "contents"
MAX_JSON = 1 << 22


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
    record = json.loads(json.dumps({**asked, CONTENTS: contents}))
    path, earlier = folder / CONFIG, begun(folder, CONFIG, "a fine-tuning")
    if earlier is None:
        write_json(path, record)
        return record
    bound, now = _without(earlier, free), _without(record, free)
    held, holds = bound.pop(CONTENTS, None), now.pop(CONTENTS)
    refused = f"{folder}: a fine-tuning must go on with what it was begun with, but"
    for name, value in now.items():
        if bound.get(name) != value:
            raise ValueError(f"{refused} `{name}` is another there.")
    for name, value in holds.items():
        given = asked.get(name)
        where = given if isinstance(given, str) else f"`{name}`"
        was = held.get(name) if isinstance(held, dict) else None
        if not isinstance(was, dict):
            raise ValueError(
                f"{refused} {CONFIG} does not say what `{name}` held; begin in another."
            )
        for part in {**was, **value}:
            if was.get(part) != value.get(part):
                raise ValueError(
                    f"{refused} {where} holds something else now: `{part}` was "
                    f"{shorten(was.get(part))} and is {shorten(value.get(part))}."
                )
    if earlier != record:
        write_json(path, record)
    return record


def _without(record: Mapping[str, Any], free: Sequence[str]) -> dict[str, Any]:
    left = copy.deepcopy(dict(record))
    for name in free:
        one: Any = left
        *parents, last = name.split(".")
        for parent in parents:
            one = one.get(parent) if isinstance(one, dict) else None
        if isinstance(one, dict):
            one.pop(last, None)
    return left


def data_set(store: PolycrystalStore) -> dict[str, Any]:
    """Say what a data set is: all fields of its recipe, and how many RVEs it has."""
    return {**store.recipe.model_dump(mode="json"), "rves": len(store)}


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
