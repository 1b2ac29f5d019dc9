"""Convert polycrystals between file formats, optionally cropped or coarsened."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.files.output_folder import check_parents
from polyxtal.microstructure.io import write
from polyxtal.microstructure.io.damask import MATERIAL_FILE
from polyxtal.microstructure.io.registry import format_of
from polyxtal.microstructure.io.stored_materials import read_sections
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.resample import coarsen, crop, renumber
from polyxtal.workflows.convert.settings import ConversionSettings
from polyxtal.workflows.inputs.files import identify_inputs, read_input
from polyxtal.workflows.inputs.materials import known_materials, material_file_beside
from polyxtal.workflows.inputs.reading import UNITS, Reading, microstructure_summary, remarks
from polyxtal.workflows.summary.provenance import provenance


@dataclass(frozen=True, eq=False)
class Conversion:
    """Result of a conversion.

    Attributes:
        settings: The settings.
        inputs: Name and SHA-256 of each input file, by role.
        reading: What was read.
        written: The polycrystal as written.
        files: Written files.
        bare_phases: Phases written to `material.yaml` without properties except their lattice.
    """

    settings: ConversionSettings
    inputs: Mapping[str, tuple[str, str]]
    reading: Reading
    written: Polycrystal
    files: tuple[Path, ...]
    bare_phases: tuple[str, ...] = ()

    @property
    def keeps_materials(self) -> bool:
        """Whether the written file stores the materials of the phases."""
        entry = format_of(self.files[0])
        return entry is not None and entry.sections is not None

    def summary(self) -> dict[str, Any]:
        """Return what was read and written as numbers, lists and strings, for JSON."""
        return {
            **provenance(self.inputs, self.settings, {}),
            "units": UNITS,
            "microstructure": self.reading.summary(),
            "written": microstructure_summary(self.written),
            "files": [file.name for file in self.files],
        }


def convert(
    source: str | Path,
    target: str | Path,
    settings: ConversionSettings | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> Conversion:
    """Read a polycrystal, crop or coarsen it, and write it.

    The properties stored with the source are stored with the target, as they are.

    Args:
        source: File in a readable format, see `read`.
        target: File in a writable format, see `write`; missing folders are made.
        settings: Conversion settings; None for no change.
        force: Overwrite the target and, for `.vti`, its `material.yaml`.
        progress: Callback at the start of each stage.
    Returns:
        The polycrystals read and written.
    Raises:
        FileExistsError: if the target exists and `force` is not given, or is the source.
        FileNotFoundError: if the source does not exist.
        NotADirectoryError: if the target's folder is a file.
        ValueError: if a file, an extension or a setting is invalid.
    """
    settings = settings or ConversionSettings()
    source, target = Path(source), Path(target)
    _refuse_overwriting(source, target, force)
    check_parents(target.resolve(), target)
    factors = None if settings.coarsen is None else _factors(settings.coarsen)
    progress("read", 0, 0)
    with remarks() as said:
        sections = read_sections(source)
        original, grain_map = read_input(source, ebsd=settings.ebsd)
        rve = original
        if settings.crop is not None:
            progress("crop", 0, 0)
            rve = crop(rve, _ranges(settings.crop, rve.grid))
        if factors is not None:
            progress("coarsen", 0, 0)
            whole, rve = rve, coarsen(rve, factors)
            _warn_of_lost_grains(source, whole, rve)
    stored = (material_file_beside(source) or source).name
    materials = known_materials(source, sections)
    reading = Reading(
        str(source),
        original,
        materials,
        dict.fromkeys(materials, stored),
        grain_map,
        settings.ebsd.frame,
        tuple(said),
    )
    if settings.renumber:
        progress("renumber", 0, 0)
        rve = renumber(rve)
    progress("write", 0, 0)
    target.parent.mkdir(parents=True, exist_ok=True)
    write(rve, target, sections, colors=settings.colors)
    damask = target.suffix.lower() == ".vti"
    files = (target, target.parent / MATERIAL_FILE) if damask else (target,)
    bare = tuple(name for name in rve.phase_names if damask and name not in sections)
    inputs = identify_inputs(source, ebsd=settings.ebsd)
    return Conversion(settings, inputs, reading, rve, files, bare)


def _warn_of_lost_grains(source: Path, before: Polycrystal, after: Polycrystal) -> None:
    """Warn of grains that coarsening left without voxels."""
    lost = (before.volume_fractions > 0) & (after.volume_fractions == 0)
    if bool(lost.any()):
        share = float(before.volume_fractions[lost].sum())
        warnings.warn(
            f"{source}: coarsening to {' x '.join(map(str, after.grid))} voxels leaves "
            f"{int((after.volume_fractions > 0).sum())} of "
            f"{int((before.volume_fractions > 0).sum())} grains; those lost filled "
            f"{100 * share:.3g} % of the volume.",
            stacklevel=3,
        )


def _refuse_overwriting(source: Path, target: Path, force: bool) -> None:
    """Refuse to overwrite the source, under any name, and other files without `force`."""
    if _same(source, target):
        raise FileExistsError(f"{target}: must be another file than the input, but is {source}.")
    beside = material_file_beside(source) if target.suffix.lower() == ".vti" else None
    if beside is not None and _same(beside, target.parent / MATERIAL_FILE):
        raise FileExistsError(
            f"{target}: must be written to a folder of its own, "
            f"but the {MATERIAL_FILE} there is the input's."
        )
    if target.exists() and not force:
        raise FileExistsError(
            f"{target}: must not exist yet, but does; pass --force to replace it."
        )


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and os.path.samefile(one, other)


def _ranges(text: str, grid: Sequence[int]) -> list[tuple[int, int]]:
    """Parse "x0:x1,y0:y1,z0:z1"; an omitted limit is that of the grid."""
    try:
        parts = [part.split(":") if part.strip() else ["", ""] for part in text.split(",")]
        return [
            (int(start) if start.strip() else 0, int(stop) if stop.strip() else n)
            for (start, stop), n in zip(parts, grid, strict=True)
        ]
    except ValueError as error:
        raise ValueError(
            f"Argument `crop` must be x0:x1,y0:y1,z0:z1, such as 0:32,:,8:, but is {text!r}."
        ) from error


def _factors(text: str) -> int | tuple[int, ...]:
    try:
        factors = tuple(int(part) for part in text.split(","))
    except ValueError:
        factors = ()
    if len(factors) not in (1, 3):
        raise ValueError(
            f"Argument `coarsen` must be one whole number, or three such as 2,2,1, but is {text!r}."
        )
    return factors[0] if len(factors) == 1 else factors
