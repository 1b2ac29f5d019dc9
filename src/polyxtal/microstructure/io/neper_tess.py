"""Tessellations in polyhedra of Neper (.tess), voxelised.

A voxel belongs to the cell whose planes its centre is deepest inside of: that which holds it, and
one alone where cells overlap. Lengths, whose unit the file does not state, are read as µm.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyxtal.files.wording import shorten
from polyxtal.microstructure.io.grain_ids import GrainTable, assemble
from polyxtal.microstructure.io.grain_table import read_grain_table
from polyxtal.microstructure.io.neper_orientations import DEFAULT, described_quaternions
from polyxtal.microstructure.io.neper_sections import NeperFields
from polyxtal.microstructure.io.neper_tesr import cell_table
from polyxtal.microstructure.polycrystal import Polycrystal

MAX_VOXELS = 2**30

_Cell = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Vertices of a cell, and its planes as rows d, a, b, c: a x + b y + c z <= d inside."""


def read_tess(
    path: str | Path,
    *,
    grid: int | Sequence[int] | None = None,
    grains: str | Path | None = None,
) -> Polycrystal:
    """Read a tessellation of a box in three dimensions; periodic ones are wrapped.

    Grains are Neper's cells in their order. Their orientations are those of the table of grains,
    else of the file, else of a file `.ori` of the same name beside it (Rodrigues vectors, Neper's
    default).

    Args:
        path: File.
        grid: Number of voxels along x, y, z, or along the longest edge. Required.
        grains: Table of the cells, see `read_grain_table`.
    Returns:
        The polycrystal; its lattice is unknown where the file says triclinic, Neper's default.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the grid is missing or too fine, or the file is damaged, too large, of
            another dimension or domain, or without orientations.
    """
    path = Path(path)
    fields = NeperFields(path)
    if fields.kind != "tess" or fields.dimension != 3:
        raise ValueError(f"{path}: must be a tessellation (***tess) in 3 dimensions, but is not.")
    low, high = _box(fields)
    voxels = _counts(path, grid, high - low)
    table = read_grain_table(grains) if grains is not None else _orientations(path, fields)
    image = _voxelised(fields, low, (high - low) / voxels, voxels)
    if image.min() < 1:
        raise ValueError(
            f"{path}: cells must fill the box, but leave out {int((image < 1).sum())} voxels."
        )
    return assemble(path, image, (high - low).tolist(), table)


def _orientations(path: Path, fields: NeperFields) -> GrainTable:
    if fields.has("cell/ori"):
        return cell_table(fields)
    beside = path.with_suffix(".ori")
    if not beside.is_file():
        raise ValueError(
            f"{path}: must hold orientations (*ori), or have them in {beside.name} beside it or in "
            "a table named by argument `grains`, but has none."
        )
    values = fields.numbers_beside(beside)
    try:
        q = described_quaternions(values[: len(values) - len(values) % 3], DEFAULT).numpy()
    except ValueError as error:
        raise ValueError(f"{beside}: {error}") from error
    ids, phase = np.arange(1, len(q) + 1), np.zeros(len(q), np.int64)
    return GrainTable(ids, q, phase, ("crystal",), (fields.lattice(),))


def _box(fields: NeperFields) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of the domain."""
    kind = next(iter(fields.words("domain/general")), "")
    if kind != "cube":
        raise ValueError(f"{fields.path}: the domain must be a box (cube), but is {shorten(kind)}.")
    corners = []
    for row in fields.rows("domain/vertex"):
        if len(row) >= 5 and row[4][:1].isalpha():
            corners.append(row[1:4])
    try:
        points = np.array(corners, np.float64).reshape(-1, 3)
    except ValueError:
        points = np.full((1, 3), math.nan)
    edges = np.ptp(points, axis=0) if len(points) == 8 else np.zeros(3)
    if not (np.isfinite(points).all() and (edges > 0).all()):
        raise ValueError(
            f"{fields.path}: the domain must have the 8 corners of a box, but lacks some."
        )
    return points.min(0), points.max(0)


def _counts(
    path: Path, grid: int | Sequence[int] | None, edges: NDArray[np.float64]
) -> NDArray[np.int64]:
    if grid is None:
        raise ValueError(
            f"{path}: argument `grid`, the number of voxels, must be given for a tessellation in "
            "polyhedra, but is missing."
        )
    if np.ndim(grid) == 0:
        scaled = np.rint(np.asarray(grid, np.float64) * edges / edges.max())
        counts = np.maximum(scaled, np.minimum(1.0, grid))
    else:
        counts = np.asarray(grid, np.float64)
    if counts.shape != (3,) or not (counts >= 1).all() or counts.prod() > MAX_VOXELS:
        raise ValueError(
            f"{path}: argument `grid` must be one or three positive numbers, of at most "
            f"{MAX_VOXELS} voxels in all, but is {shorten(grid)}."
        )
    return counts.astype(np.int64)


def _cells(fields: NeperFields) -> list[_Cell]:
    """Return vertices and planes of each cell, planes facing outwards."""
    rows = fields.numbers("vertex")[1:]
    points = rows[: len(rows) // 5 * 5].reshape(-1, 5)
    vertices = {int(row[0]): row[1:4] for row in points}
    faces: dict[int, tuple[list[int], NDArray[np.float64]]] = {}
    values, at = fields.numbers("face"), 1
    while at < len(values):
        number, corners = int(values[at]), int(values[at + 1])
        first = at + 2
        edges = int(values[first + max(0, corners)])
        plane = first + corners + 1 + edges
        if corners < 3 or edges < 3 or plane + 9 > len(values):
            raise IndexError
        faces[number] = (
            values[first : first + corners].astype(np.int64).tolist(),
            values[plane : plane + 4],
        )
        at = plane + 9
    cells: list[_Cell] = []
    values, at = fields.numbers("polyhedron"), 1
    while at < len(values):
        number, count = int(values[at]), int(values[at + 1])
        own = np.abs(values[at + 2 : at + 2 + count]).astype(np.int64).tolist()
        if number != len(cells) + 1 or count < 4 or len(own) != count:
            raise IndexError
        corners = np.array([vertices[v] for v in sorted({v for f in own for v in faces[f][0]})])
        planes = np.array([faces[f][1] for f in own])
        inside = planes[:, 1:] @ corners.mean(0) - planes[:, 0]
        cells.append((corners, np.where(inside[:, None] > 0, -planes, planes)))
        at += 2 + count
    if not cells or not all(np.isfinite(part).all() for cell in cells for part in cell):
        raise IndexError
    return cells


def _voxelised(
    fields: NeperFields,
    low: NDArray[np.float64],
    step: NDArray[np.float64],
    voxels: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the number of the cell of each voxel, 0 where there is none."""
    try:
        cells = _cells(fields)
        shifts = _shifts(fields)
    except (IndexError, KeyError, ValueError, OverflowError) as error:
        if str(error).startswith(str(fields.path)):
            raise
        raise ValueError(
            f"{fields.path}: **vertex, **face and **polyhedron must describe convex cells, but are "
            "damaged."
        ) from error
    centres = [low[k] + step[k] * (np.arange(voxels[k]) + 0.5) for k in range(3)]
    depth = np.full(voxels, 0.5 * float(step.min()))
    image = np.zeros(voxels, np.int64)
    for number, (corners, planes) in enumerate(cells, 1):
        for shift in shifts:
            first, last = corners.min(0) + shift - step, corners.max(0) + shift + step
            box = tuple(
                slice(*np.searchsorted(c, (a, b)))
                for c, a, b in zip(centres, first, last, strict=True)
            )
            x, y, z = (c[part] - s for c, part, s in zip(centres, box, shift, strict=True))
            if not (len(x) and len(y) and len(z)):
                continue
            own = np.full((len(x), len(y), len(z)), -np.inf)
            for d, a, b, c in planes:
                outside = a * x[:, None, None] + b * y[:, None] + c * z - d
                np.maximum(own, outside, out=own)
            better = own < depth[box]
            depth[box][better] = own[better]
            image[box][better] = number
    return image


def _shifts(fields: NeperFields) -> list[NDArray[np.float64]]:
    """Return the images of a cell to look at: itself, and its neighbours if periodic."""
    for name in ("periodic/general", "periodicity/general"):
        values = fields.numbers(name)
        if len(values) >= 6 and np.isfinite(values).all():
            ways = [(-1, 0, 1) if flag else (0,) for flag in values[:3]]
            return [np.array(way) * values[3:6] for way in itertools.product(*ways)]
    return [np.zeros(3)]
