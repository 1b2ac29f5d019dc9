"""Displacements of a periodic cell from its deformation gradients."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_AXES = (0, 1, 2)


def displacements(
    deformation: Float[Tensor, "nx ny nz 3 3"], size: tuple[float, float, float]
) -> tuple[Float[Tensor, "nx ny nz 3"], Float[Tensor, "nx_1 ny_1 nz_1 3"]]:
    """Return the displacements of voxel centres and corners, in the unit of `size`.

        u = (F̄ - I) X + ũ,   ũ periodic with zero mean and Grad ũ = F - F̄ in the least squares

    Args:
        deformation: F of every voxel. [-]
        size: Edge lengths of the cell.
    Returns:
        Displacements of the centres; and of the corners, each the mean of ũ in the eight voxels
        around it, plus (F̄ - I) X.
    """
    grid = deformation.shape[:3]
    mean = deformation.mean(_AXES)
    steps = [(n, length / n) for n, length in zip(grid, size, strict=True)]
    frequencies = (torch.fft.fftfreq, torch.fft.fftfreq, torch.fft.rfftfreq)
    waves = [f(n, step, dtype=mean.dtype) for f, (n, step) in zip(frequencies, steps, strict=True)]
    wave = 2 * torch.pi * torch.stack(torch.meshgrid(*waves, indexing="ij"), -1)
    squared = (wave**2).sum(-1, keepdim=True)
    modes = torch.fft.rfftn(deformation - mean, dim=_AXES)
    along = torch.einsum("xyzij,xyzj->xyzi", modes, wave.to(modes.dtype))
    inverse = torch.where(squared > 0, 1 / squared.clamp_min(1e-300), 0.0)
    periodic = torch.fft.irfftn(-1j * along * inverse, s=grid, dim=_AXES)
    corner = periodic
    for axis in _AXES:
        corner = 0.5 * (corner + corner.roll(1, axis))
        corner = torch.cat([corner, corner.narrow(axis, 0, 1)], axis)
    gradient = mean - torch.eye(3).to(mean)

    def affine(shift: float, more: int) -> Tensor:
        axes = [(torch.arange(n + more).to(mean) + shift) * step for n, step in steps]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1) @ gradient.mT

    return affine(0.5, 0) + periodic, affine(0.0, 1) + corner
