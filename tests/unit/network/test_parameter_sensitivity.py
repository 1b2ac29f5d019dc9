"""Forward sensitivities against central differences of whole responses."""

import math

import numpy as np
import pytest

import polyxtal as px
from polyxtal.calibration.parameters import get_parameter, set_parameters
from polyxtal.network.parameter_sensitivity import Variation, respond_with_sensitivity

STEP, WIDE = 1e-5, 2e-4
CASES = {
    "AA6022-T4": [
        "slip_resistance_initial",
        "hardening_exponent",
        "stress_exponent",
        "slip_rate_reference",
        "elasticity.c44",
    ],
    "317L": ["slip_resistance_initial", "back_stress_modulus", "back_stress_recovery"],
    "Mg": ["slip_resistance_initial[0]", "hardening_modulus[1]", "twinning.resistance_initial[0]"],
}


def there_and_back():
    """Return a tension along a direction that is no axis, and a part of the way back."""
    there = px.LoadPath.proportional(np.diag([1.0, 0.0, 0.0]), 0.012, increments=12)
    back = px.LoadPath.proportional(np.diag([1.0, 0.0, 0.0]), -0.006, increments=6)
    return (there + back).turned(30)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_central_differences(name):
    alloy = px.load_material(name)
    rve = px.tessellate(grid=4, grains=12, seed=1, lattice=alloy.lattice)
    network = px.MaterialNetwork.from_polycrystal(rve, leaves=6, seed=0)
    path = there_and_back()

    def at(parameter, change):
        value = get_parameter(alloy, parameter) * math.exp(change)
        return set_parameters(alloy, {parameter: value})

    varied = [Variation(at(one, -STEP), at(one, STEP), STEP) for one in CASES[name]]
    found = respond_with_sensitivity(network, alloy, varied, path, 1e-11)
    plain = network.respond(alloy, path, tolerance=1e-11)
    np.testing.assert_array_equal(found.P, plain.P.numpy())
    for k, parameter in enumerate(CASES[name]):
        near, far = (
            [
                network.respond(at(parameter, sign * size), path, tolerance=1e-12)
                for sign in (1.0, -1.0)
            ]
            for size in (WIDE, 2 * WIDE)
        )
        for quantity, own in (("P", found.by_P[k]), ("F", found.by_F[k])):
            first, second = (
                (getattr(pair[0], quantity) - getattr(pair[1], quantity)).numpy()
                for pair in (near, far)
            )
            wanted = (8 * first - second) / (12 * WIDE)
            np.testing.assert_allclose(own, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


def test_a_parameter_must_leave_the_law_as_it_is():
    alloy, other = px.load_material("AA6022-T4"), px.load_material("317L")
    rve = px.tessellate(grid=2, grains=4, seed=1)
    network = px.MaterialNetwork.from_polycrystal(rve, leaves=2, seed=0)
    with pytest.raises(ValueError, match="must leave the law and its systems as they are"):
        respond_with_sensitivity(
            network, alloy, [Variation(alloy, other, 1e-5)], px.LoadPath.uniaxial(0.01)
        )
