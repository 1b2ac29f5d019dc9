"""Compute the full-field stress-strain curve and grain rotation of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.progress import COMPILING, Progress, Stages, time_of_load
from polyxtal.crystal.material import Material
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.mechanics.fullfield.history import LocalFields
from polyxtal.mechanics.fullfield.simulate import simulate as solve
from polyxtal.mechanics.mean_field.taylor import taylor_response
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.measure import volume_shares
from polyxtal.workflows.simulate.folder import DAMASK_FOLDER, FIELDS, Run
from polyxtal.workflows.simulate.prepare import Preparation
from polyxtal.workflows.summary.curve import CurveNumbers, curve_numbers
from polyxtal.workflows.summary.texture import mean_texture_strength, rotation_of_crystals

STIFFNESS_TOLERANCE = 1e-5
"""Tolerance of the elastic stiffness, which gives the elastic slope of the proof stress. [-]"""


@dataclass(frozen=True)
class GrainRotation:
    """Rotation of the grains from start to end, weighted by volume.

    Attributes:
        strength_start: Initial texture strength, see `texture_strength`. [-]
        strength_end: Final texture strength. [-]
        mean: Mean disorientation between initial and final orientation. [rad]
        largest: Largest disorientation of a grain. [rad]
    """

    strength_start: float
    strength_end: float
    mean: float
    largest: float


@dataclass(frozen=True, eq=False)
class Simulation:
    """Result of `simulate`.

    Attributes:
        prepared: The simulation.
        response: Full-field response; its grain rows correspond to `crystals`.
        crystals: Grains with voxels that are not voids, in ascending order.
        orientations: Mean orientation of each of these grains at each time. [-]
        weights: Volume fraction of each of these grains. [-]
        stiffness: Elastic stiffness of the same cell, Mandel. [MPa]
        curve: Key numbers of the loaded component.
        rotation: Rotation of the grains.
        baselines: Responses of simpler models to the same load: "Taylor" or none.
        baseline_curves: Key numbers of the baselines for the same component.
        baseline_rotations: Grain rotation in the baselines.
        why_no_baseline: Reason why a requested baseline was omitted.
        seconds: Wall time of each stage; that of the full field is the sum over all runs. [s]
        resumed_at: Load time from which this run was resumed, None for a new run. [s]
    """

    prepared: Preparation
    response: Response
    crystals: Int[Tensor, " crystals"]
    orientations: Float[Tensor, "times crystals 4"]
    weights: Float[Tensor, " crystals"]
    stiffness: Float[Tensor, "6 6"]
    curve: CurveNumbers
    rotation: GrainRotation
    baselines: Mapping[str, Response] = field(default_factory=dict)
    baseline_curves: Mapping[str, CurveNumbers] = field(default_factory=dict)
    baseline_rotations: Mapping[str, GrainRotation] = field(default_factory=dict)
    why_no_baseline: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    resumed_at: float | None = None

    @property
    def fields(self) -> LocalFields | None:
        """Final local fields, if the engine provides them."""
        return getattr(self.response, "fields", None)


def simulate(
    prepared: Preparation,
    run: Run,
    progress: Progress | None = None,
) -> Simulation:
    """Run or resume the full-field simulation.

    Args:
        prepared: The simulation.
        run: Its folder, with checkpoint and series of fields.
        progress: Callback after each increment, counted from the start of the load.
    Returns:
        The simulation's results.
    Raises:
        ConvergenceError: if an increment does not converge, or the stiffness does not.
        ValueError: if the checkpoint is damaged or of another simulation.
        OSError: if the checkpoint or a series cannot be written.
    """
    rve, load = prepared.rve, prepared.load
    stages = Stages(progress)
    # First, so that errors occur before the long computation.
    with stages.stage("stiffness"):
        stiffness = _stiffness(prepared)

    done = prepared.increments_done(run.resumed_at or 0.0)
    with stages.stage("full field", load.increments, done, COMPILING) as step:
        response = _full_field(prepared, run, lambda t: step(time_of_load(t)))
    stages.seconds["full field"] += run.seconds_before
    curve = curve_numbers(response, stiffness, load)
    crystals, orientations = _crystals(prepared, response)
    weights, phase = rve.volume_fractions[crystals], rve.phase[crystals]

    baselines, why = _baselines(prepared, stages)
    return Simulation(
        prepared=prepared,
        response=response,
        crystals=crystals,
        orientations=orientations,
        weights=weights,
        stiffness=stiffness,
        curve=curve,
        rotation=grain_rotation(rve, orientations, weights, phase),
        baselines=baselines,
        baseline_curves={
            n: curve_numbers(b, stiffness, load, curve.component) for n, b in baselines.items()
        },
        baseline_rotations={
            n: grain_rotation(rve, _known(b.orientations), weights, phase)
            for n, b in baselines.items()
        },
        why_no_baseline=why,
        seconds=stages.seconds,
        resumed_at=run.resumed_at,
    )


def _baselines(prepared: Preparation, stages: Stages) -> tuple[dict[str, Response], str | None]:
    """Compute the Taylor model if asked for, or state in a sentence why it is omitted."""
    if not prepared.settings.taylor:
        return {}, None
    if prepared.settings.void:
        return {}, "The Taylor baseline is omitted: it does not support voids."
    solids, load = _solids(prepared), prepared.load
    with stages.stage("baseline", load.increments, note=COMPILING) as step:
        try:
            response = taylor_response(prepared.rve, solids, load, lambda t: step(time_of_load(t)))
        except ConvergenceError as error:
            return {}, f"The Taylor baseline is omitted: {error}"
    return {"Taylor": response}, None


def grain_rotation(
    rve: Polycrystal,
    orientations: Float[Tensor, "times grains 4"],
    weights: Float[Tensor, " grains"],
    phase: Int[Tensor, " grains"],
) -> GrainRotation:
    """Compare the initial and final orientations of grains.

    Args:
        rve: Polycrystal with the phases.
        orientations: Orientation of each grain at each time. [-]
        weights: Volume of each grain, in any unit.
        phase: Phase of each grain.
    """
    first, last = orientations[0], orientations[-1]
    angle = rotation_of_crystals(rve, phase, first, last)
    return GrainRotation(
        mean_texture_strength(rve, phase, first, weights),
        mean_texture_strength(rve, phase, last, weights),
        float(volume_shares(first, weights) @ angle),
        float(angle.max()),
    )


def _full_field(prepared: Preparation, run: Run, tell: Callable[[float], None]) -> Response:
    settings, resumed_at = prepared.settings, run.resumed_at
    if settings.engine == "damask":
        return solve(
            prepared.rve,
            _solids(prepared),
            prepared.load,
            engine="damask",
            folder=run.folder / DAMASK_FOLDER,
            on_increment=tell,
        )
    started = noted = perf_counter()

    def after_increment(time: float) -> None:
        nonlocal noted
        if resumed_at is not None and time <= resumed_at:
            return  # the state from which the run was resumed
        tell(time)
        if perf_counter() - noted >= settings.checkpoint_every:
            noted = perf_counter()
            run.note_seconds(noted - started)

    try:
        return solve(
            prepared.rve,
            prepared.materials,
            prepared.load,
            settings.tol,
            scheme=settings.scheme,
            checkpoint=run.checkpoint,
            checkpoint_seconds=settings.checkpoint_every,
            fields=settings.fields and run.folder / f"{FIELDS}.{settings.fields}",
            fields_every=settings.fields_every,
            threads=settings.threads,
            engine=settings.engine,
            on_increment=after_increment,
        )
    finally:
        if run.checkpoint.exists():
            with suppress(OSError):
                run.note_seconds(perf_counter() - started)


def _stiffness(prepared: Preparation) -> Float[Tensor, "6 6"]:
    """Return the elastic stiffness of the cell, by the rotated scheme if the given one fails."""
    elasticity: Any = {name: m and m.elasticity for name, m in prepared.materials.items()}
    scheme = prepared.settings.scheme
    try:
        found = homogenize(prepared.rve, elasticity, STIFFNESS_TOLERANCE, scheme=scheme)
    except ConvergenceError:
        if scheme == "rotated":
            raise
        found = homogenize(prepared.rve, elasticity, STIFFNESS_TOLERANCE, scheme="rotated")
    return found.stiffness


def _solids(prepared: Preparation) -> dict[str, Material]:
    return {name: m for name, m in prepared.materials.items() if m is not None}


def _crystals(prepared: Preparation, response: Response) -> tuple[Tensor, Tensor]:
    """Return the grains with crystals and their orientations."""
    rve, orientations = prepared.rve, _known(response.orientations)
    void = [n for n, m in prepared.materials.items() if m is None]
    places = torch.tensor([rve.phase_names.index(n) for n in void], dtype=torch.int64)
    occupied = rve.volume_fractions > 0
    solid = occupied & ~torch.isin(rve.phase, places)
    # DAMASK's result has rows for the grains with voxels only.
    rows = solid if orientations.shape[1] == rve.grains else solid[occupied]
    return solid.nonzero().flatten(), orientations[:, rows]


def _known(orientations: Tensor | None) -> Tensor:
    assert orientations is not None
    return orientations
