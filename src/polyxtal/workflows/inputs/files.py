"""Read and identify the input files of a computation."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

from polyxtal.microstructure.ebsd import GrainMap
from polyxtal.microstructure.io import read
from polyxtal.microstructure.io.sections import is_pattern, section_files
from polyxtal.microstructure.io.texture_files import is_texture
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.stack import StackGrains
from polyxtal.viz.lengths import length_label
from polyxtal.workflows.inputs.ebsd_map import MapSettings
from polyxtal.workflows.inputs.materials import (
    choose_materials,
    material_file_beside,
    with_lattices,
)
from polyxtal.workflows.inputs.texture import texture_volume

HUGE, UNIT_CELL = 1e5, 1e6
"""Edge from which a unit is in doubt, and that of DAMASK's unit cell, a metre. [µm]"""


def read_input(
    file: str | Path, material: Sequence[str] = (), ebsd: MapSettings | None = None
) -> tuple[Polycrystal, GrainMap | StackGrains | None]:
    """Read a file; a grid without `material.yaml` takes its grains from a given material file.

    Args:
        file: File in a readable format, see `read`.
        material: Materials given by the user, see `choose_materials`.
        ebsd: Settings for EBSD maps; None for other files.
    Returns:
        The polycrystal, and the grains of the map or stack that it comes from, if any.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if a file is invalid.
    """
    rve, grain_map = _read(file, material, ebsd)
    edge = max(rve.size)
    if edge >= HUGE and not (edge == UNIT_CELL and Path(file).suffix.lower() == ".vti"):
        warnings.warn(
            f"{file}: edges should be below {length_label(HUGE)}, but the longest is "
            f"{edge / UNIT_CELL:g} m: DAMASK's lengths are in metres, all others in µm.",
            stacklevel=2,
        )
    return rve, grain_map


def _read(
    file: str | Path, material: Sequence[str], ebsd: MapSettings | None
) -> tuple[Polycrystal, GrainMap | StackGrains | None]:
    settings = ebsd or MapSettings()
    if is_texture(file):
        settings.check_texture(file)
        rve = texture_volume(file, material, settings.grains, settings.aspect, settings.volume_seed)
        return rve, None
    if settings.aspect is not None:
        raise ValueError(f"{file}: argument `aspect` must be left out except for textures.")
    elsewhere = settings.grains is None and len(material) == 1 and Path(material[0]).is_file()
    grid = Path(file).suffix.lower() == ".vti" and Path(file).is_file()
    if grid and elsewhere and material_file_beside(file) is None:
        return read(file, material=material[0], **settings.source), None

    def check(rve: Polycrystal) -> None:
        """Refuse materials that do not fit before minutes are spent on a volume."""
        if material:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # the volume's are shown
                with_lattices(rve, choose_materials(rve, file, material, elastic_only=True))

    return settings.read(file, check)


def identify_inputs(
    file: str | Path,
    material: Sequence[str] = (),
    load: str | None = None,
    ebsd: MapSettings | None = None,
) -> dict[str, tuple[str, str]]:
    """Return name and SHA-256 of each input file, by role."""
    given = {"microstructure": Path(file)}
    if is_pattern(file):
        given = {f"section {k + 1}": path for k, path in enumerate(section_files(file))}
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
    if ebsd is not None and ebsd.grains is not None and not is_texture(file):
        given["grains"] = Path(ebsd.grains)
    return {part: (path.name, sha256(path)) for part, path in given.items()}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
