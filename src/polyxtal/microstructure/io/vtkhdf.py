"""VTK's HDF5 container (.vtkhdf): cell arrays on a regular grid, units left to the caller.

Layout: the group `VTKHDF` carries the grid as attributes, its group `CellData` one dataset per
array, shape (nz, ny, nx) or (nz, ny, nx, components), and `FieldData/TimeValue` the time.
Arrays are packed with gzip because VTK cannot unpack h5py's LZF.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from polyxtal.microstructure.io.hdf5 import MAX_BYTES, children, open_hdf5, read_numbers

MAX_VOXELS = 2**30
"""Largest grid that is read."""

MAX_COMPONENTS = 100
"""Most components of an array that is read."""

_VERSION = (2, 0)
_CHUNK_BYTES = 2**20
_MOST_PACKED = 1100  # deflate never shrinks further, so less storage means missing chunks
_SLASH = "\u2215"  # HDF5 keeps "/" for paths; this division sign looks alike


@dataclass(frozen=True)
class Snapshot:
    """What a .vtkhdf image holds.

    Attributes:
        grid: Number of voxels along x, y, z.
        spacing: Edge lengths of a voxel along x, y, z, in the file's unit.
        origin: Corner of the grid, in the file's unit.
        time: Time of the snapshot, None if the file gives none. [s]
        fields: Arrays (nx, ny, nz), (nx, ny, nz, k), or (nx, ny, nz, 3, 3) where the file has
            nine components.
    """

    grid: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    time: float | None
    fields: Mapping[str, NDArray[np.generic]]


def write_vtkhdf(
    path: str | Path,
    cells: Mapping[str, NDArray[np.generic]],
    spacing: Sequence[float],
    origin: Sequence[float] = (0.0, 0.0, 0.0),
    time: float | None = None,
) -> None:
    """Write cell arrays, packed with gzip, whose checksums let readers find damage.

    A "/" in a name is written as "∕" (U+2215), and read back as "/".

    Args:
        path: The file, overwritten in place (see `files.atomic` for a safe way).
        cells: Numbers by name, (nx, ny, nz) or with more axes for components, which are written
            row by row; all of one grid.
        spacing: Edge lengths of a voxel, in the file's unit.
        origin: Corner of the grid, in the file's unit.
        time: Time of the snapshot, if any. [s]
    """
    grid = next(iter(cells.values())).shape[:3]
    with h5py.File(path, "w") as file:
        root = file.create_group("VTKHDF")
        root.attrs["Version"] = np.array(_VERSION, dtype=np.int64)
        root.attrs["Type"] = np.bytes_("ImageData")
        root.attrs["WholeExtent"] = np.array([(0, n) for n in grid], dtype=np.int64).ravel()
        root.attrs["Origin"] = np.array(origin, dtype=np.float64)
        root.attrs["Spacing"] = np.array(spacing, dtype=np.float64)
        root.attrs["Direction"] = np.eye(3).ravel()
        data = root.create_group("CellData")
        for name, values in cells.items():
            flat = values if values.ndim == 3 else values.reshape(*grid, -1)
            stored = np.ascontiguousarray(np.swapaxes(flat, 0, 2))
            data.create_dataset(
                name.replace("/", _SLASH),
                data=stored,
                chunks=_chunk(stored.shape, _CHUNK_BYTES // stored.dtype.itemsize),
                compression="gzip",
                compression_opts=1,
                shuffle=True,
            )
        times = root.create_group("FieldData")
        if time is not None:
            times.create_dataset("TimeValue", data=np.array([time], dtype=np.float64))


def _chunk(shape: tuple[int, ...], values: int) -> tuple[int, ...]:
    """Cut a block of about that many values, whole along the fastest axes."""
    chunk: list[int] = []
    for length in reversed(shape):
        chunk.insert(0, max(1, min(length, values)))
        values //= chunk[0]
    return tuple(chunk)


def read_vtkhdf(path: str | Path) -> Snapshot:
    """Read an image with all its cell arrays.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, is no VTKHDF image of one time, points out of itself,
            or holds more than the limits above.
    """
    with open_hdf5(Path(path)) as file:
        root = children(file).get("VTKHDF")
        if not isinstance(root, h5py.Group):
            raise ValueError("A VTKHDF file must hold the group VTKHDF, but does not.")
        grid, spacing, origin = _read_geometry(root)
        members = children(root)
        if "Steps" in members:
            raise ValueError("The image must be of one time, but has the group Steps.")
        fields = _read_cells(_group(members, "CellData"), grid)
        return Snapshot(grid, spacing, origin, _read_time(members), fields)


def _read_geometry(
    root: h5py.Group,
) -> tuple[tuple[int, int, int], tuple[float, float, float], tuple[float, float, float]]:
    """Read grid, spacing and origin, once the type and the version fit."""
    kind = root.attrs.get("Type")
    kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else kind
    if not isinstance(kind, str) or kind != "ImageData":
        raise ValueError(f"The attribute Type must be 'ImageData', but is {str(kind)[:60]!r}.")
    major, _ = _attribute(root, "Version", 2)
    if major not in (0, 1, 2):
        raise ValueError(f"The attribute Version must be at most 2, but is {major:g}.")
    extent = _attribute(root, "WholeExtent", 6)
    nx, ny, nz = (int(extent[k + 1] - extent[k]) for k in (0, 2, 4))
    whole = all(value == int(value) for value in extent)
    if not whole or min(nx, ny, nz) < 1 or nx * ny * nz > MAX_VOXELS:
        raise ValueError(
            f"The attribute WholeExtent must span 1 to {MAX_VOXELS} voxels, but is {extent}."
        )
    sx, sy, sz = _attribute(root, "Spacing", 3)
    if min(sx, sy, sz) <= 0:
        raise ValueError(f"The attribute Spacing must be positive, but is {(sx, sy, sz)}.")
    ox, oy, oz = _attribute(root, "Origin", 3)
    if "Direction" in root.attrs:  # came with version 1.0
        direction = _attribute(root, "Direction", 9)
        if not np.array_equal(np.reshape(direction, (3, 3)), np.eye(3)):
            raise ValueError(f"The attribute Direction must be the identity, but is {direction}.")
    return (nx, ny, nz), (sx, sy, sz), (ox, oy, oz)


def _attribute(root: h5py.Group, key: str, count: int) -> tuple[float, ...]:
    """Read an attribute of so many finite numbers."""
    values = np.asarray(root.attrs.get(key))
    if (
        values.dtype.kind not in "iuf"
        or values.shape != (count,)
        or not (np.abs(values.astype(np.float64)) < 2.0**53).all()
    ):
        raise ValueError(f"The attribute {key} must be {count} finite numbers, but is not.")
    return tuple(float(value) for value in values)


def _group(members: Mapping[str, h5py.Group | h5py.Dataset], name: str) -> h5py.Group:
    group = members.get(name)
    if not isinstance(group, h5py.Group):
        raise ValueError(f"VTKHDF must hold the group {name}, but does not.")
    return group


def _read_cells(data: h5py.Group, grid: tuple[int, int, int]) -> dict[str, NDArray[np.generic]]:
    """Read all arrays, once all of them are known to fit the grid and the limits."""
    arrays = children(data)
    total = 0
    for name, array in arrays.items():
        shape = array.shape if isinstance(array, h5py.Dataset) else ()
        components = math.prod(shape[3:])
        fits = shape[:3] == grid[::-1] and len(shape) <= 4 and 1 <= components <= MAX_COMPONENTS
        if not isinstance(array, h5py.Dataset) or not fits:
            raise ValueError(
                f"The array '{name}' must have the shape {grid[::-1]}, or one more axis of 1 to "
                f"{MAX_COMPONENTS} components, but has {shape}."
            )
        size = math.prod(shape) * array.dtype.itemsize
        total += size
        if array.id.get_storage_size() * _MOST_PACKED < size:
            raise ValueError(f"The array '{name}' must be stored whole, but is not.")
    if total > MAX_BYTES:
        raise ValueError(
            f"The arrays must not exceed {MAX_BYTES >> 30} GiB, but have {total} bytes."
        )
    return {
        name.replace(_SLASH, "/"): _axes_of_field(read_numbers(array))
        for name, array in arrays.items()
        if isinstance(array, h5py.Dataset)
    }


def _axes_of_field(stored: NDArray[np.generic]) -> NDArray[np.generic]:
    """Turn (z, y, x, …) into (x, y, z, …), native byte order, nine components into a matrix."""
    native = stored.dtype.newbyteorder("=")
    values = np.ascontiguousarray(np.swapaxes(stored, 0, 2), dtype=native)
    return values.reshape(*values.shape[:3], 3, 3) if values.shape[3:] == (9,) else values


def _read_time(members: Mapping[str, h5py.Group | h5py.Dataset]) -> float | None:
    if "FieldData" not in members:
        return None
    stored = children(_group(members, "FieldData")).get("TimeValue")
    if stored is None:
        return None
    if not isinstance(stored, h5py.Dataset) or stored.size != 1:
        raise ValueError("FieldData/TimeValue must be one number, but is not.")
    time = float(read_numbers(stored).ravel()[0])
    if not math.isfinite(time):
        raise ValueError(f"FieldData/TimeValue must be finite, but is {time}.")
    return time
