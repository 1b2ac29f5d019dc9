"""Numbers read from a stress-strain curve and from the strains of a tension test.

All are of the first loading: up to the first reversal of the loaded strain, or to the end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.mechanics.response import Response

PROOF_OFFSET = 2e-3
"""Plastic strain at the proof stress. [-]"""
HARDENING_SHARE = 0.1
"""Final fraction of the strain over which the hardening modulus is measured. [-]"""
WIDENING_SHARE = 0.5
"""Final fraction of the strain over which the r-value is measured. [-]"""
UNIAXIAL = 0.02
"""Largest transverse stress of a tension test, of the largest axial stress. [-]"""
PLASTIC = 0.1
"""Largest slope of a curve, of its initial one, that counts as plastic. [-]"""

Array = NDArray[np.float64]


class Loading(NamedTuple):
    """The first loading of a component.

    Attributes:
        strain: Engineering strain, (increments,). [-]
        stress: First Piola-Kirchhoff stress. [MPa]
        sign: -1 under compression or negative shear, else 1.
    """

    strain: Array
    stress: Array
    sign: float


class Sheet(NamedTuple):
    """Axes of a tension test in the plane of a sheet with the normal z: 0-based."""

    length: int
    width: int
    thickness: int


def first_loading(response: Response, component: str) -> Loading:
    """Return the curve of a component up to the first reversal of its strain."""
    strain = response.strain(component).detach().numpy()
    stress = response.stress(component).detach().numpy()
    steps = np.diff(strain)
    moving = np.flatnonzero(np.abs(steps) > 1e-12)
    end = 1
    if len(moving):
        back = np.flatnonzero(steps * np.sign(steps[moving[0]]) < -1e-12)
        end = len(strain) if len(back) == 0 else int(back[0]) + 1
    return Loading(strain[:end], stress[:end], -1.0 if strain[end - 1] < 0 else 1.0)


def proof_stress(curve: Loading, slope: float) -> float | None:
    """Return where the curve meets the elastic line shifted by the offset strain. [MPa]

    Args:
        curve: First loading.
        slope: Elastic slope. [MPa]
    """
    strain, stress = curve.sign * curve.strain, curve.sign * curve.stress
    above = stress - slope * (strain - PROOF_OFFSET)
    crossed = np.flatnonzero((above <= 0) & (strain > PROOF_OFFSET))
    if len(crossed) == 0:
        return None
    k = int(crossed[0])
    share = above[k - 1] / (above[k - 1] - above[k])
    return float(curve.sign * (stress[k - 1] + share * (stress[k] - stress[k - 1])))


def late_change(curve: Loading, share: float) -> tuple[Array, float] | None:
    """Return the change of any history over the final share of the strain.

    Args:
        curve: First loading.
        share: Of the strain at its end. [-]
    Returns:
        Weights w of the increments, Σ w h the change of a history h, linear between increments; and
        the change of the strain. None without strain.
    """
    end = float(curve.strain[-1])
    if end == 0:
        return None
    rows = np.eye(len(curve.strain))
    strain = curve.sign * curve.strain
    at = curve.sign * (1 - share) * end
    before = np.array([np.interp(at, strain, row) for row in rows])
    return rows[-1] - before, share * end


def hardening_modulus(curve: Loading) -> float | None:
    """Return the secant slope over the last tenth of the strain. [MPa]"""
    change = late_change(curve, HARDENING_SHARE)
    return None if change is None else float(change[0] @ curve.stress) / change[1]


def sheet_of(response: Response, component: str) -> Sheet | None:
    """Return the axes of the tension test that a response is of; None of any other load."""
    axes = {"xx": Sheet(0, 1, 2), "yy": Sheet(1, 0, 2)}.get(component)
    if axes is None:
        return None
    largest = float(response.P[:, axes.length, axes.length].abs().max())
    free = response.P.detach().numpy()[:, axes[1:], axes[1:]]
    return axes if largest > 0 and np.abs(free).max() <= UNIAXIAL * largest else None


def stretches(response: Response, axis: int, rows: int) -> Array:
    """Return the logarithm of a normal component of F in the first rows. [-]"""
    return np.log(response.F.detach().numpy()[:rows, axis, axis])


def r_value(response: Response, component: str) -> float | None:
    """Return the ratio of the transverse strains over the last half of a tension test. [-]

        r = Δ ln F_ww / Δ ln F_tt

    t is z, the normal of the sheet, w the other transverse axis. Elastic strains, which change by
    Δσ / E only, are among them. None of other loads, and while the curve is not plastic.
    """
    sheet = sheet_of(response, component)
    curve = first_loading(response, component)
    change = late_change(curve, WIDENING_SHARE)
    if sheet is None or change is None or len(curve.strain) < 3:
        return None
    weights, strain = change
    slope = curve.stress[1] / curve.strain[1]
    if not abs(weights @ curve.stress / strain) < PLASTIC * abs(slope):
        return None
    width, thickness = (weights @ stretches(response, k, len(weights)) for k in sheet[1:])
    return float(width / thickness)


def interpolate(curve: Loading, strain: float, history: Array) -> float:
    """Return a history of the first loading at the magnitude of a strain."""
    return float(np.interp(strain, curve.sign * curve.strain, history))
