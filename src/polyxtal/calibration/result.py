"""The result of a calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.calibration.condition import Condition
from polyxtal.calibration.measurement import Measurement
from polyxtal.calibration.objective import Objective
from polyxtal.calibration.parameters import FreeParameter
from polyxtal.calibration.posterior import Posterior
from polyxtal.calibration.repeats import Reduced
from polyxtal.calibration.uncertainty import SIGMA_90, Laplace, distance
from polyxtal.crystal.material import Material

Array = NDArray[np.float64]


class ParameterEstimate(NamedTuple):
    """A calibrated parameter, in its own unit.

    Attributes:
        value: Value of the best fit.
        low, high: Ends of the 90 % interval, within the bounds.
        systematic: Part of it to either side that is the error of the full field's grid.
    """

    value: float
    low: float
    high: float
    systematic: float


MISSED = 0.1
"""Root mean square of the rest, over the largest stress, of a curve that a law misses. [-]"""
SEVERAL = 4.0
"""Root mean square of the rest, over the noise, that is worth a remark. [-]"""
FAR = 2.0
"""Distance of an r-value from the measured one, over its deviation, worth a remark. [-]"""


class FittedTest(NamedTuple):
    """A measured curve and the fitted one.

    Attributes:
        test: The measurement.
        reduced: Its points that are compared.
        strain: Strain of the specimen there, without toe and load frame. [-]
        stress: Fitted stress there. [MPa]
        band: Ends of the 90 % interval of the predicted stress, (2, points); None without
            samples. [MPa]
        rms: Root mean square of the rest. [MPa]
        noise: Standard deviation of the points by noise. [MPa]
        discrepancy: Standard deviation by which the model itself misses the curve. [MPa]
        toe: Origin of the strain; 0 if it is known. [-]
        r_value: Fitted r-value over the last half of the strain; None along z. [-]
    """

    test: Measurement
    reduced: Reduced
    strain: Array
    stress: Array
    band: Array | None
    rms: float
    noise: float
    discrepancy: float
    toe: float
    r_value: float | None

    @property
    def relative_rms(self) -> float:
        """Root mean square of the rest, over the largest stress. [-]"""
        return self.rms / float(np.abs(self.reduced.stress).max())


UNSETTLED = (
    "The parameters still moved after {} corrections by the full field, so that their intervals "
    "may be too narrow; fix those that these tests hardly determine."
)


def missed_tests(tests: Sequence[FittedTest]) -> list[str]:
    """Return a sentence for every test whose curve or r-value the fitted law misses."""
    said = []
    for number, one in enumerate(tests, 1):
        size = (
            f"the root mean square of the rest is {one.rms:.3g} MPa, "
            f"{100 * one.relative_rms:.2g} % of the largest stress"
        )
        if one.relative_rms > MISSED:
            said.append(
                f"Test {number} is not described by the law: {size}; check its units, sign and "
                "direction, or choose another law."
            )
        elif one.rms > SEVERAL * one.noise:
            said.append(
                f"Test {number} is missed by more than its noise: {size} and "
                f"{one.rms / one.noise:.2g} times the noise; this widens the intervals."
            )
        known = one.test.r_value
        if known is None or one.r_value is None:
            continue
        if abs(one.r_value - known[0]) > FAR * known[1]:
            said.append(
                f"The r-value of test {number} is missed: it is {one.r_value:.3g}, but measured "
                f"{known[0]:.3g} ± {known[1]:.2g}; it depends on the texture more than on the law."
            )
    return said


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """A calibrated material and what is known about its parameters.

    Attributes:
        material: The material with the best parameters.
        parameters: Every free parameter with its 90 % interval, by name.
        tests: Every measurement beside its fitted curve.
        remarks: What the tests cannot tell, and other things to know, in sentences.
        covariance: Covariance of the coordinates z of the free parameters. [-]
        free: Bounds and scales of the free parameters.
        laplace: The normal approximation, with the nuisances of the tests.
        posterior: Samples; None without emcee or if not asked for.
        other_minima: Parameters of other local minima, beyond a barrier, and the ratio of their
            sums of squares to the best one's.
        bias: Largest correction of the network by the full field, over the largest stress. [-]
        field_error: Bound of the full field's error over the largest stress; None without. [-]
        rounds: Number of corrections.
        compliance: Compliance of the load frame; None if no test has one. [1/MPa]
        conditions: Loads that were simulated.
        objective: Weighted residuals at any parameters.
        seconds: Wall time by stage. [s]

    Example:
        >>> import numpy as np
        >>> import polyxtal as px
        >>> strain = np.linspace(0.0, 0.02, 50)
        >>> test = px.Measurement(strain, 220 * np.tanh(330 * strain) + 900 * strain)
        >>> quick = px.CalibrationSettings(leaves=2, starts=1, accuracy=None, posterior=False)
        >>> rve, alloy = px.tessellate(grid=3, grains=9, seed=0), px.load_material("AA6022-T4")
        >>> found = px.calibrate(rve, test, alloy, ["slip_resistance_initial"], quick)
        >>> one = found.parameters["slip_resistance_initial"]
        >>> one.low < one.value < one.high
        True
    """

    material: Material
    parameters: Mapping[str, ParameterEstimate]
    tests: tuple[FittedTest, ...]
    remarks: tuple[str, ...]
    covariance: Array
    free: Mapping[str, FreeParameter]
    laplace: Laplace
    posterior: Posterior | None
    other_minima: tuple[tuple[Mapping[str, float], float], ...]
    bias: float
    field_error: float | None
    rounds: int
    compliance: float | None
    conditions: tuple[Condition, ...]
    objective: Objective
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Name parameters with their intervals."""
        listed = ", ".join(
            f"{name}={one.value:.4g} ({one.low:.4g} to {one.high:.4g})"
            for name, one in self.parameters.items()
        )
        return f"Calibration({listed})"

    @property
    def correlation(self) -> Array:
        """Correlation of the free parameters, in their order. [-]"""
        deviation = np.sqrt(np.diag(self.covariance))
        return self.covariance / np.outer(deviation, deviation)

    def distance(self, values: Mapping[str, float]) -> float:
        """Return by how much 2 ln p falls from the best parameters to others, by their true curves.

        If they are the true ones, it is below the 90 % quantile of the χ² distribution of as many
        degrees of freedom as there are parameters with a probability of 90 %. It is infinite where
        the curves do not converge.

        Raises:
            KeyError: if a free parameter is missing.
        """
        z = np.array([one.coordinate(values[name]) for name, one in self.free.items()])
        return distance(self.objective, self.laplace.x, z)

    def samples(self) -> Array:
        """Return the posterior's samples of the parameters, in their units, (samples, parameters).

        Raises:
            RuntimeError: if there are none.
        """
        if self.posterior is None:
            raise RuntimeError("There must be a posterior, but this calibration has none.")
        z = self.posterior.samples[:, : len(self.free)]
        columns = [[one.value(v) for v in z[:, k]] for k, one in enumerate(self.free.values())]
        return np.array(columns).T


def estimates(
    free: Mapping[str, FreeParameter],
    found: Laplace,
    posterior: Posterior | None,
    systematic: Array,
) -> dict[str, ParameterEstimate]:
    """Return values and intervals: of the samples where they can be trusted, else the normal ones.

    Args:
        free: Free parameters.
        found: Normal approximation.
        posterior: Samples, or None.
        systematic: Standard deviation of the coordinates by the full field's error.
    """
    out = {}
    for k, (name, one) in enumerate(free.items()):
        z, deviation = float(found.x[k]), found.deviation(k)
        ends = z - SIGMA_90 * deviation, z + SIGMA_90 * deviation
        if posterior is not None and posterior.trusted:
            ends = tuple(np.quantile(posterior.samples[:, k], (0.05, 0.95)))
        low, high = (one.value(float(end)) for end in ends)
        value = one.value(z)
        shift = SIGMA_90 * systematic[k]
        moved = [abs(one.value(z + sign * shift) - value) for sign in (-1.0, 1.0)]
        out[name] = ParameterEstimate(value, min(low, value), max(high, value), max(moved))
    return out
