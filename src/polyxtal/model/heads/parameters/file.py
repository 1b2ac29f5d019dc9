"""The head that tells a network's parameters, in files beside its model; see `parameters`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.model.checkpoint import PARAMETERS_CONFIG, PARAMETERS_WEIGHTS, read_tensors
from polyxtal.model.heads.parameters.head import (
    NetworkParameters,
    ParameterHead,
    ParameterHeadSizes,
)
from polyxtal.model.heads.stiffness.file import read_head, write_head
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.network.tree import MaterialNetwork

FORMAT, FORMAT_VERSION = "polyxtal parameter head", 1
MAX_WEIGHTS = 128 << 20


@dataclass(frozen=True, eq=False)
class FittedParameters:
    """A head that tells all parameters of a network.

    Attributes:
        head: The head itself, in single precision.
        encoder: Fingerprint of the encoder that it was fitted to.
        about: What else `parameters.json` says: training, results.
    """

    head: ParameterHead
    encoder: str
    about: Mapping[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def network(self, latent: Float[Tensor, "width"]) -> MaterialNetwork:
        """Make the network of one latent vector, of 2^N leaves and one phase.

        Raises:
            ValueError: if the head's numbers are so large that they are no network.
        """
        told = self.head(latent[None])
        return NetworkParameters(*(part[0] for part in told)).network()


def save_parameter_head(folder: str | Path, fitted: FittedParameters) -> None:
    """Write a head beside its model, whole or not at all."""
    write_head(
        (Path(folder) / PARAMETERS_CONFIG, Path(folder) / PARAMETERS_WEIGHTS),
        (FORMAT, FORMAT_VERSION),
        fitted.about,
        fitted.encoder,
        ParameterHeadSizes(width=fitted.head.width, depth=fitted.head.depth),
        fitted.head,
    )


def read_parameter_head(
    folder: str | Path, autoencoder: MaskedAutoencoder
) -> FittedParameters | None:
    """Read the head of a model, if it has one.

    Raises:
        FileNotFoundError: if the head's weights are missing.
        ValueError: if a file is damaged, too large, of another kind or version, or the head was
            fitted to another encoder.
    """
    path = Path(folder) / PARAMETERS_CONFIG
    if not path.is_file():
        return None
    about, sizes, encoder = read_head(
        path, (FORMAT, FORMAT_VERSION), ParameterHeadSizes, autoencoder, "parameters"
    )
    head = ParameterHead(sizes.width, sizes.depth)
    shapes = {name: tuple(value.shape) for name, value in head.state_dict().items()}
    where = path.with_name(PARAMETERS_WEIGHTS)
    weights = read_tensors(where, shapes, PARAMETERS_CONFIG, MAX_WEIGHTS)
    head.load_state_dict({name: value.to(torch.float32) for name, value in weights.items()})
    if not bool((head.input_scale > 0).all()):
        raise ValueError(f"{where}: scales must be above 0, but are not.")
    return FittedParameters(head.eval(), encoder, about)
