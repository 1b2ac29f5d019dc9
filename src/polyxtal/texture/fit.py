"""Kernels that reproduce a given density: non-negative weights on a grid of orientations."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.kernels import RotationKernel
from polyxtal.texture.quadrature import zone_points
from polyxtal.texture.series import harmonic_series

POWER = 1.8
"""Over-relaxation of the iteration. [-]"""
ITERATIONS = 20
ENOUGH = 0.75
"""Share of the kernel's bandwidth that the iteration needs; it leaves out 0.1 %. [-]"""
SPACING = 0.45
"""Distance of the grid's orientations relative to the half-width. [-]"""


def fit_kernels(
    density: Callable[[Tensor], Tensor], kernel: RotationKernel, laue: LaueGroup, sample: LaueGroup
) -> tuple[Tensor, Tensor, float]:
    """Return centres, weights and uniform share of the kernels closest to a density.

    The uniform share is the density's minimum. The weights follow from the multiplicative
    iteration w ← w K(f / K w), which keeps them non-negative and lowers the Kullback-Leibler
    divergence from f in each step [Richardson1972].

    Args:
        density: Function that returns the density of orientations; negative values count as 0.
        kernel: Kernel of the result.
        laue: Laue group of the crystals.
        sample: Group of the sample's symmetry.
    """
    grid = zone_points(SPACING * kernel.halfwidth, laue)
    goal = density(grid).clamp_min(0)
    uniform = min(float(goal.min()) / float(goal.mean()), 1.0)
    rest = (goal / goal.mean() - uniform).clamp_min(1e-12)
    if not float(rest.mean()) > 1e-9 or not math.isfinite(uniform):
        return grid, torch.full((len(grid),), 1 / len(grid), dtype=torch.float64), 1.0
    rest = rest / rest.mean()
    factors = kernel.factors(round(ENOUGH * kernel.bandwidth))
    weights = rest / rest.sum()
    for _ in range(ITERATIONS):
        smooth = _smoothed(grid, weights, factors, laue, sample)
        ratio = rest / smooth.clamp_min(1e-6)
        spread = _smoothed(grid, ratio / ratio.sum(), factors, laue, sample) * ratio.mean()
        weights = weights * spread.clamp_min(0) ** POWER
        weights = weights / weights.sum()
    return grid, weights, uniform


def _smoothed(
    grid: Tensor, weights: Tensor, factors: NDArray[np.float64], laue: LaueGroup, sample: LaueGroup
) -> Tensor:
    series = harmonic_series(grid, weights, len(factors) - 1, laue, sample)
    return series.scaled(factors).density(grid)
