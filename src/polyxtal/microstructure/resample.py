"""Cropping, coarsening and renumbering of volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from polyxtal.microstructure.polycrystal import Polycrystal


def crop(rve: Polycrystal, ranges: Sequence[tuple[int, int]]) -> Polycrystal:
    """Return a box of voxels.

    A cropped box is no longer periodic, but solvers treat it as periodic: grains cut by its faces
    do not continue at the opposite faces. An axis that keeps its whole range keeps its period.

    Args:
        rve: Polycrystal.
        ranges: First voxel and voxel after the last, 0-based, along x, y, z.
    Returns:
        The box, with voxels of the same size and all grains, those without voxels included.
    Raises:
        ValueError: if the ranges are not three, or one is empty or reaches outside the grid.
    """
    if len(ranges) != 3:
        raise ValueError(f"Argument `ranges` must be three, for x, y, z, but is {len(ranges)}.")
    for axis, (start, stop), n in zip("xyz", ranges, rve.grid, strict=True):
        if not 0 <= start < stop <= n:
            raise ValueError(
                f"Argument `ranges` must hold at least one voxel within 0:{n} along {axis}, "
                f"but is {start}:{stop}."
            )
    box = rve.grain_id[tuple(slice(start, stop) for start, stop in ranges)]
    spans = zip(ranges, rve.grid, rve.size, strict=True)
    size = [s * ((stop - start) / n) for (start, stop), n, s in spans]
    return Polycrystal(box, rve.orientations, size, rve.phase, rve.phase_names, rve.lattices)


def coarsen(rve: Polycrystal, factor: int | Sequence[int]) -> Polycrystal:
    """Merge blocks of voxels into one voxel each, of the most frequent grain.

    Ties go to the smallest grain id. The blocks tile the volume without remainder, so it stays
    periodic and keeps its size; volume fractions change, and thin grains may vanish.

    Args:
        rve: Polycrystal.
        factor: Voxels of a block along every axis, or along x, y, z; must divide the grid.
    Returns:
        The coarser polycrystal with all grains, those without voxels included.
    Raises:
        ValueError: if the factor is not positive or does not divide the grid.
    """
    factors = (factor,) * 3 if isinstance(factor, int) else tuple(factor)
    if len(factors) != 3 or not all(f >= 1 for f in factors):
        raise ValueError(
            f"Argument `factor` must be one or three positive numbers, but is {factor}."
        )
    if any(n % f for n, f in zip(rve.grid, factors, strict=True)):
        raise ValueError(
            f"Argument `factor` must divide the grid {rve.grid}, but is {factor}: "
            "crop to a multiple first, or give one factor for each axis."
        )
    (nx, ny, nz), (fx, fy, fz) = rve.grid, factors
    ids = rve.grain_id.numpy()
    coarse = np.empty((nx // fx, ny // fy, nz // fz), dtype=ids.dtype)
    # Layer by layer, so that large volumes are sorted in little memory.
    for k in range(nx // fx):
        layer = ids[k * fx : (k + 1) * fx].reshape(fx, ny // fy, fy, nz // fz, fz)
        blocks = layer.transpose(1, 3, 0, 2, 4).reshape(ny // fy, nz // fz, fx * fy * fz)
        coarse[k] = _majority(blocks)
    return Polycrystal(coarse, rve.orientations, rve.size, rve.phase, rve.phase_names, rve.lattices)


def renumber(rve: Polycrystal) -> Polycrystal:
    """Remove grains without voxels; the others keep their order, and all phases stay."""
    used, ids = torch.unique(rve.grain_id, return_inverse=True)
    return Polycrystal(
        ids, rve.orientations[used], rve.size, rve.phase[used], rve.phase_names, rve.lattices
    )


def _majority(blocks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the most frequent value along the last axis; of several, the smallest."""
    values = np.sort(blocks, axis=-1)
    position = np.arange(values.shape[-1])
    begins = np.ones(values.shape, dtype=bool)
    begins[..., 1:] = values[..., 1:] != values[..., :-1]
    length = position - np.maximum.accumulate(np.where(begins, position, 0), axis=-1)
    # The first of the longest runs holds the smallest value.
    return np.take_along_axis(values, length.argmax(-1)[..., None], axis=-1)[..., 0]
