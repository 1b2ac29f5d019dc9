"""The polar decomposition of a deformation gradient and its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_basis, mandel_to_matrix, matrix_to_mandel
from polyxtal.algebra.rotation import rotational_part


@dataclass(frozen=True, eq=False)
class Polar:
    """The polar decomposition F = R U and its derivatives.

    Attributes:
        rotation: R. [-]
        stretch: U in Mandel form. [-]
        stretching: ∂U/∂(RᵀF): Mandel by flattened 3x3. [-]
        spin: ∂ω/∂(RᵀF) of dR = R Ω(ω). [-]
    """

    rotation: Float[Tensor, "3 3"]
    stretch: Float[Tensor, "6"]
    stretching: Float[Tensor, "6 9"]
    spin: Float[Tensor, "3 9"]

    @classmethod
    def of(cls, deformation: Float[Tensor, "3 3"]) -> Polar:
        """Decompose F; RᵀdF = Ω(ω) U + dU is inverted for dU and ω."""
        rotation = rotational_part(deformation)
        stretch = matrix_to_mandel(rotation.T @ deformation)
        columns = torch.cat([mandel_basis(), _spins() @ mandel_to_matrix(stretch)])
        inverse = torch.linalg.inv(columns.reshape(9, 9).T)
        return cls(rotation, stretch, inverse[:6], inverse[6:])

    def stress(self, biot: Float[Tensor, "6"]) -> Float[Tensor, "3 3"]:
        """Return P = R (∂U/∂(RᵀF))ᵀ T, the stress conjugate to F. [MPa]"""
        return self.rotation @ (self.stretching.T @ biot).reshape(3, 3)

    def tangent(
        self, biot: Float[Tensor, "6"], stiffness: Float[Tensor, "6 6"]
    ) -> Float[Tensor, "3 3 3 3"]:
        """Return ∂P/∂F from T and ∂T/∂U. [MPa]

        With p = RᵀP and the generators W_k of rotations, dp = Gᵀ dT - Hᵀ q + Ω p, where G and H
        are `stretching` and `spin` and q_k = (W_k dU) : p is the change of what they invert.
        """
        turned = (self.stretching.T @ biot).reshape(3, 3)
        moved = torch.einsum("kab,mbc,ac->km", _spins(), mandel_basis(), turned)
        spun = (_spins() @ turned).reshape(3, 9).T
        inner = self.stretching.T @ stiffness - self.spin.T @ moved
        local = (inner @ self.stretching + spun @ self.spin).reshape(3, 3, 3, 3)
        return torch.einsum("ia,kb,ajbl->ijkl", self.rotation, self.rotation, local)


def _spins() -> Float[Tensor, "3 3 3"]:
    """Return the generators W_k of rotations, W_k v = e_k x v."""
    generators = torch.zeros(3, 3, 3, dtype=torch.float64)
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        generators[k, i, j], generators[k, j, i] = -1.0, 1.0
    return generators
