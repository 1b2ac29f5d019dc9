"""The plasticity law at every voxel of a cell: its interface and its readable form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.rotation import matrix_to_quaternion, rotational_part
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.state import CrystalState
from polyxtal.crystal.update.crystal import CrystalPlasticity, named_fields
from polyxtal.mechanics.fullfield.accumulated_slip import AccumulatedSlip
from polyxtal.microstructure.phased_materials import VOID


@runtime_checkable
class CellLaw(Protocol):
    """The constitutive law of a cell's voxels and their state; F and P have 9 rows, ij row-major.

    Attributes:
        guess: Initial values of the law's own Newton iteration by name, (voxels, …) each, replaced
            by the solution in `evaluate`. Their names are the law's own.
        piola: P after `evaluate`, (9, voxels), zero in voids. [MPa]
        void: Mask of voxels without material, (voxels,).
    """

    guess: dict[str, Tensor]
    piola: Tensor
    void: Tensor

    def evaluate(self, deformation: Float[Tensor, "9 voxels"], dt: float) -> bool:
        """Solve the law for the end of a step of length dt [s]; dt = 0 is the elastic response.

        Args:
            deformation: F of every voxel. [-]
            dt: Length of the step from the accepted state. [s]
        Returns:
            Whether every voxel found a solution.
        """
        ...

    def linearise(self) -> None:
        """Replace the tangent by the consistent one, ∂P/∂F, of the last evaluation."""
        ...

    def anticipate(self, change: Float[Tensor, "9 voxels"]) -> None:
        """Move the guess by what a change of F from the last evaluation is likely to cause."""
        ...

    def accept(self) -> None:
        """Make the state last found the start of the next step."""
        ...

    def multiply(self, gradient: Float[Tensor, "9 voxels"]) -> Float[Tensor, "9 voxels"]:
        """Return the tangent times a gradient, ∂P/∂F : δF, at every voxel, in float32. [MPa]"""
        ...

    def mean_tangent(self) -> Float[Tensor, "9 9"]:
        """Return the volume average of the tangent. [MPa]"""
        ...

    def orientations(self, deformation: Float[Tensor, "9 voxels"]) -> Float[Tensor, "voxels 4"]:
        """Return the rotations of F_e = F F_p⁻¹ at the accepted F; undefined in voids. [-]"""
        ...

    def plastic_inverse(self) -> Float[Tensor, "voxels 3 3"]:
        """Return the accepted F_p⁻¹. [-]"""
        ...

    def internal(self) -> dict[str, Tensor]:
        """Return the accepted internal variables by name, (voxels, size); zero where none are."""
        ...

    def slip(self) -> dict[str, Tensor]:
        """Return the accumulated slip; see `AccumulatedSlip.named`. [-]"""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return the state for a checkpoint, tangent included."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned.

        Raises:
            ValueError: if the state is impossible.
        """
        ...

    def close(self) -> None:
        """Release threads; the law is not evaluated again."""
        ...


def check_state(state: Mapping[str, Tensor], positive: Bool[Tensor, "voxels width"]) -> None:
    """Validate a state.

    Args:
        state: F_p⁻¹ "plastic_inverse" and internal variables "internal".
        positive: Internal variables that must be positive.
    Raises:
        ValueError: if det F_p or such a variable is not positive.
    """
    determinant = torch.linalg.det(state["plastic_inverse"])
    internal = state["internal"].to(positive.device)
    if not bool((determinant > 0).all()) or not bool((internal[positive] > 0).all()):
        raise ValueError("a checkpoint's crystals must have det F_p > 0 and ξ > 0, but have not.")


class ReadableCellLaw:
    """The law on torch, for any device: slow, short, and the reference of the compiled form."""

    def __init__(
        self,
        materials: Sequence[Material],
        phase: Int[Tensor, " voxels"],
        orientations: Float[Tensor, "voxels 4"],
        device: torch.device | str | None = None,
    ) -> None:
        """Start undeformed; `phase` indexes `materials` or is `VOID`."""
        self.void = (phase == VOID).to(device)
        self._solid = (~self.void).nonzero().flatten()
        self._phase = phase.to(device)
        here = self._phase[self._solid]
        self._law = CrystalPlasticity(materials, here, device)
        self._start = self._law.initial_state(orientations.to(device)[self._solid])
        self._reached = self._start
        voxels = len(phase)
        self._slip, self._dt = AccumulatedSlip(self._law.laws, self._phase, device), 0.0
        self.guess = {"stress": self._start.stress.clone()}
        self.piola = torch.zeros(9, voxels, dtype=torch.float64, device=device)
        self._tangent = torch.zeros(9, 9, voxels, dtype=torch.float32, device=device)

    def evaluate(self, deformation: Float[Tensor, "9 voxels"], dt: float) -> bool:
        """Solve the law; see `CellLaw`."""
        here = deformation[:, self._solid].mT.reshape(-1, 3, 3)
        start = CrystalState(
            self._start.plastic_inverse, self._start.internal, self.guess["stress"]
        )
        try:
            update = self._law.update(here, start, dt)
        except (ConvergenceError, ValueError):
            return False
        self._reached, self._latest, self._dt = update.state, update.tangent, dt
        self.guess["stress"] = update.state.stress
        self.piola[:, self._solid] = update.stress.reshape(-1, 9).mT
        return True

    def linearise(self) -> None:
        """Replace the tangent; see `CellLaw`."""
        tangent = self._latest.reshape(-1, 9, 9).permute(1, 2, 0)
        self._tangent[:, :, self._solid] = tangent.to(self._tangent)

    def anticipate(self, change: Float[Tensor, "9 voxels"]) -> None:
        """Leave the guess as it is; see `CellLaw`."""

    def accept(self) -> None:
        """Make the state last found the start of the next step."""
        self._start = self._reached
        stress = self.piola.new_zeros(len(self.void), 6)
        stress[self._solid] = self._start.stress
        self._slip.add(stress, self._internal(), self._dt)

    def multiply(self, gradient: Float[Tensor, "9 voxels"]) -> Float[Tensor, "9 voxels"]:
        """Return the tangent times a gradient at every voxel; see `CellLaw`."""
        return torch.einsum("rcv,cv->rv", self._tangent, gradient)

    def mean_tangent(self) -> Float[Tensor, "9 9"]:
        """Return the volume average of the tangent. [MPa]"""
        return self._tangent.mean(-1, dtype=torch.float64)

    def orientations(self, deformation: Float[Tensor, "9 voxels"]) -> Float[Tensor, "voxels 4"]:
        """Return the rotations of F_e. [-]"""
        elastic = deformation.mT.reshape(-1, 3, 3) @ self.plastic_inverse()
        return matrix_to_quaternion(rotational_part(elastic))

    def plastic_inverse(self) -> Float[Tensor, "voxels 3 3"]:
        """Return the accepted F_p⁻¹. [-]"""
        voxels = self.piola.shape[1]
        inverse = torch.eye(3, dtype=torch.float64).repeat(voxels, 1, 1).to(self.piola)
        inverse[self._solid] = self._start.plastic_inverse
        return inverse

    def internal(self) -> dict[str, Tensor]:
        """Return the accepted internal variables by name."""
        return named_fields(self._law.laws, self._phase, self._internal())

    def _internal(self) -> Float[Tensor, "voxels width"]:
        wide = self._start.internal.new_zeros(len(self.void), self._law.width)
        wide[self._solid] = self._start.internal
        return wide

    def slip(self) -> dict[str, Tensor]:
        """Return the accumulated slip."""
        return self._slip.named()

    def state(self) -> dict[str, Tensor]:
        """Return the state for a checkpoint."""
        return {
            "plastic_inverse": self._start.plastic_inverse,
            "internal": self._start.internal,
            "stress": self._start.stress,
            "slip": self._slip.total,
            "tangent": self._tangent,
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned."""
        check_state(state, self._law.positive(len(self._solid)))
        names = ("plastic_inverse", "internal", "stress")
        self._start = self._reached = CrystalState(
            *(state[name].to(self.piola.device) for name in names)
        )
        self._slip.total = state["slip"].to(self.piola.device)
        self._tangent = state["tangent"].to(self.piola.device)

    def close(self) -> None:
        """Do nothing: there are no threads."""
