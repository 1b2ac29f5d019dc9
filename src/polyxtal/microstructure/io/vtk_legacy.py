"""VTK's legacy images (.vtk, STRUCTURED_POINTS): arrays of cells or points, in text or binary."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import listing, shorten

MAX_BYTES = 2**32
"""Largest file that is read. [bytes]"""
MAX_VOXELS = 2**30
"""Largest grid that is read."""

_TYPES = {
    "bit": None, "string": None, "unsigned_char": "u1", "char": "i1", "unsigned_short": "u2",
    "short": "i2", "unsigned_int": "u4", "int": "i4", "unsigned_long": "u8", "long": "i8",
    "vtkidtype": "i8", "vtktypeint64": "i8", "vtktypeuint64": "u8", "float": "f4", "double": "f8",
    "color": "u1",
}  # fmt: skip
_COMPONENTS = {"vectors": 3, "normals": 3, "tensors": 9, "tensors6": 6}


class _Array(NamedTuple):
    kind: str
    components: int
    tuples: int
    content: bytes


class LegacyImage:
    """A grid and its arrays, which are decoded on request.

    Attributes:
        spacing: Edge lengths of a voxel along x, y, z, in the file's unit.
        names: Names of the arrays.
    """

    def __init__(self, path: Path) -> None:
        """Read a file and find its arrays.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is no image, damaged or too large.
        """
        self._path, self._content, self._at = path, read_bounded(path, MAX_BYTES), 0
        first, _, form = (self._line() for _ in range(3))
        if not first.lower().startswith("# vtk datafile version") or form not in (
            "ASCII",
            "BINARY",
        ):
            raise ValueError(
                f"{path}: must be a legacy file of VTK, in ASCII or BINARY, but is not."
            )
        self._binary = form == "BINARY"
        self._points = (0, 0, 0)
        self.spacing = (1.0, 1.0, 1.0)
        self._arrays: dict[str, _Array] = {}
        tuples = 0
        while self._at < len(self._content):
            words = self._line().split()
            key = words[0].lower() if words else ""
            if key == "dataset" and words[1:] != ["STRUCTURED_POINTS"]:
                raise ValueError(
                    f"{path}: the dataset must be STRUCTURED_POINTS, but is {shorten(words[1:])}."
                )
            if key == "dimensions":
                self._points = self._dimensions(words[1:])
            elif key in ("spacing", "aspect_ratio"):
                self.spacing = self._edges(words[1:])
            elif key in ("cell_data", "point_data"):
                tuples = self._count(words[1:2])
            elif key == "metadata":
                while self._line():
                    pass
            elif key == "field":
                for _ in range(min(self._count(words[2:3]), 10_000)):
                    self._field()
            elif key == "color_scalars" and len(words) == 3:  # bytes; their 255th parts in text
                self._take(words[1], "color", self._count(words[2:]), tuples)
            elif key in ("scalars", *_COMPONENTS):
                self._attribute(key, words, tuples)
        self.names = tuple(self._arrays)

    def voxels(self, name: str) -> NDArray[np.generic]:
        """Return an array of one number per cell, or per point if it is one of points, on the grid.

        Raises:
            ValueError: if there is no such array, or it does not fit the grid.
        """
        if name not in self._arrays:
            raise ValueError(
                f"{self._path}: must hold the array '{name}', but holds "
                f"{listing(self.names) or 'none'}."
            )
        kind, components, tuples, content = self._arrays[name]
        cells = tuple(max(1, n - 1) for n in self._points)
        grid = cells if tuples == math.prod(cells) else self._points
        if components != 1 or tuples != math.prod(grid):
            raise ValueError(
                f"{self._path}: array '{name}' must have one number for each of "
                f"{math.prod(cells)} cells or {math.prod(self._points)} points, but has {tuples} "
                f"of {components}."
            )
        values = self._decoded(name, kind, content)
        if len(values) != tuples:
            raise ValueError(
                f"{self._path}: array '{name}' must hold {tuples} values, but holds {len(values)}."
            )
        return values.reshape(grid, order="F")

    def _decoded(self, name: str, kind: str, content: bytes) -> NDArray[np.generic]:
        if self._binary:
            dtype = np.dtype(f">{_TYPES[kind]}")
            whole = content[: len(content) - len(content) % dtype.itemsize]
            return np.frombuffer(whole, dtype).astype(dtype.newbyteorder("="))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)  # told of what is no number
                values = np.fromstring(content.decode("ascii"), sep=" ")
                return np.rint(255 * values) if kind == "color" else values
        except (ValueError, DeprecationWarning) as error:
            raise ValueError(
                f"{self._path}: array '{name}' must hold numbers, but holds something else."
            ) from error

    def _line(self) -> str:
        end = self._content.find(b"\n", self._at)
        end = len(self._content) if end < 0 else end
        line = self._content[self._at : min(end, self._at + 1000)]
        self._at = end + 1
        return line.decode("utf-8", "replace").strip()

    def _attribute(self, key: str, words: list[str], tuples: int) -> None:
        """Take the array below a line such as `SCALARS name int 1`."""
        if len(words) < 3:
            raise ValueError(f"{self._path}: {words[0]} must name an array and its type.")
        components = _COMPONENTS.get(key) or (self._count(words[3:4]) if len(words) > 3 else 1)
        if key == "scalars":
            begin = self._at
            if not self._line().lower().startswith("lookup_table"):
                self._at = begin
        self._take(words[1], words[2].lower(), components, tuples)

    def _field(self) -> None:
        """Take one array of a field: `name components tuples type` and the values."""
        words = self._line().split()
        while not words and self._at < len(self._content):
            words = self._line().split()
        if len(words) != 4:
            raise ValueError(
                f"{self._path}: an array of a field must be described by name, components, tuples "
                f"and type, but is by {shorten(words)}."
            )
        components, tuples = self._count(words[1:2]), self._count(words[2:3])
        self._take(words[0], words[3].lower(), components, tuples)
        begin = self._at
        if self._line().upper() == "METADATA":
            while self._line():
                pass
        else:
            self._at = begin

    def _take(self, name: str, kind: str, components: int, tuples: int) -> None:
        if _TYPES.get(kind) is None:
            raise ValueError(
                f"{self._path}: array {shorten(name)} must be of numbers, but is of "
                f"{shorten(kind)}."
            )
        count, begin = components * tuples, self._at
        if self._binary:
            self._at += count * np.dtype(_TYPES[kind]).itemsize
        else:
            left = count
            while left > 0 and self._at < len(self._content):
                end = self._content.find(b"\n", self._at)
                end = len(self._content) if end < 0 else end
                left -= len(self._content[self._at : end].split())
                self._at = end + 1
        content = self._content[begin : self._at]
        self._arrays.setdefault(name, _Array(kind, components, tuples, content))
        if self._binary and self._content[self._at : self._at + 1] == b"\n":
            self._at += 1

    def _count(self, words: list[str]) -> int:
        word = words[0] if len(words) == 1 else ""
        if not (word.isascii() and word.isdigit() and len(word) <= 10):
            raise ValueError(f"{self._path}: a count must be a number, but is {shorten(words)}.")
        return int(word)

    def _dimensions(self, words: list[str]) -> tuple[int, int, int]:
        counts = [self._count([word]) for word in words]
        if len(counts) != 3 or min(counts) < 1 or math.prod(counts) > MAX_VOXELS:
            raise ValueError(
                f"{self._path}: DIMENSIONS must be 1 to {MAX_VOXELS} points, but are "
                f"{shorten(words)}."
            )
        return counts[0], counts[1], counts[2]

    def _edges(self, words: list[str]) -> tuple[float, float, float]:
        try:
            dx, dy, dz = (float(word) for word in words)
        except ValueError:
            dx = dy = dz = math.nan
        if not all(0 < edge < math.inf for edge in (dx, dy, dz)):
            raise ValueError(
                f"{self._path}: SPACING must be three positive lengths, but is {shorten(words)}."
            )
        return dx, dy, dz
