"""Read files of bounded size, which unpack to no more than that allows."""

from __future__ import annotations

from pathlib import Path

FREE_VALUES = 2**27
"""Number of values that may unpack from a file of any size: a grid of 512³ voxels."""

VALUES_PER_BYTE = 200
"""Number of further values for each stored byte. Tessellations of hundreds of grains in 1024³
voxels unpack to a hundred; grids that large, of few grains, must be stored unpacked."""


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
