"""Weighted kernels and a uniform part: the sums that an orientation density is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from numbers import Integral

import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.randomness import as_generator
from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.argument_types import require_number, require_type
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.distribution import DEFAULT_HALFWIDTH, Texture, unit_quaternions
from polyxtal.texture.kernel_density import kernel_density
from polyxtal.texture.kernels import DE_LA_VALLEE_POUSSIN, RotationKernel
from polyxtal.texture.measure import volume_shares
from polyxtal.texture.quadrature import zone_points
from polyxtal.texture.series import MOST_POINTS, HarmonicSeries, fits_grid, harmonic_series
from polyxtal.texture.zone import as_group

_PAIRS = 1 << 26
"""Most pairs of kernel and point that are summed one by one."""

SAMPLE_SYMMETRIES = {
    "triclinic": LaueGroup("-1"),
    "monoclinic": LaueGroup("2/m"),
    "orthorhombic": LaueGroup("mmm"),
}
"""Rotations of the sample by the name of its symmetry; the monoclinic two-fold axis is y."""


class WeightedKernels(Texture):
    """Weighted kernels and a uniform part, see `ODF`."""

    def __init__(
        self,
        centres: ArrayLike | Tensor,
        weights: ArrayLike | Tensor | None = None,
        halfwidth: float = DEFAULT_HALFWIDTH,
        laue: str | LaueGroup = CUBIC,
        sample_symmetry: str = "triclinic",
        uniform: float = 0.0,
        kernel: str = DE_LA_VALLEE_POUSSIN,
    ) -> None:
        """Check the arguments and scale the weights."""
        self.laue = as_group(laue)
        self.centres = normalize_quaternion(
            unit_quaternions("centres", number_tensor(centres, "centres"))
        )
        given = None if weights is None else number_tensor(weights, "weights")
        self.weights = volume_shares(self.centres, given)
        self.kernel = RotationKernel(float_of(halfwidth, "halfwidth"), kernel)
        sample_group(sample_symmetry)
        self.sample_symmetry = sample_symmetry
        self.uniform = float_of(uniform, "uniform")
        if not 0 <= self.uniform <= 1:
            raise ValueError(f"Argument `uniform` must be a share of 0 to 1, but is {uniform:g}.")

    @property
    def halfwidth(self) -> float:
        """Half-width of the kernel. [rad]"""
        return self.kernel.halfwidth

    @property
    def sample_rotations(self) -> Float[Tensor, "order 4"]:
        """Rotations of the sample's symmetry; the identity comes first."""
        return SAMPLE_SYMMETRIES[self.sample_symmetry].rotations

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Return the density f(q). [multiples of random]

        Many kernels at many orientations are summed by the harmonic series up to the kernel's
        bandwidth, to within about 1e-4 of a single kernel's maximum, and never below `uniform`.
        """
        orientations = unit_quaternions("orientations", orientations)
        if self.by_series(len(orientations)):
            return self.series.density(orientations).clamp_min(self.uniform)
        centres, weights = self._copies()
        kernels = kernel_density(
            orientations, centres, weights, self.halfwidth, self.laue, self.kernel.density
        )
        return self.uniform + (1 - self.uniform) * kernels

    def pole_density(
        self,
        crystal: Float[Tensor, "*crystal 3"] | Sequence[float],
        sample: Float[Tensor, "*sample 3"] | Sequence[float],
    ) -> Float[Tensor, "*grid"]:
        """Return the density of crystal directions ±h along sample directions r.

        Args:
            crystal: Direction h in Cartesian crystal axes, or many for one r. [-]
            sample: Direction r, or many for one h. [-]
        Returns:
            Mean of f over all q that take h or -h to r, of mean 1. [multiples of random]
        """
        h, r = number_tensor(crystal, "crystal"), number_tensor(sample, "sample")
        single = h.ndim == 1 or r.ndim == 1
        if h.shape[-1:] != (3,) or r.shape[-1:] != (3,) or not single:
            raise ValueError(
                "Arguments `crystal` and `sample` must be one direction and many, but have shapes "
                f"{tuple(h.shape)} and {tuple(r.shape)}."
            )
        shape = torch.broadcast_shapes(h.shape, r.shape)[:-1]
        h, r = (v.reshape(-1, 3) / v.reshape(-1, 3).norm(dim=1, keepdim=True) for v in (h, r))
        if self.by_series(max(len(h), len(r))):
            return self.series.pole_density(h, r).clamp_min(self.uniform).reshape(shape)
        return (self.uniform + (1 - self.uniform) * self._pole_sum(h, r)).reshape(shape)

    def _pole_sum(self, h: Float[Tensor, "h 3"], r: Float[Tensor, "r 3"]) -> Float[Tensor, "h r"]:
        centres, weights = self._copies()
        seen = torch.einsum("cij,ri->rcj", quaternion_to_matrix(centres), r)  # r in crystal axes
        total = torch.zeros(len(h), len(r), dtype=torch.float64)
        for rotation in quaternion_to_matrix(self.laue.rotations):
            for row, direction in zip(total, h @ rotation.T, strict=True):
                cosine = seen @ direction
                both = self.kernel.pole_density(cosine) + self.kernel.pole_density(-cosine)
                row += both @ weights / (2 * self.laue.order)
        return total

    def by_series(self, points: int) -> bool:
        """Return whether values at many points are sums of the harmonics."""
        order = self.laue.order * len(self.sample_rotations)
        many = "series" in self.__dict__ or points * len(self.centres) * order > _PAIRS
        return many and fits_grid(self.kernel.bandwidth, self.laue)

    @cached_property
    def series(self) -> HarmonicSeries:
        """The harmonics up to the kernel's bandwidth."""
        return self.fourier()

    def fourier(self, bandwidth: int | None = None) -> HarmonicSeries:
        """Return the coefficients of the generalised spherical harmonics.

        Args:
            bandwidth: Highest degree (default: where the kernel's coefficients have dropped to
                1e-4 of the largest).
        Raises:
            ValueError: if the bandwidth is below 1, or too high for the memory that is allowed.
        """
        width = self.kernel.bandwidth if bandwidth is None else bandwidth
        require_type(width, Integral, "bandwidth")
        if width < 1 or not fits_grid(width, self.laue):
            raise ValueError(
                "The bandwidth must be at least 1 and its grid of Euler angles at most "
                f"{MOST_POINTS} points (MOST_POINTS), but is {width}; a wider kernel needs less."
            )
        factors = self.kernel.factors(width)
        factors[1:] *= 1 - self.uniform
        sample = SAMPLE_SYMMETRIES[self.sample_symmetry]
        return harmonic_series(self.centres, self.weights, width, self.laue, sample).scaled(factors)

    @property
    def index(self) -> float:
        """Texture index ∫ f², from the harmonics; 1 for random orientations [Bunge1982]. [-]"""
        return self.series.index

    @cached_property
    def zone_density(self) -> Float[Tensor, " n"]:
        """The density on a grid of the fundamental zone at a third of the half-width."""
        return self.density(zone_points(self.halfwidth / 3, self.laue))

    @property
    def entropy(self) -> float:
        """Entropy -∫ f ln f, on a grid at a third of the half-width; 0 for random ones. [-]"""
        f = self.zone_density.clamp_min(1e-300)
        f = f / f.mean()
        return -float((f * f.log()).mean())

    def distance(self, other: Texture, norm: str = "L1") -> float:
        """Return the distance of two densities on a grid at a third of the half-width.

        Args:
            other: Texture of the same Laue group.
            norm: "L1" for ½ ∫ |f - g|, the share of the volume that differs; "L2" for √∫ (f - g)².
        Raises:
            ValueError: if the norm is unknown or the Laue groups differ.
        """
        require_type(other, Texture, "other")
        if norm not in ("L1", "L2") or other.laue != self.laue:
            raise ValueError(
                "Arguments `norm` and `other` must be L1 or L2 and a texture of Laue group "
                f"{self.laue.name}, but are {norm!r} and one of {other.laue.name}."
            )
        grid = zone_points(self.halfwidth / 3, self.laue)
        gap = self.zone_density - other.density(grid)
        return float(0.5 * gap.abs().mean() if norm == "L1" else gap.square().mean().sqrt())

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Draw from the component whose interval of [0, 1) holds the place."""
        ends = torch.cat([(1 - self.uniform) * self.weights.cumsum(0), torch.ones(1).double()])
        index = torch.searchsorted(ends, place, right=True)
        q = random_quaternions(len(place), generator)
        kernel = index < len(self.centres)
        count = int(kernel.sum())
        about = self.centres[index[kernel]]
        turn = torch.randint(len(self.sample_rotations), (count,), generator=generator)
        about = quaternion_multiply(self.sample_rotations[turn], about)
        q[kernel] = quaternion_multiply(about, self.kernel.draw(count, as_generator(generator)))
        return q

    def with_kernels(self, centres: Tensor, weights: Tensor | None) -> WeightedKernels:
        """Return the same kernel and symmetry about other orientations, without a uniform part."""
        return WeightedKernels(
            centres, weights, self.halfwidth, self.laue, self.sample_symmetry, 0.0, self.kernel.name
        )

    def _copies(self) -> tuple[Tensor, Tensor]:
        """Return the centres and their copies by sample symmetry, with weights."""
        rotations = self.sample_rotations
        copies = quaternion_multiply(rotations[:, None], self.centres[None]).reshape(-1, 4)
        return copies, self.weights.repeat(len(rotations)) / len(rotations)


def sample_group(name: str) -> LaueGroup:
    """Return the rotations of a sample symmetry.

    Raises:
        ValueError: if there is no such symmetry.
    """
    require_type(name, str, "sample_symmetry")
    if name not in SAMPLE_SYMMETRIES:
        raise ValueError(
            f"Argument `sample_symmetry` must be one of {', '.join(SAMPLE_SYMMETRIES)}, "
            f"but is {name!r}."
        )
    return SAMPLE_SYMMETRIES[name]


def float_of(value: float, argument: str) -> float:
    """Return a number of any type as a float.

    Raises:
        ValueError: if it is no number, or not finite.
    """
    require_number(value, argument)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"Argument `{argument}` must be finite, but is {number}.")
    return number
