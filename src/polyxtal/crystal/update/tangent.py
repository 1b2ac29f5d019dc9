"""The consistent tangent of points of one law, in readable form."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_basis
from polyxtal.crystal.plasticity.state import CrystalState
from polyxtal.crystal.update.newton import LawPoints, Trial


def consistent_tangent(
    points: LawPoints,
    deformation: Float[Tensor, "points 3 3"],
    start: CrystalState,
    at: Trial,
    inverse: Float[Tensor, "points 3 3"],
    second: Float[Tensor, "points 3 3"],
) -> Float[Tensor, "points 3 3 3 3"]:
    """Return ∂P/∂F from the implicit function theorem at the converged (S, z).

    Args:
        points: Law and crystal.
        deformation: F. [-]
        start: State at the start of the step.
        at: The equations at the solution.
        inverse: F_p⁻¹ of the solution, not normalised. [-]
        second: S of the solution. [MPa]
    """
    trial = deformation @ start.plastic_inverse
    basis = mandel_basis().to(trial)
    # ∂E/∂F at fixed slip: mandel(sym(F_eᵀ dF F_p⁻¹)); Newton's matrix turns it into ∂(S, z)/∂F.
    strain = torch.einsum("mab,pia,pjb->pmij", basis, at.elastic, inverse)
    jacobian = points.jacobian(trial, at)
    right = trial.new_zeros(len(trial), jacobian.shape[1], 9)
    right[:, :6] = strain.reshape(-1, 6, 9)
    solution = torch.linalg.solve(jacobian, right)
    by_stress, by_state = solution[:, :6], at.scale[:, :, None] * solution[:, 6:]
    slip = at.law.by_stress[:, :, None] * (points.schmid_mandel @ by_stress)
    slip = (slip + at.law.by_state @ by_state).unflatten(2, (3, 3))
    plastic = -torch.einsum("pab,sbc,pskl->packl", start.plastic_inverse, points.schmid, slip)
    stress = torch.einsum("mab,pmkl->pabkl", basis, by_stress.unflatten(2, (3, 3)))
    carried, pulled = at.elastic @ second, second @ inverse.mT
    # P = F F_p⁻¹ S F_p⁻ᵀ by the product rule
    return (
        torch.einsum("ik,pla,paj->pijkl", points.identity, inverse, pulled)
        + torch.einsum("pia,pabkl,pbj->pijkl", deformation, plastic, pulled)
        + torch.einsum("pia,pabkl,pjb->pijkl", at.elastic, stress, inverse)
        + torch.einsum("pia,pjakl->pijkl", carried, plastic)
    )
