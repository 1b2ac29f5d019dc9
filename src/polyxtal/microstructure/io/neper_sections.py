"""The fields of Neper's files: `**section`, `*field`, and text or binary numbers below them."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import LAUE_GROUPS
from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import shorten
from polyxtal.microstructure.io.neper_orientations import descriptor_width

MAX_BYTES = 2**31
"""Largest file that is read. [bytes]"""
MAX_VOXELS = 2**30
"""Largest grid that is read."""

_BINARY = {
    "binary8": "u1", "binary16": "<u2", "binary16_big": ">u2", "binary32": "<u4",
    "binary32_big": ">u4", "binary": "<f8",
}  # fmt: skip
_HEAD_LINES = {"data": 1, "oridata": 2, "oridef": 1}
"""Lines of a field of voxels before its numbers, the last of which is their format."""
_GROUPS = {"cubic": "m-3m", "hexagonal": "6/mmm"}


class NeperFields:
    """The fields of a file by section and name, such as "cell/ori" and "general".

    Attributes:
        path: File, for errors.
        kind: "tess" or "tesr".
    """

    def __init__(self, path: Path) -> None:
        """Read a file and part it into fields.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is no file of Neper, too large, or its end is missing.
        """
        self.path, self.kind = path, ""
        self._fields: dict[str, list[bytes]] = {}
        self._binary: dict[str, bytes] = {}
        content, at, section, key = read_bounded(path, MAX_BYTES), 0, "", ""
        while at < len(content):
            end = content.find(b"\n", at)
            end = len(content) if end < 0 else end
            line, at = content[at:end].strip(), end + 1
            name = line.strip(b"*").decode("ascii", "replace").strip().split(" ")[0]
            if line.startswith(b"***"):
                if name == "end" and self.kind:
                    return
                self.kind = self.kind or name
            elif not self.kind:
                break
            elif line.startswith(b"**"):
                section = key = name
                self._fields[key] = []
            elif line.startswith(b"*"):
                key = f"{section}/{name}"
                self._fields[key] = [line] if name == "file" else []
            elif line and key:
                self._fields[key].append(line)
                at = self._take_binary(content, at, key)
        raise ValueError(
            f"{path}: must be a file of Neper, which begins with ***tess or ***tesr and ends with "
            "***end, but is not."
        )

    def _take_binary(self, content: bytes, at: int, key: str) -> int:
        """Take the bytes that follow the format of a field of voxels; return where they end."""
        lines = self._fields[key]
        if len(lines) != _HEAD_LINES.get(key) or content[at : at + 99].lstrip()[:5] == b"*file":
            return at
        kind = self._kind(key)
        if kind is None:
            return at
        size = self.voxels * self._width(key) * kind.itemsize
        self._binary[key] = content[at : at + size]
        return at + size

    @property
    def voxels(self) -> int:
        """Number of voxels of a raster."""
        return math.prod(self.grid)

    @property
    def dimension(self) -> int:
        """Number of dimensions, 2 or 3.

        Raises:
            ValueError: if it is another.
        """
        words = self.words("general")
        if not words or words[0] not in ("2", "3"):
            raise ValueError(
                f"{self.path}: the dimension must be 2 or 3, but is {shorten(words[:1])}."
            )
        return int(words[0])

    @property
    def grid(self) -> tuple[int, int, int]:
        """Number of voxels of a raster along x, y, z."""
        numbers = self._general(1)
        if any(n != round(n) or n < 1 for n in numbers) or math.prod(numbers) > MAX_VOXELS:
            raise ValueError(
                f"{self.path}: the grid must have 1 to {MAX_VOXELS} voxels, but is {numbers}."
            )
        nx, ny, nz = (*map(int, numbers), 1)[:3]
        return nx, ny, nz

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Edges of a voxel; that along z of a raster of two dimensions is their mean."""
        edges = self._general(2)
        if min(edges) <= 0:
            raise ValueError(f"{self.path}: edges of voxels must be positive, but are {edges}.")
        dx, dy, dz = (*edges, math.sqrt(edges[0] * edges[1]))[:3]
        return dx, dy, dz

    def _general(self, line: int) -> list[float]:
        count = self.dimension
        words = self.words("general")[1 + (line - 1) * count :][:count]
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if len(values) != count or not all(math.isfinite(v) for v in values):
            raise ValueError(
                f"{self.path}: **general must hold {count} numbers and edges of voxels, but holds "
                f"{shorten(words)}."
            )
        return values

    def has(self, key: str) -> bool:
        """Return whether a field occurs."""
        return key in self._fields

    def words(self, key: str) -> list[str]:
        """Return the words of a short field; none if it is missing."""
        return b" ".join(self._fields.get(key, [])[:100]).decode("ascii", "replace").split()

    def rows(self, key: str) -> list[list[str]]:
        """Return the words of each of the first 1000 lines of a field."""
        lines = self._fields.get(key, [])[:1000]
        return [line.decode("ascii", "replace").split() for line in lines]

    def numbers_beside(self, file: Path) -> NDArray[np.float64]:
        """Return the numbers in a text file.

        Raises:
            ValueError: if there is something else.
        """
        return self._parsed(file.name, read_bounded(file, MAX_BYTES))

    def numbers(self, key: str, skip: int = 0) -> NDArray[np.float64]:
        """Return the numbers of a field in text, but for its first lines; none if it is missing.

        Raises:
            ValueError: if there is something else.
        """
        return self._parsed(key, b" ".join(self._fields.get(key, [])[skip:]))

    def voxel_values(self, key: str) -> NDArray[np.float64] | None:
        """Return the values of each voxel, x fastest, (voxels, width); None if they are missing.

        Raises:
            ValueError: if the file beside, or their number, is not what the field says.
        """
        if key not in self._fields:
            return None
        kind, width = self._kind(key), self._width(key)
        if f"{key}/file" in self._fields:
            content = self._beside(self._fields[f"{key}/file"])
            values = self._parsed(key, content) if kind is None else _unpacked(content, kind)
        elif kind is None:
            values = self.numbers(key, _HEAD_LINES[key])
        else:
            values = _unpacked(self._binary.get(key, b""), kind)
        if len(values) != self.voxels * width:
            raise ValueError(
                f"{self.path}: **{key} must hold {self.voxels * width} values, but holds "
                f"{len(values)}."
            )
        return values.reshape(-1, width)

    def descriptor(self, key: str) -> str:
        """Return the descriptor of orientations in a field, its first word."""
        return next(iter(self.words(key)), "")

    def lattice(self) -> Lattice | None:
        """Return the lattice of the crystals.

        None if it is triclinic, what Neper writes if it was not told.
        """
        name = next(iter(self.words("cell/crysym")), "")
        group = _GROUPS.get(name, name)
        return Lattice.of_laue_group(group) if group in LAUE_GROUPS and group != "-1" else None

    def _kind(self, key: str) -> np.dtype | None:
        """Return the type of binary numbers; None of text."""
        line = self._fields[key][_HEAD_LINES[key] - 1 : _HEAD_LINES[key]]
        name = b"".join(line).decode("ascii", "replace")
        if name == "ascii":
            return None
        if name not in _BINARY:
            raise ValueError(
                f"{self.path}: the format of **{key} must be ascii or {', '.join(_BINARY)}, but is "
                f"{shorten(name)}."
            )
        return np.dtype("u1" if key == "oridef" else _BINARY[name])

    def _width(self, key: str) -> int:
        try:
            return descriptor_width(self.descriptor(key)) if key == "oridata" else 1
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error

    def _beside(self, lines: list[bytes]) -> bytes:
        """Read a file of numbers that lies beside this one."""
        words = b" ".join(lines).decode("utf-8", "replace").split(maxsplit=1)
        name = words[1].strip("\"' ") if len(words) > 1 else ""
        other = self.path.parent / name
        if not name or Path(name).name != name or "\0" in name or not other.is_file():
            raise ValueError(
                f"{self.path}: *file must name a file in the same folder, but names "
                f"{shorten(name)}."
            )
        return read_bounded(other, MAX_BYTES)

    def _parsed(self, key: str, text: bytes) -> NDArray[np.float64]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)  # told of what is no number
                return np.fromstring(text.decode("ascii"), sep=" ")
        except (ValueError, DeprecationWarning) as error:
            raise ValueError(
                f"{self.path}: **{key} must hold numbers, but holds something else."
            ) from error


def _unpacked(content: bytes, kind: np.dtype) -> NDArray[np.float64]:
    whole = len(content) - len(content) % kind.itemsize
    return np.frombuffer(content[:whole], kind).astype(np.float64)
