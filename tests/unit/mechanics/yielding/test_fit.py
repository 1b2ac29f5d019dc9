"""Fits of yield functions: exact on their own data, honest about what data do not determine."""

from __future__ import annotations

import numpy as np
import pytest
from sheets import AA6022_R, AA6022_STRESS, ANGLES, aa2090, aa6022, aa6022_plane_strain, examples

import polyxtal as px

EXAMPLES = examples()


def made_by(function: px.YieldFunction, reference: float = 250.0) -> px.YieldPoints:
    """Return what tests on a sheet of that function would measure."""
    stress = function.yield_stress(ANGLES, reference=reference)
    biaxial = function.biaxial_yield_stress(reference=reference)
    plane = function.plane_strain_yield_stress([0, 45, 90], reference=reference)
    return (
        px.YieldPoints.uniaxial(ANGLES, stress, function.r_value(ANGLES))
        + px.YieldPoints.biaxial(biaxial, function.biaxial_r_value())
        + px.YieldPoints.plane_strain([0, 45, 90], plane)
    )


def on_surface(function: px.YieldFunction, count: int = 80) -> px.YieldPoints:
    """Return random stresses on the yield surface."""
    tensor = np.random.default_rng(5).normal(size=(count, 6))
    return px.YieldPoints.stresses(250.0 * tensor / function.equivalent(tensor)[:, None])


def test_hill_is_exact_on_data_made_by_hill():
    function = EXAMPLES["hill48"]
    fit = px.fit_yield_function(made_by(function), "hill48", reference=250.0)
    np.testing.assert_allclose(fit.function.vector[[0, 1, 2, 5]], [0.6, 0.55, 0.4, 1.8], rtol=1e-8)
    assert fit.held == ("L", "M")
    assert fit.remark == "No point depends on L, M, which keep their isotropic values."
    full = px.fit_yield_function(on_surface(function), "hill48", reference=250.0)
    np.testing.assert_allclose(full.function.vector, function.vector, rtol=1e-8)
    assert (full.held, full.remark) == ((), "")


def test_hill_of_r_values_alone_is_the_closed_form():
    points = px.YieldPoints.uniaxial([0, 45, 90], r_value=[0.8, 0.37, 0.54])
    fit = px.fit_yield_function(points, "hill48")
    expected = px.Hill48.from_r_values(0.8, 0.37, 0.54).vector
    np.testing.assert_allclose(fit.function.vector, expected, rtol=1e-8)
    assert np.isnan(px.fit_yield_function(px.YieldPoints.stresses(np.eye(6)), "hill48").rms_ratio)


@pytest.mark.parametrize("kind", ["yld91", "yld2000", "cpb06"])
def test_a_function_is_found_again(kind):
    function = EXAMPLES[kind]
    points = made_by(function)
    if kind == "cpb06":
        pressed = [
            getattr(function, answer)(ANGLES, compression=True)
            for answer in ("yield_stress", "r_value")
        ]
        points = points + px.YieldPoints.uniaxial(
            ANGLES, 250.0 * pressed[0], pressed[1], compression=True
        )
    fit = px.fit_yield_function(points, kind, exponent=function.exponent, reference=250.0, starts=1)
    np.testing.assert_allclose(fit.fitted, points.values, rtol=1e-5)
    if kind == "cpb06":
        assert fit.function.k == pytest.approx(0.2, abs=1e-4)
    free = [i for i, name in enumerate(function.names) if name not in fit.held]
    if kind != "cpb06":
        np.testing.assert_allclose(fit.function.vector[free], function.vector[free], atol=1e-4)


def test_yld2004_is_found_again_from_stresses_in_all_directions():
    function = EXAMPLES["yld2004"]
    fit = px.fit_yield_function(on_surface(function), "yld2004", reference=250.0, starts=2)
    assert fit.rms_stress < 1e-4
    assert fit.held == ()
    tensor = np.random.default_rng(8).normal(size=(50, 6))
    expected = function.equivalent(tensor)
    np.testing.assert_allclose(fit.function.equivalent(tensor), expected, rtol=5e-3)


def test_more_parameters_fit_a_measured_sheet_better():
    points = aa6022()
    fits = {k: px.fit_yield_function(points, k, starts=1) for k in ("hill48", "yld91", "yld2000")}
    fits["cpb06"] = px.fit_yield_function(points, "cpb06", exponent=2.0, starts=1)
    fits["yld2004"] = px.fit_yield_function(points, "yld2004", starts=1)
    chi = {
        kind: (((fit.fitted - points.values) / points.uncertainties) ** 2).sum()
        for kind, fit in fits.items()
    }
    assert chi["yld2004"] < chi["yld2000"] < chi["yld91"] < chi["hill48"]
    assert chi["cpb06"] < chi["hill48"]
    everything = points + aa6022_plane_strain()
    fits["with plane strain"] = px.fit_yield_function(everything, "yld2000", starts=1)
    assert fits["with plane strain"].rms_stress < 0.015
    assert fits["with plane strain"].rms_ratio < 0.035
    for fit in fits.values():
        assert fit.function.convex
        assert fit.function.minimum_curvature() > -1e-6


def test_a_sheet_turned_by_90_degrees_gives_the_turned_function():
    for kind in ("hill48", "yld91", "yld2000"):
        one, other = (
            px.fit_yield_function(
                px.YieldPoints.uniaxial(angles, AA6022_STRESS, AA6022_R)
                + px.YieldPoints.biaxial(0.929),
                kind,
                reference=1.0,
                starts=1,
            ).function
            for angles in (ANGLES, 90.0 - ANGLES)
        )
        for answer in ("yield_stress", "r_value", "plane_strain_yield_stress"):
            got = getattr(one, answer)(ANGLES)
            np.testing.assert_allclose(got, getattr(other, answer)(90.0 - ANGLES), atol=1e-6)


def test_uncertainties_weigh_and_carry_over():
    def fit(uncertainty, wrong):
        points = px.YieldPoints.uniaxial(
            [0, 45, 90, 90], [1.0, 1.0, 1.0, wrong], stress_uncertainty=uncertainty
        ) + px.YieldPoints.biaxial(1.0, stress_uncertainty=0.01)
        return px.fit_yield_function(points, "hill48")

    ignored = fit([0.01, 0.01, 0.01, 100.0], 1.5)
    assert ignored.function.yield_stress(90) == pytest.approx(1.0, abs=1e-6)
    even = fit(0.01, 1.1)
    assert 1.03 < even.function.yield_stress(90) < 1.07
    small, large = (fit([u, u, u, 1e3], 1.0).uncertainties["N"] for u in (0.01, 0.02))
    # N = 2/s45² - (F + G)/2 with F + G = 1/s_b², each of standard uncertainty u
    assert small == pytest.approx(np.hypot(4 * 0.01, 0.01), rel=1e-3)
    assert large == pytest.approx(np.hypot(4 * 0.02, 0.01), rel=1e-3)
    assert even.uncertainties["F"] > 2 * small


def test_parameters_that_data_leave_free_are_told():
    points = px.YieldPoints.stresses(np.diag([1.0, 1, 1, 0, 0, 0])[:3]) + px.YieldPoints.uniaxial(
        [0, 90, 0, 90, 0, 90, 0], [1.0] * 7
    )
    fit = px.fit_yield_function(points, "yld2000", starts=1)
    assert fit.undetermined > 0
    assert "undetermined" in fit.remark
    assert "undetermined" in str(fit)
    assert np.isinf(list(fit.uncertainties.values())).any()


def test_the_table_and_its_text():
    fit = px.fit_yield_function(aa2090(), "yld91", starts=1)
    row = fit.table()[3]
    assert row["name"] == "yield stress at 45"
    assert row["measured"] == 0.8114
    assert row["difference"] == pytest.approx(row["fitted"] - row["measured"])
    text = str(fit)
    assert "r at 75" in text
    assert "(held)" in text
    assert f"16 points: rms {fit.rms_stress:.3g} of yield stresses over 1 MPa, " in text
    only = px.fit_yield_function(px.YieldPoints.stresses(np.eye(6)), "hill48")
    assert "r-values" not in str(only)


def test_a_fit_that_does_not_converge_is_not_returned(monkeypatch):
    monkeypatch.setattr("polyxtal.mechanics.yielding.fit.EVALUATIONS", 3)
    with pytest.raises(px.ConvergenceError, match="must converge, but has not after 3 evaluations"):
        px.fit_yield_function(aa2090(), "yld2000")


def test_a_seed_gives_the_same_fit():
    first, second = (px.fit_yield_function(aa2090(), "yld91", seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.function.vector, second.function.vector)


def test_points_of_each_kind_are_what_the_function_says():
    function = EXAMPLES["yld2000"]
    shear = 250.0 / function.equivalent([0, 0, 0, 0, 0, 1.0])
    points = made_by(function) + px.YieldPoints.shear([0.0], [shear])
    assert points.names[-1] == "shear yield stress at 0"
    np.testing.assert_allclose(points.predicted(function, 250.0), points.values)
    missing = px.YieldPoints.uniaxial([0, 45], [1.0, np.nan], [np.nan, 0.5])
    assert missing.names == ("yield stress at 0", "r at 45")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: px.fit_yield_function(px.YieldPoints.uniaxial([0, 45, 90], [1, 1, 1])),
            "A fit of yld2000 must have 8 points or more, .* but has 3",
        ),
        (
            lambda: px.fit_yield_function(
                px.YieldPoints.uniaxial([0, 45, 90], [1, 1, 1]) + px.YieldPoints.biaxial(0.45),
                "hill48",
            ),
            "The hill48 that fits best must be convex, but is not, with F = 2.469, G = 2.469",
        ),
        (lambda: px.fit_yield_function(aa2090(), "hill"), "`kind` must be one of hill48, yld91"),
        (lambda: px.fit_yield_function(aa2090(), starts=0), "`starts` must be 1 or more"),
        (lambda: px.fit_yield_function(aa2090(), reference=0), "`reference` must be positive"),
        (lambda: px.fit_yield_function(aa2090(), exponent=0), "`exponent` must be 1 or more"),
        (lambda: px.YieldPoints.uniaxial([0, 45], [1.0]), "must hold 2 numbers, one for each"),
        (lambda: px.YieldPoints.uniaxial([0], [-1.0]), "`yield_stress` must be positive, but"),
        (lambda: px.YieldPoints.uniaxial([0]), "`yield_stress` or `r_value` must hold a number"),
        (lambda: px.YieldPoints.biaxial(1.0, stress_uncertainty=0), "positive uncertainties"),
        (lambda: px.YieldPoints.uniaxial([0], r_value=[np.inf]), "must be finite with positive"),
        (lambda: px.YieldPoints.stresses(np.eye(3)[None]), "must not be hydrostatic or zero"),
        (lambda: px.YieldPoints.stresses(np.ones(6)), "must hold a list of stresses"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
