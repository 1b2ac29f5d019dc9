"""Calibrate the material of a configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polyxtal.algebra.progress import Progress
from polyxtal.calibration.measurement import Measurement
from polyxtal.calibration.parameters import FreeParameter
from polyxtal.calibration.read import read_measurement
from polyxtal.calibration.result import Calibration
from polyxtal.calibration.run import calibrate
from polyxtal.calibration.settings import CalibrationSettings
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.crystal.shipped import shipped_materials
from polyxtal.microstructure.from_texture import from_texture
from polyxtal.microstructure.io import read
from polyxtal.microstructure.io.texture_files import is_texture
from polyxtal.microstructure.io.texture_text import read_texture
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.distribution import UniformTexture
from polyxtal.texture.sheet import rolling_texture
from polyxtal.workflows.calibrate.config import CalibrationConfig, MeasuredCurve, Specimen
from polyxtal.workflows.inputs.files import sha256


@dataclass(frozen=True, eq=False)
class CalibrationReport:
    """Result of `polyxtal calibrate`.

    Attributes:
        config: The configuration.
        inputs: Name and SHA-256 of each input file, by role.
        start: Material with the first values.
        rve: Specimen.
        found: The calibration.
    """

    config: CalibrationConfig
    inputs: Mapping[str, tuple[str, str]]
    start: Material
    rve: Polycrystal
    found: Calibration


def run_calibration(
    config: CalibrationConfig,
    folder: Path,
    threads: int | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> CalibrationReport:
    """Calibrate.

    Args:
        config: Configuration.
        folder: Folder that its paths are relative to.
        threads: Number of curves at a time; None for one per core.
        progress: Called after every step.
        checkpoint: File with solved curves, to resume from; None for none.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if a file or a setting is invalid.
        ConvergenceError: see `calibrate`.
    """
    try:
        material = load_material(_source(config.material, folder))
    except ValueError as error:
        raise ValueError(str(error).replace("Argument `source`", "Field `material`")) from error
    tests = [_measurement(one, folder) for one in config.measurements]
    rve = read_specimen(config.specimen, material, folder)
    free = {
        name: None if bounds is None else FreeParameter(**dict(bounds))
        for name, bounds in config.free.items()
    }
    settings = CalibrationSettings(
        config.leaves,
        config.starts,
        config.accuracy,
        config.tolerance,
        config.posterior,
        config.seed,
    )
    found = calibrate(
        rve,
        tests,
        material,
        free,
        settings,
        threads=threads,
        checkpoint=checkpoint,
        on_progress=progress,
    )
    return CalibrationReport(config, _inputs(config, folder), material, rve, found)


def read_specimen(given: Specimen, material: Material, folder: Path) -> Polycrystal:
    """Return the polycrystal of a configuration's specimen."""
    if given.file is not None:
        path = folder / given.file
        if not path.exists():
            raise FileNotFoundError(f"{path}: must be the file of the specimen, but there is none.")
        if not is_texture(path):
            return read(path)
        texture = read_texture(path, laue=material.lattice.laue_group)
        return from_texture(texture, given.grains, lattice=material.lattice)
    if given.rolling is not None:
        texture = rolling_texture(given.rolling, math.radians(given.halfwidth))
        return from_texture(texture, given.grains, lattice=material.lattice)
    uniform = UniformTexture(material.lattice.laue_group)
    return from_texture(uniform, given.grains, lattice=material.lattice)


def _source(name: str, folder: Path) -> str | Path:
    return name if name in shipped_materials() or not (folder / name).exists() else folder / name


def _files(one: MeasuredCurve, folder: Path) -> list[Path]:
    return [folder / name for name in one.file]


def _measurement(one: MeasuredCurve, folder: Path) -> Measurement:
    return read_measurement(
        _files(one, folder),
        one.strain,
        one.stress,
        strain_unit=one.strain_unit,
        stress_unit=one.stress_unit,
        measure=one.measure,
        **one.about(),
    )


def _inputs(config: CalibrationConfig, folder: Path) -> dict[str, tuple[str, str]]:
    files = {}
    for number, one in enumerate(config.measurements, start=1):
        for path in _files(one, folder):
            files[f"measurement {number}: {path.name}"] = path
    if config.specimen.file is not None:
        files["specimen"] = folder / config.specimen.file
    source = _source(config.material, folder)
    if isinstance(source, Path):
        files["material"] = source
    return {role: (path.name, sha256(path)) for role, path in files.items()}
