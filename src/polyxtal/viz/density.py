"""Kernel densities of crystal directions and of lattice-plane poles, in multiples of random."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.measure import volume_shares
from polyxtal.texture.zone import as_group
from polyxtal.viz.poles import Plane, sample_poles
from polyxtal.viz.sphere import project_equal_area, unit_vector

DEFAULT_HALFWIDTH = math.radians(10)

_CHUNK = 4_000_000  # pairs of axis and direction in memory at once: 16 MB
_BINS = 20_000  # number of axes beyond which close ones are merged


def axis_density(
    directions: Float[Tensor, "points 3"],
    axes: Float[Tensor, "count copies 3"],
    weights: Float[Tensor, " count"],
    halfwidth: float,
) -> Float[Tensor, " points"]:
    """Estimate the density of axes (±a) around directions, in multiples of random.

        ρ(n) = Σ_g w_g mean_k κ cosh(κ n · a_gk) / sinh κ,   κ = ln 2 / (1 - cos ψ)

    The kernel is the von Mises-Fisher kernel, made even; its mean over the sphere is exactly 1,
    so the mean of ρ is 1 for any texture, and ρ = 1 everywhere for a uniform one.

    Args:
        directions: Unit directions n. [-]
        axes: Unit axes a_gk, all symmetry copies k of crystal g. [-]
        weights: Weights w_g that sum to 1. [-]
        halfwidth: Half-width at half maximum ψ of the kernel. [rad]
    Returns:
        Density. [multiples of random]
    Raises:
        ValueError: if `halfwidth` is not between 0 and π/2.
    """
    if not 0 < halfwidth < math.pi / 2:
        raise ValueError(
            f"Argument `halfwidth` must lie between 0 and π/2 rad, but is {halfwidth:g}."
        )
    kappa = math.log(2) / (1 - math.cos(halfwidth))
    copies = axes.shape[1]
    pole = axes.reshape(-1, 3)
    share = (weights / copies).repeat_interleave(copies)
    if len(pole) > _BINS:
        pole, share = _merge_close_axes(pole, share, halfwidth)
    pole, share = pole.to(torch.float32), share.to(torch.float32)
    step = max(1, _CHUNK // len(pole))
    density = [
        # exp(κ(|c| - 1)) (1 + exp(-2κ|c|)) is cosh without its overflow.
        _even_exponential(kappa, (part @ pole.T).abs()) @ share
        for part in directions.to(torch.float32).split(step)
    ]
    scale = kappa / (1 - math.exp(-2 * kappa))
    return scale * torch.cat(density).to(directions)


def _even_exponential(kappa: float, cosine: Tensor) -> Tensor:
    return torch.exp(kappa * (cosine - 1)) * (1 + torch.exp(-2 * kappa * cosine))


def _merge_close_axes(axes: Tensor, share: Tensor, halfwidth: float) -> tuple[Tensor, Tensor]:
    """Replace the axes within small cells by their weighted mean direction.

    The cells are squares of a tenth of the half-width in equal-area projection; the mean leaves
    an error of second order in that ratio.
    """
    upper = torch.where(axes[:, 2:] < 0, -axes, axes)
    # On the rim the two ends of an axis fall into different cells; that costs cells, not accuracy.
    cell = (project_equal_area(upper) / (0.1 * halfwidth)).round().to(torch.int64)
    _, index = torch.unique(cell, dim=0, return_inverse=True)
    count = int(index.max()) + 1
    total = share.new_zeros(count).index_add(0, index, share)
    mean = share.new_zeros(count, 3).index_add(0, index, share[:, None] * upper)
    filled = total > 0
    return torch.nn.functional.normalize(mean[filled], dim=-1), total[filled]


def crystal_directions(
    orientations: Float[Tensor, "*batch 4"], direction: Sequence[int | float] | Tensor
) -> Float[Tensor, "*batch 3"]:
    """Return a sample direction in each crystal's axes, h = R(q)ᵀ d / |d|."""
    d = unit_vector(direction, "direction")
    return torch.einsum("...ij,i->...j", quaternion_to_matrix(orientations), d.to(orientations))


def inverse_pole_density(
    orientations: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"] | None,
    direction: Sequence[int | float] | Tensor,
    at: Float[Tensor, "points 3"],
    halfwidth: float = DEFAULT_HALFWIDTH,
    laue: str | LaueGroup = CUBIC,
) -> Float[Tensor, " points"]:
    """Estimate the density of a sample direction over crystal directions (inverse pole figure).

    Args:
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit; None for equal volumes.
        direction: Sample direction. [-]
        at: Unit crystal directions. [-]
        halfwidth: Half-width at half maximum of the kernel. [rad]
        laue: Laue group of the crystals, or its name.
    Returns:
        Density. [multiples of random]
    """
    h = crystal_directions(orientations, direction)
    rotations = quaternion_to_matrix(as_group(laue).rotations).to(h)
    copies = torch.einsum("kij,gj->gki", rotations, h)
    # By Friedel's law ±h are one axis, so that the rotations give all copies.
    return axis_density(at, copies, volume_shares(orientations, weights), halfwidth)


def pole_density(
    orientations: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"] | None,
    plane: Plane,
    at: Float[Tensor, "points 3"],
    halfwidth: float = DEFAULT_HALFWIDTH,
    lattice: Lattice | None = None,
) -> Float[Tensor, " points"]:
    """Estimate the density of a plane's normals over sample directions (pole figure).

    Args:
        orientations: Unit quaternions. [-]
        weights: Volume of each crystal in any unit; None for equal volumes.
        plane: Indices, see `plane_normal`; all symmetry copies count. [-]
        at: Unit sample directions. [-]
        halfwidth: Half-width at half maximum of the kernel. [rad]
        lattice: Lattice of the crystals; None for cubic ones.
    Returns:
        Density. [multiples of random]
    Raises:
        ValueError: if the indices do not belong to the lattice, or c/a is needed and unknown.
    """
    poles = sample_poles(orientations, plane, lattice)
    return axis_density(at, poles, volume_shares(orientations, weights), halfwidth)
