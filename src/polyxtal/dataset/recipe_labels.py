"""Crystals that a recipe's polycrystals are labelled with; stiffness is in MPa."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.dataset.recipe_fields import Count, Number, Part, Positive


class SampledConstants(Part):
    """Cubic crystals drawn for each RVE: log-uniform Zener ratio A, uniform bulk modulus K and G/K.

    G is Voigt's shear modulus: (c11 - c12) / 2 = 5 G / (2 + 3 A), c44 = A (c11 - c12) / 2. All
    crystals drawn are stable.
    """

    count: Annotated[Count, Field(ge=1, le=1000)]
    zener: tuple[Positive, Positive] = (0.1, 10.0)
    bulk: tuple[Positive, Positive] = (50e3, 250e3)
    shear_over_bulk: tuple[Positive, Positive] = (0.2, 0.8)

    @model_validator(mode="after")
    def _in_order(self) -> SampledConstants:
        for name in ("zener", "bulk", "shear_over_bulk"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"`{name}` must be [low, high], but is [{low}, {high}]")
        for zener in self.zener:  # the extremes are stable and within bounds, so are all between
            for bulk in self.bulk:
                for ratio in self.shear_over_bulk:
                    _cubic(zener, bulk, ratio)
        return self

    def draw(self, generator: torch.Generator) -> list[CubicElasticity]:
        """Draw crystals."""
        crystals = []
        for u, v, w in torch.rand(self.count, 3, generator=generator, dtype=torch.float64).tolist():
            zener = math.exp(_between(math.log(self.zener[0]), math.log(self.zener[1]), u))
            crystals.append(
                _cubic(zener, _between(*self.bulk, v), _between(*self.shear_over_bulk, w))
            )
        return crystals


class StiffnessLabels(Part):
    """Effective stiffness by `polyxtal.homogenize`, for given crystals, then for drawn ones."""

    constants: Annotated[tuple[tuple[Number, Number, Number], ...], Field(max_length=1000)] = ()
    sampled: SampledConstants | None = None
    tolerance: Annotated[Number, Field(ge=1e-12, le=1e-2)] = 1e-6
    scheme: Literal["fourier", "rotated"] = "fourier"

    @model_validator(mode="after")
    def _stable(self) -> StiffnessLabels:
        for c11, c12, c44 in self.constants:
            CubicElasticity(c11, c12, c44)
        if not self.constants and self.sampled is None:
            raise ValueError("must have `constants` or `sampled`")
        return self

    @property
    def count(self) -> int:
        """Number of crystals per RVE."""
        return len(self.constants) + (self.sampled.count if self.sampled else 0)

    def draw(self, generator: torch.Generator) -> list[CubicElasticity]:
        """Return the given crystals and draw the others."""
        given = [CubicElasticity(*constants) for constants in self.constants]
        return given + (self.sampled.draw(generator) if self.sampled else [])


def _between(low: float, high: float, u: float) -> float:
    return low + (high - low) * u


def _cubic(zener: float, bulk: float, shear_over_bulk: float) -> CubicElasticity:
    tetragonal = 5 * shear_over_bulk * bulk / (2 + 3 * zener)  # (c11 - c12) / 2
    return CubicElasticity(bulk + 4 / 3 * tetragonal, bulk - 2 / 3 * tetragonal, zener * tetragonal)
