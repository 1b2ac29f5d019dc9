"""Calibration from end to end, with a network that gave the curves."""

import math
from dataclasses import replace

import numpy as np
import pytest

import polyxtal as px
from polyxtal.calibration.checkpoint import Checkpoint
from polyxtal.calibration.condition import Condition
from polyxtal.calibration.field import FullField
from polyxtal.calibration.forward import Forward, network_curve
from polyxtal.calibration.objective import Objective
from polyxtal.calibration.parameters import free_parameters, set_parameters
from polyxtal.calibration.repeats import reduce_curve
from polyxtal.calibration.result import missed_tests
from polyxtal.calibration.uncertainty import distance, laplace

ALLOY = px.load_material("AA6022-T4")
RVE = px.from_texture(px.rolling_texture({"cube": 0.3, "copper": 0.3}), grains=27)
FEW = px.CalibrationSettings(leaves=4, starts=1, accuracy=None, posterior=False)
FREE = {"slip_resistance_initial": (30.0, 200.0), "hardening_modulus": (100.0, 5000.0)}
NETWORK = px.MaterialNetwork.from_polycrystal(RVE, FEW.leaves, FEW.seed)
START = set_parameters(ALLOY, {"slip_resistance_initial": 110.0, "hardening_modulus": 500.0})
MODULUS = 70e3


def measured(direction="x", rate=1e-3, turns=(0.04,), noise=0.0, material=ALLOY, **about):
    """Return the curve of the network itself, as a measurement."""
    blank = px.Measurement(np.linspace(0, 0.04, 20), np.linspace(0, 100, 20), direction=direction)
    curve = network_curve(NETWORK, material, Condition(tuple(blank.axis.tolist()), rate, turns))
    stress = curve.stress + noise * np.random.default_rng(4).standard_normal(len(curve.stress))
    return px.Measurement(curve.strain, stress, f"{direction}", direction, rate,
                          cyclic=len(turns) > 1, **about)  # fmt: skip


def test_the_truth_is_found_by_several_directions_and_rates():
    tests = [measured("x"), measured("z"), measured(45.0, rate=1.0)]
    found = px.calibrate(RVE, tests, START, [*FREE, "stress_exponent"], FEW, threads=1)
    assert found.parameters["slip_resistance_initial"].value == pytest.approx(76.0, rel=2e-3)
    assert found.parameters["hardening_modulus"].value == pytest.approx(1020.0, rel=1e-2)
    assert found.parameters["stress_exponent"].value == pytest.approx(20.0, rel=1e-2)
    assert len(found.conditions) == 3
    assert found.material.plasticity.hardening_exponent == 3.7


def test_cycles_determine_the_back_stress():
    steel = px.load_material("317L")
    test = measured(turns=(0.01, -0.005, 0.01), material=steel)
    assert reduce_curve(test).turns == pytest.approx([0.0, 0.01, -0.005, 0.01])
    free = ["slip_resistance_initial", "back_stress_modulus", "back_stress_recovery"]
    start = set_parameters(steel, {"back_stress_modulus": 30e3, "slip_resistance_initial": 90.0})
    found = px.calibrate(RVE, test, start, free, FEW, threads=1)
    assert found.parameters["slip_resistance_initial"].value == pytest.approx(70.0, rel=0.01)
    assert found.parameters["back_stress_modulus"].value == pytest.approx(55e3, rel=0.03)


def test_toe_and_load_frame_are_no_part_of_the_parameters():
    clean = measured()
    compliance, toe = 2.0 / MODULUS, 8e-4
    strain = clean.strain + toe + compliance * clean.stress
    test = px.Measurement(strain, clean.stress, toe=True, frame=True)
    found = px.calibrate(RVE, test, START, FREE, FEW, threads=1)
    assert found.parameters["slip_resistance_initial"].value == pytest.approx(76.0, rel=5e-3)
    assert found.compliance == pytest.approx(compliance, rel=0.02)
    assert found.tests[0].toe == pytest.approx(toe, rel=0.05)


def objective_of_two_tests() -> Objective:
    """Return one with an r-value, a toe, a load frame and a prior of the stress exponent."""
    tests = [measured("x", toe=True, r_value=(0.8, 0.05)), measured("y", frame=True)]
    free = free_parameters({**FREE, "stress_exponent": px.FreeParameter(5, 40, prior=(18, 2))},
                           ALLOY)  # fmt: skip
    reduced = [reduce_curve(one) for one in tests]
    loads = [Condition.of(a, b) for a, b in zip(tests, reduced, strict=True)]
    forward = Forward(NETWORK, ALLOY, free, loads)
    return Objective(forward, tests, reduced, (0, 1), MODULUS)


AT = np.array([0.45, 0.55, 0.6, 0.1, 0.5])


def test_jacobian_of_residuals_is_that_of_differences():
    objective, x = objective_of_two_tests(), AT
    forward = objective.forward
    for move in (0.1, 0.05, 0.0):  # some other curves
        z = x[:3] + move * np.array([1.0, -0.5, 3.0 * move])
        forward.correct(z, [c.moved(c, 0.02 + move) for c in forward.solve(z)])
    jacobian = objective.jacobian(x)
    for k in range(len(x)):
        moved = [objective(x + step * np.eye(len(x))[k]) for step in (1e-4, -1e-4)]
        wanted = (moved[0] - moved[1]) / 2e-4
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(jacobian[:, k], wanted, rtol=0, atol=2e-3 * scale)


def test_correlated_errors_of_curves_do_not_weaken_a_prior():
    objective = objective_of_two_tests()
    before = objective(AT)
    objective.inflation = 9.0
    after = objective(AT)
    np.testing.assert_allclose(after[:-2], before[:-2] / 3)
    np.testing.assert_array_equal(after[-2:], before[-2:])  # the r-value and the prior
    # Of curves that say nothing, only the prior is left.
    objective.inflation = 1e12
    _, deviation = px.FreeParameter(5, 40, prior=(18, 2)).prior_coordinate()
    assert laplace(objective, AT).deviation(2) == pytest.approx(deviation, rel=0.1)


def test_the_error_of_the_full_field_widens_what_the_level_of_the_stress_tells():
    objective = objective_of_two_tests()
    alone = laplace(objective, AT).covariance
    objective.field_error = 0.01
    wider = laplace(objective, AT)
    _, prior = px.FreeParameter(5, 40, prior=(18, 2)).prior_coordinate()
    assert wider.deviation(0) > 3 * np.sqrt(alone[0, 0])
    assert wider.deviation(2) < 1.1 * prior


def test_the_distance_is_the_fall_of_ln_p_with_the_best_nuisances():
    objective = objective_of_two_tests()
    z = AT[:3] + np.array([0.01, -0.01, 0.0])
    curves = objective.forward.solve(z)
    held = np.sum(objective.residuals(np.concatenate([z, AT[3:]]), curves) ** 2)
    found = distance(objective, AT, z)
    assert found < held - np.sum(objective(AT) ** 2)
    for toe in (-1.0, 0.0, 1.0):
        for frame in (0.0, 0.5, 2.0):
            other = objective.residuals(np.array([*z, toe, frame]), curves)
            assert found <= np.sum(other**2) - np.sum(objective(AT) ** 2) + 1e-6


def test_time_steps_of_the_full_field_are_corrected():
    forward = objective_of_two_tests().forward
    z, load = AT[:3], forward.conditions[0]
    material = forward.material_at(z)
    fine = network_curve(NETWORK, material, load, 16)
    field = [network_curve(NETWORK, material, one, 2) for one in forward.conditions]
    own = np.abs(field[0].stress - fine.stress).max()
    forward.correct(z, field)
    assert np.abs(forward.solve(z)[0].stress - fine.stress).max() < 0.2 * own


def test_corrections_at_several_points_hold_at_all_of_them():
    forward = objective_of_two_tests().forward
    moves = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, -0.05], [0.05, 0.02, 0.0]])
    points = [AT[:3] + move for move in moves]
    fields = []
    for z in points:
        material = forward.material_at(z)
        fields.append([network_curve(NETWORK, material, one, 16) for one in forward.conditions])
        forward.correct(z, [network_curve(NETWORK, material, one, 2) for one in forward.conditions])
    corrected = forward.correction
    for z, field in zip(points, fields, strict=True):
        for found, fine in zip(forward.solve(z), field, strict=True):
            largest = np.abs(fine.stress).max()
            assert np.abs(found.stress - fine.stress).max() < 0.2 * corrected * largest
    again = points[-1] + 1e-5  # too near for a gradient
    forward.correct(again, fields[-1])
    assert np.isfinite(forward.solve(points[0])[0].stress).all()


def test_a_fit_that_does_not_settle_is_said(monkeypatch):
    monkeypatch.setattr("polyxtal.calibration.run.MOST_ROUNDS", 1)
    monkeypatch.setattr("polyxtal.calibration.run.UNMOVED", 0.0)
    settings = replace(FEW, accuracy=0.05, tolerance=1e-12)
    names = ["slip_resistance_initial"]
    found = px.calibrate(RVE, measured(noise=1.0), START, names, settings, threads=1)
    assert found.remarks[0].startswith("The parameters still moved after 1 corrections")


def test_every_full_field_is_kept_as_soon_as_it_is_solved(tmp_path, monkeypatch):
    forward = objective_of_two_tests().forward
    loads, z = forward.conditions, AT[:1]
    kept = Checkpoint(tmp_path / "kept.npz", "same", 1, 2)
    field = FullField(RVE, loads, 0.05, 0, kept)
    curve = px.simulate(RVE, ALLOY, px.LoadPath.uniaxial(0.001, increments=4))

    def stop_at_the_second(_, condition):
        if condition == loads[1]:
            raise KeyboardInterrupt
        return curve

    monkeypatch.setattr(field, "_respond", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        field.curves(z.tobytes(), ALLOY, lambda _: None)
    again = Checkpoint(tmp_path / "kept.npz", "same", 1, 2)
    assert list(again.known["field 0"]) == [z.tobytes()]
    assert not again.known["field 1"]
    monkeypatch.setattr(field, "_respond", lambda *_: curve)
    field.known = [again.known["field 0"], again.known["field 1"]]
    assert len(field.curves(z.tobytes(), ALLOY, lambda _: None)) == 2


def test_the_interval_holds_the_truth_and_shrinks_with_the_noise():
    widths = []
    for noise in (1.0, 4.0):
        found = px.calibrate(RVE, measured(noise=noise), START, FREE, FEW, threads=1)
        assert found.distance({"slip_resistance_initial": 76.0, "hardening_modulus": 1020.0}) < 9.2
        one = found.parameters["slip_resistance_initial"]
        assert one.low < one.value < one.high
        widths.append(one.high - one.low)
    assert 2.5 < widths[1] / widths[0] < 6.0


def test_markov_chains_agree_with_laplace_where_that_is_exact(monkeypatch):
    pytest.importorskip("emcee")
    monkeypatch.setattr("polyxtal.calibration.posterior.KEPT", 800)
    settings = replace(FEW, posterior=True)
    found = px.calibrate(RVE, measured(noise=1.0), START, FREE, settings, threads=1)
    assert found.posterior.error < 0.1
    assert found.posterior.trusted
    samples = found.posterior.samples
    np.testing.assert_allclose(samples.mean(0), found.laplace.x, atol=0.01)
    np.testing.assert_allclose(np.cov(samples.T), found.covariance,
                               atol=0.25 * np.abs(found.covariance).max())  # fmt: skip
    low, high = found.tests[0].band
    assert (low <= high).all()
    assert (low < high)[-10:].all()


def test_one_rate_cannot_tell_the_exponent_from_the_reference_rate():
    free = ["slip_resistance_initial", "slip_rate_reference", "stress_exponent"]
    one = px.calibrate(RVE, measured(noise=1.0), ALLOY, free, FEW, threads=1)
    said = " ".join(one.remarks)
    assert "cannot be told apart" in said or "not determined" in said
    assert "`slip_rate_reference`" in said
    settled = px.calibrate(RVE, measured(noise=1.0), ALLOY, free[:1], FEW, threads=1)
    assert settled.remarks == ()


def test_the_full_field_takes_the_bias_of_a_coarse_network(monkeypatch):
    monkeypatch.setattr("polyxtal.calibration.run.MOST_ROUNDS", 2)
    path = px.LoadPath.uniaxial(0.01, increments=20)
    truth = px.simulate(RVE, ALLOY, path)
    test = px.Measurement(truth.strain("xx"), truth.stress("xx"))
    alone = px.calibrate(RVE, test, START, FREE, replace(FEW, leaves=2), threads=1)
    corrected = px.calibrate(
        RVE, test, START, FREE, replace(FEW, leaves=2, accuracy=0.01), threads=1
    )

    def error(found):
        return abs(math.log(found.parameters["slip_resistance_initial"].value / 76.0))

    assert error(corrected) < 0.01 < error(alone)
    assert corrected.bias > 0.01
    assert alone.field_error is None


def test_a_prior_pulls_what_the_curve_leaves_open():
    test = measured(noise=2.0)
    free = {
        "slip_resistance_initial": (30.0, 200.0),
        "stress_exponent": px.FreeParameter(5.0, 100.0, prior=(30.0, 0.3)),
    }
    found = px.calibrate(RVE, test, ALLOY, free, FEW, threads=1)
    assert found.parameters["stress_exponent"].value == pytest.approx(30.0, rel=0.02)


def test_a_calibration_resumes_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("polyxtal.calibration.run.MOST_ROUNDS", 1)
    kept, test = tmp_path / "kept.npz", measured(turns=(0.008,), noise=1.0)
    settings = replace(FEW, accuracy=0.05)

    class Stop(Exception):
        pass

    calls = 0

    def stop(*_):
        nonlocal calls
        calls += 1
        if calls == 14:
            raise Stop

    with pytest.raises(Stop):  # within seconds: what was solved is kept all the same
        px.calibrate(RVE, test, START, FREE, settings, threads=1, checkpoint=kept,
                     on_progress=stop)  # fmt: skip
    seen = []
    resumed = px.calibrate(RVE, test, START, FREE, settings, threads=1, checkpoint=kept,
                           on_progress=lambda *a: seen.append(a))  # fmt: skip
    fresh_seen = []
    fresh = px.calibrate(RVE, test, START, FREE, settings, threads=1,
                         on_progress=lambda *a: fresh_seen.append(a))  # fmt: skip
    assert resumed.parameters == fresh.parameters
    assert len(seen) < len(fresh_seen)
    with pytest.raises(ValueError, match="must be a checkpoint of this calibration, but is of ano"):
        px.calibrate(RVE, measured(turns=(0.008,), noise=2.0), START, FREE, settings,
                     checkpoint=kept)  # fmt: skip


def test_units_are_told_by_the_elastic_slope():
    test = measured()
    with pytest.raises(ValueError, match="ksi that are taken for MPa"):
        px.calibrate(RVE, px.Measurement(test.strain, test.stress / 6.894757), ALLOY, FREE, FEW)


def test_a_specimen_has_one_phase():
    two = px.Polycrystal([[[0, 1]]], [[1, 0, 0, 0]] * 2, phase=[0, 1], phase_names=("a", "b"))
    with pytest.raises(ValueError, match="must have one phase, but has 2"):
        px.calibrate(two, measured(), ALLOY, FREE, FEW)


def test_a_curve_that_the_law_misses_is_said():
    test = measured(noise=0.5)
    settings = replace(FEW, posterior=False, accuracy=None)
    good = px.calibrate(RVE, test, START, FREE, settings, threads=1)
    assert not [one for one in good.remarks if "not described" in one]
    (one,) = good.tests
    assert not missed_tests([one])
    (said,) = missed_tests([one._replace(rms=0.2 * float(one.reduced.stress.max()))])
    assert said.startswith("Test 1 is not described by the law: the root mean square")
    (said,) = missed_tests([one._replace(rms=5.0 * one.noise)])
    assert "is missed by more than its noise" in said
    assert "5 times the noise" in said


def test_an_r_value_that_the_law_misses_is_said():
    test = measured(r_value=(2.0, 0.05))
    found = px.calibrate(RVE, iter([test]), START, FREE, FEW, threads=1)
    (said,) = [one for one in found.remarks if one.startswith("The r-value of test 1 is missed")]
    assert "measured 2 ± 0.05" in said


def test_temperatures_differ_in_different_calibrations_only():
    cold, hot = (measured(temperature=t) for t in (293.0, 473.0))
    with pytest.raises(ValueError, match=r"at one temperature, .* but are at 293 K, 473 K; cali"):
        px.calibrate(RVE, [cold, hot], START, FREE, FEW)
    with pytest.raises(ValueError, match="temperature of 'x' must be 0 to 5000 K, but is -20 K"):
        measured(temperature=-20.0)
