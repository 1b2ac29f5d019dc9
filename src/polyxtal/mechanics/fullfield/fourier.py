"""Gradients, forces and Green's operator of a voxel grid in Fourier space.

    Grad u → v̂ ⊗ k,   Div P → P̂ k

with v̂ and the frequencies k of `elastic/green.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from polyxtal.mechanics.elastic.green import Frequencies, invert_acoustic

DIMENSIONS = (1, 2, 3)
_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


class FourierGrid(NamedTuple):
    """The frequencies of a grid, in one precision.

    Attributes:
        grid: Number of voxels along x, y, z.
        k: Frequencies. [-]
        weight: Multiplicity of each coefficient along z in an inner product, 1 or 2. [-]
    """

    grid: tuple[int, int, int]
    k: Float[Tensor, "3 nx ny nz_half"]
    weight: Float[Tensor, " nz_half"]

    @classmethod
    def of(
        cls,
        grid: tuple[int, int, int],
        spacing: tuple[float, float, float],
        scheme: str,
        device: torch.device,
    ) -> FourierGrid:
        """Tabulate the frequencies in double precision."""
        frequencies = Frequencies.of_grid(grid, spacing, scheme, torch.float64, device)
        return cls(grid, frequencies.mesh(), frequencies.weight)

    def single(self) -> FourierGrid:
        """Return the same in single precision."""
        return self._replace(k=self.k.float(), weight=self.weight.float())

    def gradient(self, displacement: Complex[Tensor, "3 nx ny nz_half"]) -> Tensor:
        """Return Grad u of every voxel, (9, voxels). [-]"""
        modes = (displacement[:, None] * self.k).flatten(0, 1)
        real = torch.fft.irfftn(modes, s=self.grid, dim=DIMENSIONS, norm="forward")
        return real.reshape(9, -1)

    def force(self, stress: Float[Tensor, "9 voxels"]) -> tuple[Tensor, Tensor]:
        """Return P̂ k and <P>."""
        modes = torch.fft.rfftn(stress.view(9, *self.grid), dim=DIMENSIONS, norm="forward")
        force = (modes.view(3, 3, *self.k.shape[1:]) * self.k).sum(1)
        return force, modes[:, 0, 0, 0].real


def green_of_tangent(
    k: Float[Tensor, "3 nx ny nz_half"], tangent: Float[Tensor, "9 9"]
) -> Float[Tensor, "6 nx ny nz_half"]:
    """Return the inverse of K_in = A_ijnm k_j k_m, components as in `green.acoustic_map`.

    Args:
        k: Frequencies. [-]
        tangent: Symmetric A = ∂P/∂F of a stable medium. [MPa]
    """
    a = tangent.reshape(3, 3, 3, 3)
    row, column = torch.tensor(_PAIRS, device=a.device).unbind(1)
    i, n, j, m = row[:, None], column[:, None], row, column
    both = a[i, j, n, m] + a[n, j, i, m] + a[i, m, n, j] + a[n, m, i, j]
    return invert_acoustic(k, both * torch.where(j == m, 0.25, 0.5))
