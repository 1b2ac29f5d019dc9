"""Fields of a simulation at chosen times: one image per time, and an index that ParaView opens.

    run.vti  ->  run.pvd, run_0000.vti, run_0040.vti, …

Lengths in the files are in metres, as in DAMASK's grids; fields keep the unit they are given in.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from polyxtal.files.atomic import atomic_file, atomic_files
from polyxtal.files.wording import shorten
from polyxtal.microstructure.io.damask import METRE
from polyxtal.microstructure.io.pvd import format_pvd, parse_pvd
from polyxtal.microstructure.io.vti import MAX_VOXELS, write_image
from polyxtal.microstructure.polycrystal import valid_edges

MAX_NUMBER = 999_999_999
"""Largest number of a snapshot."""

MAX_COMPONENTS = 100
"""Largest number of components of a field."""


class _Entry(NamedTuple):
    """A snapshot in the index."""

    number: int
    time: float


class FieldSeries:
    """A growing series of snapshots on disk; every file is written atomically.

    A killed run leaves at most one snapshot that the index does not list, and hidden temporary
    files; neither is read. Snapshots are listed in the order of their numbers and times.

    Attributes:
        index: The file to open in ParaView.
    """

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
            resume: Keep the listed snapshots that exist; without an index, begin a new series.
            replace: Remove an existing series, i.e. the files that its index lists.
        Raises:
            FileNotFoundError: if the folder does not exist.
            PermissionError: if the folder is not writable.
            FileExistsError: if a series of this name exists (unless `resume` or `replace`), or
                snapshots of this name that belong to no index.
            ValueError: if an argument is invalid, or the index is not one of this series.
        """
        self._path = Path(path)
        if self._path.suffix != ".vti" or not self._path.stem.isprintable():
            raise ValueError(
                f"{shorten(str(path))}: a field series must have a printable name that ends in "
                f".vti, but has not."
            )
        if resume and replace:
            raise ValueError(f"{path}: a field series must be resumed or replaced, but not both.")
        self._grid, self._spacing, self._origin = _geometry(grid, spacing, origin)
        if dtype not in ("float32", "float64"):
            raise ValueError(f"Argument `dtype` must be float32 or float64, but is {dtype!r}.")
        self._dtype = np.dtype(dtype)
        self.index = self._path.with_suffix(".pvd")
        _require_writable(self._path)
        self._entries = self._begin(resume, replace)
        with atomic_file(self.index) as listing:
            listing.write_text(self._listing(self._entries), encoding="utf-8")

    @property
    def files(self) -> tuple[Path, ...]:
        """The snapshots that the index lists, in order of time."""
        return tuple(self._file(entry.number) for entry in self._entries)

    @property
    def times(self) -> tuple[float, ...]:
        """The times of the snapshots. [s]"""
        return tuple(entry.time for entry in self._entries)

    def append(
        self,
        number: int,
        time: float,
        fields: Mapping[str, torch.Tensor | NDArray[np.generic]],
    ) -> None:
        """Write a snapshot, then the index.

        Args:
            number: Number of the increment, above the last one; becomes part of the file name.
            time: Time, after the last one. [s]
            fields: Fields by name, best with unit ("P / MPa"): (nx, ny, nz), (nx, ny, nz, k) with
                up to 100 components, or (nx, ny, nz, 3, 3), whose component 3 i + j in the file
                is [i, j]. Integers stay integers.
        Raises:
            ValueError: if number, time or a field is invalid; nothing is written.
            OSError: if the files cannot be written; the series is unchanged.
        """
        last = self._entries[-1] if self._entries else _Entry(-1, -math.inf)
        if not last.number < number <= MAX_NUMBER:
            raise ValueError(
                f"{self.index}: the number of a snapshot must be {last.number + 1} to "
                f"{MAX_NUMBER}, but is {number}."
            )
        if not (math.isfinite(time) and time > last.time):
            raise ValueError(
                f"{self.index}: the time of a snapshot must be finite and later than {last.time}, "
                f"but is {time}."
            )
        if not fields:
            raise ValueError(f"{self.index}: a snapshot must have fields, but has none.")
        cells = {_field_name(name): self._cells(name, values) for name, values in fields.items()}
        target = self._file(number)
        if target.is_symlink():
            raise FileExistsError(f"{target}: a snapshot must be a file of its own, but is a link.")
        entries = [*self._entries, _Entry(number, float(time))]
        try:
            with atomic_files(target, self.index) as (snapshot, listing):
                write_image(snapshot, cells, self._spacing, self._origin, time)
                listing.write_text(self._listing(entries), encoding="utf-8")
        except OSError as error:
            reason = " ".join(str(error).split())
            raise OSError(f"{target}: must be written, but is not ({reason}).") from error
        self._entries = entries

    def truncate(self, after_time: float) -> None:
        """Remove all snapshots after a time, and their files.

        Args:
            after_time: Time of the last snapshot to keep. [s]
        Raises:
            ValueError: if the time is not a number.
        """
        if math.isnan(after_time):
            raise ValueError(f"{self.index}: the time to go back to must be a number, but is NaN.")
        kept = [entry for entry in self._entries if entry.time <= after_time]
        if kept == self._entries:
            return
        # Files first: what is killed in between lists files that are gone, and resuming skips them.
        self._remove(self._entries[len(kept) :])
        self._entries = kept
        with atomic_file(self.index) as listing:
            listing.write_text(self._listing(kept), encoding="utf-8")

    def _begin(self, resume: bool, replace: bool) -> list[_Entry]:
        """Read the index, clear the way for a new series, and return what stays listed."""
        exists = self.index.exists()
        if exists and not (resume or replace):
            raise FileExistsError(
                f"{self.index}: a field series must be new, resumed or replaced, but this one "
                f"exists and neither `resume` nor `replace` is set."
            )
        listed = self._read_index() if exists else []
        if exists and resume:
            return [entry for entry in listed if self._file(entry.number).is_file()]
        known = {self._file(entry.number).name for entry in listed}
        strangers = [
            name
            for name in sorted(os.listdir(self._path.parent))
            if self._number(name) is not None and name not in known
        ]
        if strangers:
            raise FileExistsError(
                f"{self._path.with_name(strangers[0])}: a new field series must not meet snapshots "
                f"of its name that no index lists, but meets {len(strangers)}."
            )
        self._remove(listed)
        return []

    def _remove(self, entries: Sequence[_Entry]) -> None:
        for entry in reversed(entries):
            self._file(entry.number).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.stem}_{number:04d}{self._path.suffix}")

    def _number(self, name: str) -> int | None:
        """Return the number in a snapshot's name; None for other files."""
        stem, suffix = re.escape(self._path.stem), re.escape(self._path.suffix)
        match = re.fullmatch(rf"{stem}_([0-9]{{4,9}}){suffix}", name)
        if match is None or name != self._file(int(match.group(1))).name:
            return None
        return int(match.group(1))

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

    def _listing(self, entries: Sequence[_Entry]) -> str:
        named = [(self._file(entry.number).name, entry.time) for entry in entries]
        return format_pvd(named)

    def _read_index(self) -> list[_Entry]:
        """Read the index, trusting none of it."""
        listed = parse_pvd(self.index)
        entries: list[_Entry] = []
        last = _Entry(-1, -math.inf)
        for name, time in listed:
            number = self._number(name)
            if number is None:
                raise ValueError(
                    f"{self.index}: must list snapshots of its own such as {self._file(0).name}, "
                    f"but lists {shorten(name)}."
                )
            if not (math.isfinite(time) and number > last.number and time > last.time):
                raise ValueError(
                    f"{self.index}: numbers and finite times must increase from snapshot to "
                    f"snapshot, but do not at {shorten(name)}."
                )
            last = _Entry(number, time)
            entries.append(last)
        return entries


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


def _require_writable(path: Path) -> None:
    """Fail before the simulation, not at its first snapshot."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder to write into must exist, but does not.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(f"{path}: the folder to write into must be writable, but is not.")


def _field_name(name: str) -> str:
    if not name.isprintable() or not name.strip(" ."):
        raise ValueError(
            f"The name of a field must be printable and more than blanks and dots, "
            f"but is {shorten(name)}."
        )
    return name
