"""Textures: distributions of crystal orientations that grains are drawn from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.kernel import concentration, rotation_density
from polyxtal.texture.measure import volume_shares
from polyxtal.texture.zone import OrientationGrid, as_group

DEFAULT_HALFWIDTH = math.radians(10)
_PAIRS = 1 << 23
_FINE = math.radians(3)
"""Below this half-width, single precision of a cosine errs by more than 0.1 % of the density."""
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

        Places that cover [0, 1) evenly meet every component in its share.
        """

    def orientations(
        self, shares: int | Float[Tensor, " grains"], seed: int | torch.Generator = 0
    ) -> Float[Tensor, "grains 4"]:
        """Draw the orientations of grains.

        The grains are laid side by side in random order, each as long as its volume, and the
        texture's components are laid along them: each gets its share of the volume, up to about
        one grain, which independent draws would miss by the square root of their number.

        Args:
            shares: Number of equal grains, or the volume of each in any unit. [-]
            seed: Same seed, same orientations.
        Returns:
            Unit quaternions. [-]
        Raises:
            ValueError: if there is no grain, or volumes are negative or all zero.
        """
        generator = (
            seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
        )
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
        """Share of the crystals in the cell of each grid orientation; they sum to 1. [-]

        Raises:
            ValueError: if the grid is of another Laue group.
        """
        check_group(self.laue, grid)
        fine, owner = grid.samples()
        share = torch.zeros(len(grid), dtype=torch.float64)
        share.index_add_(0, owner, self.density(fine))
        return share / share.sum()


class UniformTexture(Texture):
    """Random orientations: every one alike.

    Args:
        laue: Laue group of the crystals, or its name.

    Example:
        >>> import polyxtal as px
        >>> px.UniformTexture().orientations(100, seed=0).shape
        torch.Size([100, 4])
    """

    def __init__(self, laue: str | LaueGroup = CUBIC) -> None:
        """Take the Laue group by its name, too."""
        self.laue = as_group(laue)

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Return 1 everywhere. [multiples of random]"""
        return torch.ones_like(orientations[:, 0])

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Draw from Haar's measure."""
        return random_quaternions(len(place), generator)


class DiscreteTexture(Texture):
    """A list of orientations with weights: measured crystals, or a point of the texture hull.

    Attributes:
        points: Unit quaternions. [-]
        weights: Share of each; they sum to 1. [-]
        halfwidth: Of the kernel that `density` spreads each over; grains do without it. [rad]

    Args:
        orientations: Unit quaternions. [-]
        weights: Volume of each in any unit; equal if None.
        halfwidth: Kernel of `density`, 0.1° to 90°. [rad]
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
        self.weights = volume_shares(self.points, weights)
        self.halfwidth, self.laue = halfwidth, as_group(laue)

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Sum the kernels of all points and their symmetry copies. [multiples of random]"""
        return kernel_density(orientations, self.points, self.weights, self.halfwidth, self.laue)

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Take the point whose stretch of [0, 1) holds the place."""
        kept = self.weights > 0
        end = self.weights[kept].cumsum(0)
        index = torch.searchsorted(end, place * end[-1], right=True)
        return self.points[kept][index.clamp_max(len(end) - 1)]

    def coefficients(self, grid: OrientationGrid) -> Float[Tensor, " orientations"]:
        """Share of the crystals in the cell of each grid orientation; they sum to 1. [-]"""
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
            different Laue groups; random ones fit any.

    Example:
        >>> from polyxtal.texture.components import UnimodalTexture, rolling_component
        >>> half = MixedTexture([(1.0, rolling_component("cube")), (1.0, UniformTexture())])
        >>> half.shares.tolist()
        [0.5, 0.5]
    """

    shares: Tensor
    components: tuple[Texture, ...]

    def __init__(self, components: Sequence[tuple[float, Texture]]) -> None:
        """Scale the shares."""
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
        """Draw from the component whose stretch of [0, 1) holds the place."""
        end = self.shares.cumsum(0)
        index = torch.searchsorted(end, place * end[-1], right=True).clamp_max(len(end) - 1)
        drawn = place.new_empty(len(place), 4)
        for k, texture in enumerate(self.components):
            chosen = index == k
            inner = (place[chosen] - (end[k] - self.shares[k])) / self.shares[k]
            drawn[chosen] = texture.draw(inner.clamp(0.0, 1 - 1e-12), generator)
        return drawn

    def coefficients(self, grid: OrientationGrid) -> Float[Tensor, " orientations"]:
        """Share of the crystals in the cell of each grid orientation; they sum to 1. [-]"""
        check_group(self.laue, grid)
        parts = [
            grid.volumes if isinstance(texture, UniformTexture) else texture.coefficients(grid)
            for texture in self.components
        ]
        return self.shares @ torch.stack(parts)


def kernel_density(
    at: Float[Tensor, "m 4"],
    centres: Float[Tensor, "n 4"],
    weights: Float[Tensor, " n"],
    halfwidth: float,
    laue: LaueGroup = CUBIC,
) -> Float[Tensor, " m"]:
    """Sum kernels about weighted centres, averaged over symmetric copies. [multiples of random]

    Args:
        at: Where to evaluate. [-]
        centres: Unit quaternions. [-]
        weights: Shares that sum to 1. [-]
        halfwidth: Of the kernel. [rad]
        laue: Laue group of the crystals.
    """
    order = laue.order
    precision = torch.float64 if halfwidth < _FINE else torch.float32
    points, centre = at.to(precision), centres.to(precision)
    share = weights.to(precision) / order
    # The angle between q s and c is that between q and c s⁻¹: the fewer of them are copied.
    few = len(centre) <= len(points)
    copies = laue.equivalents(centre if few else points)
    if few:
        centre, share = copies.reshape(-1, 4), share.repeat_interleave(order)
    step = max(1, _PAIRS // (order * len(centres)))
    parts = []
    for part in (points if few else copies).split(step):
        cosine = 2 * (part.reshape(-1, 4) @ centre.T).square() - 1
        kernel = rotation_density(cosine, halfwidth) @ share
        parts.append(kernel if few else kernel.reshape(-1, order).sum(-1))
    return torch.cat(parts).to(at)


def check_group(laue: LaueGroup, grid: OrientationGrid) -> None:
    """Make sure that a grid is of a texture's Laue group.

    Raises:
        ValueError: if it is of another.
    """
    if grid.laue != laue:
        raise ValueError(
            f"The grid must be of the texture's Laue group, {laue.name}, "
            f"but is of {grid.laue.name}."
        )


def unit_quaternions(name: str, q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Return them in double precision.

    Raises:
        ValueError: if there is none, or one is not of unit length.
    """
    unit = q.to(torch.float64)
    off = (torch.linalg.vector_norm(unit, dim=-1) - 1).abs()
    if not off.numel() or not bool((off <= _UNIT_TOLERANCE).all()):
        given = f"off by up to {float(off.max()):g}" if off.numel() else "empty"
        raise ValueError(
            f"Argument `{name}` must be at least one quaternion of unit length, but is {given}."
        )
    return unit
