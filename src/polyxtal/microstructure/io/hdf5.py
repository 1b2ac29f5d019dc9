"""Bounded access to untrusted HDF5 files: nothing outside the file, nothing of unbounded size.

The HDF5 library itself can hang or crash on a malicious file; read such files in a separate
process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 2**33
"""Largest array that is read."""

MAX_NAMES = 10_000
"""Longest list of strings that is read."""


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open for reading; an error inside the block becomes one sentence that names the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, or the block raised ValueError.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: must be an HDF5 file, but there is no such file.")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: must be an intact HDF5 file, but is not ({reason}).") from error


def children(group: h5py.Group) -> dict[str, h5py.Group | h5py.Dataset]:
    """Return the groups and arrays of a group.

    Raises:
        ValueError: if one is a link, which could lead out of the file.
    """
    found: dict[str, h5py.Group | h5py.Dataset] = {}
    for name in map(str, group):
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"'{group.name}/{name}' must be stored in the file, but is a link.")
        member = group[name]
        if isinstance(member, h5py.Group) or (
            isinstance(member, h5py.Dataset) and member.shape is not None
        ):
            found[name] = member
    return found


def read_numbers(dataset: h5py.Dataset) -> NDArray[np.generic]:
    """Read an array of integers or floats.

    Raises:
        ValueError: if it is of another type, stored outside the file, or too large.
    """
    _require_inside(dataset)
    if dataset.dtype.kind not in "iuf":
        raise ValueError(f"'{dataset.name}' must be numbers, but is of {dataset.dtype}.")
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    if size > MAX_BYTES:
        raise ValueError(
            f"'{dataset.name}' must not exceed {MAX_BYTES >> 30} GiB, but has {size} bytes."
        )
    return np.asarray(dataset[()])


def read_strings(dataset: h5py.Dataset) -> list[str]:
    """Read a list of strings.

    Raises:
        ValueError: if it is of another type, stored outside the file, or too long.
    """
    _require_inside(dataset)
    if h5py.check_string_dtype(dataset.dtype) is None or math.prod(dataset.shape) > MAX_NAMES:
        raise ValueError(
            f"'{dataset.name}' must be up to {MAX_NAMES} strings, "
            f"but is {dataset.shape} of {dataset.dtype}."
        )
    return [str(text) for text in np.ravel(dataset.asstr(errors="replace")[()])]


def _require_inside(dataset: h5py.Dataset) -> None:
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"'{dataset.name}' must be stored in the file, but is stored elsewhere.")
