"""Height of a drawn cup over the angle, from the r-values of the sheet.

A ring of the flange at the angle θ is compressed along its circumference, which is at θ + 90° to
the rolling direction; it thins or thickens and lengthens as in a uniaxial test along that
direction. Its radial strain is ε_r = ln(R/r) r_θ+90 / (1 + r_θ+90), with -ln(R/r) that of the
circumference [Yoon2011].
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from polyxtal.argument_types import require_number


def ear_profile(r_values: Mapping[float, float], blank: float, cup: float) -> NDArray[np.float64]:
    """Return the height of a cup drawn from a circular blank, without friction and blank holder.

        H(θ) = ∫ exp(ε_r) dR = ∫ (R / r_c)^(r/(1+r)) dR from r_c to R_b, with r = r_θ+90
             = r_c ((R_b/r_c)^(q+1) - 1) / (q + 1),  q = r / (1 + r)

    Between the angles, r is a periodic cubic spline of a sheet of orthotropic symmetry.

    Args:
        r_values: r-value by angle to the rolling direction, 0 to 90 degrees. [-]
        blank: Radius R_b of the blank. [mm]
        cup: Radius r_c of the cup's wall. [mm]
    Returns:
        Angle [degrees], 0 to 359, and height [mm], (360, 2).
    Raises:
        ValueError: if 0 or 90 degrees are missing, or the radii do not ascend.
    """
    for value, name in ((blank, "blank"), (cup, "cup")):
        require_number(value, name)
    if not 0 < cup < blank < math.inf:
        raise ValueError(
            "Argument `blank` must be a larger radius than `cup`, both positive, "
            f"but they are {blank:g} and {cup:g} mm."
        )
    quarter = {a: r for a, r in r_values.items() if 0 <= a <= 90}
    if not {0.0, 90.0} <= set(quarter):
        raise ValueError(
            f"The r-values must be known at 0 and 90 degrees, but are at {sorted(r_values)}."
        )
    half = quarter | {180.0 - a: r for a, r in quarter.items()}
    angles = sorted(half)
    spline = CubicSpline(angles, [half[a] for a in angles], bc_type="periodic")
    theta = np.arange(360.0)
    r = spline((theta + 90.0) % 180.0)
    q = r / (1 + r)
    height = cup * ((blank / cup) ** (q + 1) - 1) / (q + 1)
    return np.column_stack([theta, height])
