"""Yield functions and hardening laws fitted to a virtual laboratory."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.argument_types import require_type
from polyxtal.mechanics.yielding.data import YieldPoints
from polyxtal.mechanics.yielding.fit import fit_yield_function
from polyxtal.mechanics.yielding.hardening_fit import HardeningFit, fit_hardening
from polyxtal.mechanics.yielding.result import YieldFit
from polyxtal.virtual_lab.measure import DRAWN, Estimate, Yielding, along_tension, plastic_strain
from polyxtal.virtual_lab.result import Directional, Laboratory

SYMMETRIC = ("hill48", "yld2000")
"""Yield functions for crystals that yield to opposite stresses alike."""
TWINNING = ("hill48", "cpb06")
"""Yield functions for crystals with twins."""
PLANE_STRESS = ("yld2000",)
"""Yield functions of stresses in the plane of the sheet alone."""
FCC = 8.0
"""Exponent of yield functions of crystals that slip as cF. [-]"""
LAWS = ("swift", "voce")
"""Hardening laws that are tried."""
UNKNOWN = 0.02
"""Relative uncertainty of numbers without bounds. [-]"""
POOR = 0.03
"""Root mean square of yield stresses beyond which a fit is warned of, relative to them. [-]"""
LEAST = 1e-3
"""Smallest standard uncertainty of a yield stress, relative to it. [-]"""
FIRM = 0.5
"""Smallest stress of a hardening law without plastic strain, over the first one fitted. [-]"""
FLOW_FROM = 5e-4
"""Plastic strain from which the flow curve is fitted. [-]"""


def yield_data(
    laboratory: Laboratory, level: float | None = None, in_plane: bool = False
) -> YieldPoints:
    """Return what a laboratory measured, for `fit_yield_function`.

    Standard uncertainties are the bounds of grid and sampling together, over the normal
    distribution's quantile.

    Args:
        laboratory: The laboratory.
        level: Plastic strain of the tension along x, see `Laboratory.yield_points`. [-]
        in_plane: Whether to leave out stresses that are not in the plane of the sheet.
    """
    require_type(laboratory, Laboratory, "laboratory")
    points = laboratory.yield_points(level)
    stresses = laboratory.yield_stresses(level)
    ratios = {one.angle: one for one in laboratory.r_values() if one.value > 0}
    data = YieldPoints.uniaxial(
        [one.angle for one in stresses],
        [one.value for one in stresses],
        [ratios[one.angle].value if one.angle in ratios else math.nan for one in stresses],
        stress_uncertainty=[_deviation(one) for one in stresses],
        r_uncertainty=[
            _deviation(ratios[one.angle]) if one.angle in ratios else 1.0 for one in stresses
        ],
    )
    biaxial, r_b = laboratory.biaxial(level), laboratory.biaxial_r()
    data += YieldPoints.biaxial(
        biaxial.value,
        r_b.value if r_b.value > 0 else None,
        stress_uncertainty=_deviation(biaxial),
        r_uncertainty=_deviation(r_b) if r_b.value > 0 else 1.0,
    )
    constant = [p for p in points if p.kind == "plane strain"]
    if constant:
        data += YieldPoints.plane_strain(
            [p.angle for p in constant],
            [_along(p) for p in constant],
            uncertainty=[_spread(p) for p in constant],
        )
    rest = [p for p in points if p.kind in ("shear", *(() if in_plane else ("deviatoric",)))]
    rest += [p for p in points if p.kind == "plane stress" and (p.angle or 0.0) not in (0.0, 45.0)]
    return data + YieldPoints.stresses(
        np.stack([_prescribed(p) for p in rest]), uncertainty=[_spread(p) for p in rest]
    )


def fit_laboratory(
    laboratory: Laboratory,
    kinds: Sequence[str] | None = None,
    level: float | None = None,
    exponent: float | None = None,
) -> dict[str, YieldFit]:
    """Fit yield functions to a laboratory.

    Args:
        laboratory: The laboratory.
        kinds: Names as in `fit_yield_function`; None for "hill48" and "yld2000", with twins
            for "hill48" and "cpb06".
        level: Plastic strain of the tension along x, see `Laboratory.yield_points`. [-]
        exponent: Exponent of the functions: 8 for cF, 6 for cI crystals; None for 8, and for
            "cpb06" 2.
    Returns:
        The fits by name; a function that cannot be fitted, or would not be convex, is left out with
        a warning.
    """
    usual = SYMMETRIC if laboratory.half else TWINNING
    fits = {}
    for kind in usual if kinds is None else kinds:
        data = yield_data(laboratory, level, in_plane=kind in PLANE_STRESS)
        try:
            own = 2.0 if kind == "cpb06" else FCC
            fits[kind] = fit_yield_function(data, kind, exponent=exponent or own)
            if fits[kind].rms_stress > POOR:
                warnings.warn(
                    f"{kind} should fit the yield stresses to {100 * POOR:g} % (rms), but does to "
                    f"{100 * fits[kind].rms_stress:.2g} %: use another yield function.",
                    stacklevel=2,
                )
        except (ValueError, ConvergenceError) as error:
            if kinds is not None and len(kinds) == 1:
                raise
            warnings.warn(f"{kind} is left out: {error}", stacklevel=2)
    return fits


def flow_curve(laboratory: Laboratory, law: str | None = None) -> HardeningFit:
    """Fit a hardening law to the true stress over the plastic strain in tension along x.

    Args:
        laboratory: The laboratory.
        law: Name as in `fit_hardening`; None for that of "swift" and "voce" which fits better.
    """
    one = laboratory.records[0]
    strain = along_tension(one.test, plastic_strain(one.response, laboratory.compliance)).numpy()
    stress = along_tension(one.test, one.response.true_stress).numpy()
    yields = strain > FLOW_FROM
    laws = LAWS if law is None else (law,)
    found = []
    for one in laws:
        try:
            found.append(fit_hardening(strain[yields], stress[yields], one))
        except ConvergenceError:
            if law is not None:
                raise
    # A card starts at no plastic strain: a law that is soft there would yield far too early.
    firm = [one for one in found if float(one.law.stress([0.0])[0]) > FIRM * stress[yields][0]]
    if not (firm or found):
        raise ConvergenceError("No hardening law fits the flow curve along x.", math.inf)
    return min(firm or found, key=lambda one: one.rms)


def _deviation(one: Estimate | Directional) -> float:
    """Return the standard uncertainty of a number, the same share of all where none is known."""
    bound = math.hypot(one.grid, one.sampling) / DRAWN
    return UNKNOWN * abs(one.value) if math.isnan(bound) else max(bound, LEAST * abs(one.value))


def _spread(point: Yielding) -> float:
    size = float(np.linalg.norm(point.stress))
    bound = math.hypot(point.grid, point.sampling) / DRAWN
    return UNKNOWN * size if math.isnan(bound) else max(bound, LEAST * size)


def _prescribed(point: Yielding) -> np.ndarray:
    """Return a stress without what the solver's tolerance leaves out of the plane of the sheet."""
    if point.kind == "deviatoric":
        return point.stress
    in_plane = point.stress.copy()
    in_plane[2], in_plane[:, 2] = 0.0, 0.0
    return in_plane


def _along(point: Yielding) -> float:
    angle = math.radians(point.angle or 0.0)
    axis = np.array([math.cos(angle), math.sin(angle), 0.0])
    return float(axis @ point.stress @ axis)
