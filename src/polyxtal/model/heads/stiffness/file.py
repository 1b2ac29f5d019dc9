"""The files of the stiffness head, and its registration."""

from __future__ import annotations

from pathlib import Path

import torch

from polyxtal.model.heads.encoder_bound import read_head, write_head
from polyxtal.model.heads.registry import HeadKind, register
from polyxtal.model.heads.stiffness.head import StiffnessHead, TensorHead, TensorHeadSizes
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.serialization import digest, read_state

STIFFNESS_CONFIG, STIFFNESS_WEIGHTS = "stiffness.json", "stiffness.safetensors"
FORMAT = "polyxtal stiffness head", 1
MAX_WEIGHTS = 64 << 20


def head_fingerprint(head: StiffnessHead) -> str:
    """Return the SHA-256 of a stiffness head's numbers in single precision, hexadecimal."""
    return digest(head.tensor, torch.float32)


def save_stiffness_head(folder: Path, head: StiffnessHead) -> None:
    """Write a stiffness head beside its model, atomically."""
    paths = folder / STIFFNESS_CONFIG, folder / STIFFNESS_WEIGHTS
    write_head(paths, FORMAT, head.about, head.encoder, head.tensor.sizes, head.tensor)


def read_stiffness_head(folder: Path, autoencoder: MaskedAutoencoder) -> StiffnessHead | None:
    """Read the stiffness head of a model; None if there is none.

    Raises:
        FileNotFoundError: if the head's weights are missing.
        ValueError: if a file is damaged, too large, of another format or version, or the head was
            fitted to another encoder.
    """
    path, weights = folder / STIFFNESS_CONFIG, folder / STIFFNESS_WEIGHTS
    if not path.is_file():
        return None
    about, sizes, encoder = read_head(path, FORMAT, TensorHeadSizes, autoencoder, "stiffness")
    tensor = TensorHead(sizes)
    state = read_state(weights, tensor, torch.float64, STIFFNESS_CONFIG, MAX_WEIGHTS)
    score = "out_of_distribution"
    divisors = (f"{score}.threshold", f"{score}.rest", "input_scale")
    if not all(bool((state[name] > 0).all()) for name in divisors):
        raise ValueError(f"{weights}: thresholds and scales must be above 0, but are not.")
    tensor.load_state_dict(state)
    return StiffnessHead(tensor.eval(), encoder, about)


register(
    HeadKind(
        name="stiffness",
        title="stiffness head",
        purpose="predict stiffness",
        command="polyxtal finetune stiffness",
        head=StiffnessHead,
        files=(STIFFNESS_CONFIG, STIFFNESS_WEIGHTS),
        save=save_stiffness_head,
        read=read_stiffness_head,
    )
)
