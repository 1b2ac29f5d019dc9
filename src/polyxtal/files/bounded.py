"""Read files of bounded size, which unpack to no more than that allows."""

from __future__ import annotations

from pathlib import Path

FREE_VALUES = 2**27
"""Number of values that may unpack from a file of any size: a grid of 512³ voxels."""

VALUES_PER_BYTE = 100
"""Number of further values for each stored byte. Deflate unpacks 64-bit integers of one value to
130 a byte, before base64; grains of a few voxels need more space."""


def read_bounded(path: str | Path, max_bytes: int) -> bytes:
    """Return all bytes of a regular file of at most `max_bytes`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is a folder or device, or too large; nothing is read.
    """
    path = Path(path)
    size = path.stat().st_size
    if not path.is_file():
        raise ValueError(f"{path}: must be a regular file, but is not.")
    if size > max_bytes:
        raise ValueError(f"{path}: must not exceed {max_bytes} bytes, but has {size}.")
    with path.open("rb") as file:
        return file.read(size)


def unpacked_limit(stored: int) -> int:
    """Return the largest number of values that so many stored bytes may unpack to."""
    return FREE_VALUES + VALUES_PER_BYTE * stored
