"""The files of the parameter head, and its registration."""

from __future__ import annotations

from pathlib import Path

import torch

from polyxtal.model.heads.encoder_bound import read_head, write_head
from polyxtal.model.heads.parameters.head import FittedParameters, ParameterHead, ParameterHeadSizes
from polyxtal.model.heads.registry import HeadKind, register
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.serialization import check_parameters, read_state

PARAMETERS_CONFIG, PARAMETERS_WEIGHTS = "parameters.json", "parameters.safetensors"
FORMAT = "polyxtal parameter head", 1
MAX_WEIGHTS = 128 << 20


def save_parameter_head(folder: Path, fitted: FittedParameters) -> None:
    """Write a parameter head beside its model, atomically."""
    paths = folder / PARAMETERS_CONFIG, folder / PARAMETERS_WEIGHTS
    sizes = ParameterHeadSizes(width=fitted.head.width, depth=fitted.head.depth)
    write_head(paths, FORMAT, fitted.about, fitted.encoder, sizes, fitted.head)


def read_parameter_head(folder: Path, autoencoder: MaskedAutoencoder) -> FittedParameters | None:
    """Read the parameter head of a model; None if there is none.

    Raises:
        FileNotFoundError: if the head's weights are missing.
        ValueError: if a file is damaged, too large, of another format or version, or the head was
            fitted to another encoder.
    """
    path, weights = folder / PARAMETERS_CONFIG, folder / PARAMETERS_WEIGHTS
    if not path.is_file():
        return None
    about, sizes, encoder = read_head(path, FORMAT, ParameterHeadSizes, autoencoder, "parameters")
    check_parameters(weights, sizes.parameters, PARAMETERS_CONFIG, MAX_WEIGHTS)
    head = ParameterHead(sizes.width, sizes.depth)
    head.load_state_dict(read_state(weights, head, torch.float32, PARAMETERS_CONFIG, MAX_WEIGHTS))
    if not bool((head.input_scale > 0).all()):
        raise ValueError(f"{weights}: scales must be above 0, but are not.")
    return FittedParameters(head.eval(), encoder, about)


register(
    HeadKind(
        name="parameters",
        title="parameter head",
        purpose="decode networks",
        command="polyxtal finetune parameters",
        head=FittedParameters,
        files=(PARAMETERS_CONFIG, PARAMETERS_WEIGHTS),
        save=save_parameter_head,
        read=read_parameter_head,
    )
)
