"""Files of heads that belong to one encoder, which they name by its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from torch import nn

from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.serialization import digest, read_description, write_described

Sizes = TypeVar("Sizes", bound=BaseModel)


def fingerprint(autoencoder: MaskedAutoencoder) -> str:
    """Return the SHA-256 of an encoder's weights in half precision, hexadecimal."""
    return digest(autoencoder.encoder, torch.float16)


def write_head(
    paths: tuple[Path, Path],
    kind: tuple[str, int],
    about: Mapping[str, Any],
    encoder: str,
    sizes: BaseModel,
    module: nn.Module,
) -> None:
    """Write a head's description and weights atomically, both or neither.

    Args:
        paths: JSON and safetensors files.
        kind: Format and its version.
        about: Further content of the description.
        encoder: Fingerprint of the encoder that the head was fitted to.
        sizes: Sizes of the head.
        module: Head.
    """
    content = {**about, "encoder": encoder, "sizes": sizes.model_dump(mode="json")}
    write_described(paths[0], kind, content, {paths[1]: module.state_dict()})


def read_head(
    path: Path,
    kind: tuple[str, int],
    sizes: type[Sizes],
    autoencoder: MaskedAutoencoder,
    name: str,
) -> tuple[dict[str, Any], Sizes, str]:
    """Read a head's description.

    Args:
        path: JSON file.
        kind: Format and its version.
        sizes: Model of its `sizes`, which must have a `width`.
        autoencoder: Model beside it.
        name: Name of the head in `polyxtal finetune`.
    Returns:
        The whole description, the sizes, and the fingerprint of the head's encoder.
    Raises:
        ValueError: if it is damaged, too large, of another format or version, or the head was
            fitted to another encoder.
    """
    about = read_description(path, kind)
    try:
        found = sizes.model_validate(about["sizes"])
        encoder = str(about["encoder"])
    except (ValidationError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: must describe a {name} head, but: {reason}.") from error
    width = getattr(found, "width", None)
    if width != autoencoder.config.width or encoder != fingerprint(autoencoder):
        raise ValueError(
            f"{path}: the {name} head must be fitted to the encoder beside it, but was to "
            f"another; `polyxtal finetune {name}` fits one anew."
        )
    return about, found, encoder
