"""VTK's XML image container (.vti): cell arrays on a regular grid, units left to the caller."""

from __future__ import annotations

import binascii
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import quoteattr

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from numpy.typing import NDArray

from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import listing, shorten, shorten_text
from polyxtal.microstructure.io.vti_encoding import Stream, deflate, inflate, take_plain

MAX_FILE_BYTES = 2**32
"""Largest file that is read."""

MAX_VOXELS = 2**30
"""Largest grid that is read."""

MAX_DIGITS = 40
"""Longest number in ascii. [characters]"""

_TYPES = {
    **{f"Int{8 * size}": f"i{size}" for size in (1, 2, 4, 8)},
    **{f"UInt{8 * size}": f"u{size}" for size in (1, 2, 4, 8)},
    "Float32": "f4",
    "Float64": "f8",
}


@dataclass(frozen=True)
class _Encoding:
    """How the file stores binary arrays."""

    order: str
    header: np.dtype
    compressed: bool
    appended: bytes
    appended_raw: bool


class Image:
    """A grid and its cell arrays, which are decoded on request.

    Attributes:
        grid: Number of voxels along x, y, z.
        spacing: Edge lengths of a voxel along x, y, z, in the file's unit.
        origin: Corner of the grid, in the file's unit.
        names: Names of the cell arrays.
    """

    def __init__(self, path: Path, image: Element, encoding: _Encoding) -> None:
        """Validate the grid; arrays are decoded by `cell_array`."""
        self._path, self._encoding = path, encoding
        extent = _numbers(path, image, "WholeExtent", 6)
        if any(value != int(value) for value in extent):
            raise ValueError(f"{path}: WholeExtent must hold whole numbers, but is {extent}.")
        nx, ny, nz = (int(extent[k + 1] - extent[k]) for k in (0, 2, 4))
        self.grid = (nx, ny, nz)
        if min(self.grid) < 1 or math.prod(self.grid) > MAX_VOXELS:
            raise ValueError(
                f"{path}: the grid must have 1 to {MAX_VOXELS} voxels, but is {self.grid}."
            )
        sx, sy, sz = _numbers(path, image, "Spacing", 3, "1 1 1")
        self.spacing = (sx, sy, sz)
        if min(self.spacing) <= 0:
            raise ValueError(f"{path}: Spacing must be positive, but is {self.spacing}.")
        ox, oy, oz = _numbers(path, image, "Origin", 3, "0 0 0")
        self.origin = (ox, oy, oz)
        direction = _numbers(path, image, "Direction", 9, "1 0 0 0 1 0 0 0 1")
        if not np.array_equal(np.reshape(direction, (3, 3)), np.eye(3)):
            raise ValueError(f"{path}: Direction must be the identity, but is {direction}.")
        pieces = image.findall("Piece")
        if len(pieces) != 1 or _numbers(path, pieces[0], "Extent", 6) != extent:
            raise ValueError(
                f"{path}: one Piece must span the WholeExtent, "
                f"but {len(pieces)} with Extent {shorten([p.get('Extent') for p in pieces])} do "
                "not."
            )
        self._arrays = {a.get("Name", ""): a for a in pieces[0].iterfind("CellData/DataArray")}
        self.names = tuple(self._arrays)

    def cell_array(self, name: str) -> NDArray[np.generic]:
        """Return a cell array: shape (nx, ny, nz), with a last axis if it has components.

        Raises:
            ValueError: if there is no such array, or it does not fit the grid.
        """
        if name not in self._arrays:
            raise ValueError(
                f"{self._path}: CellData must hold the array '{name}', "
                f"but holds {listing(self.names) or 'none'}."
            )
        element, at = self._arrays[name], f"{self._path}: array '{name}'"
        kind = element.get("type", "")
        components = element.get("NumberOfComponents", "1")
        if kind not in _TYPES or components not in set("123456789"):
            raise ValueError(
                f"{at} must be of integers or floats with 1 to 9 components, "
                f"but is of {shorten(kind)} with {shorten(components)}."
            )
        width = int(components)
        dtype = np.dtype(self._encoding.order + _TYPES[kind])
        count = math.prod(self.grid) * width
        try:
            values = self._decode(element, dtype, count)
        except (binascii.Error, zlib.error, OverflowError, IndexError) as error:
            raise ValueError(f"{at} must be intact, but is damaged ({error}).") from error
        except ValueError as error:
            raise ValueError(f"{at} {error}") from error
        native = values.astype(dtype.newbyteorder("="), copy=False)
        shaped = native.reshape((width, *self.grid), order="F")
        return shaped[0] if width == 1 else np.moveaxis(shaped, 0, -1)

    def _decode(self, element: Element, dtype: np.dtype, count: int) -> NDArray[np.generic]:
        kind, text = element.get("format", "ascii"), element.text or ""
        if kind == "ascii":
            words = text.split()
            if len(words) != count:
                raise ValueError(f"must hold {count} values, but holds {len(words)}.")
            # The array of words has the width of the longest one.
            if (longest := max(map(len, words))) > MAX_DIGITS:
                raise ValueError(
                    f"must hold numbers of at most {MAX_DIGITS} characters (MAX_DIGITS), "
                    f"but one has {longest}."
                )
            return np.array(words).astype(dtype)
        if kind == "binary":
            stream = Stream("".join(text.split()).encode("ascii", "replace"), raw=False)
        elif kind == "appended":
            offset = element.get("offset", "")
            if not re.fullmatch("[0-9]{1,18}", offset) or int(offset) >= len(
                self._encoding.appended
            ):
                raise ValueError(f"must point into the appended data, but to {shorten(offset)}.")
            stream = Stream(self._encoding.appended[int(offset) :], self._encoding.appended_raw)
        else:
            raise ValueError(f"must be ascii, binary or appended, but is {shorten(kind)}.")
        header, size = self._encoding.header, count * dtype.itemsize
        if self._encoding.compressed:
            data = inflate(stream, header, size, count)
        else:
            data = take_plain(stream, header, size)
        return np.frombuffer(data, dtype=dtype)


def read_image(path: str | Path) -> Image:
    """Open a .vti file: ascii, inline base64 or appended (base64, raw) arrays, zlib or none.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a VTK XML image, is damaged, or exceeds the size limits.
    """
    path = Path(path)
    document, appended = _split_appended(path, read_bounded(path, MAX_FILE_BYTES))
    try:
        root = fromstring(document, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise ValueError(
            f"{path}: must be a VTK XML file, but is not ({shorten_text(error)})."
        ) from error
    image = root.find("ImageData")
    if root.tag != "VTKFile" or root.get("type") != "ImageData" or image is None:
        raise ValueError(
            f"{path}: must be a VTKFile of type ImageData with such an element, "
            f"but is {shorten(root.tag)} of type {shorten(root.get('type'))}"
            f"{' without it' if image is None else ''}."
        )
    orders = {"LittleEndian": "<", "BigEndian": ">"}
    headers = {"UInt32": "u4", "UInt64": "u8"}
    order = orders.get(root.get("byte_order", "LittleEndian"))
    header = headers.get(root.get("header_type", "UInt32"))
    compressor = root.get("compressor")
    if order is None or header is None or compressor not in (None, "", "vtkZLibDataCompressor"):
        raise ValueError(
            f"{path}: byte_order, header_type and compressor must be Little- or BigEndian, UInt32 "
            "or UInt64, and zlib or none, but are "
            f"{shorten([root.get('byte_order'), root.get('header_type'), compressor])}."
        )
    tail = root.find("AppendedData")
    raw = tail is not None and tail.get("encoding", "base64") == "raw"
    encoding = _Encoding(order, np.dtype(order + header), bool(compressor), appended, raw)
    return Image(path, image, encoding)


def _split_appended(path: Path, content: bytes) -> tuple[bytes, bytes]:
    """Split off the appended data, which is not XML if raw."""
    tag = re.search(rb"<AppendedData\b", content)
    start = content.find(b">", tag.end()) + 1 if tag else 0
    if not start or content[start - 2 : start] == b"/>":
        return content, b""
    end = content.rfind(b"</AppendedData>")
    data = content[start:end]
    mark = data.find(b"_")
    if end < 0 or mark < 0 or data[:mark].strip():
        raise ValueError(f"{path}: appended data must start with '_' and be closed, but do not.")
    return content[:start] + content[end:], data[mark + 1 :]


def _numbers(
    path: Path, element: Element, key: str, count: int, default: str = ""
) -> tuple[float, ...]:
    text = element.get(key, default)
    try:
        values = tuple(float(word) for word in text.split())
    except ValueError:
        values = ()
    if len(values) != count or not all(math.isfinite(v) and abs(v) < 2**53 for v in values):
        raise ValueError(f"{path}: {key} must be {count} finite numbers, but is {shorten(text)}.")
    return values


def write_image(
    path: str | Path,
    cells: Mapping[str, NDArray[np.generic]],
    spacing: Sequence[float],
    origin: Sequence[float] = (0.0, 0.0, 0.0),
    time: float | None = None,
) -> None:
    """Write cell arrays like DAMASK: inline base64, zlib, little endian.

    Integers are written as Int64, colours (one byte, components) as UInt8, floats as Float32 or
    Float64.

    Args:
        path: File, overwritten in place (see `files.atomic` for atomic writing).
        cells: Arrays by name, (nx, ny, nz) or with further axes for components, written in C order;
            all on one grid.
        spacing: Edge lengths of a voxel, in the file's unit.
        origin: Corner of the grid, in the file's unit.
        time: Time of the snapshot (default: none). [s]
    """
    grid = next(iter(cells.values())).shape[:3]
    extent = " ".join(f"0 {n}" for n in grid)
    edges = " ".join(repr(float(s)) for s in spacing)
    corner = " ".join(repr(float(x)).removesuffix(".0") for x in origin)
    lines = [
        '<?xml version="1.0"?>',
        '<VTKFile type="ImageData" version="0.1" byte_order="LittleEndian" header_type="UInt32" '
        'compressor="vtkZLibDataCompressor">',
        f'  <ImageData WholeExtent="{extent}" Origin="{corner}" Spacing="{edges}" '
        'Direction="1 0 0 0 1 0 0 0 1">',
    ]
    if time is not None:
        lines += [
            "    <FieldData>",
            '      <DataArray type="Float64" Name="TimeValue" NumberOfTuples="1" format="ascii">',
            f"        {float(time)!r}",
            "      </DataArray>",
            "    </FieldData>",
        ]
    lines += [
        f'  <Piece Extent="{extent}">',
        "    <PointData>",
        "    </PointData>",
        "    <CellData>",
    ]
    for name, values in cells.items():
        lines += _data_array(name, values)
    lines += ["    </CellData>", "  </Piece>", "  </ImageData>", "</VTKFile>", ""]
    Path(path).write_text("\n".join(lines), encoding="utf-8")


def _data_array(name: str, values: NDArray[np.generic]) -> list[str]:
    kind, more = "Int64", ""
    if values.dtype.kind == "f":
        kind = "Float32" if values.dtype.itemsize <= 4 else "Float64"
    elif values.dtype == np.uint8 and values.ndim > 3:
        kind = "UInt8"
    if values.ndim > 3:
        values = np.moveaxis(values.reshape(*values.shape[:3], -1), -1, 0)
        more = f' NumberOfComponents="{len(values)}"'
    elif kind == "Int64":
        more = f' RangeMin="{values.min()}" RangeMax="{values.max()}"'
    data = values.astype("<" + _TYPES[kind]).tobytes(order="F")
    return [
        f'      <DataArray type="{kind}" Name={quoteattr(name)} format="binary"{more}>',
        f"        {deflate(data)}",
        "      </DataArray>",
    ]
