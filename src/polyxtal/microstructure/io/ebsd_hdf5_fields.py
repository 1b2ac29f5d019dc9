"""Columns, numbers and texts of maps in HDF5."""

from __future__ import annotations

import math
from collections.abc import Mapping

import h5py
import numpy as np
from numpy.typing import NDArray

from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.io.ebsd_table import MAX_BYTES, MAX_PHASES
from polyxtal.microstructure.io.hdf5 import children, read_numbers, read_strings

MAX_POINTS = MAX_BYTES // 64
"""Largest number of points of a map."""


class Fields:
    """The members of a group, read as they are asked for.

    Attributes:
        names: Names of the members.
    """

    def __init__(self, group: h5py.Group) -> None:
        """Look up the members of the group."""
        self._where = shorten(group.name)
        self._members = children(group)
        self.names = tuple(self._members)

    def group(self, *names: str) -> Fields:
        """Return the first group of these names that occurs.

        Raises:
            ValueError: if none does.
        """
        for name in names:
            member = self._members.get(name)
            if isinstance(member, h5py.Group):
                return Fields(member)
        raise ValueError(f"{self._where} must hold the group '{names[0]}', but does not.")

    def groups(self) -> dict[str, Fields]:
        """Return the groups by name, at most `MAX_PHASES`.

        Raises:
            ValueError: if there are more.
        """
        found = {k: one for k, one in self._members.items() if isinstance(one, h5py.Group)}
        if len(found) > MAX_PHASES:
            raise ValueError(
                f"{self._where} must describe at most {MAX_PHASES} phases (MAX_PHASES), but "
                f"describes {len(found)}."
            )
        return {name: Fields(one) for name, one in found.items()}

    def column(self, *names: str, width: int = 1, count: int | None = None) -> NDArray[np.float64]:
        """Return the first array of these names that occurs, (points,) or (points, width).

        Raises:
            ValueError: if none occurs, or it has another shape or too many points.
        """
        dataset = self._dataset(*names)
        if dataset is None:
            raise ValueError(
                f"{self._where} must hold the array '{names[0]}', but holds "
                f"{listing(self.names) or 'nothing'}."
            )
        size = math.prod(dataset.shape)
        given = size // width if count is None else count
        if size != given * width or not 0 < given <= MAX_POINTS:
            raise ValueError(
                f"{shorten(dataset.name)} must have {width} values for each of "
                f"{'1' if count is None else count} to {count or MAX_POINTS} points, "
                f"but has shape {shorten(dataset.shape)}."
            )
        values = read_numbers(dataset).astype(np.float64)
        return values.reshape(-1) if width == 1 else values.reshape(-1, width)

    def columns(self, count: int, besides: Mapping[str, str]) -> dict[str, NDArray[np.float64]]:
        """Return the arrays of one number per point by their own names, in lower case.

        Args:
            count: Number of points.
            besides: Names to return instead of the file's, "" to leave the array out.
        """
        found: dict[str, NDArray[np.float64]] = {}
        for name, member in self._members.items():
            own = besides.get(name, name.strip().lower().replace(" ", "_"))
            if not isinstance(member, h5py.Dataset) or not own:
                continue
            if math.prod(member.shape) == count and member.dtype.kind in "biuf":
                found.setdefault(own, read_numbers(member).astype(np.float64).reshape(-1))
        return found

    def values(self, *names: str) -> list[float]:
        """Return up to 9 numbers of the first array of these names that occurs; none if none does.

        Raises:
            ValueError: if there are more, or they are not finite.
        """
        dataset = self._dataset(*names)
        if dataset is None:
            return []
        if math.prod(dataset.shape) > 9:
            raise ValueError(
                f"{shorten(dataset.name)} must be up to 9 numbers, but has shape "
                f"{shorten(dataset.shape)}."
            )
        values = read_numbers(dataset).astype(np.float64).reshape(-1)
        if not np.isfinite(values).all():
            raise ValueError(f"{shorten(dataset.name)} must be finite, but is not.")
        return values.tolist()

    def whole(self, *names: str) -> int | None:
        """Return the first number as a whole one; None if it is missing or none."""
        values = self.values(*names)
        is_whole = bool(values) and values[0] == round(values[0]) and abs(values[0]) < 1e9
        return int(values[0]) if is_whole else None

    def number(self, *names: str) -> float:
        """Return the first number; 0 if it is missing."""
        return next(iter(self.values(*names)), 0.0)

    def text(self, *names: str) -> str:
        """Return the first array of these names as a text; numbers are written out; "" if missing.

        Raises:
            ValueError: if it is neither.
        """
        dataset = self._dataset(*names)
        if dataset is None:
            return ""
        if h5py.check_string_dtype(dataset.dtype) is not None:
            return "".join(read_strings(dataset)[:1]).strip()
        return f"{self.number(*names):g}"

    def _dataset(self, *names: str) -> h5py.Dataset | None:
        for name in names:
            member = self._members.get(name)
            if isinstance(member, h5py.Dataset):
                return member
        return None


def phase_number(name: str) -> int:
    """Return the number that is the name of a phase's group.

    Raises:
        ValueError: if it is none.
    """
    if not (name.isascii() and name.isdigit() and len(name) < 7):
        raise ValueError(f"phases must be named by their number, but one is {shorten(name)}.")
    return int(name)
