"""Posteriors and minima of predictions in closed form: curved valleys, wells, failures."""

from types import SimpleNamespace

import numpy as np
import pytest

from polyxtal.calibration.fit import Minimum, minimise
from polyxtal.calibration.posterior import Posterior, sample_posterior
from polyxtal.calibration.surface import Surface
from polyxtal.calibration.uncertainty import laplace
from polyxtal.calibration.valleys import barrier, separate_minima
from polyxtal.calibration.weights import common_error, whiten


class Formula:
    """An objective whose predictions are a formula of two coordinates."""

    def __init__(self, formula, measured, deviation):
        self.formula, self.measured, self.deviation = formula, np.array(measured), deviation
        self.parameters, self.nuisance = 2, ()
        self.discrepancy, self.inflation, self.field_error = np.zeros(1), 1.0, 0.0
        self.reduced = [SimpleNamespace(stress=self.measured, deviation=np.full(1, deviation))]
        self.forward = SimpleNamespace(
            known={}, solve=self._solve, solve_all=lambda points: list(map(self._solve, points))
        )

    def _solve(self, z):
        value = self.formula(np.asarray(z))
        return None if np.isnan(value).any() else value

    def predictions(self, _, curves):
        return curves

    def predicted(self, _, curves):
        return [curves]

    def deviations(self):
        return [np.full(len(self.measured), self.deviation)]

    def weigh(self, _, y):
        return (y - self.measured) / self.deviation

    def __call__(self, x):
        return self.weigh(x, self.formula(x))

    def jacobian(self, x):
        sides = [[self(x + s * unit) for s in (-1e-6, 1e-6)] for unit in np.eye(2)]
        return np.stack([(b - a) / 2e-6 for a, b in sides], 1)

    def bounds(self):
        return np.zeros(2), np.ones(2)


def valley(z):
    """Return one sharp combination, a parabola, and one that says little."""
    return np.stack([z[..., 1] - 3.0 * (z[..., 0] - 0.5) ** 2, 0.1 * z[..., 0]], -1)


CURVED = Formula(valley, [0.15, 0.05], 0.02)


def quantiles_by_integration(objective, axis):
    """Return the 5, 50 and 95 % quantiles of a coordinate by a grid."""
    ticks = (np.arange(801) + 0.5) / 801
    z = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1)
    density = np.exp(-0.5 * (objective(z) ** 2).sum(-1)).sum(1 - axis)
    return np.interp([0.05, 0.5, 0.95], np.cumsum(density) / density.sum(), ticks)


def test_chains_follow_a_curved_valley():
    pytest.importorskip("emcee")
    best = minimise(CURVED, np.array([0.5, 0.3]))
    near = laplace(CURVED, best.x)
    found = sample_posterior(CURVED, near, seed=0)
    assert found.trusted
    for axis in range(2):
        true = quantiles_by_integration(CURVED, axis)
        np.testing.assert_allclose(
            np.quantile(found.samples[:, axis], [0.05, 0.5, 0.95]), true, atol=0.05
        )
    # The normal approximation does not know that the valley rises to both sides.
    assert quantiles_by_integration(CURVED, 1)[2] > best.x[1] + 4 * near.deviation(1)
    again = sample_posterior(CURVED, near, seed=0)
    np.testing.assert_array_equal(again.samples, found.samples)
    assert found.best[1] == pytest.approx(0.0, abs=1e-6)


def test_what_the_interpolant_misses_is_said():
    at = laplace(CURVED, np.array([0.5, 0.15]))
    generator = np.random.default_rng(0)
    surface = Surface(CURVED, at, generator)
    surface.add(0.5 + 0.02 * generator.standard_normal((20, 2)))
    cloud = 0.5 + 0.02 * generator.standard_normal((50, 2))
    assert surface.fit(cloud)
    # A wrong curve: the true ones tell.
    surface._objective = Formula(lambda z: valley(z) + 0.3, CURVED.measured, 0.02)
    assert surface.check(cloud[:9], 3.0) == pytest.approx(3.0)
    assert not Posterior(cloud, (), 3.0, 20, 0.3, 30.0, (at.x, 0.0)).trusted


def test_chains_stay_out_of_where_curves_fail():
    pytest.importorskip("emcee")

    def formula(z):
        return np.where(z[..., :1] > 0.7, np.nan, valley(z))

    objective = Formula(formula, CURVED.measured, 0.02)
    found = sample_posterior(objective, laplace(CURVED, np.array([0.5, 0.15])), seed=1)
    assert np.mean(found.samples[:, 0] > 0.72) < 0.01
    assert np.mean(found.samples[:, 0] > 0.6) > 0.05


def test_points_of_one_valley_are_no_minima_of_their_own():
    flat = Formula(lambda z: valley(z)[..., :1], [0.15], 0.02)
    ends = [minimise(flat, np.array([x, 0.4])) for x in (0.15, 0.85)]
    assert ends[0].x[0] < 0.35 < 0.65 < ends[1].x[0]
    straight = flat((ends[0].x + ends[1].x) / 2)
    assert float(straight @ straight) > 10  # but the valley goes around
    assert barrier(flat, *ends) < 0.1
    assert len(separate_minima(flat, ends[0], ends[1:])) == 1


def test_minima_beyond_a_barrier_are_told():
    wells = Formula(lambda z: np.stack([(z[..., 0] - 0.2) * (z[..., 0] - 0.8) * 10.0, z[..., 1],
                                        0.1 * z[..., 0]], -1), [0.0, 0.5, 0.0], 0.1)  # fmt: skip
    right, left = (minimise(wells, np.array([x, 0.4])) for x in (0.9, 0.1))
    assert left.cost < right.cost
    assert barrier(wells, left, right) > 2.7
    found = separate_minima(wells, right, [left])
    assert [round(one.x[0], 1) for one in found] == [0.2, 0.8]
    assert found[0].cost < found[1].cost
    # A start that ended early in the valley of the best one is none.
    early = Minimum(np.array([0.3, 0.45]), 1.0)
    assert len(separate_minima(wells, left, [early])) == 1


def test_weights_are_the_inverse_root_of_the_covariance():
    generator = np.random.default_rng(1)
    common, rests = 3 * generator.standard_normal((12, 3)), generator.standard_normal((5, 12))
    covariance = 2.5 * np.eye(12) + common @ common.T
    wanted = np.einsum("ni,ij,nj->n", rests, np.linalg.inv(covariance), rests)
    np.testing.assert_allclose((whiten(rests, 2.5, common) ** 2).sum(1), wanted)
    np.testing.assert_allclose(whiten(rests, 4.0, None), rests / 2)


def test_the_common_error_is_a_share_of_the_stress_with_slope_and_curvature():
    curve = SimpleNamespace(strain=np.linspace(0, 0.1, 11), stress=np.linspace(0, 200, 11))
    shapes = common_error([curve, curve], 0.01)
    assert shapes.shape == (22, 3)
    np.testing.assert_allclose(shapes[10], [2.0, 1.0, 1.0])
    np.testing.assert_allclose(shapes[5], [1.0, 0.0, -0.25], atol=1e-12)
