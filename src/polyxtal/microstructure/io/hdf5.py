"""Bounded access to untrusted HDF5 files: nothing outside the file, nothing of unbounded size.

The HDF5 library itself can hang or crash on a malicious file, and unpacks a deflated chunk to up to
a thousand times its size before it compares sizes; read such files in a separate process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from polyxtal.files.bounded import unpacked_limit
from polyxtal.files.wording import shorten, shorten_text

MAX_BYTES = 2**33
"""Largest array that is read."""

MAX_NAMES = 10_000
"""Longest list of strings that is read."""

MAX_GROUPS = 10_000
"""Most groups that are looked through."""

T = TypeVar("T")

_FILTERS = {1, 2, 3}
"""HDF5's numbers of deflate, shuffle and the checksum Fletcher-32."""


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
        if str(error).startswith(f"{path}: "):
            raise
        raise ValueError(f"{path}: {shorten_text(error)}") from error
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(
            f"{path}: must be an intact HDF5 file, but is not ({shorten_text(error)})."
        ) from error


def children(group: h5py.Group) -> dict[str, h5py.Group | h5py.Dataset]:
    """Return the groups and arrays of a group.

    Raises:
        ValueError: if one is a link, which could lead out of the file.
    """
    found: dict[str, h5py.Group | h5py.Dataset] = {}
    for name in map(str, group):
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(
                f"{shorten(f'{group.name}/{name}')} must be stored in the file, but is a link."
            )
        member = group[name]
        if isinstance(member, h5py.Group) or (
            isinstance(member, h5py.Dataset) and member.shape is not None
        ):
            found[name] = member
    return found


def find_groups(root: h5py.Group, kind: Callable[[str, h5py.Group], T | None]) -> dict[str, T]:
    """Return what is found in groups within a group, at any depth, by path.

    Args:
        root: Group to look through, not itself.
        kind: Function of a group's name and the group; None to look within it, too.
    Raises:
        ValueError: if there are more than `MAX_GROUPS` groups, or one is a link.
    """
    found: dict[str, T] = {}
    seen: set[h5py.Group] = set()  # a group may be its own member
    left: list[tuple[str, h5py.Group]] = [("", root)]
    while left:
        at, group = left.pop(0)
        for name, member in children(group).items():
            if not isinstance(member, h5py.Group):
                continue
            value = kind(name, member)
            if value is not None:
                found[at + name] = value
            elif member not in seen:
                left.append((f"{at}{name}/", member))
            seen.add(member)
            if len(seen) > MAX_GROUPS:
                raise ValueError(
                    f"must hold at most {MAX_GROUPS} groups (MAX_GROUPS), but has more."
                )
    return found


def read_numbers(dataset: h5py.Dataset) -> NDArray[np.generic]:
    """Read an array of integers, floats or truth values.

    Raises:
        ValueError: if it is of another type, stored outside the file, or too large.
    """
    if dataset.dtype.kind not in "biuf":
        raise ValueError(
            f"{shorten(dataset.name)} must be numbers, but is of {shorten(str(dataset.dtype))}."
        )
    _require_stored(dataset)
    return np.asarray(dataset[()])


def read_attribute(group: h5py.Group, name: str, count: int) -> NDArray[np.generic]:
    """Read an attribute of integers or floats; empty if it is missing.

    Raises:
        ValueError: if it is of another type, or has not so many values.
    """
    if name not in group.attrs:
        return np.empty(0)
    stored = group.attrs.get_id(name)
    if stored.dtype.kind not in "iuf" or math.prod(stored.shape) != count:
        raise ValueError(
            f"The attribute {name} of {shorten(group.name)} must be {count} numbers, "
            f"but is {shorten(stored.shape)} of {shorten(str(stored.dtype))}."
        )
    return np.asarray(group.attrs[name])


def read_text_attribute(node: h5py.Group | h5py.Dataset, name: str) -> str:
    """Read an attribute of one string; empty if it is missing.

    Raises:
        ValueError: if it is of another type.
    """
    if name not in node.attrs:
        return ""
    stored = node.attrs.get_id(name)
    if h5py.check_string_dtype(stored.dtype) is None or math.prod(stored.shape) != 1:
        raise ValueError(
            f"The attribute {name} of {shorten(node.name)} must be a string, but is "
            f"{shorten(stored.shape)} of {shorten(str(stored.dtype))}."
        )
    value = np.ravel(np.asarray(node.attrs[name]))[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_strings(dataset: h5py.Dataset) -> list[str]:
    """Read a list of strings.

    Raises:
        ValueError: if it is of another type, stored outside the file, or too long.
    """
    if h5py.check_string_dtype(dataset.dtype) is None or math.prod(dataset.shape) > MAX_NAMES:
        raise ValueError(
            f"{shorten(dataset.name)} must be up to {MAX_NAMES} strings (MAX_NAMES), "
            f"but is {shorten(dataset.shape)} of {shorten(str(dataset.dtype))}."
        )
    _require_stored(dataset)
    strings, left = dataset.asstr(errors="replace"), dataset.file.id.get_filesize()
    found: list[str] = []
    for index in np.ndindex(dataset.shape):  # one by one: all may refer to the same long string
        found.append(str(strings[index]))
        left -= len(found[-1])
        if left < 0:
            raise ValueError(
                f"{shorten(dataset.name)} must be shorter than the file, but its strings are not."
            )
    return found


def _require_stored(dataset: h5py.Dataset) -> None:
    """Check, before anything is read, that an array is in the file in full or packed."""
    name = shorten(dataset.name)
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name} must be stored in the file, but is stored elsewhere.")
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(k)[0] for k in range(properties.get_nfilters())]
    if len(set(filters)) < len(filters) or not set(filters) <= _FILTERS:
        raise ValueError(
            f"{name} must be packed by shuffle and deflate at most, but by the filters "
            f"{shorten(filters)}."
        )
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    if size > MAX_BYTES:
        raise ValueError(
            f"{name} must not exceed {MAX_BYTES >> 30} GiB (MAX_BYTES), but has {size} bytes."
        )
    stored = min(dataset.id.get_storage_size(), dataset.file.id.get_filesize())
    if dataset.chunks is None:
        if size > stored:
            raise ValueError(f"{name} must hold {size} bytes, but holds {stored}.")
        return
    chunks = math.prod(-(-n // m) for n, m in zip(dataset.shape, dataset.chunks, strict=True))
    if dataset.id.get_num_chunks() < chunks:
        raise ValueError(f"{name} must hold all of its {chunks} chunks, but some are missing.")
    values = max(math.prod(dataset.shape), math.prod(dataset.chunks))
    if values > (limit := unpacked_limit(stored)):
        raise ValueError(
            f"{name} must unpack to at most {limit} values for its {stored} bytes (FREE_VALUES, "
            f"VALUES_PER_BYTE), but has {values}."
        )
