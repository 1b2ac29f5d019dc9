"""Predict stiffness, stress-strain curve and texture evolution of a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.progress import COMPILING, Progress, Stages, time_of_load
from polyxtal.crystal.material import Material
from polyxtal.mechanics.bounds.averages import elastic_averages
from polyxtal.mechanics.bounds.moduli import EngineeringConstants, engineering_constants
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import cut_note
from polyxtal.mechanics.mean_field.taylor import taylor_response
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.foundation import FoundationModel
from polyxtal.network.tree import MaterialNetwork, NetworkEnsemble
from polyxtal.texture.measure import volume_shares
from polyxtal.workflows.inputs.files import identify_inputs, read_input
from polyxtal.workflows.inputs.materials import (
    choose_materials,
    material_sources,
    with_lattices,
)
from polyxtal.workflows.inputs.reading import Reading, remarks
from polyxtal.workflows.predict.network import most_steps, open_model, predict_network
from polyxtal.workflows.predict.settings import PredictionSettings
from polyxtal.workflows.summary.curve import CurveNumbers, curve_numbers
from polyxtal.workflows.summary.texture import mean_texture_strength, rotation_of_crystals


@dataclass(frozen=True)
class TextureChange:
    """Change of the texture by deformation.

    Attributes:
        strength_grains: Texture strength of the input grains, see `texture_strength`. [-]
        strength_start: Initial texture strength of the network's leaves. [-]
        strength_end: Final texture strength of the leaves. [-]
        mean_rotation: Mean disorientation between initial and final orientation of a leaf. [rad]
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
        stiffness: Mandel stiffness by "network", "voigt", "reuss", "hill", and "model" if a
            model is used. [MPa]
        constants: Engineering constants by the same names.
        response: Mean response of the networks.
        leaf_phase: Phase of each leaf in `response.orientations`.
        curve: Key numbers of the loaded component.
        texture: Initial and final texture.
        baselines: Responses of simpler models to the same load: "Taylor" or none.
        baseline_curves: Key numbers of the baselines for the same component.
        seconds: Wall time of each stage. [s]
        unfamiliarity: Out-of-distribution score, see `FoundationModel.unfamiliarity`; None
            without a model. [-]
    """

    settings: PredictionSettings
    inputs: Mapping[str, tuple[str, str]]
    reading: Reading
    load: LoadPath
    stiffness: Mapping[str, Float[Tensor, "6 6"]]
    constants: Mapping[str, EngineeringConstants]
    response: Response
    leaf_phase: Int[Tensor, " leaves"]
    curve: CurveNumbers
    texture: TextureChange
    baselines: Mapping[str, Response] = field(default_factory=dict)
    baseline_curves: Mapping[str, CurveNumbers] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    out_of_distribution_score: float | None = None

    @property
    def rve(self) -> Polycrystal:
        """The polycrystal."""
        return self.reading.rve

    @property
    def answer(self) -> str:
        """Key of the predicted stiffness: "model" if a model is used, else "network"."""
        return "network" if self.settings.model is None else "model"

    @property
    def orientations(self) -> Float[Tensor, "times leaves 4"]:
        """Orientation of each leaf at each time. [-]"""
        assert self.response.orientations is not None
        return self.response.orientations

    @property
    def weights(self) -> Float[Tensor, " leaves"]:
        """Volume fraction of each leaf. [-]"""
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
        _, ensemble = settings.network_size
        model, parts = (None, {}) if settings.model is None else open_model(settings.model)
        rve, grain_map = read_input(file, settings.material, settings.ebsd)
        materials = choose_materials(rve, file, settings.material)
        rve = with_lattices(rve, materials)
        sources = material_sources(rve, file, settings.material)
        inputs = identify_inputs(file, settings.material, settings.load) | parts
        if model is not None:
            model.check_network(rve)
    reading = Reading(
        str(file), rve, materials, sources, grain_map, settings.ebsd.frame, tuple(said)
    )
    if on_reading is not None:
        on_reading(reading, load)

    network, stiffness, score = _networks(settings, rve, materials, model, stages)
    with stages.stage("response", load.increments * ensemble, note=COMPILING) as step:
        response = network.respond(materials, load, on_increment=lambda t: step(time_of_load(t)))
    note = cut_note(response.statistics)
    if note is not None:
        warnings.warn(note, stacklevel=2)
    curve = curve_numbers(response, stiffness["network"], load)

    baselines: dict[str, Response] = {}
    if settings.taylor:
        with stages.stage("baseline", load.increments, note=COMPILING) as step:
            baselines["Taylor"] = taylor_response(
                rve, materials, load, lambda t: step(time_of_load(t))
            )
    members = network.members if isinstance(network, NetworkEnsemble) else (network,)
    leaf_phase = torch.cat([member.phase for member in members])
    return Prediction(
        settings=settings,
        inputs=inputs,
        reading=reading,
        load=load,
        stiffness=stiffness,
        constants={name: engineering_constants(c) for name, c in stiffness.items()},
        response=response,
        leaf_phase=leaf_phase,
        curve=curve,
        texture=_texture_change(rve, response, leaf_phase),
        baselines=baselines,
        baseline_curves={
            # The Taylor model has uniform strain; its elastic stiffness is the Voigt average.
            name: curve_numbers(baseline, stiffness["voigt"], load, curve.component)
            for name, baseline in baselines.items()
        },
        seconds=stages.seconds,
        out_of_distribution_score=score,
    )


def _networks(
    settings: PredictionSettings,
    rve: Polycrystal,
    materials: Mapping[str, Material],
    model: FoundationModel | None,
    stages: Stages,
) -> tuple[MaterialNetwork | NetworkEnsemble, dict[str, Float[Tensor, "6 6"]], float | None]:
    """Return the networks, all stiffnesses and the out-of-distribution score."""
    leaves, ensemble = settings.network_size
    elasticity = {name: material.elasticity for name, material in materials.items()}
    score = None
    with stages.stage("stiffness"):
        averages = elastic_averages(rve, elasticity)._asdict()
        if model is None:
            network = MaterialNetwork.from_polycrystal(
                rve, leaves, settings.seed, ensemble=ensemble
            )
            return network, {"network": network.stiffness(elasticity), **averages}, None
        predicted = model.predict_stiffness(rve, elasticity)
        score = model.out_of_distribution_score(rve)
        if score > 1:
            warnings.warn(
                "The polycrystal is unlike those that the model was fitted to (out-of-distribution "
                f"score {score:.2g}, at most 1 among them): its predictions are extrapolations.",
                stacklevel=2,
            )
    (material,) = materials.values()
    steps = most_steps(leaves, material, settings.effort) * ensemble
    with stages.stage("predict network", steps, note=COMPILING) as step:
        network = predict_network(
            model, rve, material, leaves, settings.seed, ensemble, step, settings.effort
        )
        stiffness = {"model": predicted, "network": network.stiffness(elasticity), **averages}
    return network, stiffness, score


def _texture_change(
    rve: Polycrystal, response: Response, leaf_phase: Int[Tensor, " leaves"]
) -> TextureChange:
    assert response.orientations is not None
    assert response.weights is not None
    first, last = response.orientations[0], response.orientations[-1]
    weights = response.weights
    rotation = rotation_of_crystals(rve, leaf_phase, first, last)
    return TextureChange(
        mean_texture_strength(rve, rve.phase, rve.orientations, rve.volume_fractions),
        mean_texture_strength(rve, leaf_phase, first, weights),
        mean_texture_strength(rve, leaf_phase, last, weights),
        float(volume_shares(first, weights) @ rotation),
    )
