"""Effort spent on fitting a predicted network, without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyxtal.crystal.material import Material

FEW_LEAVES = 64
"""Largest number of leaves with several fits to select from; larger networks are all alike."""


@dataclass(frozen=True)
class FitEffort:
    """Effort spent on fitting a predicted network.

    Attributes:
        iterations: Iterations of each fit (default: 16).
        starts: Number of untrained networks of which the best ones are fitted (default: 12).
        fits: Number of fits to select from, with up to 64 leaves (default: 4).
        reference_leaves: Leaves of each reference network (default: 128).
        reference_members: Number of reference networks (default: 8).
    Raises:
        ValueError: if a number is below 1, there are fewer starts than fits, or reference networks
            have fewer than two leaves.
    """

    iterations: int = 16
    starts: int = 12
    fits: int = 4
    reference_leaves: int = 128
    reference_members: int = 8

    def __post_init__(self) -> None:
        """Validate before anything is computed."""
        if min(self.iterations, self.fits, self.reference_members, self.reference_leaves - 1) < 1:
            raise ValueError(f"All numbers of a fit must be positive, but are {self}.")
        if self.starts < self.fits:
            raise ValueError(
                f"A fit needs at least as many starts as fits, but has {self.starts} and "
                f"{self.fits}."
            )

    def fits_of(self, leaves: int, material: Material) -> int:
        """Return the number of fits; an elastic material has no cycles to select one by."""
        return self.fits if leaves <= FEW_LEAVES and material.plasticity is not None else 1


EFFORT = FitEffort()
