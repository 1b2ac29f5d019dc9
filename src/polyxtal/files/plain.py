"""Write JSON and CSV files atomically."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from polyxtal.files.atomic import atomic_file


def write_json(path: Path, content: Any) -> None:
    """Write numbers, strings, lists and mappings as JSON; NaN and infinity are refused."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    with atomic_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[float | str]]) -> None:
    """Write rows of numbers, in full precision, and of strings without commas as CSV."""
    lines = [",".join(header)]
    lines += [",".join(v if isinstance(v, str) else repr(v) for v in row) for row in rows]
    with atomic_file(path) as temporary:
        temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")


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
