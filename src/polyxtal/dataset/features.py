"""Input features of a model: channels per voxel, constant within a grain."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.harmonics import harmonic_degrees, symmetric_harmonics


class Feature(NamedTuple):
    """A map from orientations to channels.

    Attributes:
        channels: Number of channels.
        compute: Function from unit quaternions, (..., 4), to channels, (..., channels).
        mixed: Whether crystals of several Laue groups and phases share the channels.
    """

    channels: int
    compute: Callable[[Tensor], Tensor]
    mixed: bool = False

    def table(self, rve: Polycrystal) -> Float[Tensor, "grains channels"]:
        """Return the channels of the grains of a polycrystal.

        Raises:
            ValueError: if channels are common to several Laue groups, but not to one of these.
        """
        if not self.mixed:
            return self.compute(rve.orientations)
        return crystal_table(rve.orientations, *crystal_kinds(rve))


def _harmonics(degrees: tuple[int, ...], laue: LaueGroup) -> Feature:
    def compute(orientations: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch channels"]:
        parts = [symmetric_harmonics(orientations, degree, laue) for degree in degrees]
        return torch.cat(parts, dim=-1)

    identity = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    return Feature(compute(identity).shape[-1], compute)


NAMES = ("quaternion", "harmonic", "harmonic6")
"""Quaternions in the fundamental zone, discontinuous at its faces; the lowest symmetrised harmonics
(degree 4 for cubic crystals), and all up to degree 6, which are smooth."""
CRYSTAL = "crystal"
"""Feature that crystals of several Laue groups and two phases share, see `crystal_table`."""
CRYSTAL_GROUPS = ("m-3m", "6/mmm", "4/mmm")
"""Laue groups of the feature "crystal"."""
_INVARIANTS: dict[str, dict[int, int]] = {
    "m-3m": {4: 0},
    "6/mmm": {2: 0, 6: 1},
    "4/mmm": {2: 0, 4: 1},
}
"""Number of the invariant by degree: with a principal axis, that of degree 2, which depends on the
axis alone, and the lowest one that depends on the rotation about it, too."""
_PLACES = {4: slice(0, 9), 2: slice(9, 14), 6: slice(14, 27)}
CRYSTAL_CHANNELS = 28


def crystal_table(
    orientations: Float[Tensor, "grains 4"],
    group: Int[Tensor, " grains"],
    second: Bool[Tensor, " grains"],
) -> Float[Tensor, "grains 28"]:
    """Return channels that are common to crystals of several Laue groups and to two phases.

    Nine of degree 4, five of degree 2 and thirteen of degree 6; those that a group does not need
    are zero, which tells the groups apart. The last channel is 1 in the second phase, else 0. Cubic
    crystals of the first phase have the nine numbers of the feature "harmonic", then zeros.

    Args:
        orientations: Unit quaternions. [-]
        group: Laue group of each grain, an index into `CRYSTAL_GROUPS`.
        second: Whether a grain is of the second phase.
    """
    found = orientations.new_zeros(len(orientations), CRYSTAL_CHANNELS)
    for index, name in enumerate(CRYSTAL_GROUPS):
        members = group == index
        if not bool(members.any()):
            continue
        for degree, invariant in _INVARIANTS[name].items():
            values = symmetric_harmonics(orientations[members], degree, LaueGroup(name))
            chosen = values.unflatten(-1, (-1, 2 * degree + 1))[:, invariant]
            found[members, _PLACES[degree]] = chosen
    found[:, -1] = second.to(found.dtype)
    return found


def crystal_kinds(rve: Polycrystal) -> tuple[Int[Tensor, " grains"], Bool[Tensor, " grains"]]:
    """Return Laue group and phase of each grain, as `crystal_table` takes them.

    The phase of the largest volume is the first, all others are the second.

    Raises:
        ValueError: if a phase that has grains is of another Laue group than `CRYSTAL_GROUPS`.
    """
    group = torch.zeros(rve.grains, dtype=torch.int64)
    for index in rve.phase.unique().tolist():
        name = rve.laue_group(index).name
        if name not in CRYSTAL_GROUPS:
            raise ValueError(
                f"Crystals must be of one of the Laue groups {', '.join(CRYSTAL_GROUPS)}, but "
                f"phase {rve.phase_names[index]!r} is of {name}."
            )
        group[rve.phase == index] = CRYSTAL_GROUPS.index(name)
    volume = torch.zeros(len(rve.phase_names), dtype=torch.float64)
    volume.scatter_add_(0, rve.phase, rve.volume_fractions)
    return group, rve.phase != int(volume.argmax())


@cache
def feature(name: str, laue: LaueGroup = CUBIC) -> Feature:
    """Return the feature of a name.

    Args:
        name: One of `NAMES`, or "crystal".
        laue: Laue group of the crystals; that of `compute` for "crystal".
    Raises:
        ValueError: if there is none of this name.
    """
    if name not in (*NAMES, CRYSTAL):
        raise ValueError(
            f"A feature must be one of {', '.join(NAMES)}, {CRYSTAL}, but is '{name}'."
        )
    if name == CRYSTAL:
        return Feature(CRYSTAL_CHANNELS, partial(_one_phase, laue=laue), mixed=True)
    if name == "quaternion":
        return Feature(4, laue.reduce)
    lowest = harmonic_degrees(laue)
    return _harmonics(lowest if name == "harmonic" else tuple(sorted({*lowest, 4, 6})), laue)


def _one_phase(
    orientations: Float[Tensor, "*batch 4"], laue: LaueGroup
) -> Float[Tensor, "*batch 28"]:
    """Return the channels of crystals of one Laue group and phase."""
    rows = orientations.reshape(-1, 4)
    group = torch.full((len(rows),), CRYSTAL_GROUPS.index(laue.name))
    table = crystal_table(rows, group, torch.zeros(len(rows), dtype=torch.bool))
    return table.reshape(*orientations.shape[:-1], CRYSTAL_CHANNELS)
