"""Published coefficients give the published yield stresses and r-values, and fits find them."""

from __future__ import annotations

import numpy as np
import pytest
from sheets import (
    AA2090_BIAXIAL,
    AA2090_R,
    AA2090_STRESS,
    AA2090_YLD2000,
    AA2090_YLD2004,
    AA6016_BIAXIAL,
    AA6016_R,
    AA6016_STRESS,
    AA6016_YLD2000,
    AA6022_YLD2000,
    ANGLES,
    aa2090,
)

import polyxtal as px

THIRDS = [0, 45, 90]
ALLOYS = {
    "2090-T3": (AA2090_STRESS[::3], AA2090_R[::3], AA2090_BIAXIAL, AA2090_YLD2000, 2e-3),
    "AA6016-T4": (AA6016_STRESS, AA6016_R, AA6016_BIAXIAL, AA6016_YLD2000, 2e-4),
}
"""Yield stresses and r-values at 0, 45, 90, equibiaxial, coefficients, tolerance of the fit."""


@pytest.mark.parametrize("alloy", ALLOYS)
def test_yld2000_of_an_alloy(alloy):
    stress, r, (biaxial, biaxial_r), alpha, tolerance = ALLOYS[alloy]
    published = px.Yld2000(alpha)
    np.testing.assert_allclose(published.yield_stress(THIRDS), stress, atol=6e-4)
    np.testing.assert_allclose(published.r_value(THIRDS), r, atol=3e-3)
    assert published.biaxial_yield_stress() == pytest.approx(biaxial, abs=2e-4)
    assert published.biaxial_r_value() == pytest.approx(biaxial_r, abs=1e-3)

    points = px.YieldPoints.uniaxial(THIRDS, stress, r) + px.YieldPoints.biaxial(biaxial, biaxial_r)
    fit = px.fit_yield_function(points, "yld2000")
    assert max(fit.rms_stress, fit.rms_ratio) < 1e-8
    np.testing.assert_allclose(fit.function.vector, alpha, atol=tolerance)


def test_yld2000_of_aa6022_as_another_program_evaluates_it():
    """PolyN's polynomial of degree 8 is the same function as Yld2000-2d with a = 8 [Soare2023]."""
    function = px.Yld2000(AA6022_YLD2000)
    stress = [0.9997, 0.9959, 0.9854, 0.9726, 0.9618, 0.9540, 0.9508]
    r = [0.8215, 0.7089, 0.5217, 0.4171, 0.4131, 0.4732, 0.5126]
    np.testing.assert_allclose(function.yield_stress(ANGLES), stress, atol=6e-5)
    np.testing.assert_allclose(function.r_value(ANGLES), r, atol=6e-5)
    assert function.biaxial_yield_stress() == pytest.approx(0.9298, abs=6e-5)
    # its ratio is that of the strains along y and z
    r_b = function.biaxial_r_value()
    assert -r_b / (1 + r_b) == pytest.approx(-0.7424, abs=6e-5)
    along = [np.diag([1.0, q, 0.0]) for q in (0.476,)] + [np.diag([0.5, 1.0, 0.0])]
    np.testing.assert_allclose(1 / function.equivalent(along), [1.0954, 0.9829], atol=6e-5)


def test_yld2004_of_2090():
    published = px.Yld2004(*AA2090_YLD2004)
    np.testing.assert_allclose(published.yield_stress(ANGLES), AA2090_STRESS, atol=0.012)
    np.testing.assert_allclose(published.r_value(ANGLES), AA2090_R, atol=0.06)
    assert published.biaxial_yield_stress() == pytest.approx(AA2090_BIAXIAL[0], abs=0.01)
    assert published.biaxial_r_value() == pytest.approx(AA2090_BIAXIAL[1], abs=0.01)

    points = aa2090()
    fit = px.fit_yield_function(points, "yld2004", starts=2)
    missed = {
        "published": (points.predicted(published) - points.values) / points.uncertainties,
        "fitted": (fit.fitted - points.values) / points.uncertainties,
    }
    assert (missed["fitted"] ** 2).sum() < (missed["published"] ** 2).sum()
    assert fit.rms_stress < 0.005
