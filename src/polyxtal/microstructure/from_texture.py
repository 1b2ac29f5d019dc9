"""A polycrystal that stands for a texture alone, one voxel a grain."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
from numpy.typing import NDArray

from polyxtal.argument_types import require_seed, require_type
from polyxtal.crystal.lattice import Lattice
from polyxtal.microstructure.coarse import harmonics_of
from polyxtal.microstructure.coarse_kernel import balance, exchange
from polyxtal.microstructure.polycrystal import Polycrystal, valid_edges
from polyxtal.texture.distribution import Texture

CANDIDATES = 16
"""Orientations drawn for each voxel, one of which is chosen."""
DRAWN = 65_536
"""Fewest orientations whose mean harmonics are those of the texture."""
SWEEPS = 20
"""Largest number of visits to every voxel."""
TRIES, MOST_TRIES = 20, 30_000
"""Exchanges of grains that are tried for each voxel, and at most."""
MOST_EDGE = 64
"""Most voxels along an edge."""


def from_texture(
    texture: Texture,
    grains: int = 729,
    *,
    aspect: Sequence[float] = (1.0, 1.0, 1.0),
    lattice: Lattice | None = None,
    seed: int = 0,
) -> Polycrystal:
    """Represent a texture by a polycrystal of one voxel a grain.

    For those who know an orientation distribution or a list of orientations and no volume, as in
    self-consistent codes. Of several orientations drawn for each voxel one is chosen, such that the
    mean symmetrised harmonics φ up to degree 6 come closest to those of the texture. Then the
    grains are exchanged until those side by side are as if drawn independently:

        min Σ_axes |Σ_b sym φ(g_b) ⊗ φ(g_b + e_axis) - N φ̄ ⊗ φ̄|²


    Args:
        texture: Texture.
        grains: Number of grains, rounded to the cube of an odd number of at least 3: 27, 125, 343,
            729, 1331, …
        aspect: Ratio of the edges of a grain along x, y, z: (4, 2, 1) for a rolled sheet.
        lattice: Lattice of the crystals, of the texture's Laue group; None if only that is known.
        seed: Random seed.
    Returns:
        Polycrystal with grains of equal volume, 1 µm along their shortest edge.
    Raises:
        ValueError: if an argument is out of range, or the lattice is of another Laue group.

    Example:
        >>> import polyxtal as px
        >>> rve = px.from_texture(px.rolling_texture({"copper": 0.5, "brass": 0.5}), grains=343)
        >>> rve
        Polycrystal(grid=(7, 7, 7), grains=343, size=(7, 7, 7) µm, phases=('crystal',))
    """
    require_type(texture, Texture, "texture")
    require_type(grains, Integral, "grains")
    require_seed(seed)
    edge = _edge(grains)
    require_type(aspect, Sequence, "aspect")
    if lattice is not None:
        require_type(lattice, Lattice, "lattice")
    numbers = all(isinstance(ratio, Real) for ratio in aspect)
    if len(aspect) != 3 or not numbers or not valid_edges(aspect):
        raise ValueError(f"Argument `aspect` must be three positive ratios, but is {aspect}.")
    if lattice is not None and lattice.laue_group != texture.laue:
        raise ValueError(
            f"Argument `lattice` must have the Laue group of the texture, {texture.laue.name}, "
            f"but has {lattice.laue_group.name}."
        )
    count = edge**3
    drawn = texture.orientations(max(DRAWN, CANDIDATES * count), seed)
    features = harmonics_of(drawn, texture.laue).numpy()
    generator = np.random.default_rng(seed)
    offered = generator.permutation(len(drawn))[: CANDIDATES * count]
    chosen = offered[::CANDIDATES].copy()
    target = features.mean(0)
    total = features[chosen].sum(0) - count * target
    number = np.zeros(len(drawn))
    starts = np.arange(count + 1) * CANDIDATES
    weights = np.array([0.0, 1.0, 0.0])
    shares = np.zeros(len(offered))
    for _ in range(SWEEPS):
        order = generator.permutation(count)
        if not balance(order, starts, offered, shares, features, weights, chosen, number, total):
            break
    own = features[chosen] - features[chosen].mean(0)
    ids = torch.from_numpy(_arrange(own, edge, generator))
    size = tuple(edge * float(ratio) / min(aspect) for ratio in aspect)
    lattices = None if lattice is None else [lattice]
    return Polycrystal(ids, drawn[torch.from_numpy(chosen)], size, lattices=lattices)


def _arrange(
    features: NDArray[np.float64], edge: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return the crystal of every voxel such that neighbours are uncorrelated."""
    count = edge**3
    voxels = np.arange(count).reshape(edge, edge, edge)
    sides = [np.roll(voxels, step, axis).reshape(-1) for axis in range(3) for step in (-1, 1)]
    neighbours = np.stack(sides, 1)
    crystals = generator.permutation(count)
    here = features[crystals]
    sums = np.stack([here.T @ features[crystals[neighbours[:, 2 * axis]]] for axis in range(3)])
    sums = 0.5 * (sums + sums.transpose(0, 2, 1))
    pairs = generator.integers(count, size=(min(TRIES * count, MOST_TRIES), 2))
    exchange(pairs, neighbours, features, crystals, sums)
    return crystals.reshape(edge, edge, edge)


def _edge(grains: int) -> int:
    """Return the odd number of voxels along an edge."""
    if not 1 <= grains <= MOST_EDGE**3:
        raise ValueError(f"Argument `grains` must be from 1 to {MOST_EDGE**3}, but is {grains}.")
    return max(3, 2 * round((grains ** (1 / 3) - 1) / 2) + 1)
