"""Residuals of a calibration: predicted less measured stress, r-values and priors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from polyxtal.calibration.condition import Curve
from polyxtal.calibration.forward import Forward
from polyxtal.calibration.measurement import Measurement
from polyxtal.calibration.repeats import Reduced
from polyxtal.calibration.weights import common_error, whiten

Array = NDArray[np.float64]

STEP = 1e-5
"""Change of an unknown in differences of residuals by curves that are known. [-]"""
LARGEST_TOE = 5e-3
"""Largest shift of the origin of the strain. [-]"""
SOFTEST_FRAME = 30.0
"""Largest compliance of a load frame, over that of the specimen. [-]"""
FAILED = 1e3
"""Residual of a curve that does not converge, in standard deviations."""


class Nuisance(NamedTuple):
    """Parameters of the tests, beside those of the material.

    Attributes:
        toe: Number of the origin of each test's strain among them, None if it is known.
        frame: Number of the load frame's compliance, None if no test has one.
        scale: Unit of each: strain, or compliance [1/MPa].
        low, high: Bounds in that unit.
    """

    toe: tuple[int | None, ...]
    frame: int | None
    scale: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, tests: Sequence[Measurement], modulus: float) -> Nuisance:
        """Return those of tests; `modulus` is that of the specimen. [MPa]"""
        toe, count = [], 0
        for test in tests:
            toe.append(count if test.toe else None)
            count += test.toe
        frame = count if any(test.frame for test in tests) else None
        scale = np.full(count, 1e-3)
        low, high = np.full(count, -LARGEST_TOE / 1e-3), np.full(count, LARGEST_TOE / 1e-3)
        if frame is not None:
            scale = np.append(scale, 1.0 / modulus)
            low, high = np.append(low, 0.0), np.append(high, SOFTEST_FRAME)
        return cls(tuple(toe), frame, scale, low, high)

    def __len__(self) -> int:  # type: ignore[override]
        """Return their number."""
        return len(self.scale)


class Objective:
    """Residuals at x = (z, nuisances), weighted so that p(x) ∝ exp(-|r(x)|² / 2).

    Attributes:
        forward: Forward model.
        tests, reduced: Measurements.
        which: Condition of every test.
        discrepancy: Standard deviation by which the model itself misses each test. [MPa]
        inflation: Factor k of the variance for rests that are correlated along a curve.
        field_error: Standard deviation of the full field's stress, relative to itself. [-]
    """

    def __init__(
        self,
        forward: Forward,
        tests: Sequence[Measurement],
        reduced: Sequence[Reduced],
        which: Sequence[int],
        modulus: float,
    ) -> None:
        """Start without discrepancy, correlation and error of a full field."""
        self.forward, self.tests, self.reduced, self.which = forward, tests, reduced, which
        self.nuisance = Nuisance.of(tests, modulus)
        self.discrepancy = np.zeros(len(tests))
        self.inflation, self.field_error = 1.0, 0.0
        self.priors = [
            (k, *prior)
            for k, one in enumerate(forward.free.values())
            if (prior := one.prior_coordinate()) is not None
        ]
        rows = [condition.branches() for condition in forward.conditions]
        self._branches = [rows[c] for c in which]

    @property
    def parameters(self) -> int:
        """Number of free parameters of the material."""
        return len(self.forward.free)

    def branch_rows(self, k: int) -> int:
        """Return the number of rows of the first branch of a test's curve."""
        return self._branches[k][0][1] + 1

    def bounds(self) -> tuple[Array, Array]:
        """Return lower and upper bounds of x."""
        n = self.parameters
        low = np.concatenate([np.zeros(n), self.nuisance.low])
        return low, np.concatenate([np.ones(n), self.nuisance.high])

    def deviations(self) -> list[Array]:
        """Return the standard deviation of every point of every test. [MPa]"""
        return [
            np.hypot(one.deviation, extra)
            for one, extra in zip(self.reduced, self.discrepancy, strict=True)
        ]

    def predicted(self, x: Array, curves: Sequence[Curve]) -> list[Array]:
        """Return the stress at the points of every test. [MPa]"""
        nuisances = x[self.parameters :]
        return [self._stress(k, nuisances, curves[self.which[k]]) for k in range(len(self.tests))]

    def specimen_strain(self, k: int, nuisances: Array) -> Array:
        """Return the strain of the specimen at the points of a test. [-]"""
        one, own = self.reduced[k], self.nuisance
        strain = one.strain.copy()
        toe = own.toe[k]
        if toe is not None:
            strain -= nuisances[toe] * own.scale[toe]
        if own.frame is not None and self.tests[k].frame:
            strain -= nuisances[own.frame] * own.scale[own.frame] * one.stress
        return strain

    def _stress(self, k: int, nuisances: Array, curve: Curve) -> Array:
        one = self.reduced[k]
        strain = self.specimen_strain(k, nuisances)
        out = np.empty_like(strain)
        for b, (first, last) in enumerate(self._branches[k]):
            mine = one.branch == b
            travel = np.abs(curve.strain[first : last + 1] - curve.strain[first])
            origin = 0.0
            if b > 0:  # from the reversal as it was measured, its shift included
                turn = np.flatnonzero(one.branch == b - 1)[-1]
                origin = one.turns[b] + strain[turn] - one.strain[turn]
            way = np.sign(curve.strain[last] - curve.strain[first])
            at = way * (strain[mine] - origin)
            out[mine] = _evaluate(travel, curve.stress[first : last + 1], at)
        return out

    def predictions(self, x: Array, curves: Sequence[Curve]) -> Array:
        """Return the stress at the points of all tests, then the r-values of those that have one.

        Both are (predictions,), in MPa and without unit.
        """
        ratios = [
            curves[self.which[k]].r_value(self.branch_rows(k))
            for k, test in enumerate(self.tests)
            if test.r_value is not None
        ]
        return np.concatenate([*self.predicted(x, curves), ratios])

    def weigh(self, x: Array, predictions: Array) -> Array:
        """Return the residuals of predictions, (…, residuals).

        Args:
            x: Unknowns, (…, unknowns).
            predictions: See `predictions`, (…, predictions).
        """
        deviation = np.concatenate(self.deviations())
        measured = np.concatenate([one.stress for one in self.reduced])
        points = len(measured)
        common = None
        if self.field_error:
            common = common_error(self.reduced, self.field_error) / deviation[:, None]
        rests = (predictions[..., :points] - measured) / deviation
        parts = [whiten(rests, self.inflation, common)]
        ratios = [test.r_value for test in self.tests if test.r_value is not None]
        if ratios:
            value, spread = np.array(ratios, np.float64).T
            parts.append((predictions[..., points:] - value) / spread)
        if self.priors:
            number, mean, spread = (np.array(column) for column in zip(*self.priors, strict=True))
            parts.append((x[..., number] - mean) / spread)
        return np.concatenate(parts, -1)

    def residuals(self, x: Array, curves: Sequence[Curve] | None) -> Array:
        """Return all residuals; `curves` are those at x, None if they do not converge."""
        if curves is not None:
            return self.weigh(x, self.predictions(x, curves))
        count = sum(len(one.stress) for one in self.reduced) + len(self.priors)
        return np.full(count + sum(test.r_value is not None for test in self.tests), FAILED)

    def __call__(self, x: Array) -> Array:
        """Return all residuals at x."""
        return self.residuals(x, self.forward.solve(x[: self.parameters]))

    def jacobian(self, x: Array) -> Array:
        """Return the derivatives of the residuals by x, (residuals, unknowns)."""
        n, columns = self.parameters, []
        slopes = self.forward.slopes(x[:n])
        unit = np.eye(len(x))
        for k in range(n):
            pair = [
                self.residuals(
                    x + step * unit[k],
                    [c.moved(by[k], step) for c, by in zip(slopes.curves, slopes.by, strict=True)],
                )
                for step in (-STEP, STEP)
            ]
            columns.append((pair[1] - pair[0]) / (2 * STEP))
        for k in range(len(self.nuisance)):
            pair = [self.residuals(x + s * unit[n + k], slopes.curves) for s in (-STEP, STEP)]
            columns.append((pair[1] - pair[0]) / (2 * STEP))
        return np.stack(columns, 1)


def _evaluate(travel: Array, stress: Array, at: Array) -> Array:
    """Interpolate a branch at `at`, linearly beyond its ends."""
    inside = np.clip(at, travel[0], travel[-1])
    curve = PchipInterpolator(travel, stress)
    slopes = np.where(
        at < travel[0],
        (stress[1] - stress[0]) / (travel[1] - travel[0]),
        (stress[-1] - stress[-2]) / (travel[-1] - travel[-2]),
    )
    return np.asarray(curve(inside)) + slopes * (at - inside)
