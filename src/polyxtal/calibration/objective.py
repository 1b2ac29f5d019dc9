"""Residuals of a calibration: measured less predicted stress, r-values and priors."""

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
    """Residuals at x = (z, nuisances), each over its standard deviation.

    Attributes:
        forward: Forward model.
        tests, reduced: Measurements.
        which: Condition of every test.
        discrepancy: Standard deviation by which the model itself misses each test. [MPa]
    """

    def __init__(
        self,
        forward: Forward,
        tests: Sequence[Measurement],
        reduced: Sequence[Reduced],
        which: Sequence[int],
        modulus: float,
    ) -> None:
        """Start without discrepancy."""
        self.forward, self.tests, self.reduced, self.which = forward, tests, reduced, which
        self.nuisance = Nuisance.of(tests, modulus)
        self.discrepancy = np.zeros(len(tests))
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

    def inflations(self, factor: float) -> Array:
        """Return the factor of the variance of every residual.

        It is `factor` for the points of curves, whose errors are correlated; r-values and priors
        are single numbers.
        """
        points = sum(len(one.stress) for one in self.reduced)
        others = sum(test.r_value is not None for test in self.tests) + len(self.priors)
        return np.concatenate([np.full(points, factor), np.ones(others)])

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

    def residuals(self, x: Array, curves: Sequence[Curve] | None) -> Array:
        """Return all residuals; `curves` are those at x, None if they do not converge."""
        parts = []
        if curves is None:
            parts = [np.full(len(one.stress), FAILED) for one in self.reduced]
        else:
            pairs = zip(self.predicted(x, curves), self.reduced, self.deviations(), strict=True)
            parts = [(stress - one.stress) / deviation for stress, one, deviation in pairs]
        for k, test in enumerate(self.tests):
            if test.r_value is not None:
                value, deviation = test.r_value
                own = FAILED
                if curves is not None:
                    own = curves[self.which[k]].r_value(self.branch_rows(k))
                parts.append(np.array([(own - value) / deviation]))
        parts.append(np.array([(x[k] - mean) / deviation for k, mean, deviation in self.priors]))
        return np.concatenate(parts)

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
