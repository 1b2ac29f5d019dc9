"""Textures: distributions of crystal orientations that grains are drawn from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.randomness import as_generator
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.argument_types import require_number, require_type, with_article
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.kernel import concentration
from polyxtal.texture.kernel_density import kernel_density
from polyxtal.texture.measure import volume_shares
from polyxtal.texture.zone import OrientationGrid, as_group

DEFAULT_HALFWIDTH = math.radians(10)
_UNIT_TOLERANCE = 1e-6


class Texture(ABC):
    """An orientation distribution of crystals.

    Attributes:
        laue: Their Laue group.
    """

    laue: LaueGroup = CUBIC

    @abstractmethod
    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Return the orientation density f(q), of mean 1. [multiples of random]"""

    @abstractmethod
    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Draw one orientation at each place in [0, 1).

        Places that cover [0, 1) uniformly draw from every component in its share.
        """

    def orientations(
        self, shares: int | Float[Tensor, " grains"], seed: int | torch.Generator = 0
    ) -> Float[Tensor, "grains 4"]:
        """Draw the orientations of grains.

        The grains are laid side by side in random order, each as long as its volume, and the
        texture's components are laid along them (stratified sampling): each component gets its
        share of the volume to within about one grain.

        Args:
            shares: Number of equal grains, or the volume of each grain in any unit. [-]
            seed: Random seed.
        Returns:
            Unit quaternions. [-]
        Raises:
            ValueError: if there is no grain, or volumes are negative or all zero.
        """
        generator = as_generator(seed)
        volume = torch.ones(max(0, shares)) if isinstance(shares, int) else shares
        volume = volume.to(torch.float64)
        if not bool((volume >= 0).all()) or not 0 < float(volume.sum()) < math.inf:
            raise ValueError(
                "Argument `shares` must be at least one grain, or volumes that are not negative "
                f"and not all zero, but is {shares if isinstance(shares, int) else shares.shape}."
            )
        order = torch.randperm(len(volume), generator=generator)
        end = (volume[order] / volume.sum()).cumsum(0)
        place = torch.empty_like(end)
        place[order] = end - 0.5 * volume[order] / volume.sum()
        return self.draw(place.clamp(0.0, 1 - 1e-12), generator)

    def coefficients(self, grid: OrientationGrid) -> Float[Tensor, " orientations"]:
        """Return the share of the crystals in the cell of each grid orientation; sum 1. [-]

        Raises:
            ValueError: if the grid is of another Laue group.
        """
        check_group(self.laue, grid)
        fine, owner = grid.samples()
        share = torch.zeros(len(grid), dtype=torch.float64)
        share.index_add_(0, owner, self.density(fine))
        return share / share.sum()


class UniformTexture(Texture):
    """Random orientations: the uniform density.

    Args:
        laue: Laue group of the crystals, or its name.

    Example:
        >>> import polyxtal as px
        >>> px.UniformTexture().orientations(100, seed=0).shape
        torch.Size([100, 4])
    """

    def __init__(self, laue: str | LaueGroup = CUBIC) -> None:
        """Resolve the name of the Laue group."""
        self.laue = as_group(laue)

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Return 1 everywhere. [multiples of random]"""
        return torch.ones_like(orientations[:, 0])

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Draw from the Haar measure."""
        return random_quaternions(len(place), generator)


class DiscreteTexture(Texture):
    """A list of orientations with weights: measured crystals, or a point of the texture hull.

    Attributes:
        points: Unit quaternions. [-]
        weights: Share of each; they sum to 1. [-]
        halfwidth: Half-width of the kernel of `density`; `draw` does not use it. [rad]

    Args:
        orientations: Unit quaternions. [-]
        weights: Volume of each in any unit (default: equal).
        halfwidth: Half-width of the kernel of `density`, 0.1° to 90°. [rad]
        laue: Laue group of the crystals, or its name.
    Raises:
        ValueError: if there is no orientation or one is not of unit length, if weights are
            negative or all zero, or if the half-width is out of range.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=8, grains=20, seed=1)
        >>> px.tessellate(grid=16, grains=50, texture=rve.texture(), seed=2).grains
        50
    """

    points: Tensor
    weights: Tensor
    halfwidth: float

    def __init__(
        self,
        orientations: Float[Tensor, "n 4"],
        weights: Float[Tensor, " n"] | None = None,
        halfwidth: float = DEFAULT_HALFWIDTH,
        laue: str | LaueGroup = CUBIC,
    ) -> None:
        """Scale the weights and check the other arguments."""
        concentration(halfwidth)
        self.points = unit_quaternions("orientations", orientations)
        given = None if weights is None else number_tensor(weights, "weights")
        self.weights = volume_shares(self.points, given)
        self.halfwidth, self.laue = halfwidth, as_group(laue)

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Sum the kernels of all points and their symmetry copies. [multiples of random]"""
        return kernel_density(orientations, self.points, self.weights, self.halfwidth, self.laue)

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Return the point whose interval of [0, 1) holds the place."""
        kept = self.weights > 0
        end = self.weights[kept].cumsum(0)
        index = torch.searchsorted(end, place * end[-1], right=True)
        return self.points[kept][index.clamp_max(len(end) - 1)]

    def coefficients(self, grid: OrientationGrid) -> Float[Tensor, " orientations"]:
        """Return the share of the crystals in the cell of each grid orientation; sum 1. [-]"""
        check_group(self.laue, grid)
        owner, _ = grid.nearest(self.points)
        share = torch.zeros(len(grid), dtype=torch.float64)
        return share.index_add_(0, owner, self.weights)


class MixedTexture(Texture):
    """Textures in volume shares.

    Attributes:
        shares: Share of each; they sum to 1. [-]
        components: The textures.

    Args:
        components: Pairs of share, in any unit, and texture.
    Raises:
        ValueError: if there is none, shares are negative or all zero, or the textures are of
            different Laue groups, uniform ones excepted.

    Example:
        >>> from polyxtal.texture.sheet import rolling_component
        >>> half = MixedTexture([(1.0, rolling_component("cube")), (1.0, UniformTexture())])
        >>> half.shares.tolist()
        [0.5, 0.5]
    """

    shares: Tensor
    components: tuple[Texture, ...]

    def __init__(self, components: Sequence[tuple[float, Texture]]) -> None:
        """Scale the shares."""
        require_type(components, Sequence, "components")
        for pair in components:
            if not (isinstance(pair, Sequence) and len(pair) == 2):
                raise ValueError(
                    "Argument `components` must hold pairs of share and texture, but holds "
                    f"{with_article(type(pair))}."
                )
            require_number(pair[0], "components")
            require_type(pair[1], Texture, "components")
        share = torch.tensor([float(s) for s, _ in components], dtype=torch.float64)
        if not bool((share >= 0).all()) or not 0 < float(share.sum()) < math.inf:
            raise ValueError(
                "A mixture must have components with shares that are not negative and not all "
                f"zero, but has {share.tolist()}."
            )
        self.shares = share / share.sum()
        self.components = tuple(texture for _, texture in components)
        ordered = [t.laue for t in self.components if not isinstance(t, UniformTexture)]
        groups = list(dict.fromkeys(ordered or [t.laue for t in self.components]))
        if len(groups) > 1:
            raise ValueError(
                "Textures of a mixture must be of one Laue group, "
                f"but are of {', '.join(group.name for group in groups)}."
            )
        self.laue = groups[0]

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Sum the components' densities. [multiples of random]"""
        total = torch.zeros_like(orientations[:, 0])
        for share, texture in zip(self.shares, self.components, strict=True):
            total = total + share * texture.density(orientations)
        return total

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Draw from the component whose interval of [0, 1) holds the place."""
        end = self.shares.cumsum(0)
        index = torch.searchsorted(end, place * end[-1], right=True).clamp_max(len(end) - 1)
        drawn = place.new_empty(len(place), 4)
        for k, texture in enumerate(self.components):
            chosen = index == k
            inner = (place[chosen] - (end[k] - self.shares[k])) / self.shares[k]
            drawn[chosen] = texture.draw(inner.clamp(0.0, 1 - 1e-12), generator)
        return drawn

    def coefficients(self, grid: OrientationGrid) -> Float[Tensor, " orientations"]:
        """Return the share of the crystals in the cell of each grid orientation; sum 1. [-]"""
        check_group(self.laue, grid)
        parts = [
            grid.volumes if isinstance(texture, UniformTexture) else texture.coefficients(grid)
            for texture in self.components
        ]
        return self.shares @ torch.stack(parts)


def check_group(laue: LaueGroup, grid: OrientationGrid) -> None:
    """Check that a grid is of a texture's Laue group.

    Raises:
        ValueError: if it is of another.
    """
    if grid.laue != laue:
        raise ValueError(
            f"The grid must be of the texture's Laue group, {laue.name}, "
            f"but is of {grid.laue.name}."
        )


def unit_quaternions(name: str, q: ArrayLike | Tensor) -> Float[Tensor, "*batch 4"]:
    """Return quaternions in double precision.

    Raises:
        ValueError: if there is none, or one is not of unit length.
    """
    unit = number_tensor(q, name)
    if not unit.ndim or unit.shape[-1] != 4:
        raise ValueError(
            f"Argument `{name}` must be quaternions, four numbers each, but has shape "
            f"{tuple(unit.shape)}."
        )
    off = (torch.linalg.vector_norm(unit, dim=-1) - 1).abs()
    if not off.numel() or not bool((off <= _UNIT_TOLERANCE).all()):
        given = f"off by up to {float(off.max()):g}" if off.numel() else "empty"
        raise ValueError(
            f"Argument `{name}` must be at least one quaternion of unit length, but is {given}."
        )
    return unit
