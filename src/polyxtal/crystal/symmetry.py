"""Cubic crystal symmetry (m-3m) acting on orientations; `laue.py` serves every Laue group."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.laue import CUBIC


def cubic_rotations() -> Float[Tensor, "24 4"]:
    """Return the 24 proper rotations of the cube; the identity comes first."""
    return CUBIC.rotations


def equivalent_orientations(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 24 4"]:
    """List the 24 quaternions q s that describe the same cubic crystal."""
    return CUBIC.equivalents(q)


def reduce_to_fundamental_zone(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Pick the equivalent orientation with the smallest rotation angle, w >= 0."""
    return CUBIC.reduce(q)


def disorientation(
    p: Float[Tensor, "*#batch 4"], q: Float[Tensor, "*#batch 4"]
) -> Float[Tensor, "*batch"]:
    """Return the smallest rotation angle between two cubic crystals, at most 62.8°. [rad]"""
    return CUBIC.disorientation(p, q)
