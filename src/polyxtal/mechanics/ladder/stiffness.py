"""The effective stiffness of a large volume from a coarse grid, with the bounds of its error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.argument_types import require_seed, require_type
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.mechanics.bounds.grain_stiffness import stiffness_per_grain
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.mechanics.ladder.grids import coarse_grid
from polyxtal.microstructure.coarse import coarsen
from polyxtal.microstructure.polycrystal import Polycrystal

POINTS = 32**3
"""Voxels that cost less than an increment of a load."""
KAPPA_ELASTIC = 0.46
"""Bound of a component over its standard error were voxels drawn at random. [-]"""


class EstimatedStiffness(NamedTuple):
    """An effective stiffness and the bounds of its error.

    Attributes:
        stiffness: Mandel. [MPa]
        bound: Bound of every component's difference from that on the polycrystal's own grid, which
            holds with a probability of 90 %; zero on that grid itself. [MPa]
        grid: Voxels along x, y, z.
    """

    stiffness: Float[Tensor, "6 6"]
    bound: Float[Tensor, "6 6"]
    grid: tuple[int, int, int]

    @property
    def error(self) -> float:
        """Frobenius norm of the bounds relative to that of the stiffness. [-]"""
        return float(torch.linalg.norm(self.bound) / torch.linalg.norm(self.stiffness))


def estimate_stiffness(
    rve: Polycrystal,
    elasticity: Elasticity | Mapping[str, Elasticity],
    points: int = POINTS,
    *,
    tol: float = 1e-5,
    seed: int = 0,
) -> EstimatedStiffness:
    """Return the effective stiffness on a grid of at most about so many voxels.

    The coarse voxels keep the mean stiffness of the grains (`coarsen`), so that errors are those of
    the grains' neighbourhoods:

        |error of C_mn| ~ κ_C s_mn √(1/N + 1/N_fine)

    with the standard deviation s_mn of the grains' stiffness, weighted by volume, and the numbers N
    of voxels. κ_C is fitted (`benchmarks/ladder.py fit`).

    Args:
        rve: Polycrystal.
        elasticity: Elastic constants of all grains, or of each phase by name.
        points: Largest number of voxels at which the polycrystal's own grid is taken.
        tol: See `homogenize`.
        seed: Random seed of the choice of coarse voxels.
    Raises:
        ConvergenceError: if a load case does not converge.
        ValueError: if an argument is invalid.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=16, grains=100, seed=1)
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> answer = px.estimate_stiffness(rve, copper, points=1000)
        >>> answer.grid, answer.error < 0.02
        ((11, 11, 11), True)
        >>> px.estimate_stiffness(rve, copper).error
        0.0
    """
    require_type(rve, Polycrystal, "rve")
    require_type(points, Integral, "points")
    require_seed(seed)
    if points < 1:
        raise ValueError(f"Argument `points` must be at least 1, but is {points}.")
    whole = math.prod(rve.grid)
    grid = coarse_grid(rve, points)
    if grid == rve.grid:
        stiffness = homogenize(rve, elasticity, tol).stiffness
        return EstimatedStiffness(stiffness, torch.zeros_like(stiffness), grid)
    stiffness = homogenize(coarsen(rve, grid, seed), elasticity, tol).stiffness
    grains, weights = stiffness_per_grain(rve, elasticity), rve.volume_fractions
    away = grains - torch.einsum("g,gmn->mn", weights, grains)
    spread = torch.einsum("g,gmn->mn", weights, away**2).sqrt()
    factor = KAPPA_ELASTIC * math.sqrt(1 / math.prod(grid) + 1 / whole)
    return EstimatedStiffness(stiffness, factor * spread, grid)
