"""Text of orientation maps: any encoding and line ends, and rows of numbers."""

from __future__ import annotations

import codecs
import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyxtal.files.bounded import read_bounded

MAX_COLUMNS = 256

_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_NOT_A_NUMBER = re.compile(rb"[-+]?(?:nan\(\w*\)|1\.#\w+)", re.IGNORECASE)
"""NaN and infinity as C libraries of Windows print them."""


def read_text(path: Path, max_bytes: int) -> bytes:
    r"""Return a text without byte-order mark, in an extension of ASCII, with lines that end in \n.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is too large.
    """
    content = read_bounded(path, max_bytes).removeprefix(codecs.BOM_UTF8)
    encoding = _UTF_16.get(content[:2])
    if content[1:4:2] == bytes(2):  # ASCII in two bytes each, without a mark
        encoding = "utf-16-le"
    if encoding is not None:
        content = content.decode(encoding, "replace").removeprefix("\ufeff").encode()
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return content


def decoded(line: bytes) -> str:
    """Return a line of UTF-8, or else of Latin-1."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def read_table(path: Path, text: bytes, first_line: int) -> NDArray[np.float64]:
    """Read rows of numbers with decimal points or commas; a last row cut short is left out.

    Args:
        path: File, for errors.
        text: The rows.
        first_line: Number of the line where the rows begin.
    Returns:
        The numbers, (rows, columns).
    Raises:
        ValueError: if there is no row, or one before the last differs from the first in its number
            of values.
    """
    if b".#" in text or b"(" in text:
        text = _NOT_A_NUMBER.sub(b"nan", text)
    first = next((row for _, row in _rows(text)), b"").split(b"#")[0].split()
    if b"," in text:
        text = text.replace(b",", b" " if any(map(_is_list, first)) else b".")
        first = next(row for _, row in _rows(text)).split(b"#")[0].split()
    if not first:
        raise ValueError(f"{path}: must hold a row of numbers for each point, but holds none.")
    if len(first) > MAX_COLUMNS:
        raise ValueError(
            f"{path}: rows must have at most {MAX_COLUMNS} columns, but the first has {len(first)}."
        )
    try:
        return _numbers(text)
    except ValueError as error:
        line, row, left = _first_bad(text, len(first))
        if left is None:
            raise ValueError(
                f"{path}: line {first_line + line}: must be {len(first)} numbers as in the first "
                f"row, but is {row.decode('latin-1')[:120]!r}."
            ) from error
    warnings.warn(
        f"{path}: the last line, {first_line + line}, is cut short and left out.", stacklevel=2
    )
    return _numbers(left)


def _numbers(text: bytes) -> NDArray[np.float64]:
    return np.loadtxt(io.BytesIO(text), encoding="latin-1", ndmin=2, dtype=np.float64)


def _rows(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and text of each line that is neither empty nor a comment."""
    for number, line in enumerate(io.BytesIO(text)):
        stripped = line.strip()
        if stripped and not stripped.startswith(b"#"):
            yield number, stripped


def _first_bad(text: bytes, columns: int) -> tuple[int, bytes, bytes | None]:
    """Return line number and text of the first row without so many numbers.

    Where that is the last of several rows and too short, return the text before it, too.
    """
    rows = _rows(text)
    good = 0
    for line, row in rows:
        values = row.split(b"#")[0].split()
        if len(values) == columns and all(map(_is_number, values)):
            good += 1
            continue
        ends = not text.endswith(b"\n") and all(map(_is_number, values[:-1]))
        cut = good > 0 and (len(values) < columns or ends) and next(rows, None) is None
        return line, row, text[: text.rindex(row)] if cut else None
    return 0, b"", None


def _is_list(word: bytes) -> bool:
    """Return whether commas of a word part numbers, instead of decimals."""
    return b"," in word and (b"." in word or word.count(b",") > 1 or word.endswith(b","))


def _is_number(text: bytes) -> bool:
    try:
        float(text.decode("latin-1"))
    except ValueError:
        return False
    return True
