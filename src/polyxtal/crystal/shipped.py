"""The files of shipped materials, found without importing torch."""

from __future__ import annotations

import difflib
from pathlib import Path

from polyxtal.argument_types import require_path

SHIPPED = Path(__file__).with_name("materials")
"""Folder of the phase files that ship."""


def shipped_materials() -> tuple[str, ...]:
    """Return the names of the materials that ship with the package."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def find_material(source: str | Path) -> Path:
    """Return a material's phase file by its shipped name or path.

    Raises:
        FileNotFoundError: if a path leads to no file.
        ValueError: if it is neither a shipped name nor a file.
    """
    require_path(source, "source")
    shipped = shipped_materials()
    if str(source) in shipped:
        return SHIPPED / f"{source}.yaml"
    path = Path(source)
    if path.is_file():
        return path
    if path.suffix.lower() in (".yaml", ".yml") or len(path.parts) > 1:
        raise FileNotFoundError(f"{path}: must be a DAMASK phase file, but there is no such file.")
    lower = {name.lower(): name for name in shipped}
    close = difflib.get_close_matches(str(source).lower(), lower, n=1)
    hint = f" (did you mean '{lower[close[0]]}'?)" if close else ""
    raise ValueError(
        f"Argument `source` must be a file or a shipped material ({', '.join(shipped)}), "
        f"but is '{source}'{hint}."
    )
