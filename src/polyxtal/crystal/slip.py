"""Slip systems of face-centred cubic crystals, in DAMASK's order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

# Slip direction s | slip-plane normal n, {111}<110>.
_FCC_SYSTEMS = (
    ((0, 1, -1), (1, 1, 1)),
    ((-1, 0, 1), (1, 1, 1)),
    ((1, -1, 0), (1, 1, 1)),
    ((0, -1, -1), (-1, -1, 1)),
    ((1, 0, 1), (-1, -1, 1)),
    ((-1, 1, 0), (-1, -1, 1)),
    ((0, -1, 1), (1, -1, -1)),
    ((-1, 0, -1), (1, -1, -1)),
    ((1, 1, 0), (1, -1, -1)),
    ((0, 1, 1), (-1, 1, -1)),
    ((1, 0, -1), (-1, 1, -1)),
    ((-1, -1, 0), (-1, 1, -1)),
)

INTERACTION_NAMES = (
    "self",
    "coplanar",
    "collinear",
    "Hirth",
    "glissile",
    "glissile (reverse)",
    "Lomer",
)
"""What the seven entries of `h_sl-sl` stand for."""

_FCC_INTERACTION = (
    (1, 2, 2, 4, 7, 6, 3, 5, 5, 4, 6, 7),
    (2, 1, 2, 7, 4, 6, 6, 4, 7, 5, 3, 5),
    (2, 2, 1, 5, 5, 3, 6, 7, 4, 7, 6, 4),
    (4, 7, 6, 1, 2, 2, 4, 6, 7, 3, 5, 5),
    (7, 4, 6, 2, 1, 2, 5, 3, 5, 6, 4, 7),
    (5, 5, 3, 2, 2, 1, 7, 6, 4, 6, 7, 4),
    (3, 5, 5, 4, 6, 7, 1, 2, 2, 4, 7, 6),
    (6, 4, 7, 5, 3, 5, 2, 1, 2, 7, 4, 6),
    (6, 7, 4, 7, 6, 4, 2, 2, 1, 5, 5, 3),
    (4, 6, 7, 3, 5, 5, 4, 7, 6, 1, 2, 2),
    (5, 3, 5, 6, 4, 7, 7, 4, 6, 2, 1, 2),
    (7, 6, 4, 6, 7, 4, 5, 5, 3, 2, 2, 1),
)


def fcc_slip_directions() -> Float[Tensor, "12 3"]:
    """Return the unit slip directions s, crystal frame. [-]"""
    s = torch.tensor([s for s, _ in _FCC_SYSTEMS], dtype=torch.float64)
    return s / torch.linalg.vector_norm(s, dim=-1, keepdim=True)


def fcc_slip_normals() -> Float[Tensor, "12 3"]:
    """Return the unit slip-plane normals n, crystal frame. [-]"""
    n = torch.tensor([n for _, n in _FCC_SYSTEMS], dtype=torch.float64)
    return n / torch.linalg.vector_norm(n, dim=-1, keepdim=True)


def fcc_schmid_tensors() -> Float[Tensor, "12 3 3"]:
    """Return s ⊗ n of the 12 systems, crystal frame. [-]"""
    return torch.einsum("ai,aj->aij", fcc_slip_directions(), fcc_slip_normals())


def fcc_interaction_types() -> Int[Tensor, "12 12"]:
    """Return the interaction type (0-based) of each (reacting, acting) pair of systems."""
    return torch.tensor(_FCC_INTERACTION) - 1


def fcc_interaction_matrix(coefficients: Sequence[float]) -> Float[Tensor, "12 12"]:
    """Spread the seven interaction coefficients over all pairs of slip systems.

    Args:
        coefficients: DAMASK's `h_sl-sl`, in the order of `INTERACTION_NAMES`. [-]
    Returns:
        h_ab: row a is hardened by slip on column b. [-]
    Raises:
        ValueError: if there are not exactly seven coefficients.
    """
    if len(coefficients) != 7:
        raise ValueError(
            "Fcc slip must have 7 interaction coefficients (self, coplanar, collinear, Hirth, "
            f"glissile, glissile, Lomer), but {len(coefficients)} were given."
        )
    values = torch.tensor([float(c) for c in coefficients], dtype=torch.float64)
    return values[fcc_interaction_types()]
