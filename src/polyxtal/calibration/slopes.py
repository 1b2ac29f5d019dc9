"""The elastic slope of measured curves, which tells wrong units."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from polyxtal.calibration.measurement import Measurement
from polyxtal.calibration.repeats import Reduced

NEAR, NEARER = 2.5, 1.5
"""Factor within which a slope is that of another unit; for units that are near to MPa, and with a
load frame. [-]"""
KSI = 1 / 6.894757293168
"""1 MPa. [ksi]"""
SLIPS = (
    (KSI, "its stress looks like ksi that are taken for MPa"),
    (1e3 * KSI, "its stress looks like psi that are taken for MPa"),
    (0.01, "its strain looks like percent that are taken for fractions"),
    (100.0, "its strain looks like fractions that are taken for percent"),
    (1e6, "its stress looks like Pa that are taken for MPa"),
    (1e-3, "its stress looks like GPa that are taken for MPa"),
    (1e3, "its stress looks like kPa that are taken for MPa"),
    (1e-6, "its stress looks like MPa that are taken for Pa"),
)


def elastic_slope(test: Measurement, reduced: Reduced) -> float:
    """Return the largest slope of the first branch over a twentieth of its stress. [MPa]"""
    first = reduced.branch == 0
    strain, stress = test.sign * reduced.strain[first], test.sign * reduced.stress[first]
    order = np.argsort(strain, kind="stable")
    strain, stress = strain[order], stress[order]
    window = max(2, len(strain) // 10)
    early = max(len(strain) // 2, window + 1)
    rise = stress[window:early] - stress[: early - window]
    run = strain[window:early] - strain[: early - window]
    slopes = rise[run > 0] / run[run > 0]
    return float(slopes.max()) if len(slopes) else 0.0


def check_slope(test: Measurement, reduced: Reduced, modulus: float) -> None:
    """Refuse a curve whose elastic slope is that of another unit.

    Args:
        test: The measurement.
        reduced: Its averages.
        modulus: Young's modulus of the specimen along the test. [MPa]
    Raises:
        ValueError: if it is.
    """
    slope = elastic_slope(test, reduced)
    ratio = slope / modulus
    # A load frame makes a curve softer, up to its compliance.
    known = [slip for slip in SLIPS if not (test.frame and slip[0] == KSI)]
    factor, slip = min(known, key=lambda one: abs(math.log(max(ratio, 1e-12) / one[0])))
    near = NEARER if test.frame or factor == KSI else NEAR
    if factor / near < ratio < factor * near:
        raise ValueError(
            f"The elastic slope of '{test.name}' must be near Young's modulus of the specimen, "
            f"{modulus:.3g} MPa, but is {slope:.3g} MPa: {slip}."
        )


def first_compliance(
    tests: Sequence[Measurement], reduced: Sequence[Reduced], modulus: float
) -> float:
    """Return the load frame's compliance by the elastic slopes, over that of the specimen. [-]"""
    slopes = [elastic_slope(t, r) for t, r in zip(tests, reduced, strict=True) if t.frame]
    return max(0.05, modulus / max(float(np.mean(slopes)), 1e-6) - 1.0)
