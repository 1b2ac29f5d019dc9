"""Splits of RVEs, and the encoders that heads start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Integer
from torch import Tensor

from polyxtal.algebra.progress import Progress, as_stage
from polyxtal.algebra.randomness import generator_of
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.training.finetune.config import FitConfig, StiffnessConfig
from polyxtal.training.finetune.stiffness_data import StiffnessData, encode_copies


class Split(NamedTuple):
    """Indices of training and validation RVEs."""

    train: Integer[Tensor, " n"]
    validation: Integer[Tensor, " m"]


def split_rves(count: int, validation: float, seed: int, stream: int) -> Split:
    """Split RVEs at random into training and validation.

    Args:
        count: Number of RVEs.
        validation: Fraction of validation RVEs; at least one RVE is held out.
        seed: Random seed.
        stream: Random stream, so that fine-tunings of different kinds split differently.
    Raises:
        ValueError: if fewer than two training RVEs are left.
    """
    held_out = max(1, round(validation * count))
    if count - held_out < 2:
        raise ValueError(
            "At least two RVEs must be left to learn from, but `validation` leaves "
            f"{count - held_out}."
        )
    order = torch.randperm(count, generator=generator_of(seed, 0, stream))
    return Split(order[held_out:], order[:held_out])


def untrained_copy(model: FoundationModel) -> FoundationModel:
    """Return the model as initialised before its pretraining, by the same seed."""
    seed = int(dict(model.about.get("pretraining") or {}).get("seed", 0))
    return FoundationModel(MaskedAutoencoder(model.config, seed), {})


def encoder_of(name: str, head: FitConfig) -> str:
    """Return the name of the encoder that a head starts from."""
    return head.encoder if head.model is None else f"{head.encoder} of {name}"


def load_encoders(
    model: FoundationModel, heads: Mapping[str, FitConfig]
) -> dict[str, FoundationModel]:
    """Load the encoders that heads start from, named as by `encoder_of`.

    Args:
        model: Model of the fine-tuning, for "pretrained" and "untrained".
        heads: Heads by name; those with a model of their own start from that.
    Raises:
        FileNotFoundError: if a model is missing.
        ValueError: if a model sees another number of voxels.
    """
    found = {"pretrained": model, "untrained": untrained_copy(model)}
    for name, head in heads.items():
        if head.model is None:
            continue
        own = load_model(head.model)
        if own.config.voxels != model.config.voxels:
            raise ValueError(
                f"{head.model}: models of one fine-tuning must see as many voxels, but this one "
                f"sees {own.config.voxels}³ and another {model.config.voxels}³."
            )
        found[encoder_of(name, head)] = own if head.encoder == "pretrained" else untrained_copy(own)
    return found


def own_encoders(
    encoders: Mapping[str, FoundationModel], heads: Mapping[str, FitConfig]
) -> dict[str, str]:
    """Return fingerprints of the encoders of heads with a model of their own, by head."""
    return {
        name: fingerprint(encoders[encoder_of(name, head)].autoencoder)
        for name, head in heads.items()
        if head.model is not None
    }


class Encoded(NamedTuple):
    """Latent vectors of all RVEs by one encoder.

    Attributes:
        latent: Training RVEs as they are, then their copies. (n, 1 + copies, width)
        turns: Index of the copies' rotations, 0 for none. (n, 1 + copies)
        test: Test RVEs. (m, width)
    """

    latent: Tensor
    turns: Tensor
    test: Tensor


def encode_all(
    config: StiffnessConfig,
    name: str,
    model: FoundationModel,
    data: StiffnessData,
    test: StiffnessData,
    progress: Progress,
) -> Encoded:
    """Encode all RVEs, and copies for heads on this encoder frozen."""
    frozen = any(head.freeze and encoder_of(n, head) == name for n, head in config.heads.items())
    copies = config.copies if frozen else 0
    report = as_stage(progress, f"RVEs encoded, {name}")
    latent, turns = encode_copies(model, data, range(len(data.grain_id)), copies, 0, report)
    return Encoded(latent, turns, encode_copies(model, test, range(len(test.grain_id)))[0][:, 0])
