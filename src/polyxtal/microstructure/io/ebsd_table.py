"""What files of orientation maps have in common: a table of points, and the grid they lie on."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor

from polyxtal.algebra.rotation import bunge_to_quaternion, quaternion_multiply
from polyxtal.crystal.lattice import Lattice
from polyxtal.microstructure.ebsd import EbsdMap

MAX_BYTES = 2**31
"""Largest file that is read: some 25 million points. [bytes]"""
MAX_COLUMNS = 256

STEP_TOLERANCE = 0.05
"""Largest relative difference of the header's step from that of the positions. [-]"""
OFF_GRID = 0.3
"""Largest distance of a point from its place on the grid. [steps]"""


A, A_STAR = "a", "a*"
"""Edges of hexagonal cells, of the direct and of the reciprocal lattice; the latter is 30° off."""
_A_STAR_TO_A = torch.tensor([math.cos(math.pi / 12), 0.0, 0.0, -math.sin(math.pi / 12)]).double()


class Points(NamedTuple):
    """The points of a file, before they have a place on a grid.

    Attributes:
        angles: Bunge Euler angles of each point. [rad]
        position: x and y of each. [µm]
        phase: Phase index of each, -1 where nothing was indexed.
        phase_names: Name of each phase.
        lattices: Lattice of each phase; None where its symmetry is unknown.
        edge: Which edge of hexagonal and trigonal cells the vendor lays along x, `A` or `A_STAR`.
        quality: Other columns by name.
        step: What the header says of the steps; 0 if nothing. [µm]
        hexagonal: Whether rows are shifted by half a step in turns.
    """

    angles: NDArray[np.float64]
    position: NDArray[np.float64]
    phase: NDArray[np.int64]
    phase_names: tuple[str, ...]
    lattices: tuple[Lattice | None, ...]
    quality: dict[str, NDArray[np.float64]]
    step: tuple[float, float]
    hexagonal: bool
    edge: str


def read_table(path: Path, text: bytes, first_line: int) -> NDArray[np.float64]:
    """Read rows of numbers.

    Args:
        path: File that errors name.
        text: The rows.
        first_line: Line of the file that the rows begin at.
    Returns:
        The numbers, (rows, columns).
    Raises:
        ValueError: if there is no row, or one is no list of numbers as long as the first.
    """
    first = next((line for line in text.splitlines() if _row(line)), b"").split()
    if not first:
        raise ValueError(f"{path}: must hold a row of numbers for each point, but holds none.")
    if len(first) > MAX_COLUMNS:
        raise ValueError(
            f"{path}: rows must have at most {MAX_COLUMNS} columns, but the first has {len(first)}."
        )
    try:
        return np.loadtxt(io.BytesIO(text), encoding="latin-1", ndmin=2, dtype=np.float64)
    except ValueError as error:
        line, row = _first_bad(text, len(first))
        shown = row.decode("latin-1")[:120]
        raise ValueError(
            f"{path}: line {first_line + line}: must be {len(first)} numbers as in the first row, "
            f"but is {shown!r}."
        ) from error


def build_map(path: Path, points: Points, rotation: Float[Tensor, "4"]) -> EbsdMap:
    """Lay points on their grid and turn their orientations into the map's axes.

    Grid points that the file lacks are not indexed. A hexagonal grid is sampled on a square one
    with as many points per area: each takes its nearest.

    Args:
        path: File that the map names.
        points: The points.
        rotation: From the Euler angles' axes into the map's, unit quaternion. [-]
    Raises:
        ValueError: if the points lie on no grid, or most of it is missing.
    """
    position = points.position
    if not np.isfinite(position).all():
        row = int(np.flatnonzero(~np.isfinite(position).all(1))[0])
        raise ValueError(
            f"{path}: every point must have finite positions, but point {row} has "
            f"{position[row].tolist()}."
        )
    if points.hexagonal:
        index, step = _hexagonal(path, position, points.step)
    else:
        index, step = _rectangular(path, position, points.step)
    present = index >= 0
    taken = np.maximum(index, 0)
    phase = np.where(present, points.phase[taken], -1)
    indexed = phase >= 0
    angles = np.where(indexed[..., None], points.angles[taken], 0.0)
    quaternions = _from_vendor_axes(bunge_to_quaternion(torch.from_numpy(angles)), phase, points)
    turned = quaternion_multiply(rotation.expand(*index.shape, 4), quaternions)
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    quality = {
        name: torch.from_numpy(np.where(present, values[taken], 0.0))
        for name, values in points.quality.items()
    }
    return EbsdMap(
        torch.where(torch.from_numpy(indexed)[..., None], turned, identity),
        torch.from_numpy(phase),
        points.phase_names,
        step,
        quality,
        path,
        points.lattices,
    )


def _from_vendor_axes(
    q: Float[Tensor, "nx ny 4"], phase: NDArray[np.int64], points: Points
) -> Float[Tensor, "nx ny 4"]:
    """Turn hexagonal and trigonal crystals whose x lies along a* so that it lies along a."""
    if points.edge == A:
        return q
    turned = [one is not None and one.family == "hexagonal" for one in points.lattices]
    back = torch.tensor([*turned, False])[torch.from_numpy(phase)]  # -1 is the last
    return torch.where(back[..., None], quaternion_multiply(q, _A_STAR_TO_A.expand_as(q)), q)


def lattice_of(path: Path, name: str, group: str | None, cell: Sequence[float]) -> Lattice | None:
    """Make the lattice of a phase from its Laue group and the cell's edges a, b, c.

    Raises:
        ValueError: if c/a is out of bounds.
    """
    if group is None:
        return None
    a, c = (cell[0], cell[2]) if len(cell) >= 3 else (0.0, 0.0)
    known = a > 0 and c > 0
    try:
        return Lattice.of_laue_group(group, c / a if known else None)
    except ValueError as error:
        raise ValueError(f"{path}: phase {name!r}: {error}") from error


def number(path: Path, name: str, text: str) -> float:
    """Read a number of a header, decimal comma or point.

    Raises:
        ValueError: if it is none, or not finite.
    """
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{path}: {name} must be a number, but is {text.strip()[:40]!r}.")
    return value


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Number names that are blank or occur twice."""
    stripped = [" ".join(name.split()) for name in names]
    named = [
        name if name and stripped.count(name) == 1 else f"{name or 'phase'} {k + 1}"
        for k, name in enumerate(stripped)
    ]
    return (
        tuple(named)
        if len(set(named)) == len(named)
        else tuple(f"{name} ({k + 1})" for k, name in enumerate(named))
    )


def _row(line: bytes) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(b"#")


def _numbered(text: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(text.split(b"\n")):
        if _row(line):
            yield number, line.strip()


def _first_bad(text: bytes, columns: int) -> tuple[int, bytes]:
    """Find the row that is no list of so many numbers."""
    last = 0, b""
    for line, row in _numbered(text):
        last = line, row
        parts = row.split(b"#")[0].split()
        try:
            good = len([float(part.decode("latin-1")) for part in parts]) == columns
        except ValueError:
            good = False
        if not good:
            return line, row
    return last


def _axis(
    path: Path, name: str, values: NDArray[np.float64], said: float
) -> tuple[NDArray[np.int64], int, float]:
    """Find the place of each value on an evenly spaced axis, its length and its step.

    Positions are rounded in files (2.960, 2.961, ...), so the step is that of the whole axis.
    """
    sorted_values, inverse = np.unique(values, return_inverse=True)
    gaps = np.diff(sorted_values)
    if not len(gaps):
        return np.zeros(len(values), np.int64), 1, 0.0
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


def _rectangular(
    path: Path, position: NDArray[np.float64], said: tuple[float, float]
) -> tuple[NDArray[np.int64], tuple[float, float]]:
    """Return the point of each grid place, -1 where there is none, and the steps."""
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


def _hexagonal(
    path: Path, position: NDArray[np.float64], said: tuple[float, float]
) -> tuple[NDArray[np.int64], tuple[float, float]]:
    """Sample a hexagonal grid on a square one with as many points per area."""
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
