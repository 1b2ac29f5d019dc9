"""Polycrystals with textures of the hull, a whole batch at once, on any device."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.dataset.recipe import Recipe
from polyxtal.dataset.recipe_textures import Hull
from polyxtal.microstructure.tessellate_batch import voronoi_batch
from polyxtal.texture.hull import SUPPORT_LAWS
from polyxtal.texture.zone import orientation_grid


def hull_batch(
    recipe: Recipe, batch: int, generator: torch.Generator, device: torch.device
) -> tuple[Int[Tensor, "batch nx ny nz"], Float[Tensor, "batch grains 4"]]:
    """Generate grain ids and orientations, distributed like those of `build_sample`.

    Args:
        recipe: Recipe with textures of kind "hull" and no `spread`.
        batch: Number of RVEs.
        generator: CPU generator that seeds the device's own.
        device: Device to compute on.
    Returns:
        Grain of each voxel, and unit quaternions of the grains, float32. [-]
    """
    assert isinstance(recipe.texture, Hull)
    there = torch.Generator(device).manual_seed(
        int(torch.randint(2**62, (), generator=generator, dtype=torch.int64))
    )

    def even(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=there, device=device, dtype=torch.float32)

    low, most = recipe.grains
    count = low + (even(batch) * (most - low + 1)).long().clamp_max(most - low)
    bounds = torch.tensor(recipe.aspect, dtype=torch.float32).log().to(device)
    scale = torch.exp(-torch.lerp(bounds[:, 0], bounds[:, 1], even(batch, 3)))
    scale = scale / scale.prod(-1, keepdim=True) ** (1 / 3)
    seeds = even(batch, most, 3) * torch.tensor(recipe.grid, device=device)
    owner = voronoi_batch(recipe.grid, seeds, scale, count)
    volume = torch.zeros(batch, most, device=device, dtype=torch.float32)
    volume.scatter_add_(1, owner.flatten(1), torch.ones_like(owner.flatten(1), dtype=volume.dtype))

    # As `Texture.orientations`: grains side by side in random order, vertices along them.
    place = places(volume / math.prod(recipe.grid), even(batch, most).argsort(-1))
    vertex = _vertices(recipe, recipe.texture, place, even)
    grid = orientation_grid(recipe.texture.resolution, recipe.laue)
    return owner, grid.orientations.to(volume)[vertex]


def places(
    share: Float[Tensor, "batch grains"], order: Int[Tensor, "batch grains"]
) -> Float[Tensor, "batch grains"]:
    """Lay grains side by side in an order, each as long as its share; return their midpoints."""
    length = share.gather(1, order)
    return torch.zeros_like(length).scatter(1, order, length.cumsum(-1) - 0.5 * length)


def _vertices(
    recipe: Recipe, hull: Hull, place: Tensor, even: Callable[..., Tensor]
) -> Int[Tensor, "batch grains"]:
    """Draw a point of the hull for each RVE and return the vertex at each place in [0, 1)."""
    n, batch = len(orientation_grid(hull.resolution, recipe.laue)), len(place)
    law = SUPPORT_LAWS[hull.support]
    support = torch.tensor([law(u, n) for u in even(batch).tolist()], device=place.device)
    vertex = even(batch, n).argsort(-1)  # in random order; the first k are present
    absent = torch.arange(n, device=place.device) >= support[:, None]
    weight = -torch.log1p(-even(batch, n)).masked_fill(absent, 0.0)
    end = weight.cumsum(-1)
    index = torch.searchsorted(end, (place * end[:, -1:]).contiguous(), right=True)
    return vertex.gather(1, torch.minimum(index, support[:, None] - 1))
