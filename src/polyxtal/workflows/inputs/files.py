"""The files that a computation rests on: read, listed, and told apart by their contents."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from polyxtal.microstructure.io import read
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.workflows.inputs.ebsd_map import MapSettings
from polyxtal.workflows.inputs.materials import material_file_beside


def read_input(
    file: str | Path, material: Sequence[str] = (), ebsd: MapSettings | None = None
) -> Polycrystal:
    """Read the file; a grid without `material.yaml` may have its grains in the one given.

    Args:
        file: Any file that `read` reads.
        material: What the user gave as materials, see `choose_materials`.
        ebsd: How a map is read; None for a file that is none.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if a file is invalid.
    """
    elsewhere = len(material) == 1 and Path(material[0]).is_file()
    grid = Path(file).suffix.lower() == ".vti" and Path(file).is_file()
    if grid and elsewhere and material_file_beside(file) is None:
        return read(file, material=material[0])
    return (ebsd or MapSettings()).read(file)


def identify_inputs(
    file: str | Path, material: Sequence[str] = (), load: str | None = None
) -> dict[str, tuple[str, str]]:
    """Name every file that was read, and its SHA-256, by its part."""
    given = {"microstructure": Path(file)}
    beside = material_file_beside(file)
    if beside is not None:
        given["material"] = beside
    for entry in material:
        phase, separator, source = entry.partition("=")
        path = Path(source if separator else entry)
        if path.is_file():
            given[f"material of {phase}" if separator else "material given"] = path
    if load is not None:
        given["load"] = Path(load)
    return {part: (path.name, sha256(path)) for part, path in given.items()}


def sha256(path: Path) -> str:
    """Tell a file's contents apart, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
