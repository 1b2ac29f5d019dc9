"""The two-phase laminate: the building block of the network, in closed form.

Two homogeneous layers of volume fractions f1 + f2 = 1 with interface normal N: the strain jumps
by sym(a ⊗ N), the traction does not.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

SQRT1_2 = 0.5**0.5


def interface_operator(normal: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 6 3"]:
    """Return H with H a = mandel(sym(a ⊗ N)).

    Args:
        normal: Unit interface normals N. [-]
    Raises:
        ValueError: if the last axis is not 3.
    """
    if normal.shape[-1:] != (3,):
        raise ValueError(
            f"Argument `normal` must end in shape (3,), but has shape {tuple(normal.shape)}."
        )
    n1, n2, n3 = normal.unbind(-1)
    zero = torch.zeros_like(n1)
    rows = [
        [n1, zero, zero],
        [zero, n2, zero],
        [zero, zero, n3],
        [zero, SQRT1_2 * n3, SQRT1_2 * n2],
        [SQRT1_2 * n3, zero, SQRT1_2 * n1],
        [SQRT1_2 * n2, SQRT1_2 * n1, zero],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def laminate_stiffness(
    first: Float[Tensor, "*#batch 6 6"],
    second: Float[Tensor, "*#batch 6 6"],
    fraction: Float[Tensor, "*#batch"],
    normal: Float[Tensor, "*#batch 3"],
) -> Float[Tensor, "*batch 6 6"]:
    """Return the exact stiffness of a two-phase laminate.

        C = f1 C1 + f2 C2 - f1 f2 D H (Hᵀ (f2 C1 + f1 C2) H)⁻¹ Hᵀ D,   D = C1 - C2

    Args:
        first, second: Mandel stiffness of the layers. [MPa]
        fraction: Volume fraction f1 of the first layer. [-]
        normal: Unit interface normal N. [-]
    Returns:
        Mandel stiffness of the laminate. [MPa]
    """
    f1 = fraction[..., None, None]
    f2 = 1 - f1
    h = interface_operator(normal)
    jump = first - second
    acoustic = h.transpose(-1, -2) @ (f2 * first + f1 * second) @ h
    coupled = h.transpose(-1, -2) @ jump
    correction = coupled.transpose(-1, -2) @ torch.linalg.solve(acoustic, coupled)
    return f1 * first + f2 * second - f1 * f2 * correction
