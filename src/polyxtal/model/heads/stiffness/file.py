"""Heads in files, beside the encoder's that they were fitted to; see `model.checkpoint`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from safetensors.torch import save_file
from torch import nn

from polyxtal.files.atomic import atomic_files
from polyxtal.model.checkpoint import (
    STIFFNESS_CONFIG,
    STIFFNESS_WEIGHTS,
    read_description,
    read_tensors,
)
from polyxtal.model.heads.parameters.head import ParameterHeadSizes
from polyxtal.model.heads.stiffness.head import TensorHead, TensorHeadSizes
from polyxtal.model.mae import MaskedAutoencoder

FORMAT, FORMAT_VERSION = "polyxtal stiffness head", 1
MAX_WEIGHTS = 64 << 20
Sizes = TypeVar("Sizes", TensorHeadSizes, ParameterHeadSizes)


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
    return _digest(autoencoder.encoder, torch.float16)


def head_fingerprint(head: StiffnessHead) -> str:
    """Name a stiffness head by its numbers, rounded to single precision.

    Returns:
        SHA-256, hexadecimal.
    """
    return _digest(head.tensor, torch.float32)


def _digest(module: nn.Module, dtype: torch.dtype) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().to("cpu", dtype).contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_stiffness_head(folder: str | Path, head: StiffnessHead) -> None:
    """Write a head beside its model, whole or not at all."""
    write_head(
        (Path(folder) / STIFFNESS_CONFIG, Path(folder) / STIFFNESS_WEIGHTS),
        (FORMAT, FORMAT_VERSION),
        head.about,
        head.encoder,
        head.tensor.sizes,
        head.tensor,
    )


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
    about, sizes, encoder = read_head(
        path, (FORMAT, FORMAT_VERSION), TensorHeadSizes, autoencoder, "stiffness"
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


def write_head(
    paths: tuple[Path, Path],
    kind: tuple[str, int],
    about: Mapping[str, Any],
    encoder: str,
    sizes: BaseModel,
    module: nn.Module,
) -> None:
    """Write a head's description and weights, both or neither.

    Args:
        paths: JSON and safetensors.
        kind: Format and its version.
        about: What else the description says.
        encoder: Fingerprint of the encoder that the head was fitted to.
        sizes: All that the shape of the head depends on.
        module: The head.
    """
    content = {
        "format": kind[0],
        "format_version": kind[1],
        **{k: v for k, v in about.items() if k not in ("format", "format_version")},
        "encoder": encoder,
        "sizes": sizes.model_dump(mode="json"),
    }
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    weights = {name: value.contiguous() for name, value in module.state_dict().items()}
    config, tensors = paths
    with atomic_files(tensors, config) as (weights_file, config_file):
        save_file(weights, weights_file, metadata={"format": "pt"})
        config_file.write_text(text, encoding="utf-8")


def read_head(
    path: Path,
    kind: tuple[str, int],
    sizes: type[Sizes],
    autoencoder: MaskedAutoencoder,
    name: str,
) -> tuple[dict[str, Any], Sizes, str]:
    """Read a head's description, as `write_head` writes it.

    Args:
        path: The JSON file.
        kind: Format and its version.
        sizes: What its `sizes` are.
        autoencoder: The encoder beside it.
        name: What the head tells, as `polyxtal finetune` calls it.
    Returns:
        All that it says, its sizes, and the fingerprint of its encoder.
    Raises:
        ValueError: if it is damaged, too large, of another kind or version, or the head was fitted
            to another encoder.
    """
    about = read_description(path, *kind)
    try:
        found = sizes.model_validate(about["sizes"])
        encoder = str(about["encoder"])
    except (ValidationError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: must describe a {name} head, but: {reason}.") from error
    if found.width != autoencoder.config.width or encoder != fingerprint(autoencoder):
        raise ValueError(
            f"{path}: the {name} head must be fitted to the encoder beside it, but was to "
            f"another; `polyxtal finetune {name}` fits one anew."
        )
    return about, found, encoder
