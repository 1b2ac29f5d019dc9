"""Files of grids in blocks: LaboTex, popLA, BearTex.

LaboTex (`.epf`, `.ppf`): two lines of text; `Structure Code a b c alfa beta gamma`, and its values;
the number of figures; the names of columns and for each figure 2θ, first and last tilt and step,
first and last azimuth and step, an index and H K L; then the values of all figures.

popLA (`.raw`, `.epf`): for each figure a title and a line of fixed columns, (A5, 4F5.1, 5I2, 2I5):
indices, step and end of tilt, step and end of azimuth, whether tilt and azimuth begin at 0 (1) or
at half a step (0), the order of axes, scale and background; then lines of 18 integers of four
characters, the fourth of each ring with the ring's mean. The order of axes is not applied.

BearTex (`.xpe`): for each figure five lines of text, a line of cell, crystal and sample symmetry,
a line of indices and limits of tilt and azimuth; then 19 rings of 72 values, as in popLA.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyxtal.microstructure.io.pole_figures.grid import (
    MAX_FIGURES,
    StoredFigure,
    cell_ratio,
    columns,
    header_numbers,
    numbers,
    rings,
    steps,
    structure,
)

_ROW = 18


def read_labotex(path: Path, lines: Sequence[str]) -> list[StoredFigure]:
    """Read a file of LaboTex."""
    code, *cell = header_numbers(path, 4, lines[3].split(), 7)
    laue = structure(path, code)
    count = header_numbers(path, 5, lines[4].split()[:1], 1)[0]
    if count not in range(1, MAX_FIGURES + 1):
        raise ValueError(f"{path}: line 5 must give 1 to {MAX_FIGURES} figures, but is {count:g}.")
    heads = lines[6 : 6 + int(count)]
    values, at, found = numbers(path, lines[6 + int(count) :], 7 + int(count)), 0, []
    for line, head in enumerate(heads, 7):
        h = header_numbers(path, line, head.split(), 11)
        tilt, azimuth = steps(path, "tilts", *h[1:4]), steps(path, "azimuths", *h[4:7])
        size = len(tilt) * len(azimuth)
        label = " ".join(f"{index:g}" for index in h[8:11])
        found.append(
            rings(path, label, (tilt, azimuth), values[at : at + size], laue=laue,
                  c_over_a=cell_ratio(laue, cell))
        )  # fmt: skip
        at += size
    if len(found) < count:
        raise ValueError(f"{path}: must hold {count:g} figures, but holds {len(found)}.")
    return found


def read_popla(path: Path, lines: Sequence[str]) -> list[StoredFigure]:
    """Read a file of popLA."""
    found = []
    for first, block in _blocks(path, lines):
        head = block[1]
        words = [head[5 + 5 * k : 10 + 5 * k] for k in range(4)] + [head[25:27], head[27:29]]
        d_tilt, end, d_azimuth, last, corner, at_zero = header_numbers(path, first + 1, words, 6)
        scale = header_numbers(path, first + 1, [head[35:40]], 1)[0]
        if not scale > 0:
            raise ValueError(f"{path}: the scale of a figure must be positive, but is {scale:g}.")
        half_tilt, half = (0.0 if corner else d_tilt / 2), (0.0 if at_zero else d_azimuth / 2)
        tilt = steps(path, "tilts", half_tilt, end, d_tilt)
        azimuth = steps(path, "azimuths", half, last - d_azimuth / 2, d_azimuth)
        values = _without_means(path, block[2:], len(azimuth), first + 2)
        grid = (tilt, azimuth)
        wanted = len(tilt) * len(azimuth)
        label = head[:5].strip().strip("()")
        found.append(rings(path, label, grid, values[:wanted] / scale))
    return found


def read_beartex(path: Path, lines: Sequence[str]) -> list[StoredFigure]:
    """Read a file of BearTex, in multiples of random."""
    found = []
    for first, block in _blocks(path, lines, 7):
        cell = header_numbers(path, first + 5, block[5].split(), 7)
        laue = structure(path, cell[6])
        head = block[6]
        words = [head[10 + 5 * k : 15 + 5 * k] for k in range(6)]
        start, end, d_tilt, _, last, d_azimuth = header_numbers(path, first + 6, words, 6)
        tilt = steps(path, "tilts", 0.0, 90.0, d_tilt)
        azimuth = steps(path, "azimuths", 0.0, last - d_azimuth, d_azimuth)
        values = _without_means(path, block[7:], len(azimuth), first + 7) / 100
        ratio = cell_ratio(laue, cell)
        whole = rings(path, head[:10], (tilt, azimuth), values, laue=laue, c_over_a=ratio)
        kept = (whole.tilt >= start - 1e-6) & (whole.tilt <= end + 1e-6)
        found.append(
            StoredFigure(
                whole.label, whole.tilt[kept], whole.azimuth[kept], whole.intensity[kept],
                laue, ratio,
            )
        )  # fmt: skip
    return found


def _without_means(
    path: Path, lines: Sequence[str], azimuths: int, first_line: int
) -> NDArray[np.float64]:
    """Return the values of rings; a nineteenth in a line is the mean of its ring."""
    rows = [columns(path, [line], 4, first_line + k)[:_ROW] for k, line in enumerate(lines)]
    values = np.concatenate(rows) if rows else np.zeros(0)
    if azimuths % _ROW and len(values) % azimuths:
        raise ValueError(
            f"{path}: must hold rings of {azimuths} values in rows of {_ROW}, but holds "
            f"{len(values)} values."
        )
    return values


def _blocks(path: Path, lines: Sequence[str], header: int = 2) -> list[tuple[int, list[str]]]:
    """Return number of the first line and lines of each figure; a blank line ends one."""
    found, at = [], 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        end = next((k for k in range(at + header, len(lines)) if not lines[k].strip()), len(lines))
        if end - at <= header or len(found) == MAX_FIGURES:
            raise ValueError(
                f"{path}: must hold up to {MAX_FIGURES} figures of a header of {header} lines and "
                f"rows of numbers, but does not from line {at + 1} on."
            )
        found.append((at + 1, list(lines[at:end])))
        at = end
    return found
