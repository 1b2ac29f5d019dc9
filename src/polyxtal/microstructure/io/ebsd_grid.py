"""The grid of an orientation map, from the positions of its points.

Positions win over what a header says: its steps, numbers of points and kind of grid are only
compared with them.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from polyxtal.microstructure.polycrystal import MIN_EDGE

STEP_TOLERANCE = 0.05
"""Relative difference of the header's step from that of the positions that is told. [-]"""

OFF_GRID = 0.3
"""Largest distance of a point from its grid position. [steps]"""

SAMPLE, NEIGHBOURHOOD = 1000, 4.5
"""Points whose neighbours are counted where there is no grid, and how far. [distances]"""

FULLEST = 2.5
"""Most grid positions for each point where there is no grid: a turned square fills half. [-]"""

Placed = tuple[NDArray[np.int64], tuple[float, float]]
"""The point at each grid position, -1 where there is none, and the steps along x and y. [µm]"""


class Header(NamedTuple):
    """What the header of a map says about its grid.

    Attributes:
        step: Steps along x and y; 0 if it does not say. [µm]
        points: Numbers of points along x and y; None if it does not say.
        hexagonal: Whether every other row is shifted by half a step; None if it does not say.
    """

    step: tuple[float, float] = (0.0, 0.0)
    points: tuple[int | None, int | None] = (None, None)
    hexagonal: bool | None = None


class _Axis(NamedTuple):
    """Place of each point along an axis, number of places and step."""

    place: NDArray[np.int64]
    points: int
    step: float


def place_points(path: Path, position: NDArray[np.float64], header: Header) -> Placed:
    """Return the point at each grid position, and the steps.

    Rows shifted in turns, as in hexagonal grids, and positions on no grid along x and y, as in
    rotated maps, are resampled to the nearest points of a square grid with as many points per area.
    A warning names what the header says differently, and a map on no grid.

    Args:
        path: File, for errors and warnings.
        position: x and y of each point. [µm]
        header: What the header says.
    Raises:
        ValueError: if points share a place, or most of their grid is missing.
    """
    x = _axis(path, "x", position[:, 0], header.step[0])
    y = _axis(path, "y", position[:, 1], header.step[1])
    if x is None or y is None or x.points * y.points > 4 * len(position):
        return _scattered(path, position)
    shifted = x.points > 2 and y.points > 1 and _alternates(x, y, bool(header.hexagonal))
    if shifted:
        placed = _shifted(path, position, x, y)
        _compare(path, header, (2 * x.step, y.step), (None, y.points), shifted)
    else:
        placed = _rectangular(path, len(position), x, y, header.step)
        _compare(path, header, (x.step, y.step), (x.points, y.points), shifted)
    return placed


def _axis(path: Path, name: str, values: NDArray[np.float64], said: float) -> _Axis | None:
    """Return the place of each value on a uniform axis; None if they are on none.

    Positions are rounded in files (2.960, 2.961, ...), so the step is that of the whole axis.
    """
    sorted_values, inverse = np.unique(values, return_inverse=True)
    gaps = np.diff(sorted_values)
    if not len(gaps):
        return _Axis(np.zeros(len(values), np.int64), 1, 0.0)
    if gaps.max() < MIN_EDGE:
        raise ValueError(
            f"{path}: points must be at least {MIN_EDGE:g} µm apart, but along {name} are not."
        )
    for guess in (_usual(gaps), said):
        wide = gaps[gaps > OFF_GRID * guess] if guess > 0 else gaps[:0]
        if not len(wide):
            continue
        steps = np.rint(gaps / np.median(wide))
        count = float(steps.sum()) + 1
        if not count <= 2 * len(values) + 1:
            continue
        place = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
        step = float(sorted_values[-1] - sorted_values[0]) / (count - 1)
        if np.abs(sorted_values - sorted_values[0] - place * step).max() <= OFF_GRID * step:
            return _Axis(place[inverse.reshape(-1)], int(count), step)
    return None


def _usual(gaps: NDArray[np.float64]) -> float:
    """Return the gap up to which gaps add up to half of the axis, but for the widest.

    Rounding makes many small gaps, which add up to little, and a stray point a single wide one.
    """
    ascending = np.sort(gaps)
    ascending = ascending[:-1] if len(gaps) > 2 else ascending
    reach = np.cumsum(ascending)
    return float(ascending[np.searchsorted(reach, 0.5 * reach[-1])])


def _alternates(x: _Axis, y: _Axis, expected: bool) -> bool:
    """Return whether rows take even and odd places in turns, all or if expected nearly all."""
    odd = float(((x.place + y.place) % 2).mean())
    return min(odd, 1 - odd) <= (0.1 if expected else 0.0)


def _rectangular(path: Path, points: int, x: _Axis, y: _Axis, said: tuple[float, float]) -> Placed:
    nx, ny, dx, dy = x.points, y.points, x.step, y.step
    _require_filled(path, points, nx, ny)
    index = np.full((nx, ny), -1, np.int64)
    index[x.place, y.place] = np.arange(points)
    twice = points - int((index >= 0).sum())
    if twice:
        raise ValueError(
            f"{path}: every point must have a place of its own on the {nx} x {ny} grid, "
            f"but {twice} of {points} share one."
        )
    # A map of a single row or column has the step of its other axis.
    dx, dy = dx or said[0] or dy, dy or said[1] or dx
    return index, (dx or dy or 1.0, dy or dx or 1.0)


def _shifted(path: Path, position: NDArray[np.float64], x: _Axis, y: _Axis) -> Placed:
    dx, dy = 2 * x.step, y.step
    # A point stands for half a step to either side; every other row is shifted by as much.
    margin = np.array([0.25 * dx, 0.5 * dy])
    low, high = position.min(0) - margin, position.max(0) + margin
    step = math.sqrt(dx * dy)
    _require_filled(path, len(position), *_shape(high - low, step))
    return _nearest(KDTree(position), (low, high), step, 0.75 * max(dx, dy))


def _scattered(path: Path, position: NDArray[np.float64]) -> Placed:
    """Resample points on no grid by their number per area, around a sample of them."""
    tree = KDTree(position)
    draw = np.random.default_rng(0).permutation(len(position))[:SAMPLE]
    distance = np.median(np.asarray(tree.query(position[draw], k=2)[0])[:, -1])
    span, step = np.ptp(position, axis=0), 0.0
    if 0 < distance < math.inf:
        counts = tree.query_ball_point(position[draw], NEIGHBOURHOOD * distance, return_length=True)
        near = float(np.quantile(np.asarray(counts), 0.75))  # fewer at the border
        step = NEIGHBOURHOOD * float(distance) * math.sqrt(math.pi / near)
    if step == 0 or not math.prod(span / step + 1) <= FULLEST * len(position):
        raise ValueError(
            f"{path}: points must fill a grid, but lie on none along x and y, span {span[0]:.3g} x "
            f"{span[1]:.3g} µm and are {distance:.3g} µm from their nearest neighbours."
        )
    ends = position.min(0) - 0.5 * step, position.max(0) + 0.5 * step
    index, steps = _nearest(tree, ends, step, 0.8 * step)
    warnings.warn(
        f"{path}: positions lie on no grid along x and y, as in a rotated map; the nearest points "
        f"are taken on a grid of {index.shape[0]} x {index.shape[1]} points, {step:.3g} µm apart, "
        f"{100 * float((index < 0).mean()):.2g} % of which have none near and are not indexed.",
        stacklevel=4,
    )
    return index, steps


def _nearest(
    tree: KDTree, ends: tuple[NDArray[np.float64], NDArray[np.float64]], step: float, reach: float
) -> Placed:
    """Return the nearest point within reach at each position of a square grid."""
    start, span = ends[0], ends[1] - ends[0]
    mx, my = _shape(span, step)
    x = start[0] + (np.arange(mx) + 0.5) * (span[0] / mx)
    y = start[1] + (np.arange(my) + 0.5) * (span[1] / my)
    places = np.stack(np.meshgrid(x, y, indexing="ij"), -1)
    distance, index = tree.query(places.reshape(-1, 2))
    index = np.where(distance > reach, -1, index).reshape(mx, my).astype(np.int64)
    return index, (float(span[0]) / mx, float(span[1]) / my)


def _shape(span: NDArray[np.float64], step: float) -> tuple[int, int]:
    mx, my = (max(1, round(float(length) / step)) for length in span)
    return mx, my


def _require_filled(path: Path, points: int, nx: int, ny: int) -> None:
    if nx * ny > 2 * points:
        raise ValueError(
            f"{path}: at least half of the points of a grid must be there, "
            f"but there are {points} of {nx} x {ny}."
        )


def _compare(
    path: Path,
    header: Header,
    step: tuple[float, float],
    points: tuple[int | None, int],
    shifted: bool,
) -> None:
    """Warn of what the header says differently."""
    pairs: list[tuple[object, object]] = []
    for axis, said, found in zip("xy", header.step, step, strict=True):
        if said > 0 and found > 0 and abs(found / said - 1) > STEP_TOLERANCE:
            pairs.append((f"a step of {said:g} µm along {axis}", f"{found:g} µm"))
    for axis, said, found in zip("xy", header.points, points, strict=True):
        if None not in (said, found) and said != found:
            pairs.append((f"{said} points along {axis}", found))
    if header.hexagonal not in (None, shifted):
        regular = abs(step[1] / (step[0] or 1.0) / 0.75**0.5 - 1) < STEP_TOLERANCE
        found = "a square one"
        if shifted:
            found = "a hexagonal one" if regular else "one with rows shifted in turns"
        pairs.append((f"a {'hexagonal' if header.hexagonal else 'square'} grid", found))
    if pairs:
        told = ", ".join(f"{said} where the positions have {found}" for said, found in pairs)
        warnings.warn(
            f"{path}: the positions are followed where the header differs: it has {told}.",
            stacklevel=5,
        )
