"""The texture hull and its sampling.

The coefficients of a texture on n grid orientations are non-negative and sum to 1: they form a
simplex, the texture hull. Points drawn uniformly from it are all nearly random textures, since each
of the many coefficients is small. Hierarchical simplex sampling draws a face first: the number k
of orientations present, then which, then a point uniformly from that face [Johnson2018].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import overload

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.randomness import generator_of
from polyxtal.argument_types import require_type
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.texture.zone import OrientationGrid, orientation_grid

SupportLaw = Callable[[float, int], int]
"""Maps a uniform draw from [0, 1) and the number of orientations n to a count k, 1 to n."""

GEOMETRIC_RATE = 0.05


def _log_uniform(u: float, n: int) -> int:
    return math.floor((n + 1) ** u)


def _uniform(u: float, n: int) -> int:
    return 1 + math.floor(u * n)


def _geometric(u: float, n: int) -> int:
    kept = -math.expm1(n * math.log1p(-GEOMETRIC_RATE))  # the tail beyond n is cut
    # Rounding takes the largest u to n + 1.
    return min(n, 1 + math.floor(math.log1p(-u * kept) / math.log1p(-GEOMETRIC_RATE)))


def _flat(u: float, n: int) -> int:
    return n


SUPPORT_LAWS: Mapping[str, SupportLaw] = {
    "log_uniform": _log_uniform,
    "uniform": _uniform,
    "geometric": _geometric,
    "flat": _flat,
}
"""Laws by name: P(k) ∝ log(1 + 1/k), constant, ∝ 0.95^k, and k = n always (the whole simplex)."""


class HullTexture(DiscreteTexture):
    """A point of the texture hull: grid orientations with coefficients.

    Attributes:
        grid: The orientations of the hull's vertices.
        support: Indices of those present, of length k.
    """

    grid: OrientationGrid
    support: Tensor

    def __init__(self, grid: OrientationGrid, support: Tensor, weights: Tensor) -> None:
        """Weigh the grid's orientations at `support`; the half-width is the grid's resolution."""
        super().__init__(
            grid.orientations[support], weights, math.radians(grid.resolution), grid.laue
        )
        self.grid, self.support = grid, support

    def coefficients(self, grid: OrientationGrid) -> Float[Tensor, " orientations"]:
        """Return the share of each grid orientation; they sum to 1. [-]"""
        if grid is not self.grid:
            return super().coefficients(grid)
        share = torch.zeros(len(grid), dtype=torch.float64)
        share[self.support] = self.weights
        return share

    def index(self) -> float:
        """Return the texture index ∫ f² of the density constant in each cell: Σ w_i² / v_i. [-]

        1 for a random texture, 1 / v_i at a vertex.
        """
        return float((self.weights.square() / self.grid.volumes[self.support]).sum())


@dataclass(frozen=True, eq=False)
class TextureHullSample(Sequence[HullTexture]):
    """Textures drawn from the hull, each generated on access from the seed and its number.

    Attributes:
        length: Number of textures.
        grid: The orientations of the hull's vertices.
        law: Law of the number of orientations present.
        seed: Random seed; texture i depends only on the seed and i.
    """

    length: int
    grid: OrientationGrid
    law: SupportLaw
    seed: int

    def __len__(self) -> int:
        """Return the number of textures."""
        return self.length

    @overload
    def __getitem__(self, index: int) -> HullTexture: ...
    @overload
    def __getitem__(self, index: slice) -> list[HullTexture]: ...
    def __getitem__(self, index: int | slice) -> HullTexture | list[HullTexture]:
        """Draw texture `index`, or those of a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.length))]
        number = index + self.length if index < 0 else index
        if not 0 <= number < self.length:
            raise IndexError(f"There are {self.length} textures, but number {index} was asked for.")
        return draw_hull_texture(self.grid, self.law, generator_of(self.seed, number))

    def __iter__(self) -> Iterator[HullTexture]:
        """Draw one texture after the other."""
        return (self[i] for i in range(self.length))

    def coefficients(self) -> Float[Tensor, "count orientations"]:
        """Return the coefficients of all textures; each row sums to 1. [-]"""
        return torch.stack([texture.coefficients(self.grid) for texture in self])


def sample_texture_hull(
    count: int = 1,
    resolution: float = 10.0,
    seed: int = 0,
    *,
    support: str | SupportLaw = "log_uniform",
    laue: str | LaueGroup = CUBIC,
) -> TextureHullSample:
    """Draw textures by hierarchical simplex sampling.

    Args:
        count: Number of textures.
        resolution: Resolution of the grid of the fundamental zone, 1 to 30. [degrees]
        seed: Random seed; a larger sample begins with the textures of a smaller one.
        support: Law of the number k of orientations present: "log_uniform" (as many textures
            between 1 and 10 as between 10 and 100), "uniform", "geometric", "flat" (always all:
            the usual Dirichlet sampling), or a function of a uniform draw and n.
        laue: Laue group of the crystals, or its name.
    Returns:
        A sequence of textures; `px.tessellate` accepts one of length 1 as it is.
    Raises:
        ValueError: if the count, the resolution, the seed or the law is invalid.

    Example:
        >>> import polyxtal as px
        >>> textures = px.sample_texture_hull(3, seed=1)
        >>> [len(texture.weights) for texture in textures]
        [55, 296, 4]
    """
    require_type(count, Integral, "count")
    if count < 1:
        raise ValueError(f"Argument `count` must be at least 1, but is {count}.")
    if isinstance(support, str):
        if support not in SUPPORT_LAWS:
            raise ValueError(
                f"Argument `support` must be one of {', '.join(SUPPORT_LAWS)}, or a function, "
                f"but is '{support}'."
            )
        support = SUPPORT_LAWS[support]
    generator_of(seed, 0)
    return TextureHullSample(count, orientation_grid(resolution, laue), support, seed)


def draw_hull_texture(
    grid: OrientationGrid, law: SupportLaw, generator: torch.Generator
) -> HullTexture:
    """Draw the number of orientations, then which, then a point uniformly from their face.

    Raises:
        ValueError: if the law gives a number that is not from 1 to n.
    """
    n = len(grid)
    u = float(torch.rand((), generator=generator, dtype=torch.float64))
    k = law(u, n)
    if not 1 <= k <= n:
        raise ValueError(f"A support law must give 1 to {n} orientations, but gave {k}.")
    support = torch.randperm(n, generator=generator)[:k]
    # Exponential variates over their sum are uniform on the simplex (flat Dirichlet distribution).
    weights = torch.empty(k, dtype=torch.float64).exponential_(generator=generator)
    return HullTexture(grid, support, weights)
