"""Intervals of r-values, whose bounds are ones of ln r.

A bound b of a ratio r is r times that of ln r, so that the interval is r exp(∓b/r), which is never
negative. A sum Σ w_k r_k of independent ones has the distances of its ends in quadrature, upward
and downward each by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from polyxtal.virtual_lab.measure import Estimate
from polyxtal.virtual_lab.result import Directional

LARGE = 1 / 3
"""Bound over the value above which ± misleads: the interval is not symmetric. [-]"""
MOST = 100.0
"""Largest bound of ln r. [-]"""


def bound(one: Estimate | Directional) -> float:
    """Return both bounds of a number together; NaN if one is unknown."""
    return math.hypot(one.grid, one.sampling)


def is_large(*numbers: Estimate | Directional) -> bool:
    """Return whether the bound of any ratio is so large that its interval must be told."""
    return any(bound(one) > LARGE * abs(one.value) for one in numbers)


def ratio_interval(one: Estimate | Directional) -> tuple[float, float]:
    """Return the lower and the upper end of a ratio; NaN if they are unknown or it is not above 0.

    Example:
        >>> [round(end, 2) for end in ratio_interval(Estimate(2.0, 2.0, 0.0))]
        [0.74, 5.44]
    """
    both = bound(one)
    if math.isnan(both) or not one.value > 0:
        return math.nan, math.nan
    factor = math.exp(min(both / one.value, MOST))
    return one.value / factor, one.value * factor


def sum_interval(
    numbers: Sequence[Estimate | Directional], weights: Sequence[float]
) -> tuple[float, float]:
    """Return both ends of a weighted sum of independent ratios.

    Example:
        >>> known, doubtful = Estimate(1.0, 0.0, 0.0), Estimate(1.0, 0.6931, 0.0)
        >>> [round(end, 2) for end in sum_interval([known, doubtful], [1.0, -1.0])]
        [-1.0, 0.5]
    """
    value = sum(w * one.value for w, one in zip(weights, numbers, strict=True))
    down, up = [], []
    for w, one in zip(weights, numbers, strict=True):
        ends = sorted(w * (end - one.value) for end in ratio_interval(one))
        down.append(ends[0])
        up.append(ends[1])
    return value - math.hypot(*down), value + math.hypot(*up)
