"""The stress that residuals of networks near zero stress are divided by."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading.mixed_control import STRESS_FLOOR

ROUNDING = 32.0
"""Rounding errors of a stress at zero load, in units of the largest stiffness times epsilon. [-]"""


def stress_floor(materials: Sequence[Material], tolerance: float) -> float:
    """Return the smallest stress that residuals are divided by. [MPa]

    It is so large that rounding errors of undeformed crystals stay below the tolerance.
    """
    stiffest = max(float(m.elasticity.stiffness().abs().max()) for m in materials)
    return max(STRESS_FLOOR, ROUNDING * sys.float_info.epsilon * stiffest / tolerance)
