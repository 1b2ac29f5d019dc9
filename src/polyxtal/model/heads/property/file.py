"""The files of the property head, and its registration."""

from __future__ import annotations

from pathlib import Path

import torch

from polyxtal.model.heads.encoder_bound import read_head, write_head
from polyxtal.model.heads.property.head import FittedProperties, PropertyHead, PropertyHeadSizes
from polyxtal.model.heads.registry import HeadKind, register
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.serialization import check_parameters, read_state

PROPERTY_CONFIG, PROPERTY_WEIGHTS = "property.json", "property.safetensors"
FORMAT = "polyxtal property head", 1
MAX_WEIGHTS = 64 << 20


def save_property_head(folder: Path, fitted: FittedProperties) -> None:
    """Write a property head beside its model, atomically."""
    paths = folder / PROPERTY_CONFIG, folder / PROPERTY_WEIGHTS
    sizes = PropertyHeadSizes(width=len(fitted.head.input_mean), labels=fitted.labels)
    write_head(paths, FORMAT, fitted.about, fitted.encoder, sizes, fitted.head)


def read_property_head(folder: Path, autoencoder: MaskedAutoencoder) -> FittedProperties | None:
    """Read the property head of a model; None if there is none.

    Raises:
        FileNotFoundError: if the head's weights are missing.
        ValueError: if a file is damaged, too large, of another format or version, or the head was
            fitted to another encoder.
    """
    path, weights = folder / PROPERTY_CONFIG, folder / PROPERTY_WEIGHTS
    if not path.is_file():
        return None
    about, sizes, encoder = read_head(path, FORMAT, PropertyHeadSizes, autoencoder, "property")
    check_parameters(weights, sizes.parameters, PROPERTY_CONFIG, MAX_WEIGHTS)
    head = PropertyHead(sizes.width, len(sizes.labels))
    state = read_state(weights, head, torch.float32, PROPERTY_CONFIG, MAX_WEIGHTS)
    score = "out_of_distribution"
    divisors = (f"{score}.threshold", f"{score}.rest", "input_scale")
    if not all(bool((state[name] > 0).all()) for name in divisors):
        raise ValueError(f"{weights}: thresholds and scales must be above 0, but are not.")
    head.load_state_dict(state)
    return FittedProperties(head.eval(), sizes.labels, encoder, about)


register(
    HeadKind(
        name="property",
        title="property head",
        purpose="predict properties",
        command="polyxtal finetune property",
        head=FittedProperties,
        files=(PROPERTY_CONFIG, PROPERTY_WEIGHTS),
        save=save_property_head,
        read=read_property_head,
    )
)
