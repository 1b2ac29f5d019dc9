"""From a file to its stiffness, stress-strain curve and texture evolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.crystal.material import Material
from polyxtal.mechanics.bounds.averages import hill_average, reuss_average, voigt_average
from polyxtal.mechanics.bounds.moduli import EngineeringConstants, engineering_constants
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.mean_field.taylor import taylor_response
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.tree import MaterialNetwork, NetworkEnsemble, check_size
from polyxtal.texture.measure import volume_shares
from polyxtal.workflows.inputs.choose import choose_materials, with_lattices
from polyxtal.workflows.inputs.files import identify_inputs, read_input
from polyxtal.workflows.predict.network import most_steps, open_model, predict_network
from polyxtal.workflows.predict.settings import PredictionSettings
from polyxtal.workflows.summary.curve import CurveNumbers, curve_numbers
from polyxtal.workflows.summary.texture import mean_texture_strength, rotation_of_crystals


@dataclass(frozen=True)
class TextureChange:
    """How deformation changes the texture.

    Attributes:
        strength_grains: `texture_strength` of the file's grains. [-]
        strength_start: That of the network's leaves, undeformed. [-]
        strength_end: That of the leaves at the end of the load. [-]
        mean_rotation: Mean disorientation between a leaf's start and end. [rad]
    """

    strength_grains: float
    strength_start: float
    strength_end: float
    mean_rotation: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """Everything that `predict` found out.

    Attributes:
        settings: What was asked for.
        inputs: Name and SHA-256 of every file that was read, by its part.
        rve: The polycrystal.
        materials: Material of every phase that has grains.
        load: The load path.
        stiffness: Mandel stiffness by "network", "voigt", "reuss", "hill", and "model" if there
            is one. [MPa]
        constants: Engineering constants by the same names.
        response: The networks' average response.
        leaf_phase: Phase of every leaf of `response.orientations`.
        curve: Key numbers of the loaded component.
        texture: Texture at start and end.
        baselines: Responses of simpler models to the same load: "Taylor" or none.
        baseline_curves: Their key numbers for the same component.
        seconds: Wall time of each stage. [s]
        unfamiliarity: How unlike the polycrystal is to those of the model's training, see
            `FoundationModel.unfamiliarity`; None without a model. [-]
    """

    settings: PredictionSettings
    inputs: Mapping[str, tuple[str, str]]
    rve: Polycrystal
    materials: Mapping[str, Material]
    load: LoadPath
    stiffness: Mapping[str, Float[Tensor, "6 6"]]
    constants: Mapping[str, EngineeringConstants]
    response: Response
    leaf_phase: Int[Tensor, "leaves"]
    curve: CurveNumbers
    texture: TextureChange
    baselines: Mapping[str, Response] = field(default_factory=dict)
    baseline_curves: Mapping[str, CurveNumbers] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    unfamiliarity: float | None = None

    @property
    def answer(self) -> str:
        """Name of the stiffness that is the answer: the model's, or else the network's."""
        return "network" if self.settings.model is None else "model"

    @property
    def orientations(self) -> Float[Tensor, "times leaves 4"]:
        """Orientation of every leaf at every time. [-]"""
        assert self.response.orientations is not None
        return self.response.orientations

    @property
    def weights(self) -> Float[Tensor, "leaves"]:
        """Volume fraction of every leaf. [-]"""
        assert self.response.weights is not None
        return self.response.weights


def predict(
    file: str | Path,
    settings: PredictionSettings | None = None,
    on_stage: Callable[[str, int], None] | None = None,
    on_increment: Callable[[float], None] | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Prediction:
    """Predict stiffness, stress-strain curve and texture evolution of a polycrystal file.

    Args:
        file: `.vti` (with `material.yaml`), `.dream3d` or `.npz`.
        settings: What to predict; None for the defaults.
        on_stage: Called with each stage's name and its number of calls of `on_increment`, or for
            "predict network" the largest number of calls of `on_step`.
        on_increment: Called with the time [s] after every increment of every network and of the
            baseline, from several threads at once.
        on_step: Called with what is done, after every step of predicting a network.
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
    seconds: dict[str, float] = {}
    started = perf_counter()

    def begin(stage: str, calls: int = 0) -> None:
        nonlocal started
        started = perf_counter()
        if on_stage is not None:
            on_stage(stage, calls)

    def end(stage: str) -> None:
        seconds[stage] = perf_counter() - started

    begin("read")
    load = settings.load_path()
    leaves, ensemble = settings.network_size
    check_size(leaves, settings.seed, ensemble)
    model, parts = (None, {}) if settings.model is None else open_model(settings.model)
    rve = read_input(file, settings.material, settings.ebsd)
    materials = choose_materials(rve, file, settings.material)
    rve = with_lattices(rve, materials)
    inputs = identify_inputs(file, settings.material, settings.load) | parts
    if model is not None:
        model.check_network(rve)
    end("read")

    begin("stiffness")
    elasticity = {name: material.elasticity for name, material in materials.items()}
    averages = {
        "voigt": voigt_average(rve, elasticity),
        "reuss": reuss_average(rve, elasticity),
        "hill": hill_average(rve, elasticity),
    }
    unfamiliarity = None
    if model is None:
        network = MaterialNetwork.from_polycrystal(rve, leaves, settings.seed, ensemble=ensemble)
        stiffness = {"network": network.stiffness(elasticity), **averages}
        end("stiffness")
    else:
        told = model.predict_stiffness(rve, elasticity)
        unfamiliarity = model.unfamiliarity(rve)
        end("stiffness")
        (material,) = materials.values()
        begin("predict network", most_steps(leaves, material) * ensemble)
        network = predict_network(model, rve, material, leaves, settings.seed, ensemble, on_step)
        stiffness = {"model": told, "network": network.stiffness(elasticity), **averages}
        end("predict network")

    begin("response", load.increments * ensemble)
    response = network.respond(materials, load, on_increment=on_increment)
    end("response")
    curve = curve_numbers(response, stiffness["network"], load)

    baselines: dict[str, Response] = {}
    if settings.taylor:
        begin("baseline", load.increments)
        baselines["Taylor"] = taylor_response(rve, materials, load, on_increment)
        end("baseline")

    members = network.members if isinstance(network, NetworkEnsemble) else (network,)
    leaf_phase = torch.cat([member.phase for member in members])
    return Prediction(
        settings,
        inputs,
        rve,
        materials,
        load,
        stiffness,
        {name: engineering_constants(c) for name, c in stiffness.items()},
        response,
        leaf_phase,
        curve,
        _texture_change(rve, response, leaf_phase),
        baselines,
        {
            # Equal strain in all grains: elastically, that is Voigt's average.
            name: curve_numbers(baseline, stiffness["voigt"], load, curve.component)
            for name, baseline in baselines.items()
        },
        seconds,
        unfamiliarity,
    )


def _texture_change(
    rve: Polycrystal, response: Response, leaf_phase: Int[Tensor, "leaves"]
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
