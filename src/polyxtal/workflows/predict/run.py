"""Predict stiffness, stress-strain curve and texture evolution of a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.progress import COMPILING, Progress, Stages, time_of_load
from polyxtal.crystal.material import Material
from polyxtal.mechanics.bounds.moduli import EngineeringConstants, engineering_constants
from polyxtal.mechanics.fullfield.predict_fields import predict_fields
from polyxtal.mechanics.fullfield.predicted_fields import PredictedFields
from polyxtal.mechanics.ladder.stiffness import EstimatedStiffness
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import cut_note
from polyxtal.mechanics.mean_field.taylor import taylor_response
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.measure import volume_shares
from polyxtal.workflows.inputs.files import identify_inputs, read_input
from polyxtal.workflows.inputs.materials import (
    choose_materials,
    material_sources,
    with_lattices,
)
from polyxtal.workflows.inputs.reading import Reading, remarks
from polyxtal.workflows.predict.coarse_field import coarse_field
from polyxtal.workflows.predict.network import networks, open_model, predict_properties
from polyxtal.workflows.predict.settings import NETWORK, PredictionSettings
from polyxtal.workflows.summary.curve import CurveNumbers, curve_numbers
from polyxtal.workflows.summary.texture import mean_texture_strength, rotation_of_crystals


@dataclass(frozen=True)
class TextureChange:
    """Change of the texture by deformation.

    Attributes:
        strength_grains: Texture strength of the input grains, see `texture_strength`. [-]
        strength_start: Initial texture strength of the crystals: grains, or a network's leaves. [-]
        strength_end: Their final texture strength. [-]
        mean_rotation: Mean disorientation between initial and final orientation of one. [rad]
    """

    strength_grains: float
    strength_start: float
    strength_end: float
    mean_rotation: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """Result of `predict`.

    Attributes:
        settings: The settings.
        inputs: Name and SHA-256 of each input file, by role.
        reading: What was read and assumed.
        load: The load path.
        method: Name of the method, such as "material network".
        stiffness: Mandel stiffness by "voigt", "reuss", "hill", and by "network", "model" (if one
            is used) or "full_field". [MPa]
        answer: Key of the predicted stiffness.
        constants: Engineering constants by the same names.
        response: Response; of several networks, their mean. That of a full field has the bounds
            of its error.
        phase: Phase of each crystal in `response.orientations`: grain, or leaf of a network.
        grain: Grain of each crystal; None for leaves.
        curve: Key numbers of the loaded component.
        texture: Initial and final texture.
        baselines: Responses of simpler models to the same load: "Taylor" or none.
        baseline_curves: Key numbers of the baselines for the same component.
        seconds: Wall time of each stage. [s]
        unfamiliarity: Out-of-distribution score, see `FoundationModel.unfamiliarity`; None
            without a model. [-]
        properties: Predictions of the model's property head by label, with its unit; empty
            without one.
        fallback: Why a full field answers instead of the networks that were asked for; None if
            that is not so.
        estimated: Stiffness of a full field with the bounds of its error; None of networks.
        fields: Local fields at the end of the load; None unless wanted.
    """

    settings: PredictionSettings
    inputs: Mapping[str, tuple[str, str]]
    reading: Reading
    load: LoadPath
    method: str
    stiffness: Mapping[str, Float[Tensor, "6 6"]]
    answer: str
    constants: Mapping[str, EngineeringConstants]
    response: Response
    phase: Int[Tensor, " crystals"]
    grain: Int[Tensor, " crystals"] | None
    curve: CurveNumbers
    texture: TextureChange
    baselines: Mapping[str, Response] = field(default_factory=dict)
    baseline_curves: Mapping[str, CurveNumbers] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    out_of_distribution_score: float | None = None
    properties: Mapping[str, float] = field(default_factory=dict)
    fallback: str | None = None
    estimated: EstimatedStiffness | None = None
    fields: PredictedFields | None = None

    @property
    def rve(self) -> Polycrystal:
        """The polycrystal."""
        return self.reading.rve

    @property
    def error(self) -> float | None:
        """Largest bound of the loaded stress over its largest magnitude; None of a network. [-]"""
        return getattr(self.response, "error", None)

    @property
    def orientations(self) -> Float[Tensor, "times crystals 4"]:
        """Orientation of each crystal at each time. [-]"""
        assert self.response.orientations is not None
        return self.response.orientations

    @property
    def weights(self) -> Float[Tensor, " crystals"]:
        """Volume fraction of each crystal. [-]"""
        assert self.response.weights is not None
        return self.response.weights


def predict(
    file: str | Path,
    settings: PredictionSettings | None = None,
    progress: Progress | None = None,
    on_reading: Callable[[Reading, LoadPath], None] | None = None,
) -> Prediction:
    """Predict stiffness, stress-strain curve and texture evolution of a polycrystal file.

    Args:
        file: `.vti` (with `material.yaml`), `.dream3d` or `.npz`.
        settings: Settings; None for the defaults.
        progress: Callback after each step of a network fit and each increment of the networks
            and the baseline, from several threads concurrently.
        on_reading: Called once all inputs are validated, before the computation.
    Returns:
        The prediction.
    Raises:
        FileNotFoundError: if a file or the model does not exist.
        ValueError: if a file or a setting is invalid, a phase has no material, or the model lacks a
            head or is given a polycrystal of several phases.
        ConvergenceError: if an increment does not converge.

    Example:
        >>> import polyxtal as px
        >>> from polyxtal.workflows.predict.run import PredictionSettings
        >>> PredictionSettings(strain=0.02, axis="z").load_path().increments
        40
    """
    settings = settings or PredictionSettings()
    stages = Stages(progress)
    with stages.stage("read"), remarks() as said:
        load = settings.load_path()
        model, parts = (None, {}) if settings.model is None else open_model(settings.model)
        rve, grain_map = read_input(file, settings.material, settings.ebsd)
        materials = choose_materials(rve, file, settings.material)
        rve = with_lattices(rve, materials)
        sources = material_sources(rve, file, settings.material)
        inputs = identify_inputs(file, settings.material, settings.load, settings.ebsd) | parts
        if model is not None:
            model.check_network(rve)
    reading = Reading(
        str(file), rve, materials, sources, grain_map, settings.ebsd.frame, tuple(said)
    )
    if on_reading is not None:
        on_reading(reading, load)

    properties = predict_properties(model, rve)
    if settings.method == NETWORK:
        answer = networks(settings, rve, materials, model, load, stages)
    else:
        answer = coarse_field(settings, rve, materials, load, stages)
    response, stiffness = answer.response, answer.stiffness
    if (note := cut_note(response.statistics)) is not None:
        warnings.warn(note, stacklevel=2)
    curve = curve_numbers(response, stiffness[answer.slope], load)
    baselines: dict[str, Response] = {}
    if settings.taylor:
        with stages.stage("baseline", load.increments, note=COMPILING) as step:
            baselines["Taylor"] = taylor_response(
                rve, materials, load, lambda t: step(time_of_load(t))
            )
    return Prediction(
        settings=settings,
        inputs=inputs,
        reading=reading,
        load=load,
        method=answer.name,
        stiffness=stiffness,
        answer=answer.best,
        constants={name: engineering_constants(c) for name, c in stiffness.items()},
        response=response,
        phase=answer.phase,
        grain=answer.grain,
        curve=curve,
        texture=_texture_change(rve, response, answer.phase),
        baselines=baselines,
        baseline_curves={
            # The Taylor model has uniform strain; its elastic stiffness is the Voigt average.
            name: curve_numbers(baseline, stiffness["voigt"], load, curve.component)
            for name, baseline in baselines.items()
        },
        seconds=stages.seconds,
        out_of_distribution_score=answer.out_of_distribution_score,
        properties=properties,
        fallback=answer.fallback,
        estimated=answer.estimated,
        fields=_fields(rve, materials, load, stages) if settings.fields else None,
    )


def _fields(
    rve: Polycrystal, materials: Mapping[str, Material], load: LoadPath, stages: Stages
) -> PredictedFields:
    name = "local fields"
    with stages.stage(name, note=COMPILING):
        return predict_fields(
            rve, materials, load, on_increment=lambda *counts: stages.report(name, *counts)
        )


def _texture_change(
    rve: Polycrystal, response: Response, phase: Int[Tensor, " crystals"]
) -> TextureChange:
    assert response.orientations is not None
    assert response.weights is not None
    first, last = response.orientations[0], response.orientations[-1]
    weights = response.weights
    rotation = rotation_of_crystals(rve, phase, first, last)
    return TextureChange(
        mean_texture_strength(rve, rve.phase, rve.orientations, rve.volume_fractions),
        mean_texture_strength(rve, phase, first, weights),
        mean_texture_strength(rve, phase, last, weights),
        float(volume_shares(first, weights) @ rotation),
    )
