"""A polycrystal on a coarser grid that keeps volume fractions, phases and texture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor

from polyxtal.crystal.laue import LaueGroup
from polyxtal.microstructure.coarse_kernel import balance
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.harmonics import harmonic_degrees, symmetric_harmonics

WEIGHTS = (1.0, 3.0, 1.0)
"""Weights of the volumes of grains, of the texture, and of a grain's share of a voxel. [-]"""
SWEEPS = 10
"""Largest number of visits to every voxel."""
HIGHEST_DEGREE = 6
"""Highest degree of the harmonics that are kept."""


def coarsen(rve: Polycrystal, grid: int | Sequence[int], seed: int = 0) -> Polycrystal:
    """Represent a polycrystal on a coarser grid.

    Every coarse voxel gets a grain that it overlaps. Among these, the grains are chosen such that
    the number of voxels of each grain, and the mean symmetrised harmonics of each phase up to
    degree 6, come closest to those of the fine grid:

        min Σ_g (n_g - N v_g)² + 3 |Σ_b φ(g_b) - N Σ_g v_g φ(g)|² - Σ_b share of g_b in voxel b

    by visiting the voxels in random order. N is the number of coarse voxels, n_g the number of
    those of grain g, v_g its volume fraction on the fine grid, φ its harmonics.

    Args:
        rve: Polycrystal.
        grid: Number of voxels along every axis, or along x, y, z; at most that of the fine grid.
        seed: Random seed: another one gives another choice of much the same quality.
    Returns:
        The coarser polycrystal with the same size and all grains, those without voxels included.
    Raises:
        ValueError: if the grid is not one or three positive numbers, or finer than that of the
            polycrystal.
    """
    grid = (grid,) * 3 if isinstance(grid, int) else tuple(int(n) for n in grid)
    if len(grid) != 3 or any(not 1 <= m <= n for m, n in zip(grid, rve.grid, strict=False)):
        raise ValueError(
            f"Argument `grid` must be one or three numbers of voxels from 1 to {rve.grid}, "
            f"but is {grid}."
        )
    starts, grains, shares = _candidates(rve.grain_id.numpy(), grid)
    voxels = len(starts) - 1
    features = _features(rve)
    volume = rve.volume_fractions.numpy()
    chosen = grains[_largest(starts, shares)].copy()
    count = np.bincount(chosen, minlength=rve.grains) - voxels * volume
    total = features[chosen].sum(0) - voxels * (volume @ features)
    generator = np.random.default_rng(seed)
    for _ in range(SWEEPS):
        order = generator.permutation(voxels)
        weights = np.array(WEIGHTS)
        if not balance(order, starts, grains, shares, features, weights, chosen, count, total):
            break
    ids = torch.from_numpy(chosen.reshape(grid))
    return Polycrystal(ids, rve.orientations, rve.size, rve.phase, rve.phase_names, rve.lattices)


def coarse_voxels(rve: Polycrystal, coarse: Polycrystal) -> Int[Tensor, "nx ny nz"]:
    """Return the coarse voxel that stands for every fine one, to bring fields to the fine grid.

    It is the one that holds the fine voxel's centre if it has the same grain, else the nearest of
    that grain, else again the one that holds the centre.

    Args:
        rve: Polycrystal.
        coarse: The same on a coarser grid, see `coarsen`.
    Returns:
        Index into the flattened coarse grid.
    """
    places = [
        (2 * np.arange(n) + 1) * m // (2 * n) for n, m in zip(rve.grid, coarse.grid, strict=True)
    ]
    around = np.ravel_multi_index(np.ix_(*places), coarse.grid).reshape(-1)
    fine, ids = rve.grain_id.numpy().reshape(-1), coarse.grain_id.numpy().reshape(-1)
    wrong = np.flatnonzero(ids[around] != fine)
    centres = [_centres(one) for one in (rve, coarse)]
    for grain in np.unique(fine[wrong]):
        own = np.flatnonzero(ids == grain)
        if len(own):
            here = wrong[fine[wrong] == grain]
            tree = KDTree(centres[1][own], boxsize=rve.size)
            around[here] = own[tree.query(centres[0][here])[1]]
    return torch.from_numpy(around.reshape(rve.grid))


def _centres(rve: Polycrystal) -> NDArray[Any]:
    axes = [(np.arange(n) + 0.5) * s for n, s in zip(rve.grid, rve.spacing, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)


def harmonics_of(orientations: Float[Tensor, "n 4"], laue: LaueGroup) -> Float[Tensor, "n terms"]:
    """Return the symmetrised harmonics that are kept: up to `HIGHEST_DEGREE`."""
    degrees = {d for low in harmonic_degrees(laue) for d in range(low, HIGHEST_DEGREE + 1, 2)}
    parts = [symmetric_harmonics(orientations, degree, laue) for degree in sorted(degrees)]
    return torch.cat(parts, 1).to(torch.float64)


def _features(rve: Polycrystal) -> NDArray[np.float64]:
    """Return the harmonics of every grain and 1, in the columns of its phase, (grains, …)."""
    columns = []
    for phase in range(len(rve.phase_names)):
        members = (rve.phase == phase).to(torch.float64)[:, None]
        if members.any():
            own = harmonics_of(rve.orientations, rve.laue_group(phase))
            columns += [own * members, members]
    return torch.cat(columns, 1).numpy()


def _overlaps(fine: int, coarse: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return all pairs of coarse and fine voxels of an axis that overlap, and by what share."""
    first = np.arange(coarse) * fine // coarse
    last = -((-np.arange(1, coarse + 1) * fine) // coarse)  # rounded up
    sizes = last - first
    a = np.repeat(np.arange(coarse), sizes)
    b = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes) + first[a]
    share = np.minimum((a + 1) * fine, (b + 1) * coarse) - np.maximum(a * fine, b * coarse)
    return a, b, share / fine


def _candidates(
    ids: NDArray[np.int64], grid: tuple[int, ...]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the grains of every coarse voxel, voxel by voxel, with their shares of it."""
    axes = [_overlaps(n, m) for n, m in zip(ids.shape, grid, strict=True)]
    (ax, bx, sx), (ay, by, sy), (az, bz, sz) = axes
    voxel = (ax[:, None, None] * grid[1] + ay[:, None]) * grid[2] + az
    grains = int(ids.max()) + 1
    key = voxel * grains + ids[np.ix_(bx, by, bz)]
    share = sx[:, None, None] * sy[:, None] * sz
    pairs, inverse = np.unique(key.reshape(-1), return_inverse=True)
    shares = np.bincount(inverse, share.reshape(-1))
    starts = np.searchsorted(pairs, np.arange(math.prod(grid) + 1) * grains)
    return starts, pairs % grains, shares


def _largest(starts: NDArray[Any], shares: NDArray[np.float64]) -> NDArray[Any]:
    """Return the candidate of the largest share of every voxel; of several, the first."""
    most = np.maximum.reduceat(shares, starts[:-1])
    voxel = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    ties = np.flatnonzero(shares == most[voxel])
    _, first = np.unique(voxel[ties], return_index=True)
    return ties[first]
