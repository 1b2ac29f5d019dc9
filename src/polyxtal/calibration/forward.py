"""The forward model: curves of a material network, corrected to those of the full field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.threads import one_thread
from polyxtal.calibration.condition import FINER, Condition, Curve
from polyxtal.calibration.parameters import FreeParameter, set_parameters
from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading.stepping import follow
from polyxtal.network.parameter_sensitivity import Variation, respond_with_sensitivity
from polyxtal.network.tree import MaterialNetwork

Array = NDArray[np.float64]

Answer = list[Curve]


NEAR, SMALL = 1e-3, 0.05
"""Distance of points that the gradient of the correction does not use, and directions that it
leaves out, relative to the longest. [-]"""
STEP = 1e-5
"""Change of a parameter, relative to itself, in differences of the law. [-]"""


def network_curve(
    network: MaterialNetwork, material: Material, condition: Condition, finer: int = 1
) -> Curve:
    """Return the curve of a network along a load.

    Args:
        network: The network.
        material: Material.
        condition: Load.
        finer: Increments in one of the curve.
    Raises:
        ConvergenceError: if an increment does not converge.
    """
    stepper = network.online(material)
    rows = [stepper.averages()]
    follow(condition.path(finer), stepper, lambda _: rows.append(stepper.averages()))
    F, P = (np.stack(each)[::finer] for each in zip(*rows, strict=True))
    return Curve.of(condition, F, P)


class Correction(NamedTuple):
    """What the full field differs from the network at coordinates z, for every condition.

    Attributes:
        z: Coordinates.
        stress: Difference of the stress, over the largest stress of the network. [-]
        stretches: Difference of the stretches. [-]
    """

    z: Array
    stress: list[Array]
    stretches: list[Array]


class Slopes(NamedTuple):
    """Curves of all conditions, and their derivatives by every coordinate, [condition][k]."""

    curves: Answer
    by: list[Answer]


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
        known: dict[str, dict[bytes, Answer]] | None = None,
        on_solve: Callable[[int], None] | None = None,
    ) -> None:
        """Start without a correction.

        Args:
            network: Network of the specimen.
            material: Material that the other parameters are of.
            free: Free parameters by name.
            conditions: Loads.
            threads: Number of curves at a time.
            known: Curves ("network") and derivatives ("slopes") by coordinates, of an earlier run;
                new ones are added.
            on_solve: Called after every new answer with their number.
        """
        self.network, self.material, self.free = network, material, dict(free)
        self.conditions, self.threads = list(conditions), threads
        given = {} if known is None else known
        self.known = given.setdefault("network", {})
        self._slopes = given.setdefault("slopes", {})
        self._on_solve = on_solve
        self._corrections: list[Correction] = []
        self._shares_by_z = np.empty((0, len(self.free)))

    def material_at(self, z: Array) -> Material:
        """Return the material at coordinates."""
        values = {name: one.value(v) for (name, one), v in zip(self.free.items(), z, strict=True)}
        return set_parameters(self.material, values)

    def slopes(self, z: Array) -> Slopes:
        """Return the corrected curves and their derivatives by the coordinates.

        Raises:
            ConvergenceError: if they do not converge.
        """
        key, n = np.asarray(z, np.float64).tobytes(), len(self.free)
        if key not in self._slopes:
            # Both sides of a parameter at its bound must be values that the law can have.
            steps = [STEP / one.width if one.log else STEP for one in self.free.values()]
            inside = np.clip(z, steps, 1.0 - np.array(steps))
            variations = []
            for k, step in enumerate(steps):
                ends = inside + np.outer((-step, step), np.eye(n)[k])
                minus, plus = (self.material_at(end) for end in ends)
                variations.append(Variation(minus, plus, step))

            def run(condition: Condition) -> Answer:
                found = respond_with_sensitivity(
                    self.network, self.material_at(inside), variations, condition.path()
                )
                curve = Curve.of(condition, found.F, found.P)
                pairs = zip(found.by_F, found.by_P, strict=True)
                return [curve, *(Curve.derivative(condition, found.F, *pair) for pair in pairs)]

            with one_thread(), ThreadPoolExecutor(self.threads) as pool:
                found = list(pool.map(run, self.conditions))
            self._slopes[key] = [curve for answer in found for curve in answer]
            self._tell()
        flat = self._slopes[key]
        each = [flat[c : c + n + 1] for c in range(0, len(flat), n + 1)]
        raw = [answer[0] for answer in each]
        corrected = [
            [self._corrected_slope(c, z, k, answer[0], one) for k, one in enumerate(answer[1:])]
            for c, answer in enumerate(each)
        ]
        return Slopes(self._corrected(z, raw), corrected)

    def solve(self, z: Array) -> Answer | None:
        """Return the corrected curves at coordinates, None if they do not converge."""
        return self.solve_all([z])[0]

    def solve_all(self, points: Sequence[Array]) -> list[Answer | None]:
        """Return the corrected curves at several coordinates, on several threads."""
        raw = self._solve_all(points)
        return [self._corrected(z, one) or None for z, one in zip(points, raw, strict=True)]

    def _solve_all(self, points: Sequence[Array]) -> list[Answer]:
        """Return the network's own curves, empty where they do not converge."""
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
            self._tell()
        return [self.known[key] for key in keys]

    def correct(self, z: Array, truth: Sequence[Curve]) -> None:
        """Correct all later answers by what the full field differs at z, and at earlier points.

            σ(z) = σ_net(z) + max|σ_net(z)| d(z)
            d(z_i) = [σ_full(z_i) + τ - σ_net(z_i)] / max|σ_net(z_i)|
            τ = 2 [σ_net,4(z_i) - σ_net,2(z_i)]

        In the plastic range this is nearly a ratio of the curves in each increment; about zero
        stress, as in unloading, it stays finite. Between the points d is linear, with the least
        gradient that gives all of them. τ is the error of the full field's time steps, two in one
        of the network's, by Richardson's extrapolation in networks of two and four: it falls with
        the first power of the step.

        Raises:
            ConvergenceError: if the network does not converge at z.
        """
        (own,) = self._solve_all([z])
        if not own:
            raise ConvergenceError("The network must converge at the fit, but does not.", np.inf)
        material = self.material_at(z)
        jobs = [(c, finer) for c in self.conditions for finer in (FINER, 2 * FINER)]
        with one_thread(), ThreadPoolExecutor(self.threads) as pool:
            fine = list(pool.map(lambda job: network_curve(self.network, material, *job), jobs))
        stress, stretches = [], []
        for a, b, whole, half in zip(own, truth, fine[::2], fine[1::2], strict=True):
            missed = b.stress + 2.0 * (half.stress - whole.stress) - a.stress
            stress.append(missed / np.abs(a.stress).max())
            stretches.append(b.stretches + 2.0 * (half.stretches - whole.stretches) - a.stretches)
        others = [one for one in self._corrections if np.linalg.norm(one.z - z) > NEAR]
        self._corrections = [*others, Correction(np.array(z), stress, stretches)]
        moves = np.array([one.z - z for one in others]).reshape(-1, len(z))
        self._shares_by_z = np.linalg.pinv(moves.T, rcond=SMALL)

    @property
    def correction(self) -> float:
        """Largest correction over the largest stress of its curve. [-]"""
        if not self._corrections:
            return 0.0
        return max(float(np.abs(one).max()) for one in self._corrections[-1].stress)

    def _tell(self) -> None:
        if self._on_solve is not None:
            self._on_solve(len(self.known) + len(self._slopes))

    def _shares(self, z: Array) -> Array:
        """Return the shares of all corrections at coordinates, (corrections,), that add up to 1."""
        others = self._shares_by_z @ (z - self._corrections[-1].z)
        return np.append(others, 1.0 - others.sum())

    def _corrected_slope(self, c: int, z: Array, k: int, curve: Curve, slope: Curve) -> Curve:
        """Return the derivative of a corrected curve by coordinate k."""
        if not self._corrections:
            return slope
        others = self._shares_by_z[:, k]
        shares, by_z = self._shares(z), np.append(others, -others.sum())
        stress = np.stack([one.stress[c] for one in self._corrections], -1)
        stretches = np.stack([one.stretches[c] for one in self._corrections], -1)
        largest = int(np.abs(curve.stress).argmax())
        growth = float(np.sign(curve.stress[largest]) * slope.stress[largest])
        return slope._replace(
            stress=slope.stress
            + growth * (stress @ shares)
            + np.abs(curve.stress[largest]) * (stress @ by_z),
            stretches=slope.stretches + stretches @ by_z,
        )

    def _corrected(self, z: Array, curves: Answer) -> Answer:
        if not self._corrections or not curves:
            return curves
        shares, found = self._shares(z), []
        for c, one in enumerate(curves):
            stress = np.stack([each.stress[c] for each in self._corrections], -1) @ shares
            stretches = np.stack([each.stretches[c] for each in self._corrections], -1) @ shares
            largest = np.abs(one.stress).max()
            found.append(
                Curve(one.strain, one.stress + largest * stress, one.stretches + stretches)
            )
        return found
