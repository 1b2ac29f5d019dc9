"""Whether other minima are minima of their own, or points of the best one's valley.

Between two minima x_a and x_b, |r|² is minimised in planes across the line that joins them, each
from the point found in the one before. The largest value on this way is the barrier.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from polyxtal.calibration.fit import SAME, WORSE, Minimum, minimise, settle
from polyxtal.calibration.objective import Objective

Array = NDArray[np.float64]

PLANES = 6
"""Planes between two minima."""
EVALUATIONS = 6
"""Most evaluations in a plane."""
HELD = 1e4
"""Weight of the distance from a plane. [-]"""
BARRIER = 2.7055
"""Rise of |r|² between minima that are different: that at the ends of a 90 % interval. [-]"""


def separate_minima(
    objective: Objective, best: Minimum, others: Sequence[Minimum]
) -> list[Minimum]:
    """Return the minima that a barrier parts from the best one, in the weights of that.

    If a valley leads from the best one down to another one, that is the first of the list.

    Args:
        objective: Residuals.
        best: Best minimum.
        others: Minima of fits with other weights.
    Returns:
        The best minimum and those that are separate.
    """
    found = [best]
    for other in others:
        one = minimise(objective, other.x)
        if one.cost > WORSE * found[0].cost:
            continue
        joined = [each for each in found if barrier(objective, one, each) <= BARRIER]
        if joined:
            one = min(*joined, one, key=lambda each: each.cost)
        found = [each for each in found if all(each is not of for of in joined)] + [one]
        found.sort(key=lambda each: each.cost)
    if found[0] is not best:
        found[0] = settle(objective, found[0].x)
    return found


def barrier(objective: Objective, a: Minimum, b: Minimum) -> float:
    """Return the largest |r|² between two minima, less that of the higher one."""
    low, high = objective.bounds()
    width = high - low
    line = (b.x - a.x) / width
    if np.abs(line[: objective.parameters]).max() <= SAME:
        return 0.0
    line /= max(float(np.linalg.norm(line)), 1e-12)
    across = line / width
    higher = max(a.cost, b.cost)
    x, rise = a.x, 0.0
    for step in range(1, PLANES + 1):
        goal = a.x + (b.x - a.x) * step / (PLANES + 1)
        start = np.clip(x + (b.x - a.x) / (PLANES + 1), low + 1e-6 * width, high - 1e-6 * width)
        found = _in_plane(objective, start, goal, across)
        x, rise = found.x, max(rise, 2.0 * (found.cost - higher))
        if rise > BARRIER:
            break
    return rise


def _in_plane(objective: Objective, start: Array, goal: Array, across: Array) -> Minimum:
    """Return the minimum in the plane of the normal `across` through `goal`."""
    low, high = objective.bounds()

    def rests(x: Array) -> Array:
        return np.append(objective(x), HELD * (across @ (x - goal)))

    def slopes(x: Array) -> Array:
        return np.vstack([objective.jacobian(x), HELD * across])

    found = least_squares(
        rests,
        start,
        slopes,  # type: ignore[arg-type]
        (low, high),
        x_scale=high - low,
        ftol=1e-2,
        max_nfev=EVALUATIONS,
    )
    return Minimum(found.x, float(found.cost))
