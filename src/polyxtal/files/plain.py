"""JSON and CSV files, written atomically; records of runs carry a checksum."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from polyxtal.files.atomic import atomic_file
from polyxtal.files.bounded import read_bounded

MAX_RECORD = 1 << 26
"""Largest record that is read. [bytes]"""
CHECKSUM = "sha256"


def write_json(path: Path, content: Any) -> None:
    """Write numbers, strings, lists and mappings as JSON; NaN and infinity are refused."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    with atomic_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON record that a run resumes from, with the checksum of its content."""
    plain = json.loads(json.dumps(content))
    write_json(path, {**plain, CHECKSUM: _checksum(plain)})


def read_record(path: Path) -> dict[str, Any]:
    """Read a record; those of older versions have no checksum.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is damaged or too large.
    """
    data = read_bounded(path, MAX_RECORD)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: must be a JSON record, but cannot be read.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: must be a JSON record, but is no mapping.")
    known = content.pop(CHECKSUM, None)
    if known is not None and known != _checksum(content):
        raise ValueError(f"{path}: must be intact, but its checksum does not match.")
    return content


def _checksum(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a mapping's JSON form with sorted keys."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[float | str]]) -> None:
    """Write rows of numbers, in full precision, and of strings, quoted where need be, as CSV."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows([v if isinstance(v, str) else repr(v) for v in row] for row in rows)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows by the names of their columns; what a row lacks stays empty."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)


def read_table(path: Path) -> list[dict[str, float]]:
    """Read a table of numbers; rows omit what is empty."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [{name: float(value) for name, value in row.items() if value} for row in rows]
