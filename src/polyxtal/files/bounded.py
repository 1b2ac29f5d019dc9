"""Read files of bounded size."""

from __future__ import annotations

from pathlib import Path


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
