"""Least squares from several starts, and what the model misses beyond the noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.stats import qmc

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.calibration.objective import Objective

Array = NDArray[np.float64]

CANDIDATES = 6
"""Points that starts are chosen of, for each of them. [-]"""
EVALUATIONS = 30
"""Most evaluations of one fit."""
ROUGH, FINE = 1e-2, 1e-4
"""Relative gain of the sum of squares that ends the fit from a start, and the last one. [-]"""
SETTLED = 0.02
"""Relative change of the discrepancy below which it is settled. [-]"""
SETTLINGS = 4
"""Most fits with another discrepancy."""
FIRST_DISCREPANCY = 0.01
"""Discrepancy before the first fit, over the largest stress. [-]"""
SAME = 0.05
"""Distance of coordinates between minima that are the same. [-]"""
WORSE = 10.0
"""Sum of squares over the best one beyond which a minimum is not worth telling. [-]"""


class Minimum(NamedTuple):
    """A local minimum: unknowns x and half the sum of squares."""

    x: Array
    cost: float


def starting_points(objective: Objective, initial: Array, count: int, seed: int) -> list[Array]:
    """Return the best of points that cover the box, and the initial one."""
    n, extra = objective.parameters, len(objective.nuisance)
    points = [initial]
    if count > 1:
        sampled = qmc.LatinHypercube(n, rng=np.random.default_rng(seed)).random(CANDIDATES * count)
        points += [np.concatenate([z, initial[n:]]) for z in 0.05 + 0.9 * sampled]
    answers = objective.forward.solve_all([x[:n] for x in points])
    cost = [
        float(np.sum(objective.residuals(x, curves) ** 2))
        for x, curves in zip(points, answers, strict=True)
    ]
    assert all(len(x) == n + extra for x in points)
    order = [int(k) for k in np.argsort(cost, kind="stable")]
    # The initial point is a start whatever its cost: it is somebody's knowledge.
    chosen = [0, *(k for k in order if k != 0)][: max(1, count)]
    return [points[k] for k in chosen]


def minimise(objective: Objective, start: Array, gain: float = FINE) -> Minimum:
    """Return the minimum that is reached from a start."""
    low, high = objective.bounds()
    inside = np.clip(start, low + 1e-6 * (high - low), high - 1e-6 * (high - low))
    found = least_squares(
        objective,
        inside,
        objective.jacobian,  # type: ignore[arg-type]
        (low, high),
        x_scale=np.maximum(high - low, 1e-12),
        ftol=gain,
        xtol=1e-6,
        gtol=1e-9,
        max_nfev=EVALUATIONS,
    )
    return Minimum(found.x, float(found.cost))


def fit(
    objective: Objective,
    initial: Array,
    starts: int,
    seed: int,
) -> list[Minimum]:
    """Return the minima from all starts, the best first.

    The fits weigh all tests by a discrepancy of 1 % of the stress; then the discrepancy is that of
    the best fit, which is repeated until it is settled. The other minima are those of the first
    weights, if they differ.
    """
    objective.discrepancy = np.array(
        [FIRST_DISCREPANCY * np.abs(one.stress).max() for one in objective.reduced]
    )
    points = starting_points(objective, initial, starts, seed)
    minima = [minimise(objective, start, ROUGH) for start in points]
    minima.sort(key=lambda one: one.cost)
    if objective.forward.solve(minima[0].x[: objective.parameters]) is None:
        raise ConvergenceError(
            "The curves must converge at some start, but do so at none; narrow the bounds.", np.inf
        )
    n, different = objective.parameters, list[Minimum]()
    for one in minima:
        apart = [np.abs(one.x[:n] - each.x[:n]).max() > SAME for each in different]
        if all(apart) and one.cost <= WORSE * minima[0].cost:
            different.append(one)
    return [settle(objective, minima[0].x), *different[1:]]


def settle(objective: Objective, x: Array) -> Minimum:
    """Fit again with the discrepancy and correlation of the fit itself, until these are settled."""
    found = Minimum(x, 0.0)
    for _ in range(SETTLINGS):
        before = objective.discrepancy.copy()
        objective.discrepancy = misfit(objective, found.x)
        objective.inflation = correlation_factor(objective, found.x)
        found = minimise(objective, found.x)
        noise = np.array([np.sqrt(np.mean(one.deviation**2)) for one in objective.reduced])
        change = np.abs(objective.discrepancy - before)
        if (change <= SETTLED * (objective.discrepancy + noise)).all():
            break
    return found


def misfit(objective: Objective, x: Array) -> Array:
    """Return the standard deviation of each test's rest beyond its noise. [MPa]

    s² = mean((σ - σ_measured)² - noise²), at least 0
    """
    curves = objective.forward.solve(x[: objective.parameters])
    if curves is None:
        return objective.discrepancy
    return np.array(
        [
            np.sqrt(max(0.0, float(np.mean((stress - one.stress) ** 2 - one.deviation**2))))
            for stress, one in zip(objective.predicted(x, curves), objective.reduced, strict=True)
        ]
    )


def correlation_factor(objective: Objective, x: Array) -> float:
    """Return k: how many neighbouring rests say what one says, averaged over the tests."""
    curves = objective.forward.solve(x[: objective.parameters])
    assert curves is not None
    factors = []
    pairs = zip(
        objective.predicted(x, curves), objective.reduced, objective.deviations(), strict=True
    )
    for stress, one, deviation in pairs:
        rest = (stress - one.stress) / deviation
        rho = float(rest[1:] @ rest[:-1] / max(rest @ rest, 1e-300))
        # Neighbours of white noise correlate by chance, too.
        rho = rho if rho > 2.0 / np.sqrt(len(rest)) else 0.0
        factors.append(min((1 + rho) / (1 - min(rho, 0.99)), len(rest) / 4))
    return max(1.0, float(np.mean(factors)))
