"""A figure as its file gives it, and the regular grids of rings that most files use."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyxtal.texture.pole_figure import MAX_DIRECTIONS

MAX_FIGURES = 100
"""Most figures of one file."""
STRUCTURES = ("-1", "2/m", "mmm", "4/m", "4/mmm", "m-3", "m-3m", "-3", "-3m", "6/m", "6/mmm")
"""Laue groups by the codes 1 to 11 of LaboTex and BearTex."""
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class StoredFigure:
    """Intensities by tilt and azimuth.

    Attributes:
        label: Text that names the reflection; empty if the file does not.
        tilt: Angles from z. [degrees]
        azimuth: Angles from x towards y. [degrees]
        intensity: One for each.
        laue: Laue group, if the file names it.
        c_over_a: Ratio of the cell's edges, if the file holds it.
    """

    label: str
    tilt: NDArray[np.float64]
    azimuth: NDArray[np.float64]
    intensity: NDArray[np.float64]
    laue: str | None = None
    c_over_a: float | None = None


def steps(path: Path, what: str, first: float, last: float, step: float) -> NDArray[np.float64]:
    """Return first, first + step, … up to last. [degrees]

    Raises:
        ValueError: if they are not finite or not angles, or are too many.
    """
    numbers = (first, last, step)
    if not all(map(math.isfinite, numbers)) or not (0 < step <= 360 and abs(first) <= 720):
        raise ValueError(
            f"{path}: {what} must be given by first and last angle and a positive step, but are "
            f"{first:g}, {last:g} and {step:g}."
        )
    count = (last - first) / step + 1 + _ROUNDING
    if not 1 <= count <= MAX_DIRECTIONS or abs(last) > 720:
        raise ValueError(
            f"{path}: {what} must be 1 to {MAX_DIRECTIONS} within 720°, but run from {first:g} to "
            f"{last:g} in steps of {step:g}."
        )
    return first + step * np.arange(int(count), dtype=np.float64)


def rings(
    path: Path,
    label: str,
    angles: tuple[NDArray[np.float64], NDArray[np.float64]],
    values: NDArray[np.float64],
    **crystal: str | float | None,
) -> StoredFigure:
    """Return a figure whose values are those of all azimuths of each tilt.

    Raises:
        ValueError: if there are not as many values as directions.
    """
    tilt, azimuth = angles
    if len(values) != len(tilt) * len(azimuth):
        raise ValueError(
            f"{path}: figure {label[:40]!r} must hold {len(tilt)} rings of {len(azimuth)} "
            f"intensities, but holds {len(values)} values."
        )
    return StoredFigure(
        label,
        np.repeat(tilt, len(azimuth)),
        np.tile(azimuth, len(tilt)),
        values,
        **crystal,  # type: ignore[arg-type]
    )


def numbers(path: Path, lines: Sequence[str], first_line: int = 1) -> NDArray[np.float64]:
    """Return the numbers of lines, separated by spaces, commas or semicolons.

    Raises:
        ValueError: if a word is no number.
    """
    found: list[float] = []
    for line, text in enumerate(lines, first_line):
        try:
            found += [float(word) for word in re.split(r"[\s,;]+", text.strip()) if word]
        except ValueError as error:
            raise ValueError(
                f"{path}: line {line} must hold numbers, but is {text[:80]!r}."
            ) from error
        if len(found) > MAX_DIRECTIONS * MAX_FIGURES:
            raise ValueError(f"{path}: holds too many numbers.")
    return np.array(found)


def columns(
    path: Path, lines: Sequence[str], width: int, first_line: int = 1
) -> NDArray[np.float64]:
    """Return the numbers of lines in columns of equal width, which may touch.

    A character before the first column, as Fortran prints it, is left out.

    Raises:
        ValueError: if a column holds no number.
    """
    found: list[float] = []
    for line, text in enumerate(lines, first_line):
        row = text.rstrip()
        row = row[len(row) % width :]
        try:
            found += [float(row[at : at + width]) for at in range(0, len(row), width)]
        except ValueError as error:
            raise ValueError(
                f"{path}: line {line} must hold numbers in columns of {width} characters, but is "
                f"{text[:80]!r}."
            ) from error
    return np.array(found)


def header_numbers(path: Path, line: int, words: Sequence[str], least: int) -> list[float]:
    """Return the numbers of a header's line.

    Raises:
        ValueError: if one is none, or there are fewer than needed.
    """
    try:
        found = [float(word) for word in words if word.strip()]
    except ValueError:
        found = []
    if len(found) < least or not all(map(math.isfinite, found)):
        raise ValueError(
            f"{path}: line {line} must hold {least} numbers, but is "
            f"{' '.join(word.strip() for word in words)[:80]!r}."
        )
    return found


def cell_ratio(laue: str, edges: Sequence[float]) -> float | None:
    """Return c/a where a Laue group leaves it open."""
    open_ratio = laue.startswith(("3", "-3", "4", "6"))
    return edges[2] / edges[0] if open_ratio and edges[0] > 0 else None


def structure(path: Path, code: float) -> str:
    """Return the Laue group of a structure code.

    Raises:
        ValueError: if there is no such code.
    """
    if code not in range(1, len(STRUCTURES) + 1):
        raise ValueError(
            f"{path}: the structure code must be from 1 to {len(STRUCTURES)}, but is {code:g}."
        )
    return STRUCTURES[int(code) - 1]
