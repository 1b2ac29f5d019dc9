"""A folder that is worked in again and again says what it was begun with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyxtal.files.atomic import atomic_file
from polyxtal.files.bounded import read_bounded
from polyxtal.files.yaml import shorten

MAX_JSON = 1 << 22


def begun(folder: Path, name: str, kind: str) -> dict[str, Any] | None:
    """Read what work in a folder was begun with; None if it is new or empty.

    Args:
        folder: Made if it is not there.
        name: Of the JSON file that says it.
        kind: What the work is called, with its article, for the errors.
    Raises:
        FileExistsError: if the folder holds something else.
        ValueError: if what it was begun with can not be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if not path.is_file():
        if any(folder.iterdir()):
            raise FileExistsError(f"{folder}: must be new, empty or hold {kind}, but is not.")
        return None
    try:
        earlier = json.loads(read_bounded(path, MAX_JSON))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: must say what was begun, but can not be read.") from error
    if not isinstance(earlier, dict):
        raise ValueError(f"{path}: must say what was begun, but is no mapping.")
    return earlier


def claim(folder: Path, name: str, asked: Mapping[str, Any], kind: str) -> None:
    """Begin work in a new or empty folder, or make sure that it is the work that is there.

    Args:
        folder, name, kind: See `begun`.
        asked: All that the result depends on, as JSON holds it.
    Raises:
        FileExistsError: if the folder holds something else.
        ValueError: if it holds work that was begun otherwise, or what it was begun with can not be
            read.
    """
    now, earlier = json.loads(json.dumps(asked)), begun(folder, name, kind)
    if earlier is None:
        with atomic_file(folder / name) as temporary:
            temporary.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
        return
    for key, value in now.items():
        if earlier.get(key) != value:
            raise ValueError(
                f"{folder}: {kind} must go on with what it was begun with, but `{key}` is "
                f"{shorten(earlier.get(key))} there and {shorten(value)} here."
            )
