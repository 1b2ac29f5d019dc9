"""Synthetic polycrystals: periodic Voronoi and Laguerre tessellations on a voxel grid.

    owner(x) = argmin_g |S (x - x_g)|² - w_g,   S = diag(1 / aspect), nearest periodic image

With w = 0 it is the Voronoi tessellation of random seeds. Prescribed grain sizes are reached by
alternately moving seeds to the centroids of their grains (Lloyd) and adjusting the weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.number_arrays import number_array
from polyxtal.algebra.randomness import as_generator
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.argument_types import require_number, require_type
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.tessellate_batch import nearest_seed
from polyxtal.microstructure.tessellate_kernel import claim, moments, settle
from polyxtal.texture.distribution import Texture
from polyxtal.texture.hull import TextureHullSample

MAX_VOXELS = 2**30
MAX_SPREAD = 1.0
"""Largest spread of grain sizes that fitting reaches. [-]"""
ROUNDS = 30
REACH = 1.8
"""Half edge of the box that a seed claims first, over the radius of a mean grain. [-]"""
RELAXATION = 0.7
MAX_STRETCH = 1e6
"""Squared distances and sums of them stay well within double precision."""


def tessellate(
    grid: int | Sequence[int] = 45,
    grains: int = 810,
    texture: Texture | TextureHullSample | None = None,
    *,
    orientations: Float[Tensor, "grains 4"] | None = None,
    lattice: Lattice | str | None = None,
    size: float | Sequence[float] | None = None,
    aspect: Sequence[float] = (1.0, 1.0, 1.0),
    spread: float | None = None,
    seed: int | torch.Generator = 0,
    device: str | torch.device = "cpu",
) -> Polycrystal:
    """Generate a periodic polycrystal by a Voronoi or Laguerre tessellation.

    Args:
        grid: Number of voxels along x, y, z, or one number for a cube.
        grains: Number of grains.
        texture: Texture to draw the orientations from, by volume (default: random orientations).
            A sample of the texture hull is accepted if it holds one texture.
        orientations: One orientation per grain, instead of a texture. [-]
        lattice: Lattice of the crystals (default: that of the texture's Laue group).
        size: Edge lengths, or that along x with cubic voxels (default: voxels of 1 µm). [µm]
        aspect: Relative extent of the grains along x, y, z: (3, 1, 1) elongates, (1, 1, 0.3)
            flattens. [-]
        spread: Standard deviation of the logarithm of the log-normal grain diameters (default:
            Voronoi tessellation of random seeds, about 0.15). Above 0.3 the smallest grains have
            no voxels, but stay listed. [-]
        seed: Random seed.
        device: Where voxels are assigned: "cpu" (compiled) or another torch device, such as
            "cuda". Results differ only in voxels halfway between two seeds.
    Raises:
        ValueError: if an argument is invalid.

    Example:
        >>> import polyxtal as px
        >>> px.tessellate(grid=16, grains=20, seed=1)
        Polycrystal(grid=(16, 16, 16), grains=20, size=(16, 16, 16) µm, phases=('crystal',))
    """
    voxels = voxel_counts(grid)
    stretch = _positive("aspect", aspect)
    _validate(voxels, grains, spread)
    edges = _edges(size, voxels)
    generator = as_generator(seed)
    _validate_orientations(grains, texture, orientations)
    scale = _metric(edges, voxels, stretch)
    seeds = torch.rand(grains, 3, generator=generator, dtype=torch.float64).numpy() * voxels
    if spread is None:
        owner = _divide(voxels, seeds, np.zeros(grains), scale, device)
    else:
        logarithm = torch.randn(grains, generator=generator, dtype=torch.float64).numpy()
        owner = _fitted(voxels, seeds, np.exp(3 * spread * logarithm), scale, device)
    texture = texture[0] if isinstance(texture, TextureHullSample) else texture
    if texture is not None:
        count = torch.from_numpy(np.bincount(owner.reshape(-1), minlength=grains))
        orientations = texture.orientations(count.to(torch.float64), generator)
    elif orientations is None:
        orientations = random_quaternions(grains, generator)
    lattices = _lattice(lattice, texture)
    return Polycrystal(torch.from_numpy(owner).long(), orientations, edges, lattices=lattices)


def _metric(
    edges: tuple[float, float, float], grid: tuple[int, int, int], aspect: np.ndarray
) -> np.ndarray:
    """Return the scaled edges of a voxel, (3,), of product 1."""
    scale = np.array(edges) / grid / aspect
    if (stretched := scale.max() / scale.min()) > MAX_STRETCH:
        raise ValueError(
            "Arguments `aspect` and `size` must make a voxel longer along one axis than along "
            f"another by at most {MAX_STRETCH:g}, but do by {stretched:g}."
        )
    return scale / np.prod(scale) ** (1 / 3)


def _lattice(lattice: Lattice | str | None, texture: Texture | None) -> Lattice | None:
    """Return the given lattice, or that of the texture's crystals."""
    require_type(lattice, (Lattice, str, type(None)), "lattice")
    one = Lattice(lattice) if isinstance(lattice, str) else lattice
    if texture is None or (one is None and texture.laue == CUBIC):
        return one
    if one is None:
        return Lattice.of_laue_group(texture.laue.name)
    if one.laue_group != texture.laue:
        raise ValueError(
            f"Argument `lattice` must have the Laue group of the texture, {texture.laue.name}, "
            f"but has {one.laue_group.name}."
        )
    return one


def power_diagram(
    grid: tuple[int, int, int], seeds: np.ndarray, weights: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Assign every voxel to the seed of least power distance.

    Args:
        grid: Voxels along x, y, z.
        seeds: Positions in voxels, (grains, 3).
        weights: w, in scaled voxels squared, (grains,).
        scale: Scaled edge of a voxel along each axis, (3,).
    Returns:
        Grain of every voxel, int32, (nx, ny, nz).
    """
    radius = (math.prod(grid) / len(seeds) * 3 / (4 * math.pi)) ** (1 / 3)
    wanted = REACH * radius + math.sqrt(max(float(np.ptp(weights)), 0.0))
    reach = np.minimum(np.ceil(wanted / scale), (np.array(grid) - 1) // 2).astype(np.int64)
    owner = np.full(grid, -1, np.int32)
    distance = np.full(grid, np.inf)
    claim(seeds, weights, scale, reach, owner, distance)
    # A seed outside the box around a voxel is at least this far from it.
    settle(
        seeds, weights, scale, float(((reach * scale) ** 2).min() - weights.max()), owner, distance
    )
    return owner


def _divide(
    grid: tuple[int, int, int],
    seeds: np.ndarray,
    weights: np.ndarray,
    scale: np.ndarray,
    device: str | torch.device,
) -> np.ndarray:
    if torch.device(device).type == "cpu":
        return power_diagram(grid, seeds, weights, scale)
    there = (torch.from_numpy(part).to(device) for part in (seeds, weights, scale))
    return nearest_seed(grid, *there).to(torch.int32).cpu().numpy()


def _fitted(
    grid: tuple[int, int, int],
    seeds: np.ndarray,
    volume: np.ndarray,
    scale: np.ndarray,
    device: str | torch.device,
) -> np.ndarray:
    """Move seeds and weights until grains nearly have the prescribed volumes, in any unit."""
    volume = volume * (math.prod(grid) / volume.sum())
    radius = (volume * 3 / (4 * np.pi)) ** (1 / 3)
    weights = radius**2
    for _ in range(ROUNDS):
        owner = _divide(grid, seeds, weights, scale, device)
        count, offset, _ = voxel_moments(owner, seeds)
        seeds = (seeds + offset / np.maximum(count, 1)[:, None]) % grid
        # A face moves by δw / (2 distance), a grain of radius r grows by about π r δw.
        weights = weights + RELAXATION * (volume - count) / (np.pi * radius)
        weights -= weights.mean()
    return _divide(grid, seeds, weights, scale, device)


def voxel_moments(
    owner: np.ndarray, seeds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return number, summed and summed squared distances of each grain's voxels from its seed.

    Args:
        owner: Grain of each voxel, (nx, ny, nz).
        seeds: Positions in voxels, (grains, 3).
    Returns:
        Arrays of shape (grains,) [voxels], (grains, 3) [voxels] and (grains, 3) [voxels²].
    """
    grains = len(seeds)
    volume, offset, squares = np.zeros(grains), np.zeros((grains, 3)), np.zeros((grains, 3))
    moments(owner, seeds, volume, offset, squares)
    return volume, offset, squares


def voxel_counts(grid: int | Sequence[int]) -> tuple[int, int, int]:
    """Return the number of voxels along x, y, z.

    Raises:
        ValueError: if it is not one or three numbers of voxels, or too large.
    """
    given = tuple(grid) if isinstance(grid, Iterable) else (grid,) * 3
    whole = all(isinstance(n, int | np.integer) for n in given)
    counts = tuple(int(n) for n in given) if whole else ()
    if len(counts) != 3 or min(counts) < 1 or math.prod(counts) > MAX_VOXELS:
        raise ValueError(
            f"Argument `grid` must be one or three numbers of voxels, at most {MAX_VOXELS} in all, "
            f"but is {grid}."
        )
    return counts[0], counts[1], counts[2]


def _positive(name: str, values: Sequence[float]) -> np.ndarray:
    array = number_array(values, name).astype(np.float64)
    if array.shape != (3,) or not (np.isfinite(array).all() and (array > 0).all()):
        raise ValueError(f"Argument `{name}` must be three positive numbers, but is {values}.")
    return array


def _edges(
    size: float | Sequence[float] | None, grid: tuple[int, int, int]
) -> tuple[float, float, float]:
    if size is None:
        size = float(grid[0])
    if not isinstance(size, Iterable):
        size = [size * n / grid[0] for n in grid]
    x, y, z = _positive("size", size).tolist()
    return x, y, z


def _validate_orientations(
    grains: int,
    texture: Texture | TextureHullSample | None,
    orientations: Tensor | None,
) -> None:
    if texture is not None and orientations is not None:
        raise ValueError("Arguments `texture` and `orientations` must not both be given, but are.")
    if texture is not None and not isinstance(texture, Texture | TextureHullSample):
        raise ValueError(
            "Argument `texture` must be a texture, such as `rolling_texture` makes, "
            f"but is a {type(texture).__name__}."
        )
    if isinstance(texture, TextureHullSample) and len(texture) != 1:
        raise ValueError(
            "Argument `texture` must be one texture, but is a sample of "
            f"{len(texture)}: take one of them by its number."
        )
    if orientations is not None and len(orientations) != grains:
        raise ValueError(
            f"Argument `orientations` must hold one for each of {grains} grains, "
            f"but holds {len(orientations)}."
        )


def validate_grains(grid: tuple[int, int, int], grains: int) -> None:
    """Refuse a number of grains that a grid cannot hold.

    Raises:
        ValueError: if it is not a whole number from 1 to the number of voxels.
    """
    if not isinstance(grains, int | np.integer) or not 1 <= grains <= math.prod(grid):
        raise ValueError(
            "Argument `grains` must be a whole number from 1 to the number of voxels, "
            f"{math.prod(grid)}, but is {grains}."
        )


def _validate(grid: tuple[int, int, int], grains: int, spread: float | None) -> None:
    validate_grains(grid, grains)
    if spread is not None:
        require_number(spread, "spread")
    if spread is not None and not 0 <= spread <= MAX_SPREAD:
        raise ValueError(f"Argument `spread` must be from 0 to {MAX_SPREAD}, but is {spread}.")
