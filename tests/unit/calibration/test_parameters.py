"""Names, bounds and coordinates of free parameters."""

import math

import pytest

import polyxtal as px
from polyxtal.calibration.parameters import (
    free_parameters,
    get_parameter,
    parameter_names,
    set_parameters,
)

MAGNESIUM, ALLOY = px.load_material("Mg"), px.load_material("AA6022-T4")


def test_every_number_of_a_material_is_set_and_read_back():
    for material in (MAGNESIUM, ALLOY, px.load_material("317L")):
        for name in parameter_names(material):
            try:
                value = get_parameter(material, name)
            except ValueError:
                name += "[0]"
                value = get_parameter(material, name)
            changed = set_parameters(material, {name: 1.01 * value + 1e-9})
            assert get_parameter(changed, name) == pytest.approx(
                1.0 if name == "elasticity.scale" else 1.01 * value + 1e-9
            )
            if name != "elasticity.scale":
                assert set_parameters(changed, {name: value}) == material or "elasticity" in name


def test_the_scale_of_elasticity_is_that_of_all_constants():
    stiffer = set_parameters(MAGNESIUM, {"elasticity.scale": 1.5})
    assert stiffer.elasticity.voigt[2][2] == pytest.approx(1.5 * MAGNESIUM.elasticity.voigt[2][2])


def test_families_change_one_by_one():
    changed = set_parameters(
        ALLOY, {"slip_resistance_initial[0]": 80.0, "stress_exponent": 15.0}
    ).plasticity
    assert changed.slip_resistance_initial == (80.0,)
    assert changed.stress_exponent == 15.0


@pytest.mark.parametrize("log", [True, False])
def test_coordinates_are_values_between_the_bounds(log):
    one = px.FreeParameter(2.0, 50.0, log=log)
    assert one.coordinate(2.0) == 0.0
    assert one.coordinate(50.0) == 1.0
    assert one.value(one.coordinate(10.0)) == pytest.approx(10.0)
    assert one.value(0.5) == pytest.approx(10.0 if log else 26.0)
    assert one.value(1.0 + 1e-9) == 50.0


def test_a_prior_on_a_logarithmic_scale_is_relative():
    mean, deviation = px.FreeParameter(1.0, math.e**2, prior=(math.e, 0.1)).prior_coordinate()
    assert mean == pytest.approx(0.5)
    assert deviation == pytest.approx(0.1 / math.e / 2)


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (["hardness"], "must be one of slip_rate_reference, .*but is 'hardness'"),
        (["slip_resistance_initial[3]"], "must be below 1, counted from 0, but is 3"),
        ({"stress_exponent": (0.5, 20.0)}, "must be at least 1, but is 0.5"),
        ({"stress_exponent": (30.0, 20.0)}, "must ascend and be finite, but are 30 and 20"),
        ({"stress_exponent": (1.0, 2.0, 3.0)}, "must be two numbers, low and high"),
        ([], "must name at least one parameter, but is empty"),
        (["stress_exponent", "stress_exponent[0]"], "`stress_exponent` or single families of it"),
        (["elasticity.scale", "elasticity.c11"], "must have either `elasticity.scale` or single"),
    ],
)
def test_wrong_free_parameters(free, said):
    with pytest.raises(ValueError, match=said):
        free_parameters(free, ALLOY)


def test_families_that_differ_need_a_number():
    with pytest.raises(ValueError, match=r"differs between 5 families: write .*\[0\]"):
        free_parameters(["slip_resistance_initial"], MAGNESIUM)


def test_bounds_without_any_are_wide_and_possible():
    found = free_parameters(["stress_exponent"], px.load_material("beta-Sn").__class__(
        "soft", ALLOY.elasticity, set_parameters(ALLOY, {"stress_exponent": 3.0}).plasticity
    ))["stress_exponent"]  # fmt: skip
    assert (found.low, found.high) == (1.0, 15.0)


def test_a_first_value_outside_of_the_bounds_is_said():
    said = r"first value of `stress_exponent`, 20, is outside of its bounds, 30 and 60: .* at 30\."
    with pytest.warns(UserWarning, match=said):
        free_parameters({"stress_exponent": (30.0, 60.0)}, ALLOY)
