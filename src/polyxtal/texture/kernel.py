"""Von Mises-Fisher distributions of rotations and of directions [Matthies1987].

Both are proportional to exp(κ cos angle) and given by their half-width, the angle ψ at which the
density has dropped to half: κ = ln 2 / (1 - cos ψ). For small angles the components of the
rotation vector are normal with standard deviation σ = 1/√κ = 0.85 ψ.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import i0e, i1e, ive
from torch import Tensor

from polyxtal.algebra.rotation import axis_angle_to_quaternion
from polyxtal.argument_types import require_number

NARROWEST = math.radians(0.1)
_TABLE = 8192


def concentration(halfwidth: float) -> float:
    """Return κ = ln 2 / (1 - cos ψ).

    Raises:
        ValueError: if the half-width is not from 0.1° to 90°.
    """
    require_number(halfwidth, "halfwidth")
    if not NARROWEST <= halfwidth <= math.pi / 2:
        raise ValueError(
            "Argument `halfwidth` must be from 0.1 to 90 degrees, given in rad, "
            f"but is {halfwidth:g} rad."
        )
    return math.log(2) / (1 - math.cos(halfwidth))


def halfwidth_of_deviation(sigma: float) -> float:
    """Return ψ for κ = 1/σ², σ the standard deviation of a rotation vector's components.

    Raises:
        ValueError: if σ is not positive or too large for a half-width of 90°.
    """
    cosine = 1 - math.log(2) * sigma**2
    if not sigma > 0 or cosine < 0:
        raise ValueError(f"Argument `sigma` must be from 0 to 1.2 rad, but is {sigma:g}.")
    return math.acos(cosine)


def rotation_density(cosine: Float[Tensor, "*batch"], halfwidth: float) -> Float[Tensor, "*batch"]:
    """Return the density of rotations, of mean 1 over SO(3). [multiples of random]

        f(ω) = exp(κ cos ω) / (I₀(κ) - I₁(κ))

    Args:
        cosine: cos ω of the rotation angle from the centre. [-]
        halfwidth: ψ. [rad]
    """
    kappa = concentration(halfwidth)
    return torch.exp(kappa * (cosine - 1)) / float(i0e(kappa) - i1e(kappa))


def harmonic_factor(halfwidth: float, degree: int) -> float:
    """Return the kernel's coefficient A_l = (I_l(κ) - I_l+1(κ)) / ((2l+1) (I₀(κ) - I₁(κ)))."""
    kappa = concentration(halfwidth)
    kept = ive(degree, kappa) - ive(degree + 1, kappa)
    return float(kept / ((2 * degree + 1) * (i0e(kappa) - i1e(kappa))))


def draw_rotations(
    count: int, halfwidth: float, generator: torch.Generator
) -> Float[Tensor, "count 4"]:
    """Draw rotations scattered about the identity.

    The angles are drawn by inverting the tabulated integral of exp(κ cos ω) (1 - cos ω).
    """
    kappa = concentration(halfwidth)
    angle = np.linspace(0.0, min(math.pi, 12 / math.sqrt(kappa)), _TABLE)
    density = np.exp(kappa * (np.cos(angle) - 1)) * (1 - np.cos(angle))
    share = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    uniform = torch.rand(count, generator=generator, dtype=torch.float64)
    drawn = torch.from_numpy(np.interp(uniform.numpy(), share / share[-1], angle))
    axis = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return axis_angle_to_quaternion(axis, drawn)


def direction_density(cosine: Float[Tensor, "*batch"], halfwidth: float) -> Float[Tensor, "*batch"]:
    """Return the density of directions, f(θ) = κ exp(κ cos θ) / sinh κ. [multiples of random]"""
    kappa = concentration(halfwidth)
    return torch.exp(kappa * (cosine - 1)) * (2 * kappa / -math.expm1(-2 * kappa))


def draw_directions(
    count: int, halfwidth: float, generator: torch.Generator
) -> Float[Tensor, "count 3"]:
    """Draw unit vectors scattered about z."""
    kappa = concentration(halfwidth)
    u, turn = torch.rand(2, count, generator=generator, dtype=torch.float64)
    z = 1 + torch.log(u + (1 - u) * math.exp(-2 * kappa)) / kappa
    radius = (1 - z * z).clamp_min(0).sqrt()
    turn = 2 * math.pi * turn
    return torch.stack([radius * turn.cos(), radius * turn.sin(), z], dim=-1)
