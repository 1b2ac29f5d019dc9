"""Compute the full-field elastic stiffness of a file, with Voigt, Reuss and Hill averages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.progress import Progress, Stages
from polyxtal.mechanics.bounds.averages import elastic_averages
from polyxtal.mechanics.bounds.moduli import EngineeringConstants, engineering_constants
from polyxtal.mechanics.elastic.homogenize import ElasticHomogenization
from polyxtal.mechanics.elastic.homogenize import homogenize as solve
from polyxtal.workflows.homogenize.settings import HomogenizationSettings
from polyxtal.workflows.inputs.files import identify_inputs, read_input
from polyxtal.workflows.inputs.materials import (
    choose_elasticity,
    choose_materials,
    material_sources,
    with_lattices,
)
from polyxtal.workflows.inputs.reading import Reading, remarks

FULL_FIELD = "full_field"
BASELINES = ("reuss", "hill", "voigt")


@dataclass(frozen=True, eq=False)
class Homogenization:
    """Result of `homogenize`.

    Attributes:
        settings: The settings.
        inputs: Name and SHA-256 of each input file, by role.
        reading: What was read and assumed.
        result: Result of the solver.
        stiffness: Mandel stiffness by "full_field", "reuss", "hill", "voigt". [MPa]
        constants: Engineering constants by the same names.
        distance: Deviation of each average from the full field, relative Frobenius norm. [-]
        seconds: Wall time of each stage. [s]
    """

    settings: HomogenizationSettings
    inputs: Mapping[str, tuple[str, str]]
    reading: Reading
    result: ElasticHomogenization
    stiffness: Mapping[str, Float[Tensor, "6 6"]]
    constants: Mapping[str, EngineeringConstants]
    distance: Mapping[str, float]
    seconds: Mapping[str, float] = field(default_factory=dict)


def homogenize(
    file: str | Path,
    settings: HomogenizationSettings | None = None,
    progress: Progress | None = None,
    on_reading: Callable[[Reading], None] | None = None,
) -> Homogenization:
    """Compute the elastic stiffness of a polycrystal file by full-field simulation.

    Args:
        file: `.vti` (with `material.yaml`), `.dream3d` or `.npz`.
        settings: Settings; None for the defaults.
        progress: Callback after each iteration with load case and iteration, both from 1, and
            relative residual; cases without iterations are not counted.
        on_reading: Called once all inputs are validated, before the computation.
    Returns:
        The stiffness, with the Reuss, Hill and Voigt averages.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if a file or a setting is invalid, or a phase has no elasticity.
        ConvergenceError: if a load case does not converge.
    """
    settings = settings or HomogenizationSettings()
    stages = Stages(progress)
    with stages.stage("read"), remarks() as said:
        rve, grain_map = read_input(file, settings.material, settings.ebsd)
        if settings.elastic:
            materials = choose_elasticity(rve, settings.elastic)
            sources = material_sources(rve, file, settings.elastic, "elastic")
        else:
            materials = choose_materials(rve, file, settings.material, elastic_only=True)
            sources = material_sources(rve, file, settings.material)
        rve = with_lattices(rve, materials)
        inputs = identify_inputs(file, settings.material, ebsd=settings.ebsd)
    reading = Reading(
        str(file), rve, materials, sources, grain_map, settings.ebsd.frame, tuple(said)
    )
    if on_reading is not None:
        on_reading(reading)

    elasticity = {name: material.elasticity for name, material in materials.items()}
    with stages.stage("full field") as step:
        result = solve(
            rve,
            elasticity,
            settings.tol,
            scheme=settings.scheme,
            dtype=torch.float32 if settings.float32 else torch.float64,
            max_iterations=settings.max_iterations,
            on_iteration=_by_case(settings.tol, step),
        )

    with stages.stage("baselines"):
        averages = elastic_averages(rve, elasticity)
        stiffness = {
            FULL_FIELD: result.stiffness,
            "reuss": averages.reuss,
            "hill": averages.hill,
            "voigt": averages.voigt,
        }
        norm = torch.linalg.matrix_norm(result.stiffness)
        distance = {
            name: float(torch.linalg.matrix_norm(stiffness[name] - result.stiffness) / norm)
            for name in BASELINES
        }
        constants = {name: engineering_constants(c) for name, c in stiffness.items()}
    return Homogenization(
        settings, inputs, reading, result, stiffness, constants, distance, stages.seconds
    )


def _by_case(tol: float, step: Callable[[str], None]) -> Callable[[float], None]:
    """Return a callback that counts cases and iterations; a case ends below the tolerance."""
    case, iteration = 1, 0

    def on_iteration(residual: float) -> None:
        nonlocal case, iteration
        iteration += 1
        step(f"load case {case}, iteration {iteration}, residual {residual:.1e}")
        if residual <= tol:
            case, iteration = case + 1, 0

    return on_iteration
