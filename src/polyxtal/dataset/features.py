"""Input features of a model: channels per voxel, constant within a grain."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.harmonics import harmonic_degrees, symmetric_harmonics


class Feature(NamedTuple):
    """A map from orientations to channels.

    Attributes:
        channels: Number of channels.
        compute: Function from unit quaternions, (..., 4), to channels, (..., channels).
    """

    channels: int
    compute: Callable[[Tensor], Tensor]


def _harmonics(degrees: tuple[int, ...], laue: LaueGroup) -> Feature:
    def compute(orientations: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch channels"]:
        parts = [symmetric_harmonics(orientations, degree, laue) for degree in degrees]
        return torch.cat(parts, dim=-1)

    identity = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    return Feature(compute(identity).shape[-1], compute)


NAMES = ("quaternion", "harmonic", "harmonic6")
"""Quaternions in the fundamental zone, discontinuous at its faces; the lowest symmetrised harmonics
(degree 4 for cubic crystals), and all up to degree 6, which are smooth."""


@cache
def feature(name: str, laue: LaueGroup = CUBIC) -> Feature:
    """Return the feature of a name.

    Args:
        name: One of `NAMES`.
        laue: Laue group of the crystals.
    Raises:
        ValueError: if there is none of this name.
    """
    if name not in NAMES:
        raise ValueError(f"A feature must be one of {', '.join(NAMES)}, but is '{name}'.")
    if name == "quaternion":
        return Feature(4, laue.reduce)
    lowest = harmonic_degrees(laue)
    return _harmonics(lowest if name == "harmonic" else tuple(sorted({*lowest, 4, 6})), laue)
