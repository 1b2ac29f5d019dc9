"""The posterior by Markov chains (emcee), on an interpolant of the curves that follows the chains.

The predictions y(x) are interpolated (`surface.py`) between the true ones at points: first those of
Laplace's approximation and of the fit, then, round by round, points of the chains

    p(x) ∝ exp(-|r(x, y(x))|² / 2)  between the bounds,

whose true curves check the interpolant, until it is right where the chains are.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.calibration.objective import Objective
from polyxtal.calibration.surface import Surface
from polyxtal.calibration.uncertainty import Laplace

Array = NDArray[np.float64]

FIRST = 3
"""Points of Laplace's approximation for each unknown and one more. [-]"""
CHECKS = 24
"""Points of the chains whose true curves check the interpolant and then refine it."""
ROUNDS = 12
"""Most rounds."""
SEARCH, BURN, KEPT, THIN = 200, 500, 1500, 10
"""Steps of a round that refines; steps that are dropped, steps that are kept, and one of how many
of these."""
TRUSTED = 0.3
"""Largest error of ln p for which chains are trusted. [-]"""
WORST = 3.0
"""Error of ln p beyond which a point is simply wrong. [-]"""
NEAR = 50.0
"""Twice the fall of ln p within which curves of the fit are points, too. [-]"""
BANDS = 400
"""Samples that give the interval of the predicted stress."""


class Posterior(NamedTuple):
    """Samples of the posterior.

    Attributes:
        samples: Unknowns, (samples, unknowns).
        stress: Stress of every test at its points by each of some samples. [MPa]
        error: Root mean square error of ln p at points of the chains whose true curves the
            interpolant has not seen. [-]
        curves: Number of points that it was made of.
        acceptance: Share of accepted moves. [-]
        autocorrelation: Largest integrated autocorrelation time. [steps]
        best: The most probable point that was solved, and its |r|² less that of the fit.
    """

    samples: Array
    stress: tuple[Array, ...]
    error: float
    curves: int
    acceptance: float
    autocorrelation: float
    best: tuple[Array, float]

    @property
    def trusted(self) -> bool:
        """Whether the interpolant is good enough."""
        return self.error <= TRUSTED


def has_emcee() -> bool:
    """Return whether emcee is installed."""
    return find_spec("emcee") is not None


def sample_posterior(
    objective: Objective,
    at: Laplace,
    seed: int,
    on_round: Callable[[str], None] = lambda _: None,
) -> Posterior | None:
    """Return samples of the posterior; None if too few curves around the fit converge.

    Args:
        objective: Residuals.
        at: Laplace's approximation.
        seed: Random seed.
        on_round: Called after every round with a note.
    Raises:
        ImportError: if emcee is not installed.
    """
    generator = np.random.default_rng(seed)
    low, high = objective.bounds()
    values, vectors = np.linalg.eigh(at.covariance)
    root = vectors * np.sqrt(np.maximum(values, 1e-16))
    walkers = max(32, 4 * len(at.x))
    cloud = _fold(at.x + generator.standard_normal((walkers, len(at.x))) @ root.T, low, high)
    surface = Surface(objective, at, generator)
    surface.add(cloud[: FIRST * (len(at.x) + 1)])
    surface.add_known(NEAR)
    for number in range(ROUNDS):
        if not surface.fit(cloud):
            return None
        search = _chains(surface, cloud[-walkers:], SEARCH, SEARCH // 2, 1, generator)
        cloud = search.cloud
        error = surface.check(generator.choice(cloud, CHECKS, replace=False), WORST)
        on_round(f"round {number + 1}, error of ln p {error:.2g}")
        if error > TRUSTED and number < ROUNDS - 1:
            continue
        surface.fit(cloud)
        found = _chains(surface, cloud[-walkers:], BURN + KEPT, BURN, THIN, generator)
        cloud = found.cloud
        error = surface.check(generator.choice(cloud, CHECKS, replace=False), WORST)
        on_round(f"error of ln p {error:.2g}")
        if error <= TRUSTED or number == ROUNDS - 1:
            few = cloud[:: max(1, len(cloud) // BANDS)]
            stress = tuple(_split(objective, surface(few)))
            return Posterior(cloud, stress, error, surface.count, *found[1:], surface.best())
    return None


class _Chains(NamedTuple):
    """Points of all chains, the share of accepted moves and the autocorrelation time."""

    cloud: Array
    acceptance: float
    autocorrelation: float


def _chains(
    surface: Surface, start: Array, steps: int, burn: int, thin: int, generator: np.random.Generator
) -> _Chains:
    """Run chains from their starts, (walkers, unknowns)."""
    import emcee
    from emcee.state import State

    moves = [(emcee.moves.StretchMove(), 0.4), (emcee.moves.DEMove(), 0.6)]
    sampler = emcee.EnsembleSampler(
        len(start), start.shape[1], surface.log_density, moves=moves, vectorize=True
    )
    random = np.random.RandomState(int(generator.integers(2**31)))
    sampler.run_mcmc(State(start, random_state=random.get_state()), steps)
    times = sampler.get_autocorr_time(discard=burn, quiet=True, tol=0)
    return _Chains(
        np.asarray(sampler.get_chain(discard=burn, thin=thin, flat=True)),
        float(np.mean(sampler.acceptance_fraction)),
        float(np.max(times)),
    )


def _fold(x: Array, low: Array, high: Array) -> Array:
    """Return points within the bounds, mirrored at these."""
    turns = np.mod((x - low) / (high - low), 2.0)
    return low + (high - low) * (1.0 - np.abs(1.0 - turns))


def _split(objective: Objective, predictions: Array) -> list[Array]:
    """Return the stress at the points of every test, (samples, points)."""
    ends = np.cumsum([len(one.stress) for one in objective.reduced])
    return np.split(predictions[:, : ends[-1]], ends[:-1], axis=1)
