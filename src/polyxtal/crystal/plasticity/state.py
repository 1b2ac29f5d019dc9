"""The state of material points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import matrix_to_quaternion, rotational_part


@dataclass(frozen=True)
class StateField:
    """One kind of internal variable of a law.

    Attributes:
        name: Name in results, such as "slip_resistance".
        size: Number of values in each point.
        unit: Unit; "" if it has none.
        scale: Scale of residuals, in that unit; 0 for the variable itself, which must then stay
            positive.
        initial: Values at the start, one or as many as `size`.
    """

    name: str
    size: int
    unit: str = ""
    scale: float = 0.0
    initial: float | tuple[float, ...] = 0.0

    def values(self) -> Float[Tensor, " size"]:
        """Return the values at the start."""
        return torch.tensor(self.initial, dtype=torch.float64).expand(self.size).clone()


@dataclass(frozen=True, eq=False)
class CrystalState:
    """The state of several material points.

    Attributes:
        plastic_inverse: F_p⁻¹, determinant 1; R(q) at the start. [-]
        internal: Internal variables z, in the order of `fields` of each point's law; rows of laws
            with fewer variables than the largest are padded by zeros.
        stress: S, Mandel, crystal frame: initial value of the next Newton iteration. [MPa]
    """

    plastic_inverse: Float[Tensor, "points 3 3"]
    internal: Float[Tensor, "points width"]
    stress: Float[Tensor, "points 6"]

    def orientations(self, deformation: Float[Tensor, "points 3 3"]) -> Float[Tensor, "points 4"]:
        """Return the current orientations, the rotation of F_e = F F_p⁻¹. [-]"""
        return matrix_to_quaternion(rotational_part(deformation @ self.plastic_inverse))

    def at(self, points: Tensor, width: int | None = None) -> CrystalState:
        """Return the state of some points, with the first `width` internal variables."""
        return CrystalState(
            self.plastic_inverse[points], self.internal[points, :width], self.stress[points]
        )


class LawUpdate(NamedTuple):
    """Result of one step: P [MPa], consistent tangent ∂P/∂F [MPa] and the new state."""

    stress: Float[Tensor, "points 3 3"]
    tangent: Float[Tensor, "points 3 3 3 3"]
    state: CrystalState
