"""Measured curves: what is wrong with them is said in one sentence."""

import numpy as np
import pytest

import polyxtal as px
from polyxtal.calibration.repeats import noise_of, reduce_curve, reversals, uniform_part
from polyxtal.calibration.slopes import check_slope

STRAIN = np.linspace(0.0, 0.05, 200)


def flow(strain):
    return 200 * np.tanh(350 * strain) + 300 * strain


STRESS = flow(STRAIN)


def changed(**given):
    return px.Measurement(**({"strain": STRAIN, "stress": STRESS, "name": "A"} | given))


NAN = np.where(np.arange(200) == 7, np.nan, STRESS)
BACK = np.concatenate([STRAIN[:150], STRAIN[149:99:-1]])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"strain": 100 * STRAIN}, "must be a fraction below 1, but reaches 5: it looks like perc"),
        ({"strain": 0.01 * STRAIN}, "must span at least 0.2 %, but spans 0.05 %"),
        ({"stress": 1e6 * STRESS}, "must be below 20000 MPa, but reaches .*looks like Pa"),
        ({"stress": 1e-6 * STRESS}, "must exceed 0.1 MPa, but reaches only 0.000215"),
        ({"stress": STRESS + 60}, "must start near 0, but starts at a preload of 60 MPa"),
        ({"strain": BACK, "stress": STRESS}, "must not reverse unless it is cyclic, but falls"),
        ({"stress": NAN}, "stress of 'A' must be finite, but is nan at point 8"),
        ({"strain": STRAIN[:5], "stress": STRESS[:5]}, "must have 8 to 2000000 points, .* has 5"),
        ({"strain": STRAIN[1:]}, r"vectors of one length, but have shapes \(199,\) and \(200,\)"),
        ({"stress": -STRESS}, "must have the sign of its strain, positive in tension and negative"),
        ({"direction": "w"}, "must be x, y, z or an angle in degrees from x towards y"),
        ({"direction": 400.0}, "must be within 360 degrees, but is 400"),
        ({"rate": 0.0}, "rate of 'A' must be positive, but is 0.0 1/s"),
        ({"deviation": -1.0}, "deviation of 'A' must be positive"),
        ({"r_value": (0.0, 0.1)}, "r-value of 'A' and its deviation must be positive"),
        ({"r_value": (1.0, 0.1), "direction": "z"}, "must be along the sheet to have an r-value"),
    ],
)
def test_wrong_curves(given, said):
    with pytest.raises(ValueError, match=said) as caught:
        changed(**given)
    assert str(caught.value).count(". ") == 0


def test_a_preload_is_allowed_where_the_origin_is_fitted():
    assert changed(stress=STRESS + 60, toe=True).toe


@pytest.mark.parametrize(
    ("strain", "stress", "said"),
    [
        (0.01, 1.0, "fractions that are taken for percent"),
        (1.0, 1e-3, "GPa that are taken for MPa"),
        (10.0, 1.0, None),
        (1.0, 1.0, None),
        (1.0, 1 / 6.894757, "ksi that are taken for MPa"),
    ],
)
def test_the_elastic_slope_tells_other_units(strain, stress, said):
    test = changed()  # curves that cannot be refused before the material is known
    object.__setattr__(test, "strain", STRAIN * strain)
    object.__setattr__(test, "stress", STRESS * stress)
    modulus = 70e3 if strain < 5 else 7e3
    if said is None:
        check_slope(test, reduce_curve(test), modulus)
        return
    with pytest.raises(ValueError, match=said):
        check_slope(test, reduce_curve(test), modulus)


def test_noise_is_that_of_the_scatter():
    noise = np.random.default_rng(3).normal(0.0, 1.5, 2000)
    strain = np.linspace(0, 0.05, 2000)
    assert noise_of(strain, flow(strain) + noise) == pytest.approx(1.5, rel=0.05)


def test_a_reduced_curve_keeps_the_curve_and_divides_the_noise():
    strain = np.linspace(0, 0.05, 8000)
    noise = np.random.default_rng(3).normal(0.0, 1.5, 8000)
    found = reduce_curve(px.Measurement(strain, flow(strain) + noise))
    assert 40 < len(found.strain) < 100
    rest = (found.stress - flow(found.strain)) / found.deviation
    assert 0.7 < np.sqrt(np.mean(rest**2)) < 1.3
    # Half of the points are dense at the knee.
    assert np.mean(found.strain < 0.01) > 0.4


def test_reversals_are_found_within_noise():
    way = np.concatenate([np.linspace(0, 0.02, 100), np.linspace(0.02, -0.01, 150),
                          np.linspace(-0.01, 0.03, 200)])  # fmt: skip
    noisy = way + np.random.default_rng(0).normal(0, 2e-5, len(way))
    assert noisy[reversals(noisy, True)] == pytest.approx([0.0, 0.02, -0.01, 0.03], abs=2e-4)
    assert len(reversals(noisy, False)) == 2
    found = reduce_curve(px.Measurement(noisy, 1e4 * way, cyclic=True))
    assert found.turns == pytest.approx([0.0, 0.02, -0.01, 0.03], abs=2e-4)
    assert sorted(set(found.branch.tolist())) == [0, 1, 2]


def test_necking_is_left_out_with_a_warning():
    stress = np.where(STRAIN > 0.04, STRESS * (1 - 8 * (STRAIN - 0.04)), STRESS)
    with pytest.warns(UserWarning, match="used up to its maximum load at a strain of 0.039"):
        found = uniform_part(changed(stress=stress))
    assert found.strain[-1] == pytest.approx(0.04, abs=1e-3)
    assert uniform_part(changed()).strain[-1] == STRAIN[-1]
