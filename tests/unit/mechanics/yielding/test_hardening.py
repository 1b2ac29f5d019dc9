"""Hardening laws are found again from their own curves, and told apart from data."""

from __future__ import annotations

import numpy as np
import pytest

import polyxtal as px

STRAIN = np.linspace(0.0, 0.25, 40)
LAWS = {
    "swift": px.Swift(K=500.0, e0=0.008, n=0.24),
    "voce": px.Voce(s0=214.0, Q=222.0, b=6.75),
    "hockett-sherby": px.HockettSherby(s0=150.0, Q=220.0, b=6.0, p=0.75),
    "ludwik": px.Ludwik(s0=160.0, K=400.0, n=0.55),
}


@pytest.mark.parametrize("kind", LAWS)
def test_a_law_is_found_again(kind):
    law = LAWS[kind]
    fit = px.fit_hardening(STRAIN, law.stress(STRAIN), kind)
    np.testing.assert_allclose(fit.law.vector, law.vector, rtol=1e-4)
    assert fit.rms < 1e-4
    assert all(0 <= spread < 0.1 for spread in fit.uncertainties.values())


def test_the_mixed_law_fits_no_worse_than_its_parts():
    curve = 0.4 * LAWS["swift"].stress(STRAIN) + 0.6 * LAWS["voce"].stress(STRAIN)
    curve += np.random.default_rng(0).normal(size=len(STRAIN)) * 0.5
    mixed = px.fit_hardening(STRAIN, curve)
    parts = [px.fit_hardening(STRAIN, curve, kind).rms for kind in ("swift", "voce")]
    assert mixed.rms <= min(parts)
    assert mixed.rms < 0.6
    mean = px.SwiftVoce(0.4, *LAWS["swift"].vector, *LAWS["voce"].vector)
    expected = 0.4 * LAWS["swift"].stress(0.1) + 0.6 * LAWS["voce"].stress(0.1)
    assert mean.stress(0.1) == pytest.approx(expected)


def test_residuals_uncertainties_and_extrapolation():
    noise = np.random.default_rng(1).normal(size=len(STRAIN))
    fit = px.fit_hardening(STRAIN, LAWS["voce"].stress(STRAIN) + noise, "voce")
    assert fit.rms == pytest.approx(np.sqrt((fit.residuals**2).mean()))
    assert 0.7 < fit.rms < 1.3
    for name, true in LAWS["voce"].parameters.items():
        assert abs(fit.law.parameters[name] - true) < 4 * fit.uncertainties[name]
    assert "ends at a plastic strain of 0.25" in fit.remark
    assert f"reaches {fit.law.stress(1.0):.4g} MPa at 1" in fit.remark
    flat = px.fit_hardening(STRAIN, np.full(len(STRAIN), 200.0), "ludwik")
    assert flat.law.stress(0.1) == pytest.approx(200.0, abs=0.01)


def test_a_fit_that_does_not_converge_is_not_returned(monkeypatch):
    monkeypatch.setattr("polyxtal.mechanics.yielding.hardening_fit.EVALUATIONS", 2)
    with pytest.raises(px.ConvergenceError, match="voce must converge, but has not after 2"):
        px.fit_hardening(STRAIN, LAWS["voce"].stress(STRAIN), "voce")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: px.fit_hardening([0, 0.1], [1, 2], "power"), "`law` must be one of swift, voce"),
        (lambda: px.fit_hardening([0, 0.1], [1, 2], "voce"), "must have 3 strains or more and a"),
        (lambda: px.fit_hardening([0, 0.1, 0.2], [1, 2], "voce"), r"shapes \(3,\) and \(2,\)"),
        (lambda: px.fit_hardening([-0.1, 0, 1], [1, 2, 3], "voce"), "strains of zero and more"),
        (lambda: px.fit_hardening([0, 0.1, 1], [0, 2, 3], "voce"), "positive stresses, but has"),
        (lambda: px.Voce(-1.0, 2.0, 3.0), "`s0` must be zero or more, but is -1.0"),
        (lambda: px.SwiftVoce(1.5, 1, 1, 1, 1, 1, 1), "`w` must be 1 or less, but is 1.5"),
        (lambda: px.Voce(1, 1, 1).stress(-0.1), "`plastic_strain` must be zero or more, but"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
