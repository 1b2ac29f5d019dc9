"""Effort spent on fitting a predicted network, without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral


@dataclass(frozen=True)
class FitEffort:
    """Effort spent on fitting a predicted network.

    Attributes:
        iterations: Iterations of the fit (default: 6).
        reference_leaves: Leaves of each reference network, at least twice as many as the fitted
            network has (default: 512).
        reference_members: Number of reference networks (default: 1).
    Raises:
        ValueError: if a number is below 1, or reference networks have fewer than two leaves.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=6, grains=8, seed=0)
        >>> effort = px.FitEffort(iterations=2, reference_leaves=16, reference_members=2)
        >>> px.predict_network(rve, px.load_material("Al"), leaves=8, effort=effort).leaves
        8
    """

    iterations: int = 6
    reference_leaves: int = 512
    reference_members: int = 1

    def __post_init__(self) -> None:
        """Validate before anything is computed."""
        numbers = self.iterations, self.reference_members, self.reference_leaves - 1
        if (
            not all(isinstance(n, Integral) and not isinstance(n, bool) for n in numbers)
            or min(numbers) < 1
        ):
            raise ValueError(f"All numbers of a fit must be positive and whole, but are {self}.")


EFFORT = FitEffort()
