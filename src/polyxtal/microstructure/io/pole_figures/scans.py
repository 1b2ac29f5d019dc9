"""Files of scans, one for each tilt: Rigaku's text and Bruker's `.uxd`.

Rigaku: lines `key,value`, then rows of azimuth and counts from `Start` to `Stop`; each block is one
scan. Its angle α is 90° at the centre of the figure. A range in the line `Sample`, such as `80-90`,
gives α of the first and the last scan; otherwise it must be given.

Bruker (DIFFRAC plus): lines `_KEY=value` and comments after `;`, then either pairs of azimuth and
counts, after a line such as `_2THETACPS`, or counts alone, after `_COUNTS` or `_CPS`. `_KHI` is the
tilt. Scans of another `_2THETA` are those of the next figure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyxtal.microstructure.io.pole_figures.grid import (
    MAX_FIGURES,
    StoredFigure,
    header_numbers,
    numbers,
    steps,
)

_SAME_PEAK = 0.05
"""Bragg angles 2θ closer than this are those of one figure. [degrees]"""


def read_rigaku(
    path: Path, lines: Sequence[str], alpha: tuple[float, float] | None
) -> list[StoredFigure]:
    """Read Rigaku's text; `alpha` is that of the first and the last scan. [degrees]"""
    scans, keys, rows = [], dict[str, str](), list[str]()
    start = 1
    for number, line in enumerate([*lines, "end"], 1):
        if re.match(r"\s*[-+.\d]", line):
            start = start if rows else number
            rows.append(line)
            continue
        if rows:
            scans.append(_pairs(path, rows, start))
            rows = []
        key, _, value = line.partition(",")
        keys.setdefault(key.strip().lower(), value.strip())
    if alpha is None:
        said = re.fullmatch(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", keys.get("sample", ""))
        if said is None:
            raise ValueError(
                f"{path}: argument `alpha` must give the angles of the first and the last of "
                f"{len(scans)} scans, which the file does not, but is missing."
            )
        alpha = float(said[1]), float(said[2])
    if not all(0 <= angle <= 90 for angle in alpha):
        raise ValueError(f"{path}: angles α must be from 0 to 90 degrees, but are {alpha}.")
    tilts = 90 - np.linspace(*alpha, num=len(scans))
    return [_joined("", tilts, scans)]


def read_uxd(path: Path, lines: Sequence[str]) -> list[StoredFigure]:
    """Read Bruker's `.uxd`."""
    figures: list[tuple[float, list[float], list[NDArray[np.float64]]]] = []
    keys, rows, paired, start = dict[str, str](), list[str](), False, 1
    for number, line in enumerate([*lines, "; end"], 1):
        text = line.strip()
        if text and text[0] not in "_;":
            start = start if rows else number
            rows.append(text)
            continue
        if rows:
            peak, tilt = (_key(path, keys, name) for name in ("_2theta", "_khi"))
            values = _pairs(path, rows, start) if paired else _listed(path, rows, start, keys)
            if not figures or abs(figures[-1][0] - peak) > _SAME_PEAK:
                figures.append((peak, [], []))
            figures[-1][1].append(tilt)
            figures[-1][2].append(values)
            rows = []
        if text.startswith("_"):
            name, equals, value = text.partition("=")
            if equals:
                keys[name.strip().lower()] = value.strip()
            else:
                paired = name.strip().lower() not in ("_counts", "_cps")
    if not 1 <= len(figures) <= MAX_FIGURES:
        raise ValueError(
            f"{path}: must hold scans of 1 to {MAX_FIGURES} figures, but holds {len(figures)}."
        )
    return [_joined("", np.array(tilts), scans) for _, tilts, scans in figures]


def _key(path: Path, keys: dict[str, str], name: str) -> float:
    if name not in keys:
        raise ValueError(f"{path}: a scan must have the key {name.upper()}, but has not.")
    return header_numbers(path, 1, [keys[name]], 1)[0]


def _pairs(path: Path, rows: Sequence[str], first_line: int) -> NDArray[np.float64]:
    values = numbers(path, rows, first_line)
    if len(values) % 2:
        raise ValueError(
            f"{path}: line {first_line} and those after it must hold pairs of angle and intensity, "
            f"but hold {len(values)} values."
        )
    return values.reshape(-1, 2)


def _listed(
    path: Path, rows: Sequence[str], first_line: int, keys: dict[str, str]
) -> NDArray[np.float64]:
    values = numbers(path, rows, first_line)
    start, step = (_key(path, keys, name) for name in ("_start", "_stepsize"))
    azimuth = steps(path, "azimuths", start, start + step * (len(values) - 1), step)
    return np.column_stack([azimuth, values])


def _joined(
    label: str, tilts: NDArray[np.float64], scans: Sequence[NDArray[np.float64]]
) -> StoredFigure:
    tilt = np.concatenate([np.full(len(scan), t) for t, scan in zip(tilts, scans, strict=True)])
    values = np.concatenate(scans)
    return StoredFigure(label, tilt, values[:, 0], values[:, 1])
