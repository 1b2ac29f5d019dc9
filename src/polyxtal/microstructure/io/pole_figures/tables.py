"""Files of one figure each: Aachen's, Dubna's, and plain tables.

`.ana`: a line of text; 20 numbers, of which the 1st is the number of values, the 6th an offset of
the tilt, the 7th to 9th its first, last and step, the 10th to 12th those of the azimuth; values.

`.ptx`, dumped: lines that begin with `*`: the range of azimuths (`Phi range 0 - 360 Step 5`), the
indices (`Pole figure: 104`), and before each ring its tilt (`Khi = 5.00`).

Aachen's text (`.ptx`, `.cpf`, `.txt`), for each figure: a line of text; indices and crystal (5
characters each), steps of tilt and azimuth and largest tilt (5 each), 0 for values at the centres
of cells or 1 for their corners, 0 for a whole figure, 2 for a half and 4 for a quarter (5 each),
and the format of the values; a line that begins with the factor they are multiplied by; values.

`.cnv` of Dubna's neutron diffractometer: up to 19 rings of 72 values, 5° apart. Its detectors lie
on a cone about the axis of the sample: azimuths of ring θ begin at 270° + asin(tan(θ/2)).

Plain tables: rows of tilt, azimuth and intensity, or of an angle α that is 90° at the centre of the
figure, as Rigaku's SmartLab writes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from polyxtal.microstructure.io.pole_figures.grid import (
    MAX_FIGURES,
    StoredFigure,
    columns,
    header_numbers,
    numbers,
    rings,
    steps,
)

_PARAMETERS = 20
_RING, _MOST_RINGS = 72, 19
_FORMAT = re.compile(r"\((\d{1,2})[fiFI](\d{1,2})")


def read_ana(path: Path, lines: Sequence[str]) -> list[StoredFigure]:
    """Read an `.ana` file."""
    values = numbers(path, lines[1:], 2)
    if len(values) < _PARAMETERS:
        raise ValueError(
            f"{path}: must hold {_PARAMETERS} parameters, but holds {len(values)} numbers."
        )
    p, data = values[:_PARAMETERS].tolist(), values[_PARAMETERS:]
    tilt = p[5] + steps(path, "tilts", *p[6:9])
    azimuth = steps(path, "azimuths", p[9], p[10] - p[11], p[11])
    return [rings(path, "", (tilt, azimuth), data)]


def read_dump(path: Path, lines: Sequence[str]) -> list[StoredFigure]:
    """Read a dumped `.ptx` file."""
    azimuth, label = None, ""
    tilts, values, rows, start = list[float](), [], list[str](), 1
    for number, line in enumerate([*lines, "*"], 1):
        if line.strip() and not line.startswith("*"):
            start = start if rows else number
            rows.append(line)
            continue
        if rows:
            values.append(numbers(path, rows, start))
            rows = []
        span = re.search(r"Phi range\s*(\S+)\s*-\s*(\S+)\s*Step\s*(\S+)", line)
        if span:
            first, last, step = header_numbers(path, number, span.groups(), 3)
            azimuth = steps(path, "azimuths", first, last - step, step)
        named = re.search(r"Pole figure:\s*(\S.*)", line)
        label = named[1].strip() if named else label
        tilt = re.search(r"Khi\s*=\s*(\S+)", line)
        if tilt:
            tilts += header_numbers(path, number, [tilt[1]], 1)
    if azimuth is None or not tilts:
        raise ValueError(f"{path}: must name its range of Phi and the Khi of rings, but does not.")
    return [rings(path, label, (np.array(tilts), azimuth), np.concatenate(values or [[]]))]


def read_aachen(path: Path, lines: Sequence[str]) -> list[StoredFigure]:
    """Read Aachen's text."""
    found, at = [], 0
    while at + 3 < len(lines) and len(found) < MAX_FIGURES:
        if not lines[at].strip() and not _is_aachen(lines[at + 1]):
            at += 1
            continue
        head = lines[at + 1]
        words = [head[10 + 5 * k : 15 + 5 * k] for k in range(5)]
        d_tilt, d_azimuth, end, corner, part = header_numbers(path, at + 2, words, 5)
        if part not in (0, 2, 4) or corner not in (0, 1):
            raise ValueError(
                f"{path}: line {at + 2} must give 0 or 1 and 0, 2 or 4 for grid and symmetry, but "
                f"gives {corner:g} and {part:g}."
            )
        shape = _FORMAT.search(head)
        width = int(shape[2]) if shape else 4
        factor = header_numbers(path, at + 3, [lines[at + 2][:6]], 1)[0]
        if not factor > 0 or width < 1:
            raise ValueError(f"{path}: line {at + 3} must begin with a positive factor.")
        half = 0.0 if corner else 0.5
        tilt = steps(path, "tilts", half * d_tilt, end, d_tilt)
        whole = 360 / max(part, 1)
        azimuth = steps(path, "azimuths", half * d_azimuth, whole - d_azimuth / 2, d_azimuth)
        rows, at = at + 3, at + 3
        while at < len(lines) and lines[at].strip() and not _begins(lines, at):
            at += 1
        values = columns(path, lines[rows:at], width, rows + 1) / factor
        grid = (tilt, azimuth)
        found.append(rings(path, head[:5].strip(), grid, values[: len(tilt) * len(azimuth)]))
    if not found:
        raise ValueError(f"{path}: must hold a figure in Aachen's format, but holds none.")
    return found


def _is_aachen(line: str) -> bool:
    words = [line[10 + 5 * k : 15 + 5 * k].strip() for k in range(5)]
    return bool(re.match(r"\s*-?\d", line)) and all(
        re.fullmatch(r"\d+(\.\d*)?", word) for word in words
    ) and _FORMAT.search(line) is not None  # fmt: skip


def _begins(lines: Sequence[str], at: int) -> bool:
    """Return whether a figure begins at a line of text."""
    return at + 1 < len(lines) and _is_aachen(lines[at + 1])


def is_aachen(lines: Sequence[str]) -> bool:
    """Return whether the second line describes a grid in Aachen's way."""
    return len(lines) > 1 and _is_aachen(lines[1])


def read_dubna(path: Path, lines: Sequence[str]) -> list[StoredFigure]:
    """Read a `.cnv` file."""
    values = numbers(path, lines)
    count = len(values) // _RING
    if len(values) % _RING or not 1 <= count <= _MOST_RINGS:
        raise ValueError(
            f"{path}: must hold 1 to {_MOST_RINGS} rings of {_RING} values, but holds "
            f"{len(values)} values."
        )
    tilt = np.repeat(5 * np.arange(count, dtype=np.float64), _RING)
    start = 270 + np.degrees(np.arcsin(np.clip(np.tan(np.radians(tilt) / 2), 0, 1)))
    azimuth = (start + np.tile(5 * np.arange(_RING, dtype=np.float64), count)) % 360
    return [StoredFigure("", tilt, azimuth, values)]


def read_plain(path: Path, lines: Sequence[str], centre: float) -> list[StoredFigure]:
    """Read rows of tilt, azimuth and intensity, after lines of text; `centre` is α at tilt 0."""
    first = next((k for k, line in enumerate(lines) if _is_row(line)), len(lines))
    rows = [line for line in lines[first:] if line.strip() and not line.startswith(("#", "%"))]
    values = numbers(path, rows, first + 1)
    if len(values) == 0 or len(values) != 3 * len(rows):
        raise ValueError(
            f"{path}: must hold rows of tilt, azimuth and intensity, but holds {len(values)} "
            f"numbers in {len(rows)} rows."
        )
    tilt, azimuth, intensity = values.reshape(-1, 3).T
    return [StoredFigure("", tilt if centre == 0 else centre - tilt, azimuth, intensity)]


def _is_row(line: str) -> bool:
    return re.fullmatch(r"\s*[-+.\d][-+.\deE,;\s]*", line) is not None
