"""Hill's polarization tensor of an ellipsoid in a medium of any anisotropy.

An eigenstrain ε* of the ellipsoid strains it by P : C : ε*, with S = P : C Eshelby's tensor
[Eshelby1957, Hill1965]. For an ellipsoid with semi-axes a in a medium C, in the directions ξ of the
unit sphere [Mura1987, Eq. 17.19]:

    P = <Γ(n)>_ξ,   n ∥ (ξ_1/a_1, ξ_2/a_2, ξ_3/a_3),   Γ(n) = sym(n ⊗ (n · C · n)⁻¹ ⊗ n)

Γ(n) C is a projector, so 0 <= P <= C⁻¹ as quadratic forms, for any weights of the directions.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_basis

ORDER = 12
"""Number of Gauss nodes from pole to pole; twice as many around."""


@lru_cache(maxsize=4)
def _sphere(order: int) -> tuple[Tensor, Tensor]:
    height, weight = np.polynomial.legendre.leggauss(order)
    z = torch.from_numpy(height)[:, None]
    around = (torch.arange(2 * order, dtype=torch.float64) + 0.5) * torch.pi / order
    flat = (1 - z * z).sqrt()
    parts = torch.broadcast_tensors(flat * around.cos(), flat * around.sin(), z)
    points = torch.stack(parts, -1).reshape(-1, 3)
    share = torch.from_numpy(weight)[:, None].expand(-1, 2 * order).reshape(-1)
    upper = points[:, 2] > 0  # n and -n count the same
    points, share = points[upper], share[upper]
    # The same about x, y and z, so that results have cubic symmetry up to rounding.
    return torch.cat([points.roll(k, -1) for k in range(3)]), (share / share.sum() / 3).repeat(3)


def sphere_directions(order: int = ORDER) -> tuple[Float[Tensor, "n 3"], Float[Tensor, " n"]]:
    """Return directions on half a sphere and weights that sum to 1, with the symmetry of the cube.

    Args:
        order: Number of Gauss nodes from pole to pole, even.
    """
    points, share = _sphere(order)
    return points.clone(), share.clone()


def stretched_directions(
    extents: Float[Tensor, "*batch 3"], order: int = ORDER
) -> tuple[Float[Tensor, "*batch n 3"], Float[Tensor, " n"]]:
    """Return the unit vectors n of an ellipsoid, for `sphere_directions` ξ, and their weights."""
    points, share = _sphere(order)
    points = points.to(extents) / extents[..., None, :]
    return points / torch.linalg.vector_norm(points, dim=-1, keepdim=True), share.to(extents)


def polarization_tensor(
    stiffness: Float[Tensor, "*batch 6 6"],
    extents: Float[Tensor, "*batch 3"] | None = None,
    order: int = ORDER,
) -> Float[Tensor, "*batch 6 6"]:
    """Return P of ellipsoids along the axes.

    Args:
        stiffness: Mandel stiffness of the medium. [MPa]
        extents: Semi-axes along x, y, z, any unit; None for a sphere.
        order: Number of Gauss nodes from pole to pole, even.
    Returns:
        P, Mandel. [1/MPa]
    """
    if extents is None:
        extents = stiffness.new_ones(3)
    points, share = stretched_directions(extents.to(stiffness), order)
    basis = mandel_basis(stiffness.dtype, stiffness.device)
    # sym(v ⊗ n) is the Mandel vector H v.
    h = torch.einsum("mij,...qj->...qmi", basis, points)
    acoustic = torch.einsum("...qmi,...mn,...qnj->...qij", h, stiffness, h)
    green = torch.linalg.inv(acoustic) * share[:, None, None]
    return torch.einsum("...qmi,...qij,...qnj->...mn", h, green, h)
