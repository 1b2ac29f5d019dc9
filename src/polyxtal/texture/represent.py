"""A number of orientations that represents an orientation density as well as so many can.

The density's components are laid in the order of a curve that fills orientation space, each as long
as its share; the orientations are taken at even steps along it, and scattered about the components
by a low-discrepancy sequence. Then all are rotated downhill on the distance of the two densities,

    E = Σ_l a_l² (2l+1) Σ_mn |S^l_mn - f^l_mn|²,   S^l_mn = Σ_i w_i conj D^l_mn(q_i),

the squared distance after both are smoothed by a kernel with the coefficients a_l, as wide as the
orientations are apart.
"""

from __future__ import annotations

import math
from numbers import Integral

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.rotation import axis_angle_to_quaternion, quaternion_multiply
from polyxtal.argument_types import require_seed, require_type
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.texture.kernels import RotationKernel
from polyxtal.texture.measure import volume_shares
from polyxtal.texture.quadrature import zone_points
from polyxtal.texture.series import HarmonicSeries, harmonic_series
from polyxtal.texture.weighted_kernels import WeightedKernels, sample_group

MOST = 10**6
"""Most orientations."""
BITS = 10
"""Bits of each coordinate along the curve."""
STEP = 0.02
"""Rotation at both ends of a difference. [rad]"""
MOST_MOVE = 0.25
"""Largest rotation in one step, relative to the distance of neighbours. [-]"""
MOST_HALFWIDTH, LEAST_HALFWIDTH = math.radians(30), math.radians(6)


def represent(
    odf: WeightedKernels,
    count: int,
    weights: ArrayLike | Tensor | None = None,
    steps: int = 60,
    seed: int = 0,
) -> DiscreteTexture:
    """Return weighted orientations that represent a density, see `ODF.sample`."""
    require_type(count, Integral, "n")
    require_type(steps, Integral, "steps")
    require_seed(seed)
    if not 1 <= count <= MOST or steps < 0:
        raise ValueError(
            f"Arguments `n` and `steps` must be 1 to {MOST} and not negative, "
            f"but are {count} and {steps}."
        )
    given = None if weights is None else number_tensor(weights, "weights")
    share = volume_shares(torch.ones(count, 4, dtype=torch.float64), given)
    laue, sample = odf.laue, sample_group(odf.sample_symmetry)
    centres, volumes = odf.centres, (1 - odf.uniform) * odf.weights
    if odf.uniform > 0:
        grid = zone_points(max(0.3 * spacing(count, laue, sample), math.radians(1)), laue)
        even = torch.full((len(grid),), odf.uniform / len(grid), dtype=torch.float64)
        centres, volumes = torch.cat([centres, grid]), torch.cat([volumes, even])
    order = along_curve(centres, laue)
    ends = volumes[order].cumsum(0)
    generator = torch.Generator().manual_seed(int(seed))
    mixed = torch.randperm(count, generator=generator)
    place = torch.empty_like(share)
    place[mixed] = share[mixed].cumsum(0) - 0.5 * share[mixed]
    index = torch.searchsorted(ends, place * ends[-1], right=True).clamp_max(len(ends) - 1)
    chosen = order[index]
    q = quaternion_multiply(centres[chosen], scatter(count, odf.kernel, seed))
    turn = torch.randint(sample.order, (count,), generator=generator)
    q = quaternion_multiply(sample.rotations[turn], q)
    if steps:
        kernel = RotationKernel(smoothing(count, laue, sample))
        q = relax(q, share, odf.fourier(kernel.bandwidth), kernel, steps)
    return DiscreteTexture(q, share, odf.halfwidth, laue)


def along_curve(orientations: Float[Tensor, "n 4"], laue: LaueGroup) -> Tensor:
    """Return the order of orientations along a Z-curve through the fundamental zone."""
    vectors = laue.reduce(orientations)[:, 1:]
    cells = ((vectors + 1) * (0.5 * (2**BITS - 1))).to(torch.int64)
    code = torch.zeros(len(cells), dtype=torch.int64)
    for bit in range(BITS):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code.argsort(stable=True)


def scatter(count: int, kernel: RotationKernel, seed: int) -> Float[Tensor, "count 4"]:
    """Return rotations distributed as a kernel, by a scrambled Sobol sequence."""
    place = torch.quasirandom.SobolEngine(3, scramble=True, seed=seed).draw(
        count, dtype=torch.float64
    )
    z, azimuth = 1 - 2 * place[:, 1], 2 * math.pi * place[:, 2]
    flat = (1 - z * z).clamp_min(0).sqrt()
    axis = torch.stack([flat * azimuth.cos(), flat * azimuth.sin(), z], -1)
    return axis_angle_to_quaternion(axis, kernel.angle(place[:, 0].clamp(1e-9, 1 - 1e-9)))


def spacing(count: int, laue: LaueGroup, sample: LaueGroup) -> float:
    """Return the distance of neighbours if so many orientations filled the space. [rad]"""
    return (8 * math.pi**2 / (count * laue.order * sample.order)) ** (1 / 3)


def relax(
    orientations: Float[Tensor, "n 4"],
    weights: Float[Tensor, " n"],
    goal: HarmonicSeries,
    kernel: RotationKernel,
    steps: int,
) -> Float[Tensor, "n 4"]:
    """Rotate orientations downhill on E, by steps of Barzilai and Borwein.

    Args:
        orientations: Where they start. [-]
        weights: Their shares; sum 1. [-]
        goal: Series of the density, of at least the kernel's bandwidth.
        kernel: Kernel that both are smoothed by.
        steps: Number of steps.
    """
    width = min(kernel.bandwidth, goal.bandwidth)
    squared = kernel.factors(width) ** 2
    most = MOST_MOVE * spacing(len(orientations), goal.laue, goal.sample)
    q, best, least = orientations, orientations, math.inf
    before: tuple[Tensor, Tensor] | None = None
    for _ in range(steps):
        series = harmonic_series(q, weights, width, goal.laue, goal.sample)
        pairs = zip(series.degrees, goal.degrees, strict=False)
        rest = HarmonicSeries(tuple(s - g for s, g in pairs), goal.laue, goal.sample)
        error = float((rest.power * squared).sum())
        if error < least:
            best, least = q, error
        slope = _gradient(rest.scaled(squared), q)
        rate = most / float(slope.norm(dim=1).max().clamp_min(1e-300))
        if before is not None:
            move, change = before[0], slope - before[1]
            along = float((move * change).sum())
            if along > 0:
                rate = min(float(move.square().sum()) / along, 20 * rate)
        move = -rate * slope
        length = move.norm(dim=1, keepdim=True).clamp_min(1e-15)
        move = move * (most / length).clamp_max(1.0)
        before = (move, slope)
        q = quaternion_multiply(q, _rotations(move))
    return best


def _gradient(series: HarmonicSeries, q: Tensor) -> Tensor:
    """Return the slope of a series along rotations about the crystal's axes, (n, 3)."""
    axes = torch.eye(3, dtype=torch.float64)
    turns = _rotations(STEP * torch.cat([axes, -axes]))
    values = series.density(quaternion_multiply(q[:, None], turns).reshape(-1, 4)).reshape(-1, 6)
    return (values[:, :3] - values[:, 3:]) / (2 * STEP)


def _rotations(vectors: Tensor) -> Tensor:
    angle = vectors.norm(dim=-1)
    axis = torch.where((angle > 0)[..., None], vectors, torch.tensor([0.0, 0.0, 1.0]).to(vectors))
    return axis_angle_to_quaternion(axis, angle)


def smoothing(count: int, laue: LaueGroup, sample: LaueGroup) -> float:
    """Return the half-width of the kernel for so many orientations. [rad]"""
    return float(np.clip(spacing(count, laue, sample), LEAST_HALFWIDTH, MOST_HALFWIDTH))
