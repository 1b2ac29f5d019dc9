"""What the arrangement of the grains adds to the self-consistent average, to second order.

In a medium C with polarization tensor P a grain scatters by T_g = [(C_g - C)⁻¹ + P]⁻¹, and
self-consistency is Σ f_g T_g = 0 [Zeller1973]. The next term is of pairs of grains; with the field
T(x), its Fourier coefficients and Γ(ξ) as in `green`

    ΔC = -[Σ_ξ T̂(ξ) Γ(ξ) T̂(ξ)† - Σ_g f_g T_g P T_g]

The second sum is what a grain has with itself, which the average holds already. So one transform
of T takes the place of a solver's iterations; ΔC is of first order in how alike neighbours are.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.mechanics.arrangement_kernel import pair_sum_kernel
from polyxtal.mechanics.green import (
    DEVIATORS,
    STRAIN_BASIS,
    Frequencies,
    acoustic_map,
    invert_acoustic,
)

SAME = 1e-9
"""Scattering of a dilatation, relative to the medium, that counts as none. [-]"""
_R2, _R6, _R3 = 2.0**-0.5, 6.0**-0.5, 3.0**-0.5


def scattering(
    grains: Float[Tensor, "*batch grains 6 6"],
    fractions: Float[Tensor, "*batch grains"],
    medium: Float[Tensor, "*batch 6 6"],
    polarization: Float[Tensor, "*batch 6 6"],
) -> Float[Tensor, "*batch grains 6 6"]:
    """Compute T_g = [I + (C_g - C) P]⁻¹ (C_g - C), less its mean. [MPa]"""
    contrast = grains - medium[..., None, :, :]
    unit = torch.eye(6, dtype=grains.dtype, device=grains.device)
    scattered = torch.linalg.solve(unit + contrast @ polarization[..., None, :, :], contrast)
    scattered = 0.5 * (scattered + scattered.mT)
    return scattered - torch.einsum("...g,...gmn->...mn", fractions, scattered)[..., None, :, :]


def arrangement_term(
    grain_id: Int[Tensor, "nx ny nz"],
    spacing: tuple[float, float, float],
    scattered: Float[Tensor, "grains 6 6"],
    fractions: Float[Tensor, "grains"],
    medium: Float[Tensor, "6 6"],
    polarization: Float[Tensor, "6 6"],
    compiled: bool = True,
) -> Float[Tensor, "6 6"]:
    """Compute ΔC of a voxel polycrystal.

    Args:
        grain_id: Grain of every voxel.
        spacing: Edge lengths of a voxel. [µm]
        scattered: T_g of every grain, see `scattering`. [MPa]
        fractions: Volume fractions. [-]
        medium: Self-consistent medium C. [MPa]
        polarization: Its P. [1/MPa]
        compiled: Use the compiled loop.
    Returns:
        ΔC, Mandel, symmetric. [MPa]
    """
    scale = float(torch.linalg.matrix_norm(medium))
    table = STRAIN_BASIS @ (scattered / scale) @ STRAIN_BASIS.mT
    # Grains of one bulk modulus answer a dilatation alike: nothing scatters in the sixth component.
    size = 6 if float(table[:, 5].abs().max()) > SAME else DEVIATORS
    row, column = torch.tril_indices(size, size)
    entries = table[:, row, column].mT.to(torch.float32).contiguous()
    transform = torch.fft.rfftn(entries[:, grain_id], dim=(1, 2, 3), norm="forward")
    grid = (grain_id.shape[0], grain_id.shape[1], grain_id.shape[2])
    frequencies = Frequencies.of_grid(grid, spacing)
    add_up = _pair_sum_compiled if compiled else _pair_sum
    pairs = torch.zeros(6, 6, dtype=torch.float64)
    pairs[:size, :size] = add_up(transform, frequencies, medium / scale)
    yielding = STRAIN_BASIS @ (polarization * scale) @ STRAIN_BASIS.mT
    alone = torch.einsum("g,gmn,nk,gkl->ml", fractions, table, yielding, table)
    term = scale * STRAIN_BASIS.mT @ (alone - pairs) @ STRAIN_BASIS
    return 0.5 * (term + term.mT)


def _pair_sum(transform: Tensor, frequencies: Frequencies, medium: Tensor) -> Tensor:
    """Σ_ξ T̂ Γ T̂†, the readable form."""
    size = DEVIATORS if len(transform) == 15 else 6
    k = frequencies.mesh()
    green = (
        _matrices(invert_acoustic(k, acoustic_map(medium))) * frequencies.weight[..., None, None]
    )
    kx, ky, kz = k.unbind(0)
    zero = torch.zeros_like(kx)
    rows = [
        [_R2 * kx, -_R2 * ky, zero],
        [-_R6 * kx, -_R6 * ky, 2 * _R6 * kz],
        [zero, _R2 * kz, _R2 * ky],
        [_R2 * kz, zero, _R2 * kx],
        [_R2 * ky, _R2 * kx, zero],
        [_R3 * kx, _R3 * ky, _R3 * kz],
    ]
    h = torch.stack([torch.stack(row, -1) for row in rows[:size]], -2).to(torch.complex128)
    row, column = torch.tril_indices(size, size)
    field = torch.zeros(*k.shape[1:], size, size, dtype=torch.complex128)
    values = transform.movedim(0, -1).to(torch.complex128)
    field[..., row, column] = values
    field[..., column, row] = values
    forced = field @ h
    return torch.einsum("xyzmi,xyzij,xyznj->mn", forced, green.to(forced), forced.conj()).real


def _matrices(components: Tensor) -> Tensor:
    """Symmetric 3x3 matrices from components 11, 22, 33, 23, 13, 12 along the first axis."""
    xx, yy, zz, yz, xz, xy = components.unbind(0)
    rows = ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def _pair_sum_compiled(transform: Tensor, frequencies: Frequencies, medium: Tensor) -> Tensor:
    """Σ_ξ T̂ Γ T̂† in one pass over the frequencies."""
    tables = [table.numpy() for table in (*frequencies.sine, *frequencies.cosine)]
    acoustic = acoustic_map(medium).contiguous().numpy()
    field = torch.view_as_real(transform).contiguous().numpy()
    total = pair_sum_kernel(field, *tables, frequencies.weight.numpy(), acoustic)
    return torch.from_numpy(total)
