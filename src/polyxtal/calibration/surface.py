"""An interpolant of predicted curves between points where they were solved.

Gaussian radial basis functions exp(-(ε |ξ|)²) with a polynomial of second degree, of
ξ = L⁻¹ (x - x₀) with L Lᵀ the covariance of the chains.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from polyxtal.calibration.objective import Objective
from polyxtal.calibration.uncertainty import Laplace

Array = NDArray[np.float64]

WIDTH = 0.3
"""ε. [-]"""
RIDGE = 1e-10
"""Misfit of points, over the functions, that keeps the linear system regular. [-]"""
APART = 0.05
"""Smallest distance of two points, in standard deviations of the chains. [-]"""
FARTHEST = 50.0
"""|r|² beyond that of the fit of points that are left out where there are others. [-]"""
EXTRA = 2
"""Further nuisances at which the curves of a point are read."""


class Surface:
    """Predictions y(x) and ln p(x) by solved points.

    Attributes:
        count: Number of points in it.
    """

    def __init__(self, objective: Objective, at: Laplace, generator: np.random.Generator) -> None:
        """Start without points."""
        self._objective, self._centre, self._generator = objective, at.x, generator
        self._least = float(np.sum(objective(at.x) ** 2))
        self._x, self._y, self._gaps = [at.x], [self._read(at.x)], [0.0]
        self._failed: list[Array] = []
        self._inverse = np.eye(len(at.x))
        self._interpolant: RBFInterpolator | None = None
        self.count = 0

    def add(self, points: Array) -> list[float]:
        """Solve points, (points, unknowns), and keep them.

        Returns:
            |r|² of each less that of the fit, infinite where the curves do not converge.
        """
        n = self._objective.parameters
        answers = self._objective.forward.solve_all([x[:n] for x in points])
        gaps = []
        for x, curves in zip(points, answers, strict=True):
            if curves is None:
                self._failed.append(x)
                gaps.append(np.inf)
                continue
            gaps.append(self._keep(x, self._objective.predictions(x, curves)))
            for other in self._generator.integers(len(points), size=EXTRA if len(x) > n else 0):
                mixed = np.concatenate([x[:n], points[other][n:]])
                self._keep(mixed, self._objective.predictions(mixed, curves))
        return gaps

    def add_known(self, near: float) -> None:
        """Keep the points that the fit has solved with |r|² at most `near` beyond its least."""
        n = self._objective.parameters
        for key in list(self._objective.forward.known):
            x = np.concatenate([np.frombuffer(key), self._centre[n:]])
            curves = self._objective.forward.solve(x[:n])
            if curves is not None:
                y = self._objective.predictions(x, curves)
                if self._gap(x, y) <= near:
                    self._keep(x, y)

    def fit(self, cloud: Array) -> bool:
        """Interpolate all points, with the covariance of a cloud; return whether they suffice."""
        values, vectors = np.linalg.eigh(np.cov(cloud.T).reshape(2 * (cloud.shape[1],)))
        self._inverse = (vectors / np.sqrt(np.maximum(values, 1e-12))).T
        x, gaps = np.stack(self._x), np.array(self._gaps)
        xi = self._scaled(x)
        kept: list[int] = []
        for k in np.argsort(gaps, kind="stable"):
            if gaps[k] > FARTHEST and len(kept) > 2 * self._terms:
                break
            if not kept or np.linalg.norm(xi[kept] - xi[k], axis=1).min() > APART:
                kept.append(int(k))
        self.count = len(kept)
        if self.count < self._terms:
            return False
        y = np.stack([self._y[k] for k in kept])
        self._interpolant = RBFInterpolator(
            xi[kept], y, smoothing=RIDGE, kernel="gaussian", epsilon=WIDTH, degree=2
        )
        return True

    def __call__(self, x: Array) -> Array:
        """Return the predictions at points, (points, predictions)."""
        assert self._interpolant is not None
        return np.asarray(self._interpolant(self._scaled(x)))

    def log_density(self, x: Array) -> Array:
        """Return ln p at points, (points, unknowns); -∞ beyond bounds and where curves fail."""
        low, high = self._objective.bounds()
        inside = ((x >= low) & (x <= high)).all(1)
        if self._failed:
            xi = self._scaled(x)[:, None]
            nearest = [
                np.linalg.norm(xi - self._scaled(np.stack(those)), axis=2).min(1)
                for those in (self._x, self._failed)
            ]
            inside &= nearest[0] <= nearest[1]
        rests = self._objective.weigh(x, self(x))
        return np.where(inside, -0.5 * (rests**2).sum(1), -np.inf)

    def check(self, points: Array, worst: float) -> float:
        """Return the rms error of ln p at points, each at most `worst`, and add them."""
        guessed = -2.0 * self.log_density(points) - self._least
        return float(
            np.sqrt(np.mean(np.minimum(0.5 * np.abs(self.add(points) - guessed), worst) ** 2))
        )

    def best(self) -> tuple[Array, float]:
        """Return the point of the least |r|², and that less the fit's."""
        k = int(np.argmin(self._gaps))
        return self._x[k], self._gaps[k]

    @property
    def _terms(self) -> int:
        size = len(self._centre)
        return 1 + size + size * (size + 1) // 2

    def _scaled(self, x: Array) -> Array:
        return (x - self._centre) @ self._inverse.T

    def _read(self, x: Array) -> Array:
        curves = self._objective.forward.solve(x[: self._objective.parameters])
        assert curves is not None
        return self._objective.predictions(x, curves)

    def _gap(self, x: Array, y: Array) -> float:
        return float(np.sum(self._objective.weigh(x, y) ** 2)) - self._least

    def _keep(self, x: Array, y: Array) -> float:
        gap = self._gap(x, y)
        self._x.append(x)
        self._y.append(y)
        self._gaps.append(gap)
        return gap
