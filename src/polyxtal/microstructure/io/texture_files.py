"""Which files are textures: lists of orientations without places, and orientation densities."""

from __future__ import annotations

import zipfile
from pathlib import Path

EXTENSIONS = (".tex", ".ori", ".txt", ".csv")
"""Of VPSC's textures and of other lists of orientations, see `read_texture`."""


def is_texture(file: str | Path) -> bool:
    """Return whether a file is a texture: by its extension, or a density of `write_odf`."""
    return Path(file).suffix.lower() in EXTENSIONS or is_odf(file)


def is_odf(path: str | Path) -> bool:
    """Return whether an archive (.npz) holds an orientation density and not a polycrystal."""
    return "centres" in archived_names(path)


def archived_names(path: str | Path) -> list[str]:
    """Return the names of the arrays of an archive (.npz), none of another or a damaged file."""
    path = Path(path)
    if path.suffix.lower() != ".npz" or not path.is_file() or not zipfile.is_zipfile(path):
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (
        zipfile.BadZipFile,
        RuntimeError,
        ValueError,
        OSError,
        EOFError,
    ):  # which its reader tells
        return []
