"""What a model sees of a crystal: numbers for each voxel, the same for all of a grain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.laue import CUBIC
from polyxtal.texture.harmonics import cubic_harmonics


class Feature(NamedTuple):
    """A map from orientations to channels.

    Attributes:
        channels: Numbers for each crystal.
        compute: From unit quaternions, (..., 4), to channels, (..., channels).
    """

    channels: int
    compute: Callable[[Tensor], Tensor]


def _harmonics_to_6(orientations: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 22"]:
    parts = [cubic_harmonics(orientations, degree) for degree in (4, 6)]
    return torch.cat(parts, dim=-1)


FEATURES: Mapping[str, Feature] = {
    "quaternion": Feature(4, CUBIC.reduce),
    "harmonic": Feature(9, cubic_harmonics),
    "harmonic6": Feature(22, _harmonics_to_6),
}
"""By name: quaternions in the fundamental zone, which jump at its faces; the cubic harmonics of
degree 4, and of 4 and 6, which are smooth."""


def feature(name: str) -> Feature:
    """Look a feature up.

    Raises:
        ValueError: if there is none of this name.
    """
    if name not in FEATURES:
        raise ValueError(f"A feature must be one of {', '.join(FEATURES)}, but is '{name}'.")
    return FEATURES[name]
