"""Heads in files, beside the encoder's that they were fitted to; see `model.checkpoint`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from polyxtal.files.atomic import atomic_files
from polyxtal.model.checkpoint import (
    STIFFNESS_CONFIG,
    STIFFNESS_WEIGHTS,
    read_description,
    read_tensors,
)
from polyxtal.model.heads.tensor import TensorHead, TensorHeadSizes
from polyxtal.model.mae import MaskedAutoencoder

FORMAT, FORMAT_VERSION = "polyxtal stiffness head", 1
MAX_WEIGHTS = 64 << 20


@dataclass(frozen=True, eq=False)
class StiffnessHead:
    """A head that tells stiffness.

    Attributes:
        tensor: The head itself.
        encoder: Fingerprint of the encoder that it was fitted to.
        about: What else `stiffness.json` says: training, results.
    """

    tensor: TensorHead
    encoder: str
    about: Mapping[str, Any] = field(default_factory=dict)


def fingerprint(autoencoder: MaskedAutoencoder) -> str:
    """Name an encoder by its weights, rounded to half precision, as files may hold them.

    Returns:
        SHA-256, hexadecimal.
    """
    digest = hashlib.sha256()
    for name, value in sorted(autoencoder.encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().to("cpu", torch.float16).contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_stiffness_head(folder: str | Path, head: StiffnessHead) -> None:
    """Write a head beside its model, whole or not at all."""
    target = Path(folder)
    kept = {k: v for k, v in head.about.items() if k not in ("format", "format_version")}
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **kept,
        "encoder": head.encoder,
        "sizes": head.tensor.sizes.model_dump(mode="json"),
    }
    text = json.dumps(config, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    weights = {name: value.contiguous() for name, value in head.tensor.state_dict().items()}
    paths = target / STIFFNESS_WEIGHTS, target / STIFFNESS_CONFIG
    with atomic_files(*paths) as (weights_file, config_file):
        save_file(weights, weights_file, metadata={"format": "pt"})
        config_file.write_text(text, encoding="utf-8")


def read_stiffness_head(folder: str | Path, autoencoder: MaskedAutoencoder) -> StiffnessHead | None:
    """Read the head of a model, if it has one.

    Raises:
        FileNotFoundError: if the head's weights are missing.
        ValueError: if a file is damaged, too large, of another kind or version, or the head was
            fitted to another encoder.
    """
    path = Path(folder) / STIFFNESS_CONFIG
    if not path.is_file():
        return None
    about = read_description(path, FORMAT, FORMAT_VERSION)
    try:
        sizes = TensorHeadSizes.model_validate(about["sizes"])
        encoder = str(about["encoder"])
    except (ValidationError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: must describe a stiffness head, but: {reason}.") from error
    if sizes.width != autoencoder.config.width or encoder != fingerprint(autoencoder):
        raise ValueError(
            f"{path}: the stiffness head must be fitted to the encoder beside it, but was to "
            "another; `polyxtal finetune stiffness` fits one anew."
        )
    tensor = TensorHead(sizes)
    shapes = {name: tuple(value.shape) for name, value in tensor.state_dict().items()}
    weights = read_tensors(path.with_name(STIFFNESS_WEIGHTS), shapes, STIFFNESS_CONFIG, MAX_WEIGHTS)
    divisors = ("familiarity.threshold", "familiarity.rest", "input_scale")
    if not all(bool((weights[name] > 0).all()) for name in divisors):
        where = path.with_name(STIFFNESS_WEIGHTS)
        raise ValueError(f"{where}: thresholds and scales must be above 0, but are not.")
    tensor.load_state_dict({name: value.to(torch.float64) for name, value in weights.items()})
    return StiffnessHead(tensor.eval(), encoder, about)
