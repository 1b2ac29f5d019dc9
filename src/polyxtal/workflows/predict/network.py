"""The answer of material networks, from grains alone or predicted by a pretrained model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from polyxtal.algebra.progress import COMPILING, Stages, time_of_load
from polyxtal.algebra.randomness import member_seeds
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.material import Material
from polyxtal.mechanics.bounds.averages import elastic_averages
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model import checkpoint
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.curves.file import NETWORK_CONFIG
from polyxtal.model.heads.property.file import PROPERTY_CONFIG, PROPERTY_WEIGHTS
from polyxtal.model.heads.stiffness.file import STIFFNESS_CONFIG, STIFFNESS_WEIGHTS
from polyxtal.model.predicted_network import MISFIT, infer_fit
from polyxtal.network.fit_effort import EFFORT, FitEffort
from polyxtal.network.limits import check_size
from polyxtal.network.tree import MaterialNetwork, NetworkEnsemble
from polyxtal.workflows.inputs.files import sha256
from polyxtal.workflows.predict.answer import Answer
from polyxtal.workflows.predict.coarse_field import coarse_field
from polyxtal.workflows.predict.settings import PredictionSettings

PARTS = {
    "model": checkpoint.CONFIG,
    "model weights": checkpoint.WEIGHTS,
    "stiffness head": STIFFNESS_CONFIG,
    "stiffness head weights": STIFFNESS_WEIGHTS,
    "network head": NETWORK_CONFIG,
}
"""Files of a model's folder that determine the prediction, by role."""
PROPERTY_PARTS = {
    "property head": PROPERTY_CONFIG,
    "property head weights": PROPERTY_WEIGHTS,
}
"""Those of its property head, if it has one."""


def open_model(name: str) -> tuple[FoundationModel, dict[str, tuple[str, str]]]:
    """Load a model with heads for networks, and return it with names and SHA-256 of its files.

    Args:
        name: See `load_model`.
    Returns:
        The model and its files, each prefixed by the name of the model.
    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if a file is damaged, or the model lacks a head.
    """
    folder = checkpoint.find_model(name)
    model = load_model(folder)
    model.check_network()
    # Use the last part of a path only: the location differs between computers.
    own = folder.resolve().name if Path(name).is_dir() else name
    parts = PARTS if model.property_head is None else PARTS | PROPERTY_PARTS
    files = {part: folder / file for part, file in parts.items()}
    named = {part: (f"{own}/{file.name}", sha256(file)) for part, file in files.items()}
    return model, named


def predict_properties(model: FoundationModel | None, rve: Polycrystal) -> dict[str, float]:
    """Return what a model's property head predicts, by label with its unit; empty without one.

    Args:
        model: Model, or None.
        rve: Polycrystal.
    """
    head = None if model is None else model.property_head
    if model is None or head is None:
        return {}
    found = model.predict_property(rve)
    return {str(label): float(found[label.name]) for label in head.labels}


def most_steps(effort: FitEffort = EFFORT) -> int:
    """Return the maximum number of `on_step` calls of `predict_network` per network."""
    return effort.iterations


class PredictedNetworks(NamedTuple):
    """One predicted network or several.

    Attributes:
        network: The network, or all of them.
        misfit: Largest error of their fits, see `NetworkFit`. [-]
    """

    network: MaterialNetwork | NetworkEnsemble
    misfit: float


def predict_network(
    model: FoundationModel,
    rve: Polycrystal,
    material: Material,
    leaves: int,
    seed: int,
    ensemble: int,
    on_step: Callable[[str], None] | None = None,
    effort: FitEffort = EFFORT,
) -> PredictedNetworks:
    """Predict an ensemble of networks.

    The networks are those of `FoundationModel.predict_network`; the stiffness is predicted once
    for all of them.

    Args:
        model: Model with heads for stiffness and curves, see `FoundationModel.check_network`.
        rve: Polycrystal of one phase.
        material: Material of the grains.
        leaves: Number of leaves per network.
        seed: Random seed; seeds of the members are derived from it.
        ensemble: Number of networks to average.
        on_step: Callback after each step of each network, with a description.
        effort: Effort spent on the fits.
    Raises:
        ConvergenceError: if a network does not converge.
        ValueError: if the model lacks a head, the polycrystal has several phases, or `leaves`,
            `seed` or `ensemble` is out of range.
    """

    model.check_network(rve)
    check_size(leaves, seed, ensemble)

    def report(stage: str, done: int, total: int, note: str = "", /) -> None:
        if done and on_step is not None:
            on_step(stage)

    seeds = member_seeds(seed, ensemble) if ensemble > 1 else [seed]
    assert model.curves is not None
    expected: Any = cache(partial(_stiffness_of_targets, model, rve))
    fits = [
        infer_fit(rve, leaves, material, model.curves, expected, one, effort, report)
        for one in seeds
    ]
    networks = tuple(fit.network for fit in fits)
    network = NetworkEnsemble(networks) if ensemble > 1 else networks[0]
    return PredictedNetworks(network, max(fit.error for fit in fits))


def _stiffness_of_targets(model: FoundationModel, rve: Polycrystal, crystal: Elasticity) -> Tensor:
    with warnings.catch_warnings():
        # Crystals that the targets are computed for are not the user's.
        warnings.simplefilter("ignore", UserWarning)
        return model.predict_stiffness(rve, crystal)


def networks(
    settings: PredictionSettings,
    rve: Polycrystal,
    materials: Mapping[str, Material],
    model: FoundationModel | None,
    load: LoadPath,
    stages: Stages,
) -> Answer:
    """Answer by material networks, or by a full field on a coarse grid where they would be poor.

    Predicted networks are poor if the polycrystal is out of distribution, or if they miss their
    targets by more than `MISFIT`.

    Raises:
        ConvergenceError: if an increment does not converge.
    """
    elasticity = {name: material.elasticity for name, material in materials.items()}
    score, predicted, reason = None, {}, None
    with stages.stage("stiffness"):
        averages = elastic_averages(rve, elasticity)._asdict()
        if model is not None:
            predicted = {"model": model.predict_stiffness(rve, elasticity)}
            score = model.out_of_distribution_score(rve)
    if score is not None and score > 1:
        network, reason = (
            None,
            (
                "The polycrystal is unlike those that the model was fitted to (out-of-distribution "
                f"score {score:.2g}, at most 1 among them)"
            ),
        )
    else:
        network, reason = _network(settings, rve, materials, model, stages)
    if network is None:
        warnings.warn(f"{reason}: a full field on a coarse grid answers instead.", stacklevel=2)
        answer = coarse_field(settings, rve, materials, load, stages)
        every = {**predicted, **answer.stiffness}
        return answer._replace(stiffness=every, out_of_distribution_score=score, fallback=reason)
    stiffness = {**predicted, "network": network.stiffness(elasticity), **averages}
    members = network.members if isinstance(network, NetworkEnsemble) else (network,)
    increments = load.increments * len(members)
    with stages.stage("response", increments, note=COMPILING) as step:
        response = network.respond(materials, load, on_increment=lambda t: step(time_of_load(t)))
    return Answer(
        "material network",
        response,
        stiffness,
        "network" if model is None else "model",
        "network",
        torch.cat([member.phase for member in members]),
        out_of_distribution_score=score,
    )


def _network(
    settings: PredictionSettings,
    rve: Polycrystal,
    materials: Mapping[str, Material],
    model: FoundationModel | None,
    stages: Stages,
) -> tuple[MaterialNetwork | NetworkEnsemble | None, str | None]:
    """Return a network, untrained or predicted; or None and what is wrong with it."""
    leaves, ensemble = settings.network_size
    if model is None:
        network = MaterialNetwork.from_polycrystal(rve, leaves, settings.seed, ensemble=ensemble)
        return network, None
    (material,) = materials.values()
    steps = most_steps(settings.effort) * ensemble
    with stages.stage("predict network", steps, note=COMPILING) as step:
        network, misfit = predict_network(
            model, rve, material, leaves, settings.seed, ensemble, step, settings.effort
        )
    if misfit <= MISFIT:
        return network, None
    return None, (
        f"A predicted network misses its targets by {misfit:.1%} on average, by more than "
        f"{MISFIT:.0%}"
    )
