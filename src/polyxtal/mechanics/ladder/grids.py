"""Coarse grids of a polycrystal, from three voxels along an axis up to its own grid."""

from __future__ import annotations

import math

from polyxtal.microstructure.mean_intercept import mean_intercepts
from polyxtal.microstructure.polycrystal import Polycrystal

FEWEST = 3
"""Fewest voxels along an axis, where the fine grid has as many."""
LONG = 1.5
"""Ratio of mean intercepts beyond which coarse voxels have the shape of the grains. [-]"""


def coarse_grid(rve: Polycrystal, points: float) -> tuple[int, int, int]:
    """Return a grid of about so many voxels, cubes or, where grains are long or flat, shaped so.

    Numbers of voxels are odd: at an even one the trigonometric derivative misses the highest
    frequency, which is much of a coarse grid. They are three at least and those of the polycrystal
    at most.

    Args:
        rve: Polycrystal.
        points: Number of voxels, at least one.
    """
    if points >= math.prod(rve.grid):
        return rve.grid

    lengths = _lengths(rve)

    def grid_at(edge: float) -> tuple[int, int, int]:
        counts = [
            min(n, max(FEWEST, 2 * round((length / edge - 1) / 2) + 1))
            for n, length in zip(rve.grid, lengths, strict=True)
        ]
        return counts[0], counts[1], counts[2]

    low, high = min(x / n for x, n in zip(lengths, rve.grid, strict=True)) / 2, 2 * max(lengths)
    for _ in range(60):  # bisection on the edge of a voxel
        middle = math.sqrt(low * high)
        if math.prod(grid_at(middle)) > points:
            low = middle
        else:
            high = middle
    below, above = grid_at(high), grid_at(low)
    nearer = math.prod(above) / points < points / math.prod(below)
    return above if nearer else below


def _lengths(rve: Polycrystal) -> tuple[float, ...]:
    """Return the edges of the volume, in mean intercepts if grains are long or flat."""
    intercepts = mean_intercepts(rve).tolist()
    single = int((rve.volume_fractions > 0).sum()) == 1
    if single or max(intercepts) <= LONG * min(intercepts):
        return rve.size
    return tuple(size / one for size, one in zip(rve.size, intercepts, strict=True))
