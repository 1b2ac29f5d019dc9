"""One polycrystal of a recipe, and its labels."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.randomness import generator_of
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.dataset.recipe import Recipe
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.tessellate import tessellate
from polyxtal.texture.distribution import Texture


class Sample(NamedTuple):
    """One member of a data set.

    Attributes:
        rve: The polycrystal, with orientations rounded to single precision and scaled.
        quaternions: Its orientations before they were scaled to unit length: what is stored. [-]
        texture: Texture that its orientations were drawn from.
        spread: Prescribed spread of grain diameters; NaN for a Voronoi tessellation. [-]
        aspect: Prescribed relative extents of grains. [-]
        crystals: Crystals to label the RVE with.
        seed: Seed of the generator that everything was drawn from.
    """

    rve: Polycrystal
    quaternions: Float[Tensor, "grains 4"]
    texture: Texture
    spread: float
    aspect: tuple[float, float, float]
    crystals: list[CubicElasticity]
    seed: int


def build_sample(recipe: Recipe, number: int, device: str | torch.device = "cpu") -> Sample:
    """Generate RVE `number` of a recipe, independently of the others.

    Args:
        recipe: The recipe.
        number: Number of the RVE, from 0; may exceed the recipe's count.
        device: Device of the tessellation, see `tessellate`.
    """
    generator = generator_of(recipe.seed, number)
    texture = recipe.texture.draw(generator, recipe.laue_group)
    u = torch.rand(5, generator=generator, dtype=torch.float64).tolist()
    low, high = recipe.grains
    grains = min(high, low + math.floor(u[0] * (high - low + 1)))
    spread = None if recipe.spread is None else _even(*recipe.spread, u[1])
    aspect = [
        math.exp(_even(math.log(a), math.log(b), v))
        for (a, b), v in zip(recipe.aspect, u[2:], strict=True)
    ]
    crystals = recipe.labels.draw(generator) if recipe.labels else []
    rve = tessellate(
        recipe.grid,
        grains,
        texture,
        size=[float(n) for n in recipe.grid],
        aspect=aspect,
        spread=spread,
        seed=generator,
        device=device,
    )
    # Rounded now, so that labels belong to exactly what is stored.
    rounded = rve.orientations.to(torch.float32)
    rve = Polycrystal(rve.grain_id, rounded, rve.size, lattices=recipe.lattice)
    given = math.nan if spread is None else spread
    extents = (aspect[0], aspect[1], aspect[2])
    seed = generator.initial_seed()
    return Sample(rve, rounded, texture, given, extents, crystals, seed)


def label(recipe: Recipe, sample: Sample, number: int) -> Float[Tensor, "crystals 6 6"]:
    """Return the effective stiffness for each of the sample's crystals, Mandel. [MPa]

    Raises:
        ConvergenceError: if a load case does not converge; names the RVE.
    """
    if recipe.labels is None:
        return torch.zeros(0, 6, 6, dtype=torch.float64)
    try:
        # One by one: each label is then the same, whatever the others are.
        return torch.stack(
            [
                homogenize(
                    sample.rve, crystal, recipe.labels.tolerance, scheme=recipe.labels.scheme
                ).stiffness
                for crystal in sample.crystals
            ]
        )
    except ConvergenceError as error:
        raise ConvergenceError(f"RVE {number} of the data set: {error}") from error


def _even(low: float, high: float, u: float) -> float:
    return low + (high - low) * u
