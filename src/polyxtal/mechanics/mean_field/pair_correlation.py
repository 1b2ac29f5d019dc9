"""The pair (two-point) correlation of grains: second-order term of the self-consistent average.

In a medium C with polarization tensor P a grain scatters by T_g = [(C_g - C)⁻¹ + P]⁻¹, and
self-consistency is Σ f_g T_g = 0 [Zeller1973]. The next term is that of pairs of grains; with the
field T(x), its Fourier coefficients and Γ(ξ) as in `green.py`,

    ΔC = -[Σ_ξ T̂(ξ) Γ(ξ) T̂(ξ)† - Σ_g f_g T_g P T_g]

The second sum is the self-interaction of grains, which the average contains already. One transform
of T thus replaces a solver's iterations; ΔC is of first order in the correlation of neighbours.

The entries of T are not independent. In a random texture the medium is nearly isotropic, and T
nearly a linear map of the nine cubic harmonics of degree 4; a few orientations span less. Therefore
only principal components of the entries are transformed; see `NEGLIGIBLE`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.fft_memory import keep_freed_memory
from polyxtal.algebra.threads import few_threads
from polyxtal.mechanics.elastic.green import (
    DEVIATORS,
    STRAIN_BASIS,
    Frequencies,
    acoustic_map,
    invert_acoustic,
)
from polyxtal.mechanics.elastic.kernel import TINY
from polyxtal.mechanics.mean_field.pair_correlation_kernel import deviatoric_sum, pair_sum, spread

SAME = 1e-9
"""Relative scattering of a dilatation below which it is neglected. [-]"""
NEGLIGIBLE = 5e-4
"""Relative norm of T that the principal components may leave out. ΔC changes by about as much; its
own error is some per cent, see `docs/finetuning.md`. [-]"""
_R2, _R6, _R3 = 2.0**-0.5, 6.0**-0.5, 3.0**-0.5


def scattering(
    grains: Float[Tensor, "*batch grains 6 6"],
    fractions: Float[Tensor, "*batch grains"],
    medium: Float[Tensor, "*batch 6 6"],
    polarization: Float[Tensor, "*batch 6 6"],
) -> Float[Tensor, "*batch grains 6 6"]:
    """Return T_g = [I + (C_g - C) P]⁻¹ (C_g - C) minus its mean. [MPa]"""
    contrast = grains - medium[..., None, :, :]
    unit = torch.eye(6, dtype=grains.dtype, device=grains.device)
    scattered = torch.linalg.solve(unit + contrast @ polarization[..., None, :, :], contrast)
    scattered = 0.5 * (scattered + scattered.mT)
    return scattered - torch.einsum("...g,...gmn->...mn", fractions, scattered)[..., None, :, :]


def arrangement_term(
    grain_id: Int[Tensor, "nx ny nz"],
    spacing: tuple[float, float, float],
    scattered: Float[Tensor, "grains 6 6"],
    fractions: Float[Tensor, " grains"],
    medium: Float[Tensor, "6 6"],
    polarization: Float[Tensor, "6 6"],
    compiled: bool = True,
    negligible: float = NEGLIGIBLE,
) -> Float[Tensor, "6 6"]:
    """Return the pair-correlation term ΔC of a voxel polycrystal.

    Args:
        grain_id: Grain of every voxel.
        spacing: Edge lengths of a voxel. [µm]
        scattered: T_g of every grain, see `scattering`. [MPa]
        fractions: Volume fractions. [-]
        medium: Self-consistent medium C. [MPa]
        polarization: Polarization tensor P of the medium. [1/MPa]
        compiled: Whether to use principal components and compiled loops, not the readable form.
        negligible: See `NEGLIGIBLE`.
    Returns:
        ΔC, Mandel, symmetric. [MPa]
    """
    scale = float(torch.linalg.matrix_norm(medium))
    table = STRAIN_BASIS @ (scattered / scale) @ STRAIN_BASIS.mT
    # Grains of one bulk modulus respond equally to a dilatation: the sixth component is zero.
    size = 6 if float(table[:, 5].abs().max()) > SAME else DEVIATORS
    row, column = torch.tril_indices(size, size)
    entries = table[:, row, column].mT
    acoustic = acoustic_map(medium / scale)
    yielding = (STRAIN_BASIS @ (polarization * scale) @ STRAIN_BASIS.mT)[:size, :size]
    if compiled:
        term = pair_term(grain_id, spacing, entries, fractions, acoustic, yielding, negligible)
    else:
        transform = torch.fft.rfftn(entries[:, grain_id], dim=(1, 2, 3), norm="forward")
        grid = (grain_id.shape[0], grain_id.shape[1], grain_id.shape[2])
        frequencies = Frequencies.of_grid(grid, spacing)
        term = _alone(entries, fractions, yielding) - _pair_sum(transform, frequencies, acoustic)
    term = scale * STRAIN_BASIS[:size].mT @ term @ STRAIN_BASIS[:size]
    return 0.5 * (term + term.mT)


def pair_term(
    grain_id: Int[Tensor, "nx ny nz"],
    spacing: tuple[float, float, float],
    entries: Float[Tensor, "entries grains"],
    fractions: Float[Tensor, " grains"],
    acoustic: Float[Tensor, "6 6"],
    yielding: Float[Tensor, "size size"],
    negligible: float = NEGLIGIBLE,
) -> Float[Tensor, "size size"]:
    """Return ΔC in `STRAIN_BASIS`, in the unit of T and P⁻¹.

    Args:
        grain_id: Grain of every voxel.
        spacing: Edge lengths of a voxel. [µm]
        entries: Lower triangle of T, by rows, of five or six components of `STRAIN_BASIS`.
        fractions: Volume fractions. [-]
        acoustic: `acoustic_map` of the medium.
        yielding: P.
        negligible: See `NEGLIGIBLE`.
    """
    components, modes, power = _principal(entries, fractions, negligible)
    if not len(components):
        return torch.zeros_like(yielding)
    grid = (grain_id.shape[0], grain_id.shape[1], grain_id.shape[2])
    keep_freed_memory()
    with few_threads(grain_id.numel()):
        field = _transform(components, grain_id)
    alone = _alone(modes, power, yielding)  # principal components do not correlate
    return alone - _pair_sum_compiled(field, modes, _tables(grid, spacing), acoustic)


def _principal(
    entries: Tensor, fractions: Tensor, negligible: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return principal components (kept, grains) of T, their modes (entries, kept) and power.

    The components are principal in the Frobenius norm, averaged over the volume.
    """
    size = DEVIATORS if len(entries) == 15 else 6
    row, column = torch.tril_indices(size, size)
    weight = torch.where(row == column, 1.0, 2.0).to(entries).sqrt()[:, None]
    weighted = weight * entries
    power, axes = torch.linalg.eigh((weighted * fractions) @ weighted.mT)
    left_out = power.clamp_min(0).cumsum(0)  # in ascending order
    kept = left_out > negligible**2 * left_out[-1]
    axes = axes[:, kept]
    return axes.mT @ weighted, axes / weight, power[kept]


def _transform(components: Tensor, grain_id: Tensor) -> np.ndarray:
    """Return the Fourier coefficients of fields of grains, as pairs of reals, half of z."""
    grains = grain_id.reshape(-1).numpy()
    field = np.empty((len(components), len(grains)), np.float32)
    spread(components.to(torch.float32).contiguous().numpy(), grains, field)
    field = field.reshape(-1, *grain_id.shape)
    if grain_id.shape[2] % 2:  # whichever is faster, see `docs/negative_results.md`
        transform = np.asarray(scipy.fft.rfftn(field, axes=(1, 2, 3), norm="forward"))
    else:
        given = torch.from_numpy(field)
        transform = torch.fft.rfftn(given, dim=(1, 2, 3), norm="forward").contiguous().numpy()
    return transform.view(np.float32).reshape(*transform.shape[:2], -1)


def _alone(entries: Tensor, fractions: Tensor, yielding: Tensor) -> Tensor:
    """Return Σ_g f_g T_g P T_g, the self-interaction of grains."""
    table = _symmetric(entries.mT)
    return torch.einsum("g,gmn,nk,gkl->ml", fractions, table, yielding, table)


def _symmetric(entries: Tensor) -> Tensor:
    """Return symmetric matrices from lower triangles, by rows, along the last axis."""
    size = DEVIATORS if entries.shape[-1] == 15 else 6
    row, column = torch.tril_indices(size, size)
    full = entries.new_zeros(*entries.shape[:-1], size, size)
    full[..., row, column] = entries
    full[..., column, row] = entries
    return full


def _pair_sum(transform: Tensor, frequencies: Frequencies, acoustic: Tensor) -> Tensor:
    """Return Σ_ξ T̂ Γ T̂† in readable form."""
    k = frequencies.mesh()
    green = _matrices(invert_acoustic(k, acoustic)) * frequencies.weight[..., None, None]
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
    field = _symmetric(transform.movedim(0, -1).to(torch.complex128))
    h = torch.stack([torch.stack(row, -1) for row in rows[: field.shape[-1]]], -2)
    forced = field @ h.to(torch.complex128)
    return torch.einsum("xyzmi,xyzij,xyznj->mn", forced, green.to(forced), forced.conj()).real


def _matrices(components: Tensor) -> Tensor:
    """Return symmetric 3x3 matrices from components 11, 22, 33, 23, 13, 12 along the first axis."""
    xx, yy, zz, yz, xz, xy = components.unbind(0)
    rows = ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def _pair_sum_compiled(
    field: np.ndarray, modes: Tensor, tables: tuple[np.ndarray, ...], acoustic: Tensor
) -> Tensor:
    """Return Σ_ξ T̂ Γ T̂† from pairs of reals, (components, nx, ny · 2 nz_half), in one pass."""
    add_up = deviatoric_sum if len(modes) == 15 else pair_sum
    single = modes.to(torch.float32).contiguous().numpy()
    flat = acoustic.to(torch.float32).ravel().numpy()
    constants = tuple(np.float32(x) for x in (_R2, _R6, TINY))
    return _symmetric(torch.from_numpy(add_up(field, single, tables, flat, constants)))


@lru_cache(maxsize=8)
def _tables(
    grid: tuple[int, int, int], spacing: tuple[float, float, float]
) -> tuple[np.ndarray, ...]:
    """Tabulate the frequencies for `pair_correlation_kernel.py`."""
    (sx, sy, sz), (cx, cy, cz), weight = Frequencies.of_grid(grid, spacing, dtype=torch.float32)
    double = (table.repeat_interleave(2) for table in (sz, cz, weight))
    return tuple(table.numpy() for table in (sx, cx, sy, cy, *double))
