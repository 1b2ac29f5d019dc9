"""Make the virtual tests of the sheet in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polyxtal.algebra.progress import Progress, Stages
from polyxtal.crystal.material import Material
from polyxtal.mechanics.yielding.hardening_fit import HardeningFit
from polyxtal.mechanics.yielding.result import YieldFit
from polyxtal.virtual_lab.fits import fit_laboratory, flow_curve
from polyxtal.virtual_lab.result import Laboratory
from polyxtal.virtual_lab.run import laboratory
from polyxtal.workflows.inputs.files import identify_inputs, read_input
from polyxtal.workflows.inputs.materials import choose_materials, material_sources, with_lattices
from polyxtal.workflows.inputs.reading import Reading, remarks
from polyxtal.workflows.lab.settings import LabSettings

BCC = 6.0
"""Exponent of yield functions of crystals that slip as cI. [-]"""


@dataclass(frozen=True, eq=False)
class LabReport:
    """Result of `lab`.

    Attributes:
        settings: The settings.
        inputs: Name and SHA-256 of each input file, by role.
        reading: What was read and assumed.
        laboratory: The laboratory.
        fits: Fitted yield functions by name.
        flow: Hardening law fitted to tension along x; None without a yield function.
        seconds: Wall time of each stage. [s]
    """

    settings: LabSettings
    inputs: Mapping[str, tuple[str, str]]
    reading: Reading
    laboratory: Laboratory
    fits: Mapping[str, YieldFit] = field(default_factory=dict)
    flow: HardeningFit | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


def lab(
    file: str | Path,
    settings: LabSettings | None = None,
    progress: Progress | None = None,
    on_reading: Callable[[Reading], None] | None = None,
    checkpoint: Path | None = None,
) -> LabReport:
    """Make the virtual tests of the sheet in a file.

    Args:
        file: Any file that holds a polycrystal.
        settings: Settings; None for the defaults.
        progress: Callback after each test.
        on_reading: Called once all inputs are validated, before the computation.
        checkpoint: File with finished tests, to resume from; None for none.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if a file or a setting is invalid.
        ConvergenceError: if an increment of a test does not converge.
    """
    settings = settings or LabSettings()
    stages = Stages(progress)
    prestrain = None if settings.prestrain is None else settings.prestrain.load_path()
    with stages.stage("read"), remarks() as said:
        rve, grain_map = read_input(file, settings.material, settings.ebsd)
        materials: dict[str, Material | None] = dict(choose_materials(rve, file, settings.material))
        sources = material_sources(rve, file, settings.material)
        rve = with_lattices(rve, materials)
        inputs = identify_inputs(file, settings.material, ebsd=settings.ebsd)
    reading = Reading(
        str(file), rve, materials, sources, grain_map, settings.ebsd.frame, tuple(said)
    )
    if on_reading is not None:
        on_reading(reading)
    with stages.stage("virtual tests") as step:
        step("uniaxial 0, compiling if new")

        def after_test(name: str, done: int, count: int) -> None:
            step(f"{name}, {done} of {count}")

        found = laboratory(
            rve,
            materials,
            settings.tests,
            threads=settings.threads,
            seed=settings.seed,
            prestrain=prestrain,
            checkpoint=checkpoint,
            on_progress=after_test,
        )
    fits: dict[str, YieldFit] = {}
    flow = None
    if settings.fits != ():
        with stages.stage("fits"):
            cubic_i = all(m is not None and m.lattice.symbol == "cI" for m in materials.values())
            fits = fit_laboratory(found, settings.fits, exponent=BCC if cubic_i else None)
            flow = flow_curve(found)
    return LabReport(settings, inputs, reading, found, fits, flow, stages.seconds)
