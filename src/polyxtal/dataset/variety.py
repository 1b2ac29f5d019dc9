"""Polycrystals as varied as measured ones: sizes of grains, their spread and shape, two phases.

Each is drawn anew from what a `Variety` allows. Sizes are not fitted to a distribution, which takes
a tenth of a second: the Laguerre tessellation of random seeds, whose weights are the squares of
log-normal radii, is as fast as Voronoi's.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_multiply
from polyxtal.crystal.laue import LaueGroup
from polyxtal.dataset.features import CRYSTAL_GROUPS
from polyxtal.dataset.fields import box_rotations
from polyxtal.dataset.recipe import Extent
from polyxtal.dataset.recipe_fields import Number, Part
from polyxtal.dataset.recipe_textures import AnyTexture, Hull, cubic_only
from polyxtal.microstructure.tessellate import power_diagram

MAX_DIAMETER = 512.0
Share = Annotated[Number, Field(ge=0.0, le=1.0)]
Diameter = Annotated[Number, Field(ge=1.0, le=MAX_DIAMETER)]
Spread = Annotated[Number, Field(ge=0.0, le=1.0)]


class Crystals(Part):
    """Crystals of one Laue group, and their textures.

    Attributes:
        laue: Laue group.
        share: Share of volumes, or of phases, with these crystals, relative to the others'.
        texture: Distribution of textures, as in a recipe.
    """

    laue: Literal[CRYSTAL_GROUPS] = "m-3m"  # type: ignore[valid-type]
    share: Annotated[Number, Field(gt=0.0, le=1e6)] = 1.0
    texture: AnyTexture = Hull()

    @model_validator(mode="after")
    def _fitting(self) -> Crystals:
        if self.laue != "m-3m" and cubic_only(self.texture):
            raise ValueError(
                f"`texture` must not be of kind 'rolling' unless `laue` is m-3m, but is {self.laue}"
            )
        return self


class Variety(Part):
    """What the volumes of a pretraining differ in.

    Attributes:
        diameter: Mean grain diameter, [low, high] of a log-uniform distribution. [voxels]
        spread: Standard deviation of the logarithm of the radii whose squares are the weights of
            the tessellation, [low, high]; the grains' diameters spread more, see `draw_volume`. [-]
        aspect: Relative extent of grains along x, y, z, each [low, high] of a log-uniform
            distribution. [-]
        crystals: Laue groups, each with its textures.
        second_phase: Share of volumes with a second phase. [-]
        fraction: Share of the grains that are of the second phase, [low, high]. [-]
    """

    diameter: tuple[Diameter, Diameter] = (2.0, 15.0)
    spread: tuple[Spread, Spread] = (0.0, 0.5)
    aspect: tuple[tuple[Extent, Extent], ...] = ((0.5, 2.0),) * 3
    crystals: Annotated[tuple[Crystals, ...], Field(min_length=1, max_length=100)] = (Crystals(),)
    second_phase: Share = 0.0
    fraction: tuple[Share, Share] = (0.05, 0.5)

    @model_validator(mode="after")
    def _ordered(self) -> Variety:
        for name in ("diameter", "spread", "fraction"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"`{name}` must be [low, high], but is {[low, high]}")
        if len(self.aspect) != 3 or any(low > high for low, high in self.aspect):
            raise ValueError("`aspect` must be three ranges [low, high], but is not")
        return self


class Volume(NamedTuple):
    """Grains on a grid, of several Laue groups and two phases.

    Attributes:
        grain_id: Grain of each voxel.
        orientations: Unit quaternions. [-]
        group: Laue group of each grain, an index into `CRYSTAL_GROUPS`.
        second: Whether a grain is of the second phase.
    """

    grain_id: Int[Tensor, "nx ny nz"]
    orientations: Float[Tensor, "grains 4"]
    group: Int[Tensor, " grains"]
    second: Bool[Tensor, " grains"]


def draw_volume(variety: Variety, grid: tuple[int, int, int], generator: torch.Generator) -> Volume:
    """Draw one volume, periodic; grains without voxels are left out.

    The number of grains follows from their mean diameter. Textures are turned by one of the 24
    rotations of the cube, so that no axis of the box is a special one.

    Args:
        variety: What may differ.
        grid: Number of voxels along x, y, z.
        generator: Source of random numbers.
    """
    u = torch.rand(8, generator=generator, dtype=torch.float64).tolist()
    diameter = _log_uniform(*variety.diameter, u[0])
    count = math.prod(grid) / (math.pi / 6 * diameter**3)
    count = min(math.prod(grid), max(1, round(count)))
    aspect = np.array(
        [_log_uniform(*pair, v) for pair, v in zip(variety.aspect, u[1:4], strict=True)]
    )
    scale = 1 / aspect / np.prod(1 / aspect) ** (1 / 3)
    spread = variety.spread[0] + (variety.spread[1] - variety.spread[0]) * u[4]
    seeds = torch.rand(count, 3, generator=generator, dtype=torch.float64).numpy() * grid
    radii = np.exp(spread * torch.randn(count, generator=generator, dtype=torch.float64).numpy())
    radii *= (math.prod(grid) * 3 / (4 * math.pi) / (radii**3).sum()) ** (1 / 3)
    owner = power_diagram(grid, seeds, radii**2, scale)
    ids, kept = without_empty(torch.from_numpy(owner).long())
    volume, grains = torch.bincount(ids.reshape(-1)).to(torch.float64), len(kept)
    second = torch.zeros(grains, dtype=torch.bool)
    if u[5] < variety.second_phase:
        low, high = variety.fraction
        share = low + (high - low) * u[6]
        second = torch.rand(grains, generator=generator, dtype=torch.float64) < share
    orientations = torch.zeros(grains, 4, dtype=torch.float64)
    group = torch.zeros(grains, dtype=torch.int64)
    turn = box_rotations()[int(24 * u[7])]
    for members in (~second, second):
        if not bool(members.any()):
            continue
        crystals = _choose(variety.crystals, generator)
        group[members] = CRYSTAL_GROUPS.index(crystals.laue)
        texture = crystals.texture.draw(generator, LaueGroup(crystals.laue))
        drawn = texture.orientations(volume[members], generator)
        orientations[members] = quaternion_multiply(turn, drawn)
    return Volume(ids, orientations, group, second)


def without_empty(grain_id: Int[Tensor, "nx ny nz"]) -> tuple[Tensor, Tensor]:
    """Number the grains that have voxels from 0 on.

    Returns:
        New ids, and the former ones of the grains that are left.
    """
    present = torch.bincount(grain_id.reshape(-1)) > 0
    return (present.cumsum(0) - 1)[grain_id], present.nonzero()[:, 0]


def _choose(crystals: tuple[Crystals, ...], generator: torch.Generator) -> Crystals:
    shares = torch.tensor([one.share for one in crystals], dtype=torch.float64)
    return crystals[int(torch.multinomial(shares, 1, generator=generator))]


def _log_uniform(low: float, high: float, u: float) -> float:
    return math.exp(math.log(low) + (math.log(high) - math.log(low)) * u)
