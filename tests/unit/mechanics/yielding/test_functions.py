"""Yield functions: limits, gradients, tests on a sheet, convexity, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sheets import examples

import polyxtal as px

EXAMPLES = examples()
KINDS = pytest.mark.parametrize("kind", EXAMPLES)


def stresses(kind: str, count: int = 40) -> np.ndarray:
    """Return random stresses; for Yld2000-2d without shear out of the sheet."""
    tensor = np.random.default_rng(3).normal(size=(count, 3, 3)) * 100.0
    tensor = tensor + tensor.swapaxes(1, 2)
    if kind == "yld2000":
        tensor[:, 2, :2] = tensor[:, :2, 2] = 0.0
    return tensor


def von_mises(tensor: np.ndarray) -> np.ndarray:
    deviator = tensor - np.trace(tensor, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
    return np.sqrt(1.5 * (deviator**2).sum((1, 2)))


ISOTROPIC = {"yld91": px.Yld91, "yld2000": px.Yld2000, "yld2004": px.Yld2004}


@KINDS
def test_isotropic_quadratic_functions_are_von_mises(kind):
    isotropic = {name: cls(exponent=2.0) for name, cls in ISOTROPIC.items()}
    isotropic |= {"hill48": px.Hill48(), "cpb06": px.CPB06(exponent=2.0)}
    tensor = stresses(kind)
    np.testing.assert_allclose(isotropic[kind].equivalent(tensor), von_mises(tensor), rtol=1e-12)


@pytest.mark.parametrize("kind", ISOTROPIC)
@pytest.mark.parametrize("exponent", [6.0, 8.0, 20.0])
def test_isotropic_functions_are_hosfords(kind, exponent):
    tensor = stresses(kind)
    s = np.linalg.eigvalsh(tensor)
    differences = np.abs(s[:, [0, 1, 2]] - s[:, [1, 2, 0]])
    hosford = (0.5 * (differences**exponent).sum(1)) ** (1 / exponent)
    got = ISOTROPIC[kind](exponent=exponent).equivalent(tensor)
    np.testing.assert_allclose(got, hosford, rtol=1e-12)


@KINDS
def test_the_gradient_is_that_of_the_equivalent_stress(kind):
    function, tensor = EXAMPLES[kind], stresses(kind)
    gradient = function.gradient(tensor)
    np.testing.assert_allclose((gradient * tensor).sum((1, 2)), function.equivalent(tensor))
    np.testing.assert_allclose(np.trace(gradient, axis1=1, axis2=2), 0.0, atol=1e-12)
    for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        if kind == "yld2000" and j == 2 and i < 2:
            continue
        step = np.zeros((3, 3))
        step[i, j] = step[j, i] = 1e-3
        change = function.equivalent(tensor + step) - function.equivalent(tensor - step)
        slope = (gradient * step).sum((1, 2)) / 1e-3
        np.testing.assert_allclose(change / 2e-3, slope, rtol=1e-6, atol=1e-6)


@KINDS
def test_pressure_and_scale(kind):
    function, tensor = EXAMPLES[kind], stresses(kind)
    expected = function.equivalent(tensor)
    np.testing.assert_allclose(function.equivalent(tensor + 500.0 * np.eye(3)), expected)
    np.testing.assert_allclose(function.equivalent(1e-6 * tensor), 1e-6 * expected)
    components = tensor[:, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    np.testing.assert_allclose(function.equivalent(components), expected)
    assert function.equivalent(tensor[0]).shape == ()


@KINDS
def test_the_gradient_exists_where_principal_values_coincide(kind):
    biaxial = np.diag([1.0, 1.0, 0.0])
    flow = EXAMPLES[kind].gradient(biaxial)
    step = np.diag([1e-6, 0.0, 0.0])
    change = EXAMPLES[kind].equivalent(biaxial + step) - EXAMPLES[kind].equivalent(biaxial - step)
    assert flow[0, 0] == pytest.approx(change / 2e-6, rel=1e-6)


TURNED = {
    "hill48": (1, 0, 2, 4, 3, 5),
    "yld91": (1, 0, 2, 4, 3, 5),
    "yld2000": (1, 0, 5, 4, 3, 2, 6, 7),
    "yld2004": tuple(9 * p + i for p in (0, 1) for i in (2, 3, 0, 1, 5, 4, 7, 6, 8)),
    "cpb06": (1, 0, 2, 3, 5, 4, 7, 6, 8, 9),
}
"""Order of the parameters of the sheet turned by 90 degrees."""


@KINDS
def test_turning_the_sheet_by_90_degrees_exchanges_the_answers(kind):
    function = EXAMPLES[kind]
    turned = type(function).from_vector(function.vector[list(TURNED[kind])], function.exponent)
    angles = np.linspace(0.0, 90.0, 13)
    for answer in ("yield_stress", "r_value", "plane_strain_yield_stress"):
        got = getattr(turned, answer)(angles)
        np.testing.assert_allclose(got, getattr(function, answer)(90.0 - angles), atol=1e-10)
    assert turned.biaxial_r_value() == pytest.approx(1 / function.biaxial_r_value(), abs=1e-10)
    assert turned.biaxial_yield_stress() == pytest.approx(function.biaxial_yield_stress())
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    tensor = stresses(kind)
    expected = function.equivalent(tensor)
    np.testing.assert_allclose(turned.equivalent(turn @ tensor @ turn.T), expected, rtol=1e-12)


def test_hill_has_its_closed_forms():
    hill = px.Hill48(0.6, 0.55, 0.4, 1.6, 1.3, 1.8)
    r = [0.4 / 0.55, 1.8 / (0.6 + 0.55) - 0.5, 0.4 / 0.6]
    np.testing.assert_allclose(hill.r_value([0, 45, 90]), r)
    s45 = 2 / np.sqrt(0.6 + 0.55 + 2 * 1.8)
    np.testing.assert_allclose(hill.yield_stress([0, 45, 90]), [0.95**-0.5, s45, 1.0])
    assert hill.biaxial_yield_stress() == pytest.approx(1.15**-0.5)
    assert hill.biaxial_r_value() == pytest.approx(0.6 / 0.55)
    plane = (0.6 + 0.4 - 0.4**2 / 0.95) ** -0.5
    assert hill.plane_strain_yield_stress(90) == pytest.approx(plane, rel=1e-12)
    again = px.Hill48.from_yield_stresses(0.95**-0.5, s45, 1.0, 1.15**-0.5)
    np.testing.assert_allclose(again.vector[[0, 1, 2, 5]], hill.vector[[0, 1, 2, 5]])
    by_r = px.Hill48.from_r_values(*r)
    np.testing.assert_allclose(by_r.vector[[0, 1, 2, 5]], hill.vector[[0, 1, 2, 5]] / 0.95)


@KINDS
def test_plane_strain_yields_where_the_width_stays_constant(kind):
    function = EXAMPLES[kind]
    for angle in (0.0, 30.0, 90.0):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        along, across = np.array([c, s, 0]), np.array([-s, c, 0])

        def equivalent(q, along=along, across=across):
            return float(function.equivalent(np.outer(along, along) + q * np.outer(across, across)))

        least = minimize_scalar(equivalent, bracket=(0.0, 1.0), tol=1e-12).fun
        got = function.plane_strain_yield_stress(angle, reference=200.0)
        assert got == pytest.approx(200.0 / least, rel=1e-8)


@KINDS
def test_a_contour_lies_on_the_yield_surface(kind):
    function = EXAMPLES[kind]
    for shear in (0.0, 40.0):
        points = function.contour(shear=shear, reference=200.0, points=25)
        tensor = np.zeros((25, 3, 3))
        tensor[:, 0, 0], tensor[:, 1, 1] = points.T
        tensor[:, 0, 1] = tensor[:, 1, 0] = shear
        np.testing.assert_allclose(function.equivalent(tensor), 200.0, rtol=1e-10)
        np.testing.assert_allclose(points[0], points[-1], atol=1e-9)
    with pytest.raises(ValueError, match="`shear` must lie within the yield surface, but σ̄ = "):
        function.contour(shear=500.0, reference=200.0)


@KINDS
def test_convexity_by_theory_agrees_with_curvature(kind):
    assert EXAMPLES[kind].convex
    assert EXAMPLES[kind].minimum_curvature() > -1e-6


def test_curvature_finds_a_surface_that_is_not_convex():
    hill = px.Hill48(2.47, 2.47, -1.47)
    assert not hill.convex
    assert hill.minimum_curvature() < -0.01


def test_a_function_without_theory_is_judged_by_its_curvature():
    class Dented(px.Hill48):
        convex = px.YieldFunction.convex

    assert Dented().convex
    assert not Dented(2.47, 2.47, -1.47).convex


def test_two_parameters_of_yld2004_are_redundant():
    function = EXAMPLES["yld2004"]
    shift = np.zeros(18)
    # 1 ⊗ v added to the normal part of both matrices, which then act on traceless stresses.
    for v in ((1.0, 0.0, -1.0), (0.0, 1.0, -1.0)):
        C = np.outer(np.ones(3), v)
        C -= np.diag(C)[:, None]  # a row of equal numbers has no effect on a deviator
        shift[:6] = shift[9:15] = -C[[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]]
        other = px.Yld2004.from_vector(function.vector + 0.3 * shift, 8.0)
        tensor = stresses("yld2004")
        np.testing.assert_allclose(other.equivalent(tensor), function.equivalent(tensor))
    assert px.Yld2004.redundant == 2


def test_cpb06_is_asymmetric_by_its_closed_form():
    k, a = 0.3, 3.0
    ratio = (
        (2**a * (1 - k) ** a + 2 * (1 + k) ** a) / (2**a * (1 + k) ** a + 2 * (1 - k) ** a)
    ) ** (1 / a)  # compression over tension
    metal = px.CPB06(k=k, exponent=a)
    assert metal.yield_stress(20.0) == pytest.approx(1.0)
    assert metal.yield_stress(20.0, compression=True) == pytest.approx(ratio)
    mirrored = px.CPB06(k=-k, exponent=a)
    assert mirrored.yield_stress(0.0, compression=True) == pytest.approx(1.0 / ratio)
    scaled = px.CPB06((1.0, 0.9, 1.2, -0.1, 0.05, 0.1, 1.1, 0.9, 1.2), 0.2, 4.0).normalised()
    assert scaled.yield_stress(0.0) == pytest.approx(1.0)
    assert scaled.r_value(30.0) == pytest.approx(EXAMPLES["cpb06"].r_value(30.0))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: px.Yld91(exponent=0.5), "`exponent` must be 1 or more for a convex"),
        (lambda: px.Yld2000((1.0,) * 7), "`alpha` must hold 8 finite numbers, but is"),
        (lambda: px.Yld2004((float("nan"),) * 9), "`first` must hold 9 finite numbers"),
        (lambda: px.CPB06(k=1.5), "`k` must lie between -1 and 1 for a convex"),
        (lambda: px.Hill48(N=float("inf")), "`N` must be finite, but is inf"),
        (lambda: px.Hill48.from_r_values(1.0, -0.2, 1.0), "`r45` must be positive, but is -0.2"),
        (lambda: px.Hill48.from_yield_stresses(1, 0, 1, 1), "`s45` must be positive, but is 0"),
        (lambda: px.Hill48().equivalent(np.ones(5)), r"end in shape \(3, 3\) or \(6,\), but has"),
        (lambda: px.Hill48().equivalent([[0, 1, 0]] * 3), "symmetric tensors, but two components"),
        (lambda: px.Hill48().equivalent([np.nan] * 6), "`stress` must be finite, but holds nan"),
        (lambda: px.Hill48().r_value(np.inf), "`angle` must be finite, but holds inf degrees"),
        (
            lambda: px.Yld2000().equivalent([0, 0, 0, 5.0, 0, 0]),
            "Yld2000-2d must be free of shear out of the sheet, but one has 5 in 23 or 13",
        ),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
