"""The folder of a fine-tuning: configuration, table, results.

finetuning.json            the latest configuration, and fingerprints of the files that it names
table.csv, results.json    the table, and the configuration with it
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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


@contextmanager
def claimed(
    folder: Path,
    asked: Mapping[str, Any],
    contents: Mapping[str, Mapping[str, Any]],
    free: Sequence[str] = (),
) -> Iterator[dict[str, Any]]:
    """Hold a folder for a fine-tuning while the block runs: a new one, or that of the same one.

    Where a free field has changed, `finetuning.json` is rewritten with the latest configuration.

    Args:
        folder: Output folder; created if missing.
        asked: Configuration, as JSON.
        contents: Fingerprints of the files that its fields name, by field.
        free: Fields that may change on resuming; "a.b" for `b` within `a`, "contents.a" for the
            fingerprint of the file that `a` names.
    Yields:
        `asked` with its `contents`, as written.
    Raises:
        BlockingIOError: if another process uses the folder.
        FileExistsError: if the folder holds something else.
        ValueError: if it holds another fine-tuning, or its configuration cannot be read.
    """
    record = RunFolder(folder, CONFIG, "a fine-tuning")
    with record.run({**asked, CONTENTS: contents}, free) as written:
        yield written


def folder_digest(folder: Path) -> str | None:
    """Return the SHA-256 of the files of a folder; None if there is none."""
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def data_set(store: PolycrystalStore) -> dict[str, Any]:
    """Return a data set's fingerprint: all fields of its recipe, and the number of RVEs."""
    return {**store.recipe.model_dump(mode="json"), "rves": len(store)}


def write_results(
    folder: Path,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any],
) -> None:
    """Write the table as CSV, and as JSON together with its description."""
    write_table(folder / TABLE, columns, rows)
    write_json(folder / RESULTS, {**about, "rows": list(rows)})
