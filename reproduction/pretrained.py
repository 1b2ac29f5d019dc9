"""What the studies start from: a pretrained model, its pretraining, and RVEs it never saw."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from polyxtal.dataset.recipe import Recipe
from polyxtal.files.validated import validate_document
from polyxtal.model import checkpoint
from polyxtal.model.checkpoint import CONFIG, WEIGHTS, read_model
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.shards import weight_files
from polyxtal.training.pretrain.config import KINDS, PretrainConfig
from polyxtal.training.pretrain.data import unseen_stream
from polyxtal.version import __version__

MODELS = Path(__file__).with_name("weights")
"""Pretrained models that serve the reproduction only."""
UNSEEN_SEED = 2**42
"""What is added to a pretraining's seed for RVEs that neither training nor validation saw."""
AT_ONCE = 16
"""RVEs made and measured between two signs of progress."""


class Pretrained(NamedTuple):
    """A model and where it comes from.

    Attributes:
        model: The model.
        config: Its pretraining.
        identity: What identifies it: name, SHA-256 of the weights, training so far.
    """

    model: FoundationModel
    config: PretrainConfig
    identity: Mapping[str, Any]


def find_model(name: str | Path) -> Path:
    """Find a model of the reproduction by its name, or any that `load_model` finds.

    Raises:
        FileNotFoundError: if there is no such model.
    """
    if any(name == folder.name for folder in MODELS.iterdir()):
        return MODELS / name
    return checkpoint.find_model(name)


def open_model(name: str | Path) -> Pretrained:
    """Load a model for a study.

    Args:
        name: As for `find_model`.
    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if a file is damaged, or does not say what the model was pretrained on.
    """
    folder = find_model(name)
    autoencoder, about = read_model(folder)
    if "pretraining" not in about:
        raise ValueError(
            f"{folder / CONFIG}: must say in `pretraining` what the model was pretrained on, so "
            "that like RVEs can be made, but does not."
        )
    config = validate_document(PretrainConfig, about["pretraining"], folder / CONFIG, KINDS)
    if config.model != autoencoder.config:
        raise ValueError(
            f"{folder / CONFIG}: `pretraining` and `model` must have the same sizes, but differ."
        )
    digest = hashlib.sha256()
    for file in weight_files(folder / WEIGHTS):
        digest.update(file.read_bytes())
    weights = digest.hexdigest()
    identity = {
        "name": str(name),
        "sha256": weights,
        "polyxtal": about.get("polyxtal"),
        "features": config.model.features,
        "mask": config.mask,
        "steps_done": about.get("steps_done"),
        "rves_seen": about.get("rves_seen"),
        "seconds": about.get("seconds"),
    }
    return Pretrained(FoundationModel(autoencoder, about), config, identity)


def unseen_offset(seed: int = 0) -> int:
    """Return what to add to a pretraining's seed for RVEs that the model never saw.

    Raises:
        ValueError: if the seed is negative or above 2³².
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"Argument `seed` must be from 0 to 2^32 - 1, but is {seed}.")
    return UNSEEN_SEED + seed


def unseen_recipe(config: PretrainConfig, seed: int = 0) -> Recipe:
    """Return the recipe of like RVEs that the model never saw; another seed gives others.

    Raises:
        ValueError: if the seed is negative or above 2³².
    """
    return config.recipe(unseen_offset(seed))


def unseen_batches(
    config: PretrainConfig, count: int, seed: int = 0
) -> Iterator[dict[str, Tensor]]:
    """Make so many unseen RVEs, a few at a time, as batches of `PolycrystalStream`.

    Raises:
        ValueError: if the count is not positive or the seed out of range.
    """
    if count < 1:
        raise ValueError(f"At least one RVE must be asked for, but the count is {count}.")
    size = min(AT_ONCE, count)
    source = unseen_stream(config, size, unseen_offset(seed))
    for start in range(0, count, size):
        batch = source.batch(start // size)
        yield {name: values[: count - start] for name, values in batch.items()}


def versions(*more: str) -> dict[str, str]:
    """Name the versions that a result depends on."""
    packages = {name: version(name) for name in ("torch", "numpy", *more)}
    return {"polyxtal": __version__, "python": platform.python_version(), **packages}
