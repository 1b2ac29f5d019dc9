"""Fields of a simulation at chosen times: one image per time, and an index that ParaView opens.

    run.vti  ->  run.pvd, run_0000.vti, run_0040.vti, …

Lengths in the files are in metres, as in DAMASK's grids; fields keep the unit they are given in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from polyxtal.files.snapshots import Snapshot, SnapshotSeries
from polyxtal.files.wording import shorten
from polyxtal.microstructure.io.damask import METRE
from polyxtal.microstructure.io.pvd import format_pvd, parse_pvd
from polyxtal.microstructure.io.vti import MAX_VOXELS, write_image
from polyxtal.microstructure.polycrystal import valid_edges

MAX_COMPONENTS = 100
"""Largest number of components of a field."""

_Arrays = dict[str, NDArray[np.generic]]


class FieldSeries(SnapshotSeries):
    """A growing series of images; the index is the file to open in ParaView.

    `append` takes fields by name, best with unit ("P [MPa]"): (nx, ny, nz), (nx, ny, nz, k) with up
    to 100 components, or (nx, ny, nz, 3, 3), whose component 3 i + j in the file is [i, j].
    Integers stay integers.
    """

    suffix = ".vti"

    def __init__(
        self,
        path: str | Path,
        grid: Sequence[int],
        spacing: Sequence[float],
        origin: Sequence[float] = (0.0, 0.0, 0.0),
        *,
        dtype: str = "float32",
        resume: bool = False,
        replace: bool = False,
    ) -> None:
        """Begin a series with an empty index, or continue one.

        Args:
            path: Folder and name of the series, ending in .vti.
            grid: Number of voxels along x, y, z.
            spacing: Edge lengths of a voxel. [µm]
            origin: Corner of the grid. [µm]
            dtype: Precision of real fields in the files, float32 or float64.
            resume, replace: As in `SnapshotSeries`, with its errors.
        """
        self._grid, self._spacing, self._origin = _geometry(grid, spacing, origin)
        if dtype not in ("float32", "float64"):
            raise ValueError(f"Argument `dtype` must be float32 or float64, but is {dtype!r}.")
        self._dtype = np.dtype(dtype)
        super().__init__(path, resume=resume, replace=replace)

    @classmethod
    def _name_index(cls, path: Path) -> Path:
        return path.with_suffix(".pvd")

    def _prepare(self, fields: Mapping[str, torch.Tensor | NDArray[np.generic]]) -> _Arrays:
        return {_field_name(name): self._cells(name, values) for name, values in fields.items()}

    def _write_snapshot(self, path: Path, snapshot: Snapshot, content: _Arrays) -> None:
        write_image(path, content, self._spacing, self._origin, snapshot.time)

    def _write_index(self, path: Path, entries: Sequence[Snapshot]) -> None:
        named = [(self._file(entry.number).name, entry.time) for entry in entries]
        path.write_text(format_pvd(named), encoding="utf-8")

    def _parse_index(self) -> list[tuple[str, float]]:
        return parse_pvd(self.index)

    def _cells(self, name: str, values: torch.Tensor | NDArray[np.generic]) -> NDArray[np.generic]:
        """Return a field in the type it has in the file."""
        array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values
        axes = array.shape[3:]
        vector = len(axes) <= 1 and 1 <= math.prod(axes) <= MAX_COMPONENTS
        if array.shape[:3] != self._grid or not (vector or axes == (3, 3)):
            raise ValueError(
                f"{self.index}: the field '{name}' must have the shape {self._grid}, or (…, k) "
                f"with k up to {MAX_COMPONENTS}, or (…, 3, 3), but has {array.shape}."
            )
        if array.dtype.kind in "biu" and np.can_cast(array.dtype, np.int64):
            return array.astype(np.int64)
        if array.dtype.kind != "f":
            raise ValueError(
                f"{self.index}: the field '{name}' must hold reals or integers of up to 64 bits "
                f"with sign, but holds {array.dtype}."
            )
        with np.errstate(over="ignore"):
            stored = array.astype(self._dtype)
        if np.isinf(stored).sum() > np.isinf(array).sum():
            raise ValueError(
                f"{self.index}: the field '{name}' must be within the range of {self._dtype}, "
                f"but is not."
            )
        return stored


def _geometry(
    grid: Sequence[int], spacing: Sequence[float], origin: Sequence[float]
) -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
    """Validate the grid; return it with lengths in metres."""
    if len(grid) != 3 or min(grid) < 1 or math.prod(grid) > MAX_VOXELS:
        raise ValueError(
            f"Argument `grid` must be three numbers of 1 to {MAX_VOXELS} voxels together, "
            f"but is {tuple(grid)}."
        )
    if len(spacing) != 3 or not valid_edges(spacing):
        raise ValueError(
            f"Argument `spacing` must be three positive lengths, but is {tuple(spacing)}."
        )
    if len(origin) != 3 or not all(map(math.isfinite, origin)):
        raise ValueError(f"Argument `origin` must be three lengths, but is {tuple(origin)}.")
    metres = tuple(s / METRE for s in spacing), tuple(x / METRE for x in origin)
    return tuple(int(n) for n in grid), *metres


def _field_name(name: str) -> str:
    if not name.isprintable() or not name.strip(" ."):
        raise ValueError(
            f"The name of a field must be printable and more than blanks and dots, "
            f"but is {shorten(name)}."
        )
    return name
