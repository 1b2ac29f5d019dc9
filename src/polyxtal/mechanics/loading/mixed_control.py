"""Newton's method for volume averages of which some components prescribe F and the others P."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

STRESS_FLOOR = 1e-2
"""Smallest stress that residuals are divided by. [MPa]"""


def mixed_change(
    deformation: Float[Tensor, "3 3"],
    stress: Float[Tensor, "3 3"],
    tangent: Float[Tensor, "3 3 3 3"],
    target: Float[Tensor, "3 3"],
    stress_controlled: Bool[Tensor, "3 3"],
) -> Float[Tensor, "3 3"]:
    """Return the Newton step dF under mixed boundary conditions. [-]

        ∂P/∂F : dF = P_target - P   where P is prescribed,   dF = F_target - F   elsewhere

    Args:
        deformation: Current F. [-]
        stress: Current P. [MPa]
        tangent: Current ∂P/∂F. [MPa]
        target: P [MPa] where `stress_controlled`, F [-] elsewhere.
        stress_controlled: Mask of the components of which P is prescribed.
    """
    identity = torch.eye(9, dtype=torch.float64)
    matrix = torch.where(stress_controlled.reshape(9, 1), tangent.reshape(9, 9), identity)
    right = torch.where(stress_controlled, target - stress, target - deformation)
    return torch.linalg.solve(matrix, right.reshape(9)).reshape(3, 3)
