"""Clamp an estimate of a stiffness to bounds, in the sense of quadratic forms."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

NARROWEST = 1e-13
"""Distance of the bounds, relative to the upper one, below which they count as equal. [-]"""


def clamp_between(
    estimate: Float[Tensor, "*batch 6 6"],
    lower: Float[Tensor, "*batch 6 6"],
    upper: Float[Tensor, "*batch 6 6"],
) -> Float[Tensor, "*batch 6 6"]:
    """Return the symmetric estimate clamped to lower <= C <= upper.

    With upper - lower = B Bᵀ and Y = B⁺ (C - lower) B⁺ᵀ, whose eigenvalues y are all in [0, 1] if
    and only if lower <= C <= upper:

        C' = lower + B Σ_k clamp(y_k, 0, 1) v_k ⊗ v_k Bᵀ

    Where the bounds coincide, as in a single crystal, C' is the bound. Rotating estimate and bounds
    rotates C'.

    Args:
        estimate: Mandel stiffness. [MPa]
        lower: Lower bound, such as Reuss's average. [MPa]
        upper: Upper bound, such as Voigt's; upper - lower is positive semidefinite. [MPa]
    Returns:
        Mandel stiffness, symmetric. [MPa]
    """
    width, directions = torch.linalg.eigh(0.5 * ((upper - lower) + (upper - lower).mT))
    apart = width > NARROWEST * torch.linalg.matrix_norm(upper)[..., None]
    root = torch.where(apart, width.clamp_min(0), 0.0).sqrt()
    inverse = torch.where(apart, 1 / torch.where(apart, root, 1.0), 0.0)
    inward = directions * inverse[..., None, :]
    place = inward.mT @ (estimate - lower) @ inward
    value, vectors = torch.linalg.eigh(0.5 * (place + place.mT))
    outward = (directions * root[..., None, :]) @ vectors
    moved = lower + (outward * value.clamp(0, 1)[..., None, :]) @ outward.mT
    return 0.5 * (moved + moved.mT)
