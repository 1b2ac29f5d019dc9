"""The posterior by Markov chains (emcee), on a quadratic model of the residuals.

The residuals r(x) are fitted by second-degree polynomials of ξ = L⁻¹ (x - x₀), L Lᵀ = Cov x, to the
true ones at points drawn from Laplace's approximation; others check the polynomials. The chains
sample

    p(x) ∝ exp(-|r(x)|² / 2 k)  between the bounds.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.calibration.objective import Objective
from polyxtal.calibration.uncertainty import Laplace

Array = NDArray[np.float64]

SURPLUS = 2.0
"""Points for each coefficient of the polynomials. [-]"""
CHECKS = 8
"""Points that check the polynomials."""
BURN, KEPT, THIN = 500, 1000, 10
"""Steps that are dropped, steps that are kept, and one of how many of these."""
TRUSTED = 0.3
"""Largest error of the polynomials, in standard deviations, for which chains are trusted."""


class Posterior(NamedTuple):
    """Samples of the posterior.

    Attributes:
        samples: Unknowns, (samples, unknowns).
        stress: Stress of every test at its points by each of some samples. [MPa]
        error: Root mean square error of the quadratic model at points that it has not seen, in
            standard deviations of the measured stress. [-]
        acceptance: Share of accepted moves. [-]
        autocorrelation: Largest integrated autocorrelation time. [steps]
    """

    samples: Array
    stress: tuple[Array, ...]
    error: float
    acceptance: float
    autocorrelation: float

    @property
    def trusted(self) -> bool:
        """Whether the quadratic model is good enough."""
        return self.error <= TRUSTED


def has_emcee() -> bool:
    """Return whether emcee is installed."""
    return find_spec("emcee") is not None


def sample_posterior(objective: Objective, at: Laplace, seed: int) -> Posterior | None:
    """Return samples of the posterior; None if too few curves around the fit converge.

    Raises:
        ImportError: if emcee is not installed.
    """
    import emcee
    from emcee.state import State

    generator = np.random.default_rng(seed)
    low, high = objective.bounds()
    model = _Quadratic(objective, at, generator)
    size = len(at.x)
    if model.error is None:
        return None
    error = model.error
    factors = objective.inflations(at.inflation)

    def log_density(x: Array) -> Array:
        inside = ((x >= low) & (x <= high)).all(1)
        value = -0.5 * (model(x) ** 2 / factors).sum(1)
        return np.where(inside, value, -np.inf)

    walkers = max(32, 4 * size)
    start = np.clip(model.draw(walkers), low, high)
    sampler = emcee.EnsembleSampler(walkers, size, log_density, vectorize=True)
    random = np.random.RandomState(int(generator.integers(2**31)))
    sampler.run_mcmc(State(start, random_state=random.get_state()), BURN + KEPT)
    samples = np.asarray(sampler.get_chain(discard=BURN, thin=THIN, flat=True))
    times = sampler.get_autocorr_time(discard=BURN, quiet=True, tol=0)
    few = samples[:: max(1, len(samples) // 400)]
    return Posterior(
        samples,
        tuple(_stresses(objective, model(few))),
        error,
        float(np.mean(sampler.acceptance_fraction)),
        float(np.max(times)),
    )


def _stresses(objective: Objective, residuals: Array) -> list[Array]:
    """Return the stress at the points of every test from residuals, (samples, points)."""
    found, first = [], 0
    for one, deviation in zip(objective.reduced, objective.deviations(), strict=True):
        own = residuals[:, first : first + len(one.stress)]
        found.append(one.stress + deviation * own)
        first += len(one.stress)
    return found


class _Quadratic:
    """Residuals as polynomials of second degree."""

    def __init__(self, objective: Objective, at: Laplace, generator: np.random.Generator) -> None:
        low, high = objective.bounds()
        values, vectors = np.linalg.eigh(at.covariance)
        self._root = vectors * np.sqrt(np.maximum(values, 1e-16))
        self._inverse = np.linalg.pinv(self._root)
        self._centre, self._generator, self._bounds = at.x, generator, (low, high)
        size = len(at.x)
        terms = 1 + size + size * (size + 1) // 2
        points = self.draw(int(SURPLUS * terms) + CHECKS)
        n = objective.parameters
        answers = objective.forward.solve_all([x[:n] for x in points])
        solved = [(x, curves) for x, curves in zip(points, answers, strict=True) if curves]
        self.error: float | None = None
        if len(solved) < terms + CHECKS:
            return
        x = np.stack([one for one, _ in solved])
        r = np.stack([objective.residuals(one, curves) for one, curves in solved])
        fitted = slice(0, len(x) - CHECKS)
        self._coefficients, *_ = np.linalg.lstsq(self._terms(x[fitted]), r[fitted], rcond=None)
        rest = self(x[-CHECKS:]) - r[-CHECKS:]
        self.error = float(np.sqrt(np.mean(rest**2)))

    def draw(self, count: int) -> Array:
        """Return points of the normal approximation that are within the bounds."""
        low, high = self._bounds
        normal = self._generator.standard_normal((count, len(self._centre)))
        return np.clip(self._centre + normal @ self._root.T, low, high)

    def __call__(self, x: Array) -> Array:
        """Return the residuals at points, (points, residuals)."""
        return self._terms(x) @ self._coefficients

    def _terms(self, x: Array) -> Array:
        xi = (x - self._centre) @ self._inverse.T
        rows, columns = np.triu_indices(xi.shape[1])
        return np.concatenate([np.ones((len(xi), 1)), xi, xi[:, rows] * xi[:, columns]], 1)
