"""The grid of an orientation map, from the positions of its points."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from polyxtal.microstructure.polycrystal import MIN_EDGE

STEP_TOLERANCE = 0.05
"""Largest relative difference of the header's step from that of the positions. [-]"""


OFF_GRID = 0.3
"""Largest distance of a point from its grid position. [steps]"""


def _axis(
    path: Path, name: str, values: NDArray[np.float64], said: float
) -> tuple[NDArray[np.int64], int, float]:
    """Return the index of each value on a uniform axis, its length and its step.

    Positions are rounded in files (2.960, 2.961, ...), so the step is that of the whole axis.
    """
    sorted_values, inverse = np.unique(values, return_inverse=True)
    gaps = np.diff(sorted_values)
    if not len(gaps):
        return np.zeros(len(values), np.int64), 1, 0.0
    if gaps.max() < MIN_EDGE:
        raise ValueError(
            f"{path}: points must be at least {MIN_EDGE:g} µm apart, but along {name} are not."
        )
    wide = gaps[gaps > OFF_GRID * (said if said > 0 else gaps.max())]
    if not len(wide):
        raise ValueError(
            f"{path}: positions along {name} must be a step of {said:g} µm apart, as the header "
            f"says, but are at most {gaps.max():g} µm apart."
        )
    pitch = float(np.median(wide))
    steps = np.rint(gaps / pitch)
    count = float(steps.sum()) + 1
    if not count <= 2 * len(values) + 1:
        raise ValueError(
            f"{path}: points must fill a grid, but along {name} {len(sorted_values)} different "
            f"positions span {count:.3g} steps of {pitch:g} µm."
        )
    place = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    step = float(sorted_values[-1] - sorted_values[0]) / (count - 1)
    off = np.abs(sorted_values - sorted_values[0] - place * step).max() / step
    if off > OFF_GRID:
        raise ValueError(
            f"{path}: points must lie on a grid, but along {name} one is {off:.2f} steps of "
            f"{step:g} µm off."
        )
    if said > 0 and abs(step / said - 1) > STEP_TOLERANCE:
        raise ValueError(
            f"{path}: the header's step along {name} must be that of the positions, "
            f"but is {said:g} µm where they are {step:g} µm apart."
        )
    return place[inverse.reshape(-1)], int(count), step


def rectangular_grid(
    path: Path, position: NDArray[np.float64], said: tuple[float, float]
) -> tuple[NDArray[np.int64], tuple[float, float]]:
    """Return the point at each grid position, -1 where there is none, and the steps."""
    i, nx, dx = _axis(path, "x", position[:, 0], said[0])
    j, ny, dy = _axis(path, "y", position[:, 1], said[1])
    _require_filled(path, len(position), nx, ny)
    index = np.full((nx, ny), -1, np.int64)
    index[i, j] = np.arange(len(position))
    twice = len(position) - int((index >= 0).sum())
    if twice:
        raise ValueError(
            f"{path}: every point must have a place of its own on the {nx} x {ny} grid, "
            f"but {twice} of {len(position)} share one."
        )
    # A map of a single row or column has the step of its other axis.
    dx, dy = dx or said[0] or dy, dy or said[1] or dx
    return index, (dx or dy or 1.0, dy or dx or 1.0)


def hexagonal_grid(
    path: Path, position: NDArray[np.float64], said: tuple[float, float]
) -> tuple[NDArray[np.int64], tuple[float, float]]:
    """Resample a hexagonal grid to a square one with as many points per area."""
    _, nx, half = _axis(path, "x", position[:, 0], 0.5 * said[0])
    _, ny, dy = _axis(path, "y", position[:, 1], said[1])
    dx = 2 * half
    if nx < 3 or ny < 2 or abs(dy / dx / (0.75**0.5) - 1) > STEP_TOLERANCE:
        raise ValueError(
            f"{path}: rows of a hexagonal grid must be √3/2 steps apart and half a step shifted in "
            f"turns, but steps are {dx:g} and {dy:g} µm."
        )
    step = math.sqrt(dx * dy)
    low, high = position.min(0), position.max(0)
    # A point stands for half a step to either side; every other row is shifted by as much.
    start = low - (0.25 * dx, 0.5 * dy)
    span = high - low + (0.5 * dx, dy)
    mx, my = (max(1, round(float(s) / step)) for s in span)
    _require_filled(path, len(position), mx, my)
    x = start[0] + (np.arange(mx) + 0.5) * (span[0] / mx)
    y = start[1] + (np.arange(my) + 0.5) * (span[1] / my)
    places = np.stack(np.meshgrid(x, y, indexing="ij"), -1)
    distance, index = KDTree(position).query(places.reshape(-1, 2))
    index = np.where(distance > dx, -1, index).reshape(mx, my).astype(np.int64)
    return index, (float(span[0]) / mx, float(span[1]) / my)


def _require_filled(path: Path, points: int, nx: int, ny: int) -> None:
    if nx * ny > 2 * points:
        raise ValueError(
            f"{path}: at least half of the points of a grid must be there, "
            f"but there are {points} of {nx} x {ny}."
        )
