"""Kernels of orientation densities: bell-shaped functions of the angle from a centre, of mean 1.

Both are given by their half-width ψ, the angle at which the density has dropped to half:

    de la Vallée Poussin   K(ω) = C cos^2κ(ω/2),   κ = ½ ln ½ / ln cos(ψ/2)       [Schaeben1999]
    von Mises-Fisher       K(ω) = exp(κ cos ω) / (I₀(κ) - I₁(κ)),   κ = ln 2 / (1 - cos ψ)

with C = B(3/2, 1/2) / B(3/2, κ + 1/2). As a series of characters,
K(ω) = Σ_l (2l+1) a_l sin((2l+1) ω/2) / sin(ω/2), the coefficients follow from those of K's Fourier
cosine series b_j, a_l = (b_l - b_l+1) / ((2l+1) (b_0 - b_1)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import betaln, i0e, ive
from torch import Tensor

from polyxtal.algebra.rotation import axis_angle_to_quaternion
from polyxtal.texture.kernel import concentration, rotation_density

DE_LA_VALLEE_POUSSIN, VON_MISES_FISHER = "de la Vallee Poussin", "von Mises-Fisher"
KERNELS = (DE_LA_VALLEE_POUSSIN, VON_MISES_FISHER)
"""Names of the kernels."""
NEGLIGIBLE = 1e-4
"""Largest coefficient (2l+1) a_l, relative to the largest of all, that a bandwidth leaves out."""
MOST_DEGREES = 1024
_TABLE = 8192


@dataclass(frozen=True)
class RotationKernel:
    """A kernel of rotations.

    Attributes:
        halfwidth: Angle at which the density has dropped to half, 0.1° to 90°. [rad]
        name: One of `KERNELS`.
    Raises:
        ValueError: if the half-width is out of range, or there is no such kernel.

    Example:
        >>> import math
        >>> import torch
        >>> kernel = RotationKernel(math.radians(10))
        >>> at = torch.tensor([0.0, math.radians(10)]).cos()
        >>> [round(float(value / kernel.density(at)[0]), 4) for value in kernel.density(at)]
        [1.0, 0.5]
        >>> round(kernel.index, 1), round(kernel.concentration, 1)
        (553.2, 90.9)
    """

    halfwidth: float
    name: str = DE_LA_VALLEE_POUSSIN

    def __post_init__(self) -> None:
        """Check both."""
        concentration(self.halfwidth)
        if self.name not in KERNELS:
            raise ValueError(
                f"Argument `kernel` must be one of {', '.join(KERNELS)}, but is {self.name!r}."
            )

    @property
    def concentration(self) -> float:
        """The exponent κ. [-]"""
        if self.name == VON_MISES_FISHER:
            return concentration(self.halfwidth)
        return 0.5 * math.log(0.5) / math.log(math.cos(self.halfwidth / 2))

    @property
    def index(self) -> float:
        """The texture index ∫ K² of a single component without symmetry. [-]"""
        kappa = self.concentration
        if self.name == DE_LA_VALLEE_POUSSIN:
            return math.exp(2 * _log_constant(kappa) - _log_constant(2 * kappa))
        one, two = (i0e(k) - ive(1, k) for k in (kappa, 2 * kappa))
        return float(two / one**2)

    def density(self, cosine: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Return the density at cos ω, in the precision of the argument. [multiples of random]"""
        if self.name == VON_MISES_FISHER:
            return rotation_density(cosine, self.halfwidth)
        kappa = self.concentration
        return (0.5 + 0.5 * cosine).clamp_min(0).pow(kappa) * math.exp(_log_constant(kappa))

    def pole_density(self, cosine: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Return the mean of K over all q that take h to r, at the cosine of R(q₀) h and r.

        Of mean 1 over the sphere. The density of ±h is the mean at both signs of the cosine.

            (1 + κ) ((1 + t) / 2)^κ,   exp(κ (t - 1) / 2) I₀(κ (1 + t) / 2) / (I₀(κ) - I₁(κ))
        """
        kappa, half = self.concentration, (0.5 + 0.5 * cosine).clamp_min(0)
        if self.name == DE_LA_VALLEE_POUSSIN:
            return (1 + kappa) * half.pow(kappa)
        scale = float(i0e(kappa) - ive(1, kappa))
        return torch.special.i0e(kappa * half) * torch.exp(2 * kappa * (half - 1)) / scale

    def factors(self, bandwidth: int) -> NDArray[np.float64]:
        """Return the coefficients a_l of degrees 0 to `bandwidth`, (bandwidth + 1,); a_0 = 1."""
        kappa, degree = self.concentration, np.arange(bandwidth + 2)
        if self.name == DE_LA_VALLEE_POUSSIN:
            ratio = (kappa - degree[:-1]) / (kappa + degree[:-1] + 1)  # b_j+1 / b_j
            cosine = np.concatenate([[1.0], np.cumprod(ratio)])
        else:
            cosine = ive(degree, kappa) / i0e(kappa)
        difference = cosine[:-1] - cosine[1:]
        return difference / difference[0] / (2 * degree[:-1] + 1)

    @property
    def bandwidth(self) -> int:
        """Degree above which the coefficients are negligible, see `NEGLIGIBLE`."""
        return last_degree(self.factors(MOST_DEGREES))

    def draw(self, count: int, generator: torch.Generator) -> Float[Tensor, "count 4"]:
        """Draw rotations scattered about the identity."""
        place = torch.rand(count, generator=generator, dtype=torch.float64)
        axis = torch.randn(count, 3, generator=generator, dtype=torch.float64)
        return axis_angle_to_quaternion(axis, self.angle(place))

    def angle(self, share: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return the angle within which a share of the kernel lies. [rad]"""
        end = min(math.pi, 8 * self.halfwidth)
        angle = np.linspace(0.0, end, _TABLE)
        density = self.density(torch.from_numpy(np.cos(angle))).numpy() * (1 - np.cos(angle))
        total = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
        return torch.from_numpy(np.interp(share.numpy(), total / total[-1], angle))


def last_degree(factors: NDArray[np.float64]) -> int:
    """Return the degree above which coefficients a_l are negligible, see `NEGLIGIBLE`."""
    scaled = np.abs(factors) * (2 * np.arange(len(factors)) + 1)
    return int(np.nonzero(scaled > NEGLIGIBLE * scaled.max())[0][-1])


def _log_constant(kappa: float) -> float:
    return float(betaln(1.5, 0.5) - betaln(1.5, kappa + 0.5))
