"""Keep an estimate of a stiffness between two bounds, in the sense of quadratic forms."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

NARROWEST = 1e-13
"""Distance of the bounds, relative to the upper one, that is rounding: they count as equal."""


def clamp_between(
    estimate: Float[Tensor, "*batch 6 6"],
    lower: Float[Tensor, "*batch 6 6"],
    upper: Float[Tensor, "*batch 6 6"],
) -> Float[Tensor, "*batch 6 6"]:
    """Move a symmetric estimate between the bounds, if it is not there already.

    With upper - lower = B Bᵀ and Y = B⁺ (C - lower) B⁺ᵀ, whose eigenvalues y are all in [0, 1] if
    and only if lower <= C <= upper:

        C' = lower + B Σ_k clamp(y_k, 0, 1) v_k ⊗ v_k Bᵀ

    Where the bounds meet, as in a single crystal, C' is the bound. Turning estimate and bounds
    turns C'.

    Args:
        estimate: Mandel stiffness. [MPa]
        lower: Reuss's average, say. [MPa]
        upper: Voigt's, say; upper - lower must not have negative eigenvalues but by rounding.
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
