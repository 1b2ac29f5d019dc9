"""Which files are textures, lists of orientations without places."""

from __future__ import annotations

from pathlib import Path

EXTENSIONS = (".tex", ".ori", ".txt", ".csv")
"""Of VPSC's textures and of other lists of orientations, see `read_texture`."""


def is_texture(file: str | Path) -> bool:
    """Return whether a file is a texture by its extension."""
    return Path(file).suffix.lower() in EXTENSIONS
