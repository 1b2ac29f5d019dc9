"""Read measured curves from tables."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyxtal.argument_types import require_path, require_type, with_article
from polyxtal.calibration.measurement import Measurement
from polyxtal.calibration.repeats import mean_of_repeats
from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import listing, shorten_text

Array = NDArray[np.float64]

MAX_FILE = 1 << 27
"""Largest table. [bytes]"""
STRAIN_UNITS = {"1": 1.0, "-": 1.0, "mm/mm": 1.0, "%": 0.01, "microstrain": 1e-6}
STRESS_UNITS = {
    "MPa": 1.0,
    "Pa": 1e-6,
    "kPa": 1e-3,
    "GPa": 1e3,
    "ksi": 6.894757293168,
    "psi": 6.894757293168e-3,
}
"""Units of stress in MPa; 1 lbf is 4.4482216152605 N, 1 in 25.4 mm."""
MEASURES = ("engineering", "true")
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eEdD][-+]?\d+)?|[-+]?(nan|inf)\w*", re.I)


def read_measurement(
    paths: str | Path | Sequence[str | Path],
    strain: str | int = 0,
    stress: str | int = 1,
    *,
    strain_unit: str = "1",
    stress_unit: str = "MPa",
    measure: str = "engineering",
    **about: Any,
) -> Measurement:
    """Read a measured curve from a table (CSV or text), or the mean of repeats from several.

    Columns are divided by commas, semicolons, tabs or blanks; numbers may have decimal commas
    where columns are not divided by commas. Lines before the first row of numbers are comments, the
    last of them names the columns.

    Args:
        paths: A table, or those of repeats of one test: their mean on common strains, with the
            standard deviation of the mean by their scatter.
        strain, stress: Name of a column, or its number from 0.
        strain_unit: "1", "%" or "microstrain".
        stress_unit: "MPa", "Pa", "kPa", "GPa", "ksi" or "psi".
        measure: "engineering", or "true" for logarithmic strain and Cauchy stress, converted at
            constant volume.
        about: Further arguments of `Measurement`, such as direction and rate.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a file, a column, a unit or the curve is invalid.

    Example:
        >>> import polyxtal as px
        >>> from pathlib import Path
        >>> folder = Path(__import__("tempfile").mkdtemp())
        >>> rows = "".join(f"{0.1 * k},{20 * k}\\n" for k in range(10))
        >>> _ = (folder / "a.csv").write_text("strain [%],stress [MPa]\\n" + rows)
        >>> px.read_measurement(folder / "a.csv", "strain [%]", "stress [MPa]", strain_unit="%")
        Measurement('a', direction='x', points=10, strain up to 0.009)
    """
    several = [paths] if isinstance(paths, str | Path) else paths
    if not isinstance(several, Sequence) or not several:
        given = "is empty" if isinstance(several, Sequence) else f"is {with_article(type(paths))}"
        raise ValueError(f"Argument `paths` must be a path or a Sequence, but {given}.")
    for name, value, choices in (
        ("strain_unit", strain_unit, STRAIN_UNITS),
        ("stress_unit", stress_unit, STRESS_UNITS),
        ("measure", measure, MEASURES),
    ):
        require_type(value, str, name)
        if value not in choices:
            raise ValueError(
                f"Argument `{name}` must be one of {listing(choices)}, but is {value!r}."
            )
    repeats = []
    for path in several:
        require_path(path, "paths")
        e, s = (column * factor for column, factor in zip(
            _columns(Path(path), strain, stress),
            (STRAIN_UNITS[strain_unit], STRESS_UNITS[stress_unit]),
            strict=True,
        ))  # fmt: skip
        if measure == "true":
            e = np.expm1(np.clip(e, -50.0, 50.0))
            s = s / (1.0 + e)
        known: dict[str, Any] = {"name": Path(path).stem, **about}
        try:
            repeats.append(Measurement(e, s, **known))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return repeats[0] if len(repeats) == 1 else mean_of_repeats(repeats)


def _columns(path: Path, *wanted: str | int) -> list[Array]:
    """Return the wanted columns of a table."""
    try:
        text = read_bounded(path, MAX_FILE).decode("utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_bytes().decode("latin-1")
    lines = [line for line in io.StringIO(text) if line.strip()]
    divider = _divider(lines)
    rows = [_cells(line, divider) for line in lines]
    first = next((k for k, row in enumerate(rows) if _is_numbers(row)), None)
    if first is None:
        raise ValueError(f"{path}: must be a table of numbers, but has no row of two numbers.")
    names = _names(rows[first - 1], len(rows[first])) if first else []
    found = []
    for column in wanted:
        index = _index(path, column, names, len(rows[first]))
        values = [_value(path, row, index, first + k) for k, row in enumerate(rows[first:])]
        found.append(np.array(values))
    return found


def _divider(lines: Sequence[str]) -> str | None:
    """Return what divides the columns of the last line, None for blanks."""
    last = lines[-1] if lines else ""
    for mark in (";", "\t"):
        if mark in last.strip():
            return mark
    cells = last.split()
    return "," if ("," in last and len(cells) < 2) or ", " in last else None


def _cells(line: str, divider: str | None) -> list[str]:
    return [cell.strip().strip("\"'") for cell in line.strip().lstrip("#").split(divider)]


def _is_numbers(row: Sequence[str]) -> bool:
    filled = [cell for cell in row if cell]
    return len(filled) >= 2 and all(_NUMBER.fullmatch(cell) for cell in filled)


def _names(row: Sequence[str], columns: int) -> list[str]:
    return list(row) if len(row) == columns else []


def _index(path: Path, column: Any, names: Sequence[str], columns: int) -> int:
    if isinstance(column, str):
        if column in names:
            return list(names).index(column)
        known = f"{listing(names)}" if names else f"no names, but numbers 0 to {columns - 1}"
        raise ValueError(
            f"{path}: a column must be one of its own ({known}), but is {shorten_text(column)!r}."
        )
    require_type(column, int, "column")
    if not 0 <= column < columns:
        raise ValueError(f"{path}: a column must be 0 to {columns - 1}, but is {column}.")
    return column


def _value(path: Path, row: Sequence[str], index: int, line: int) -> float:
    cell = row[index] if index < len(row) else ""
    try:
        return float(cell.replace(",", ".").replace("d", "e").replace("D", "e"))
    except ValueError:
        raise ValueError(
            f"{path}: every row must have a number in column {index}, but row {line + 1} has "
            f"{shorten_text(cell, 60)!r}."
        ) from None
