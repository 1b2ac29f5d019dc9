"""Texture strength of a polycrystal's phases and rotation of its crystals."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from polyxtal.crystal.laue import LaueGroup
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.measure import texture_strength, volume_shares


def laue_groups(
    rve: Polycrystal, phase: Int[Tensor, " crystals"]
) -> Iterator[tuple[LaueGroup, Bool[Tensor, " crystals"]]]:
    """Yield the Laue groups of crystals, each with the mask of its members.

    Args:
        rve: Polycrystal with the phases.
        phase: Phase of each crystal.
    """
    present: list[int] = phase.unique().tolist()
    for laue in dict.fromkeys(rve.laue_group(index) for index in present):
        of_group = [index for index in present if rve.laue_group(index) == laue]
        yield laue, torch.isin(phase, torch.tensor(of_group))


def mean_texture_strength(
    rve: Polycrystal,
    phase: Int[Tensor, " crystals"],
    orientations: Float[Tensor, "crystals 4"],
    weights: Float[Tensor, " crystals"],
) -> float:
    """Return the texture strength, averaged by volume over Laue groups. [-]"""
    share = volume_shares(orientations, weights)
    total = 0.0
    for laue, members in laue_groups(rve, phase):
        volume = float(share[members].sum())
        if volume > 0:
            total += volume * float(texture_strength(orientations[members], share[members], laue))
    return total


def rotation_of_crystals(
    rve: Polycrystal,
    phase: Int[Tensor, " crystals"],
    first: Float[Tensor, "crystals 4"],
    last: Float[Tensor, "crystals 4"],
) -> Float[Tensor, " crystals"]:
    """Return the disorientation between two orientations of each crystal. [rad]"""
    angle = torch.zeros(len(first), dtype=first.dtype)
    for laue, members in laue_groups(rve, phase):
        angle[members] = laue.disorientation(first[members], last[members])
    return angle
