"""Cubic elasticity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import rotate_mandel
from polyxtal.algebra.rotation import quaternion_to_matrix


def cubic_stiffness(
    c11: Float[Tensor, "*batch"], c12: Float[Tensor, "*batch"], c44: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch 6 6"]:
    """Build Mandel stiffness matrices in the crystal frame from the three cubic constants. [MPa]"""
    zero = torch.zeros_like(c11)
    normal = [[c11 if i == j else c12 for j in range(3)] + [zero] * 3 for i in range(3)]
    shear = [[zero] * 3 + [2 * c44 if i == j else zero for j in range(3)] for i in range(3)]
    return torch.stack([torch.stack(row, -1) for row in normal + shear], -2)


LARGEST_STIFFNESS, LARGEST_CONTRAST = 1e15, 1e10
"""What double precision still inverts. [MPa], [-]"""


@dataclass(frozen=True)
class CubicElasticity:
    """Elastic constants of a cubic crystal. [MPa]

    Raises:
        ValueError: if a constant is not finite, or the crystal would be unstable:
            c44 > 0, c11 > |c12| and c11 + 2 c12 > 0 must hold (Born).

    Example:
        >>> import polyxtal as px
        >>> aluminium = px.CubicElasticity(c11=107.3e3, c12=60.8e3, c44=28.3e3)
        >>> round(aluminium.zener, 3), round(aluminium.bulk_modulus)
        (1.217, 76300)
    """

    c11: float
    c12: float
    c44: float

    def __post_init__(self) -> None:
        """Validate stability."""
        given = f"c11={self.c11:g}, c12={self.c12:g}, c44={self.c44:g} MPa"
        if not all(math.isfinite(c) for c in (self.c11, self.c12, self.c44)):
            raise ValueError(f"Cubic elastic constants must be finite, but are {given}.")
        if not (self.c44 > 0 and self.c11 > abs(self.c12) and self.c11 + 2 * self.c12 > 0):
            raise ValueError(
                "A stable cubic crystal must have c44 > 0, c11 > |c12| and c11 + 2 c12 > 0, "
                f"but {given}."
            )

        stiffest = max(2 * self.c44, self.c11 - self.c12, self.c11 + 2 * self.c12)
        softest = min(2 * self.c44, self.c11 - self.c12, self.c11 + 2 * self.c12)
        if not (stiffest <= LARGEST_STIFFNESS and softest >= stiffest / LARGEST_CONTRAST):
            raise ValueError(
                f"Cubic elastic constants must stay below {LARGEST_STIFFNESS:g} MPa and within a "
                f"contrast of {LARGEST_CONTRAST:g}, but are {given}."
            )

    @property
    def zener(self) -> float:
        """Zener's anisotropy ratio 2 c44 / (c11 - c12); 1 is isotropic. [-]"""
        return 2 * self.c44 / (self.c11 - self.c12)

    @property
    def bulk_modulus(self) -> float:
        """(c11 + 2 c12) / 3. [MPa]"""
        return (self.c11 + 2 * self.c12) / 3

    def stiffness(
        self, orientations: Float[Tensor, "*batch 4"] | None = None
    ) -> Float[Tensor, "*batch 6 6"]:
        """Return the Mandel stiffness in the crystal frame, or in the sample frame of each crystal.

        Args:
            orientations: Unit quaternions, v_sample = R(q) v_crystal; None for the crystal frame.
        Returns:
            Mandel stiffness. [MPa]
        """
        c = torch.tensor([self.c11, self.c12, self.c44], dtype=torch.float64)
        crystal = cubic_stiffness(*c.unbind())
        if orientations is None:
            return crystal
        rotation = quaternion_to_matrix(orientations)
        return rotate_mandel(crystal.to(orientations).expand(*rotation.shape[:-2], 6, 6), rotation)
