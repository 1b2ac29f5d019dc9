"""Write a polycrystal with a load as a case of DAMASK."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from polyxtal.files.output_folder import check_parents
from polyxtal.mechanics.damask.case import write_damask_case
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.workflows.convert.settings import ConversionSettings
from polyxtal.workflows.inputs.files import read_input
from polyxtal.workflows.inputs.materials import choose_materials, with_lattices


def convert_to_case(
    source: str | Path,
    folder: str | Path,
    load: str | Path,
    material: Sequence[str] = (),
    settings: ConversionSettings | None = None,
) -> Path:
    """Write what `DAMASK_grid` needs for a polycrystal file and a load, see `write_damask_case`.

    Args:
        source: File in a readable format, see `read`.
        folder: Folder of the case; created if necessary.
        load: Load file of DAMASK.
        material: Materials, see `choose_materials`; empty for those of the file.
        settings: How to read the source; it must leave the polycrystal as it is.
    Returns:
        The folder.
    Raises:
        FileExistsError: if the folder holds another case.
        FileNotFoundError: if a file does not exist.
        NotADirectoryError: if the folder is a file.
        ValueError: if a file or a setting is invalid, or a phase has no material.
    """
    settings = settings or ConversionSettings()
    folder = Path(folder)
    for name in ("crop", "coarsen", "renumber", "colors"):
        if getattr(settings, name):
            raise ValueError(
                f"Argument `{name}` must be left out with --case: convert to a file first."
            )
    if folder.is_file() or folder.suffix:
        raise NotADirectoryError(f"{folder}: must be a folder for the case, but is a file's name.")
    check_parents(folder.resolve(), folder)
    path = LoadPath.from_damask(load)
    rve, _ = read_input(source, material, settings.ebsd)
    materials = choose_materials(rve, source, material)
    write_damask_case(folder, with_lattices(rve, materials), materials, path)
    return folder
