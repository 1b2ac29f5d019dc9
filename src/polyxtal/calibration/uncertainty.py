"""Uncertainty of a calibration by Laplace's approximation, and what the tests cannot tell.

    Cov x = (Jᵀ J + Π)⁻¹

J holds the derivatives of the weighted residuals (`weights.py`) by the unknowns x; Π is the
precision 12 of the uniform distribution between the bounds, so that what no test determines keeps
the width of its bounds. The factor k of the weights is (1 + ρ) / (1 - ρ) with the correlation ρ of
neighbouring rests, where the model misses the curve systematically.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from polyxtal.calibration.measurement import Measurement
from polyxtal.calibration.objective import Objective
from polyxtal.calibration.parameters import FreeParameter

Array = NDArray[np.float64]

UNIFORM = 12.0
"""Precision of the uniform distribution on [0, 1]."""
ALIKE = 0.95
"""Correlation beyond which two parameters cannot be told apart. [-]"""
VAGUE = 0.5
"""Standard deviation, over that of the uniform distribution, of what is not determined. [-]"""
SIGMA_90 = 1.6448536269514722
"""Half of the width of a 90 % interval, in standard deviations."""


class Laplace(NamedTuple):
    """The normal approximation at the minimum.

    Attributes:
        x: Unknowns at the minimum.
        covariance: Their covariance.
        jacobian: Derivatives of the residuals.
    """

    x: Array
    covariance: Array
    jacobian: Array

    def deviation(self, k: int) -> float:
        """Return the standard deviation of an unknown."""
        return float(np.sqrt(self.covariance[k, k]))

    def correlation(self, a: int, b: int) -> float:
        """Return the correlation of two unknowns."""
        return float(self.covariance[a, b] / (self.deviation(a) * self.deviation(b)))


def laplace(objective: Objective, x: Array) -> Laplace:
    """Return the normal approximation at a minimum."""
    jacobian = objective.jacobian(x)
    weak = np.zeros(len(x))
    weak[: objective.parameters] = UNIFORM
    information = jacobian.T @ jacobian + np.diag(weak)
    covariance = np.asarray(np.linalg.pinv(information, hermitian=True), np.float64)
    return Laplace(x, covariance, jacobian)


def distance(objective: Objective, x: Array, z: Array) -> float:
    """Return 2 ln p(x) - 2 ln p(z), with the nuisances that are best at z.

    Args:
        objective: Residuals.
        x: Unknowns at the minimum.
        z: Coordinates of other parameters, within [0, 1].
    Returns:
        The distance, infinite if the curves at z do not converge.
    """
    n = objective.parameters
    curves = objective.forward.solve(z)
    if curves is None:
        return np.inf

    def rest(nuisances: Array) -> Array:
        return objective.residuals(np.concatenate([z, nuisances]), curves)

    own = x[n:]
    if len(own):
        low, high = (end[n:] for end in objective.bounds())
        own = least_squares(rest, np.clip(own, low, high), bounds=(low, high)).x
    return float(np.sum(rest(own) ** 2) - np.sum(objective(x) ** 2))


def identifiability(
    found: Laplace, free: Mapping[str, FreeParameter], tests: Sequence[Measurement]
) -> list[str]:
    """Return what the tests cannot tell, in sentences; empty if they determine everything."""
    names = list(free)
    n = len(names)
    said, paired = list[str](), set[str]()
    one_rate = len({test.rate for test in tests}) == 1
    for a in range(n):
        for b in range(a + 1, n):
            rho = found.correlation(a, b)
            if abs(rho) > ALIKE:
                pair = names[a], names[b]
                paired |= set(pair)
                said.append(_together(pair, rho, one_rate))
    for k, name in enumerate(names):
        vague = found.deviation(k) * np.sqrt(UNIFORM)
        bounds = free[name]
        if vague > VAGUE:
            advice = "fix it" if name in paired else "fix it, narrow its bounds or add a test"
            said.append(
                f"`{name}` is not determined by these tests between its bounds, "
                f"{bounds.low:.4g} and {bounds.high:.4g}; {advice}."
            )
        elif not 1e-3 < found.x[k] < 1 - 1e-3:
            end = bounds.low if found.x[k] < 0.5 else bounds.high
            said.append(f"`{name}` is at its bound {end:.4g}: a wider one may fit better.")
    said += _combination(found, names)
    return said


def _together(pair: tuple[str, str], rho: float, one_rate: bool) -> str:
    kinds = {name.split(".")[-1].split("[")[0] for name in pair}
    rate = kinds & {"slip_rate_reference", "stress_exponent", "rate_reference"}
    where = "by tests at one rate" if one_rate and rate else "by these tests"
    way = "rise together" if rho > 0 else "trade off"
    advice = "; fix one, or add a test at another rate" if one_rate and rate else "; fix one"
    return (
        f"`{pair[0]}` and `{pair[1]}` cannot be told apart {where}: they {way} "
        f"(correlation {rho:.3f}){advice}."
    )


def _combination(found: Laplace, names: Sequence[str]) -> list[str]:
    """Return the weakest direction of three or more parameters, if it is not determined.

    The singular values of J, without what the nuisances explain, are the inverse standard
    deviations along the singular vectors.
    """
    n = len(names)
    own, rest = found.jacobian[:, :n], found.jacobian[:, n:]
    if rest.shape[1]:
        own = own - rest @ np.linalg.lstsq(rest, own, rcond=None)[0]
    _, values, directions = np.linalg.svd(own, full_matrices=False)
    spread = 1.0 / max(float(values[-1]), 1e-12)
    parts = [(name, float(v)) for name, v in zip(names, directions[-1], strict=True)]
    parts = [part for part in parts if abs(part[1]) > 0.3]
    if spread * np.sqrt(UNIFORM) < VAGUE or len(parts) < 3:
        return []
    listed = ", ".join(f"`{name}` {'up' if v * parts[0][1] > 0 else 'down'}" for name, v in parts)
    return [f"One combination is not determined by these tests: {listed}, by related amounts."]
