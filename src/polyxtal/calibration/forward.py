"""The forward model: curves of a material network, corrected to those of the full field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.threads import one_thread
from polyxtal.calibration.condition import Condition, Curve
from polyxtal.calibration.parameters import FreeParameter, set_parameters
from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading.stepping import follow
from polyxtal.network.tree import MaterialNetwork

Array = NDArray[np.float64]

Answer = list[Curve]


def network_curve(network: MaterialNetwork, material: Material, condition: Condition) -> Curve:
    """Return the curve of a network along a load.

    Raises:
        ConvergenceError: if an increment does not converge.
    """
    stepper = network.online(material)
    rows = [stepper.averages()]
    follow(condition.path(), stepper, lambda _: rows.append(stepper.averages()))
    F, P = (np.stack(each) for each in zip(*rows, strict=True))
    return Curve.of(condition, F, P)


class Forward:
    """Curves of all conditions at coordinates z of the free parameters.

    Attributes:
        free: Free parameters by name.
        conditions: Loads.
        material: Material that the other parameters are of.
    """

    def __init__(
        self,
        network: MaterialNetwork,
        material: Material,
        free: Mapping[str, FreeParameter],
        conditions: Sequence[Condition],
        threads: int = 1,
        known: dict[bytes, Answer] | None = None,
        on_solve: Callable[[], None] | None = None,
    ) -> None:
        """Start without a correction.

        Args:
            network: Network of the specimen.
            material: Material that the other parameters are of.
            free: Free parameters by name.
            conditions: Loads.
            threads: Number of curves at a time.
            known: Answers by coordinates, of an earlier run; new ones are added.
            on_solve: Called after every new answer.
        """
        self.network, self.material, self.free = network, material, dict(free)
        self.conditions, self.threads = list(conditions), threads
        self.known = {} if known is None else known
        self._on_solve = on_solve
        self._correction: list[tuple[Curve, float]] | None = None

    def material_at(self, z: Array) -> Material:
        """Return the material at coordinates."""
        values = {name: one.value(v) for (name, one), v in zip(self.free.items(), z, strict=True)}
        return set_parameters(self.material, values)

    def solve(self, z: Array) -> Answer | None:
        """Return the corrected curves at coordinates, None if they do not converge."""
        return self.solve_all([z])[0]

    def solve_all(self, points: Sequence[Array]) -> list[Answer | None]:
        """Return the corrected curves at several coordinates, on several threads."""
        keys = [np.asarray(z, np.float64).tobytes() for z in points]
        missing = [k for k, key in enumerate(keys) if key not in self.known]
        jobs = [(k, c) for k in dict.fromkeys(missing) for c in range(len(self.conditions))]
        materials = {k: self.material_at(points[k]) for k in missing}
        failed: set[int] = set()

        def run(job: tuple[int, int]) -> Curve | None:
            k, c = job
            if k in failed:
                return None
            try:
                return network_curve(self.network, materials[k], self.conditions[c])
            except ConvergenceError:
                failed.add(k)
                return None

        with one_thread(), ThreadPoolExecutor(self.threads) as pool:
            curves = dict(zip(jobs, pool.map(run, jobs), strict=True))
        for k in missing:
            own = [curves[k, c] for c in range(len(self.conditions)) if (k, c) in curves]
            self.known[keys[k]] = [] if k in failed else [c for c in own if c is not None]
            if self._on_solve is not None:
                self._on_solve()
        return [self._corrected(self.known[key]) or None for key in keys]

    def correct(self, z: Array, truth: Sequence[Curve]) -> None:
        """Correct all later answers by what the full field differs at z.

            σ(z) = σ_net(z) + [σ_full(z₀) - σ_net(z₀)] max|σ_net(z)| / max|σ_net(z₀)|

        In the plastic range this is nearly a ratio of the curves in each increment; about zero
        stress, as in unloading, it stays finite.
        """
        self._correction = None
        own = self.solve(z)
        if own is None:
            raise ConvergenceError("The network must converge at the fit, but does not.", np.inf)
        self._correction = [
            (
                Curve(a.strain, b.stress - a.stress, b.stretches - a.stretches),
                float(np.abs(a.stress).max()),
            )
            for a, b in zip(own, truth, strict=True)
        ]

    @property
    def correction(self) -> float:
        """Largest correction over the largest stress of its curve. [-]"""
        if self._correction is None:
            return 0.0
        return max(float(np.abs(c.stress).max()) / scale for c, scale in self._correction)

    def _corrected(self, curves: Answer) -> Answer:
        if self._correction is None or not curves:
            return curves
        return [
            Curve(
                one.strain,
                one.stress + difference.stress * (np.abs(one.stress).max() / scale),
                one.stretches + difference.stretches,
            )
            for one, (difference, scale) in zip(curves, self._correction, strict=True)
        ]
