"""Compatible strains, divergence and Green's operator on a periodic grid, in Fourier space.

A fluctuating displacement has Fourier coefficients û(ξ). Both discretisations differentiate by
multiplication with a phase times i times one real vector k(ξ), so that with v̂ = i û (phase
included) everything is real arithmetic:

    ε̂ = sym(k ⊗ v̂),   (Dᵀ σ̂) = σ̂ k,   K₀ = k · C₀ · k

- `fourier`: k = ξ, trigonometric collocation [Moulinec1998]; a component of ξ at the Nyquist
  frequency is zero, because the derivative of a real field at the grid points is.
- `rotated`: displacements at voxel corners, strains at centres [Willot2015]:
  k_x = 2/h_x sin(ξ_x h_x/2) cos(ξ_y h_y/2) cos(ξ_z h_z/2), and so on.

Fields are in the orthonormal basis `STRAIN_BASIS`: five deviators, then the mean.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_to_tensor4
from polyxtal.mechanics.elastic.schemes import SCHEMES

DEVIATORS = 5
_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
_R2, _R3, _R6 = 2.0**-0.5, 3.0**-0.5, 6.0**-0.5

STRAIN_BASIS: Float[Tensor, "6 6"] = torch.tensor(
    [
        [_R2, -_R2, 0, 0, 0, 0],
        [-_R6, -_R6, 2 * _R6, 0, 0, 0],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1],
        [_R3, _R3, _R3, 0, 0, 0],
    ],
    dtype=torch.float64,
)
"""Rows are the basis tensors in Mandel notation."""


class Frequencies(NamedTuple):
    """The vectors k(ξ) of a grid as products of one sine and two cosines, one table per axis.

        k_x = sine_x cosine_y cosine_z,   k_y = cosine_x sine_y cosine_z,   ...

    Lengths are in units of the longest edge over 2π, so k is dimensionless and near 1 or above.

    Attributes:
        sine: One table for each axis; the last axis keeps the half that real fields need. [-]
        cosine: As `sine`. [-]
        weight: Multiplicity of the coefficients along the last axis in inner products, 1 or 2. [-]
    """

    sine: tuple[Float[Tensor, " nx"], Float[Tensor, " ny"], Float[Tensor, " nz_half"]]
    cosine: tuple[Float[Tensor, " nx"], Float[Tensor, " ny"], Float[Tensor, " nz_half"]]
    weight: Float[Tensor, " nz_half"]

    @classmethod
    def of_grid(
        cls,
        grid: tuple[int, int, int],
        spacing: tuple[float, float, float],
        scheme: str = "fourier",
        dtype: torch.dtype = torch.float64,
        device: torch.device | str | None = None,
    ) -> Frequencies:
        """Tabulate the frequencies of a grid.

        Args:
            grid: Voxels along x, y, z.
            spacing: Edge lengths of a voxel, any unit.
            scheme: "fourier" or "rotated".
            dtype: Real type of the tables.
            device: Device of the tables.
        Raises:
            ValueError: if the scheme is unknown.
        """
        if scheme not in SCHEMES:
            raise ValueError(f"Argument `scheme` must be one of {SCHEMES}, but is {scheme!r}.")
        unit = max(n * h for n, h in zip(grid, spacing, strict=True)) / (2 * math.pi)
        sines, cosines = [], []
        for axis, (n, h) in enumerate(zip(grid, spacing, strict=True)):
            count = torch.arange(n // 2 + 1 if axis == 2 else n, dtype=torch.float64)
            signed = torch.where(2 * count > n, count - n, count)
            angle = 2 * math.pi * signed / n  # ξ h
            nyquist = 2 * count == n
            if scheme == "fourier":
                sine = torch.where(nyquist, 0.0, angle)
                cosine = torch.ones_like(angle)
            else:
                sine = 2 * torch.sin(angle / 2)
                cosine = torch.where(nyquist, 0.0, torch.cos(angle / 2))
            sines.append((sine * unit / h).to(dtype).to(device))
            cosines.append(cosine.to(dtype).to(device))
        last = torch.arange(grid[2] // 2 + 1)
        single = (last == 0) | (2 * last == grid[2])
        weight = torch.where(single, 1.0, 2.0).to(dtype).to(device)
        return cls(tuple(sines), tuple(cosines), weight)  # type: ignore[arg-type]

    def mesh(self) -> Float[Tensor, "3 nx ny nz_half"]:
        """Return the product of the tables, k at every frequency. [-]"""
        (sx, sy, sz), (cx, cy, cz) = self.sine, self.cosine
        products = ((sx, cy, cz), (cx, sy, cz), (cx, cy, sz))
        return torch.stack([x[:, None, None] * y[:, None] * z for x, y, z in products])


def strain(
    k: Float[Tensor, "3 nx ny nz_half"],
    displacement: Complex[Tensor, "*batch 3 nx ny nz_half"],
    components: int = 6,
) -> Complex[Tensor, "*batch components nx ny nz_half"]:
    """Return ε̂ = sym(k ⊗ v̂) in `STRAIN_BASIS`; 5 components leave out the mean."""
    kx, ky, kz = k.unbind(0)
    vx, vy, vz = displacement.unbind(-4)
    xx, yy, zz = kx * vx, ky * vy, kz * vz
    parts = [
        _R2 * (xx - yy),
        _R6 * (2 * zz - xx - yy),
        _R2 * (ky * vz + kz * vy),
        _R2 * (kx * vz + kz * vx),
        _R2 * (kx * vy + ky * vx),
    ]
    if components == 6:
        parts.append(_R3 * (xx + yy + zz))
    return torch.stack(parts, -4)


def divergence(
    k: Float[Tensor, "3 nx ny nz_half"],
    stress: Complex[Tensor, "*batch components nx ny nz_half"],
) -> Complex[Tensor, "*batch 3 nx ny nz_half"]:
    """Return the out-of-balance force σ̂ k, the adjoint of `strain`."""
    kx, ky, kz = k.unbind(0)
    s = stress.unbind(-4)
    mean = _R3 * s[5] if len(s) == 6 else 0.0
    xx, yy = _R2 * s[0] - _R6 * s[1] + mean, -_R2 * s[0] - _R6 * s[1] + mean
    zz = 2 * _R6 * s[1] + mean
    yz, xz, xy = _R2 * s[2], _R2 * s[3], _R2 * s[4]
    return torch.stack(
        [
            kx * xx + ky * xy + kz * xz,
            kx * xy + ky * yy + kz * yz,
            kx * xz + ky * yz + kz * zz,
        ],
        -4,
    )


def acoustic_map(reference: Float[Tensor, "6 6"]) -> Float[Tensor, "6 6"]:
    """Return the matrix T that maps k ⊗ k to the acoustic tensor.

        (k · C · k)_p = Σ_q T_pq (k ⊗ k)_q,   p, q = 11, 22, 33, 23, 13, 12

    Args:
        reference: Mandel stiffness of the reference medium, any unit.
    """
    c = mandel_to_tensor4(reference)
    row, column = torch.tensor(_PAIRS, device=c.device).unbind(1)
    i, j, a, b = row[:, None], column[:, None], row, column
    return (c[i, a, j, b] + c[i, b, j, a]) * torch.where(a == b, 0.5, 1.0)


def green_operator(
    k: Float[Tensor, "3 nx ny nz_half"], reference: Float[Tensor, "6 6"]
) -> Float[Tensor, "6 nx ny nz_half"]:
    """Return the inverse acoustic tensor of the reference medium, (k · C₀ · k)⁻¹; zero at k = 0.

    Returns:
        Components 11, 22, 33, 23, 13, 12 of symmetric matrices, in the inverse unit of C₀.
    """
    return invert_acoustic(k, acoustic_map(reference))


def invert_acoustic(
    k: Float[Tensor, "3 nx ny nz_half"], acoustic: Float[Tensor, "6 6"]
) -> Float[Tensor, "6 nx ny nz_half"]:
    """Return the inverse of T (k ⊗ k), with T and the components as in `acoustic_map`."""
    kx, ky, kz = k.unbind(0)
    dyad = torch.stack([kx * kx, ky * ky, kz * kz, ky * kz, kx * kz, kx * ky])
    a = torch.einsum("pq,qxyz->pxyz", acoustic.to(k), dyad)
    xx, yy, zz, yz, xz, xy = a.unbind(0)
    adjugate = torch.stack(
        [
            yy * zz - yz * yz,
            xx * zz - xz * xz,
            xx * yy - xy * xy,
            xy * xz - xx * yz,
            xy * yz - yy * xz,
            xz * yz - xy * zz,
        ]
    )
    determinant = xx * adjugate[0] + xy * adjugate[5] + xz * adjugate[4]
    rest = dyad[:3].sum(0) == 0
    return torch.where(rest, 0.0, adjugate / torch.where(rest, 1.0, determinant))


def apply_green(
    green: Float[Tensor, "*batch 6 nx ny nz_half"],
    force: Complex[Tensor, "*batch2 3 nx ny nz_half"],
) -> Complex[Tensor, "*batch2 3 nx ny nz_half"]:
    """Return the product of the symmetric matrices of `green_operator` with forces."""
    xx, yy, zz, yz, xz, xy = green.unbind(-4)
    x, y, z = force.unbind(-4)
    return torch.stack(
        [xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z], -4
    )
