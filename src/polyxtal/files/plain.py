"""Write JSON and CSV files atomically."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
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
