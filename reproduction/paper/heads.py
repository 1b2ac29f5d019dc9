"""Heads of a newly pretrained model, for predicting networks without a shipped model."""

from __future__ import annotations

from pathlib import Path

from polyxtal.training.finetune.config import HeadConfig, StiffnessConfig
from polyxtal.training.finetune.curves import NetworkConfig, finetune_network
from polyxtal.training.finetune.folder import MODEL
from polyxtal.training.finetune.stiffness import finetune_stiffness
from reproduction.paper.encoders import chosen, encoder_models
from reproduction.paper.steps import WORK, Place
from reproduction.paper.stiffness import TEST, TRAIN, data_set

NAME = "heads"


def predicting_model(place: Place) -> Path | str:
    """Return the name or folder of the model that predicts networks."""
    if place.preset.predicting is not None:
        return place.preset.predicting
    return place.folder / WORK / NAME / "network" / MODEL


def run(place: Place) -> None:
    """Fit a head for stiffness and one for curves to the chosen encoder."""
    part, task = place.preset.heads, place.preset.stiffness
    if part is None:
        place.remarks.append(f"Networks are predicted by `{place.preset.predicting}` as it ships.")
        return
    train, test = (data_set(place, *one) for one in ((TRAIN, task.train), (TEST, task.test)))
    stiffness = StiffnessConfig(
        model=encoder_models(place)[chosen(place)],
        data=str(train),
        test=str(test),
        labels=part.labels,
        seeds=part.seeds,
        heads={"tensor": HeadConfig(kind="tensor")},
    )
    rows = finetune_stiffness(stiffness, place.work / "stiffness", place.progress)
    place.table(
        "stiffness.csv",
        "Stiffness of unseen RVEs by the head for the full tensor, beside all baselines.",
        list(rows[0]),
        (row.values() for row in rows),
    )
    model = place.work / "stiffness" / MODEL
    network = NetworkConfig(model=str(model), recipe=part.recipe)
    found = finetune_network(
        network,
        place.work / "network",
        place.progress,
    )
    place.table(
        "curves.csv",
        "Error in stress on standard paths of small polycrystals that were not learned from.",
        list(found[0]),
        (row.values() for row in found),
    )
    place.commands.append("polyxtal finetune stiffness CONFIG, polyxtal finetune network CONFIG")
