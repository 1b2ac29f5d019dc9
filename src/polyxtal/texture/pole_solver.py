"""Non-negative least squares for the kernel weights of an ODF, with unknown scales of figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

FLOOR = 0.2
"""Smallest pole density whose variance is told from that of 0. [multiples of random]"""
QUANTILE = 0.01
"""Share of a figure's solid angle that may lie below the uniform part, as noise. [-]"""


@dataclass
class Problem:
    """The linear system of several figures: pole density of each kernel, and the data.

    Attributes:
        matrices: Ψ_i of each figure.
        data: Intensities I_i of each.
        areas: Solid angles a_i of each; they sum to 1.
    """

    matrices: list[csr_matrix]
    data: list[NDArray[np.float64]]
    areas: list[NDArray[np.float64]]

    def densities(self, kernels: NDArray[np.float64], uniform: float) -> list[NDArray[np.float64]]:
        """Return the pole densities P_i = u + Ψ_i c."""
        c = kernels.astype(np.float32)
        return [uniform + (psi @ c).astype(np.float64) for psi in self.matrices]

    def scales(self, densities: Sequence[NDArray[np.float64]]) -> list[float]:
        """Return the scales ν_i that give data and model the same mean where measured."""
        rows = zip(self.areas, self.data, densities, strict=True)
        return [float(a @ i / max(float(a @ p), 1e-12)) for a, i, p in rows]


def solve(
    problem: Problem, kernels: NDArray[np.float64], uniform: float, iterations: int, tol: float
) -> tuple[NDArray[np.float64], int]:
    """Return the kernel weights c, and the number of iterations taken.

    Args:
        problem: The system.
        kernels: First estimate; sums to 1 - u.
        uniform: Uniform part u.
        iterations: Largest number.
        tol: Relative decrease of the misfit in one iteration at which to stop.
    """
    c, previous = kernels.copy(), math.inf
    densities = problem.densities(c, uniform)
    for iteration in range(iterations):
        scales = problem.scales(densities)
        gradient = np.zeros_like(c)
        weights, misfit = [], 0.0
        for i, psi in enumerate(problem.matrices):
            target = problem.data[i] / scales[i]
            weight = problem.areas[i] / np.maximum(target, FLOOR)
            residual = weight * (densities[i] - target)
            misfit += float(residual @ (densities[i] - target))
            gradient += psi.T @ residual.astype(np.float32)
            weights.append(weight)
        if misfit >= (1 - tol) * previous:
            return c, iteration
        previous = misfit
        gradient -= float(gradient @ c) / max(float(c.sum()), 1e-300)  # the sum is kept
        step = -c * gradient
        change = [(psi @ step.astype(np.float32)).astype(np.float64) for psi in problem.matrices]
        curvature = sum(float(w @ (d * d)) for w, d in zip(weights, change, strict=True))
        if not curvature > 0:
            return c, iteration
        length = -float(gradient @ step) / curvature
        longest = 1 / max(float(gradient.max()), 1e-300)
        c = np.maximum(c + min(length, longest) * step, 0.0)
        c *= (1 - uniform) / c.sum()
        densities = problem.densities(c, uniform)
    return c, iterations


def uniform_part(problem: Problem, kernels: NDArray[np.float64]) -> float:
    """Return the smallest pole density of all figures, save in `QUANTILE` of their solid angle."""
    lowest = 1.0
    for density, area in zip(problem.densities(kernels, 0.0), problem.areas, strict=True):
        order = np.argsort(density)
        place = int(np.searchsorted(np.cumsum(area[order]), QUANTILE))
        lowest = min(lowest, float(density[order[min(place, len(order) - 1)]]))
    return max(lowest, 0.0)
