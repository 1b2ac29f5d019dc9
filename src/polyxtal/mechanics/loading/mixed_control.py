"""Mixed boundary conditions: components of the mean F are prescribed, or of the mean P.

Components are taken along nine orthonormal tensors B_k,

    F_k = B_k : F,    P_k = B_k : P,    P : dF = Σ_k P_k dF_k,

by default the dyads e_i ⊗ e_j of the specimen's axes. Dyads of turned axes load in other
directions; a stress along one of the B_k, and zero along the others, keeps its direction while its
magnitude is free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

STRESS_FLOOR = 1e-2
"""Smallest stress that residuals are divided by. [MPa]"""
ROUNDING = 1e-13
"""Largest distance from a prescribed component of F that is rounding. [-]"""

DYADS = np.eye(9)
"""The default basis e_i ⊗ e_j, row by row."""


@dataclass(frozen=True, eq=False)
class MixedControl:
    """What the averages must be at the end of a time step.

    Attributes:
        target: P_k [MPa] where `stress_controlled`, F_k elsewhere.
        stress_controlled: Mask of the components of which P is prescribed.
        basis: The tensors B_k, flattened row by row; None for the dyads e_i ⊗ e_j.
    """

    target: Float[Tensor, "9"]
    stress_controlled: Bool[Tensor, "9"]
    basis: Float[Tensor, "9 9"] | None

    @classmethod
    def of(
        cls,
        goal: np.ndarray,
        stress_controlled: np.ndarray,
        basis: np.ndarray | None = None,
    ) -> MixedControl:
        """Return the conditions from arrays of 9 or 3 x 3 components."""
        return cls(
            torch.from_numpy(goal.reshape(9)),
            torch.from_numpy(stress_controlled.reshape(9)),
            None if basis is None else torch.from_numpy(basis),
        )

    def to(self, device: torch.device) -> MixedControl:
        """Return the conditions on a device."""
        basis = None if self.basis is None else self.basis.to(device)
        return MixedControl(self.target.to(device), self.stress_controlled.to(device), basis)

    def components(self, tensor: Float[Tensor, "*nine"]) -> Float[Tensor, "9"]:
        """Return B_k : tensor, of a tensor as (3, 3) or (9,)."""
        flat = tensor.reshape(9)
        return flat if self.basis is None else self.basis @ flat

    def stress_rows(self) -> Float[Tensor, "free 9"]:
        """Return the B_k along which P is prescribed and F is free."""
        basis = self.basis
        if basis is None:
            basis = torch.eye(9, dtype=torch.float64, device=self.target.device)
        return basis[self.stress_controlled]

    def deformation_gap(self, deformation: Float[Tensor, "*nine"]) -> Float[Tensor, "*nine"]:
        """Return the change of F that gives the prescribed components their values. [-]"""
        distance = self.target - self.components(deformation)
        gap = torch.where(self.stress_controlled, 0.0, distance)
        return (gap if self.basis is None else self.basis.T @ gap).reshape(deformation.shape)

    def placed(self, deformation: Float[Tensor, "*nine"]) -> Float[Tensor, "*nine"]:
        """Return F with its prescribed components at their values. [-]"""
        if self.basis is None:  # to the last bit
            flat = torch.where(self.stress_controlled, deformation.reshape(9), self.target)
            return flat.reshape(deformation.shape)
        return deformation + self.deformation_gap(deformation)

    def holds_for(self, deformation: Float[Tensor, "*nine"]) -> bool:
        """Return whether the prescribed components of F have their values."""
        return bool(self.deformation_gap(deformation).abs().max() <= ROUNDING)

    def stress_error(self, stress: Float[Tensor, "*nine"]) -> Float[Tensor, ""]:
        """Return the largest deviation of P from its prescribed components. [MPa]"""
        distance = self.components(stress) - self.target
        return torch.where(self.stress_controlled, distance, 0.0).abs().max()

    def newton_change(
        self,
        deformation: Float[Tensor, "3 3"],
        stress: Float[Tensor, "3 3"],
        tangent: Float[Tensor, "3 3 3 3"],
    ) -> Float[Tensor, "3 3"]:
        """Return Newton's dF. [-]

            B_k : ∂P/∂F : dF = P_target - B_k : P   where P is prescribed
            B_k : dF         = F_target - B_k : F   elsewhere

        Args:
            deformation: Current F. [-]
            stress: Current P. [MPa]
            tangent: Current ∂P/∂F. [MPa]
        """
        basis = torch.eye(9, dtype=torch.float64) if self.basis is None else self.basis
        free, slope = self.stress_controlled, tangent.reshape(9, 9)
        matrix = torch.where(free[:, None], basis @ slope, basis)
        here = torch.where(free, self.components(stress), self.components(deformation))
        return torch.linalg.solve(matrix, self.target - here).reshape(3, 3)

    def work(self, change: Float[Tensor, "3 3"]) -> float:
        """Return the work of the prescribed stresses on a change of F. [MPa]"""
        stress = torch.where(self.stress_controlled, self.target, 0.0)
        return float(stress @ self.components(change))
