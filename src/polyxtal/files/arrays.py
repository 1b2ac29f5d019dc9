"""Arrays on disk: NumPy archives (.npz) without pickles, checked against their checksums."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

CONTENTS = "contents"
"""Text that names the arrays: a directory of a zip archive may lose entries unnoticed."""
MAX_CONTENTS = 1 << 22
"""Longest table of contents. [characters]"""
KINDS = "biufcU"
"""Kinds of numbers and text, none of which needs pickle."""
DAMAGE = (
    ValueError,
    KeyError,
    OSError,
    EOFError,
    RuntimeError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Errors of a damaged archive."""


class ArrayArchive:
    """An open archive of arrays.

    Attributes:
        names: Names of the arrays.
        about: Description that was stored with them.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        """Read the table of contents."""
        self._archive = archive
        self.names = [name.removesuffix(".npy") for name in archive.namelist()]
        if CONTENTS not in self.names:
            raise ValueError("its table of contents is missing")
        shape, dtype = self.shape_and_type(CONTENTS)
        if shape != () or dtype.kind != "U" or dtype.itemsize > 4 * MAX_CONTENTS:
            raise ValueError("its table of contents is no text")
        contents = json.loads(str(self.read(CONTENTS)))
        self.names.remove(CONTENTS)
        if contents["arrays"] != self.names:
            raise ValueError("its arrays are not those of its table of contents")
        self.about: dict[str, Any] = contents["about"]

    def shape_and_type(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return an array's shape and type, without reading it."""
        with self._archive.open(f"{name}.npy") as stream:
            shape, _, dtype = _header(stream)
            size = math.prod(shape) * dtype.itemsize
            stored = self._archive.getinfo(f"{name}.npy").file_size
            if dtype.kind not in KINDS or stream.tell() + size != stored:
                raise ValueError(f"array {name} has an invalid header")
            return shape, dtype

    def read(self, name: str) -> NDArray[Any]:
        """Read an array; its checksum must match."""
        shape, dtype = self.shape_and_type(name)
        with self._archive.open(f"{name}.npy") as stream:
            _, fortran, _ = _header(stream)
            data = bytearray(stream.read())
        return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def write_arrays(
    file: Path, arrays: Mapping[str, Any], about: Mapping[str, Any] | None = None
) -> None:
    """Write arrays or tensors of numbers, and a description, with a checksum of each.

    Args:
        file: File to write, such as that of `atomic_file`.
        arrays: Arrays by name.
        about: Description: numbers, strings, lists and mappings.
    Raises:
        OSError: if the disk is full or not writable.
        ValueError: if an array is of objects.
    """
    content = {name: np.asarray(values) for name, values in arrays.items()}
    if any(values.dtype.kind not in KINDS for values in content.values()):
        raise ValueError(f"{file}: arrays to write must be of numbers or text, but are not.")
    contents = {"arrays": [*content], "about": dict(about or {})}
    content[CONTENTS] = np.array(json.dumps(contents))
    with file.open("wb") as stream:
        # Before NumPy 2.1, `allow_pickle` was an array like any other.
        np.savez(stream, **content)  # pyright: ignore[reportArgumentType]


@contextmanager
def open_arrays(path: Path, max_bytes: int | None = None) -> Iterator[ArrayArchive]:
    """Open an archive; an error of the block becomes one sentence that names the file.

    Args:
        path: File.
        max_bytes: Largest file that is read (default: any). [bytes]
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or too large, or the block raised ValueError.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: must be an archive of arrays, but there is no such file.")
    if max_bytes is not None and path.stat().st_size > max_bytes:
        raise ValueError(f"{path}: must not exceed {max_bytes} bytes, but does.")
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.compress_type != zipfile.ZIP_STORED:
                    raise ValueError("its arrays are compressed")
                archive.open(info).close()  # its name must be the same in both places
            yield ArrayArchive(archive)
    except DAMAGE as error:
        reason = " ".join(str(error).split()).rstrip(".") or "it ends too early"
        raise ValueError(f"{path}: must be an intact archive, but {reason}.") from error


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(stream)
    if version not in readers:
        raise ValueError(f"its arrays have the unknown version {version}")
    return readers[version](stream)
