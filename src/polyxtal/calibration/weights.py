"""Weights of curves: the covariance of what a predicted curve may be away from a measured one.

    M = k I + Φ Φᵀ,   M^(-1/2) r = [r - U (1 - √(k / (k + s²))) Uᵀ r] / √k,   Φ = U s Vᵀ

in units of the standard deviations of the points. k >= 1 is for rests that are correlated along a
curve; Φ holds the error of the full field, which all curves have in common: its standard deviation
times the stress times polynomials of the strain, a factor, a slope and a curvature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from polyxtal.calibration.repeats import Reduced

Array = NDArray[np.float64]

SHAPES = (1.0, 0.5, 0.5)
"""Standard deviations of factor, slope and curvature over that of the stress. [-]"""


def common_error(reduced: Sequence[Reduced], deviation: float) -> Array:
    """Return the error that all curves have in common, (points, shapes). [MPa]

    Args:
        reduced: Curves.
        deviation: Standard deviation of the stress, relative to itself. [-]
    """
    columns = []
    for one in reduced:
        path = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(one.strain)))])
        at = 2.0 * path / max(path[-1], 1e-300) - 1.0
        shapes = legendre.legvander(at, len(SHAPES) - 1) * SHAPES
        columns.append(deviation * one.stress[:, None] * shapes)
    return np.concatenate(columns)


def whiten(rests: Array, factor: float, common: Array | None) -> Array:
    """Return M^(-1/2) r.

    Args:
        rests: r, (…, points), in standard deviations.
        factor: k.
        common: Φ, (points, shapes); None for none.
    """
    if common is not None:
        directions, sizes, _ = np.linalg.svd(common, full_matrices=False)
        shrink = 1.0 - np.sqrt(factor / (factor + sizes**2))
        rests = rests - ((rests @ directions) * shrink) @ directions.T
    return rests / np.sqrt(factor)
