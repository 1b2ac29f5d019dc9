"""px.ODF: kernels, harmonics, volumes, choice of the half-width, and sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.crystal.laue import CUBIC, LAUE_GROUPS, LaueGroup
from polyxtal.texture import contributions, estimates
from polyxtal.texture.halfwidth import RULES
from polyxtal.texture.kernels import KERNELS, RotationKernel
from polyxtal.texture.series import harmonic_series
from polyxtal.texture.weighted_kernels import SAMPLE_SYMMETRIES
from polyxtal.texture.wigner import fold_about_z, invariant_projector, wigner_functions
from polyxtal.workflows.texture.report import texture_report

CUBE = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("degrees", [5.0, 10.0, 30.0])
def test_index_of_a_kernel_is_that_of_its_coefficients(name, degrees):
    kernel = RotationKernel(math.radians(degrees), name)
    factors = kernel.factors(400)
    series = sum((2 * n + 1) ** 2 * a**2 for n, a in enumerate(factors))
    assert series == pytest.approx(kernel.index, rel=1e-9)
    half = kernel.density(torch.tensor([1.0, math.cos(kernel.halfwidth)], dtype=torch.float64))
    assert float(half[1] / half[0]) == pytest.approx(0.5, rel=1e-12)


def test_wigner_functions_multiply_as_rotations_do():
    p, q = random_quaternions(5, 1), random_quaternions(5, 2)
    both = wigner_functions(p, 4) @ wigner_functions(q, 4)
    np.testing.assert_allclose(wigner_functions(quaternion_multiply(p, q), 4), both, atol=1e-13)


@pytest.mark.parametrize("laue", LAUE_GROUPS)
def test_projector_is_the_mean_wigner_function_of_the_group(laue):
    group = LaueGroup(laue)
    fold = fold_about_z(group)
    for degree in (3, 8, 13):
        mean = wigner_functions(group.rotations, degree).mean(0)
        kept = slice(degree % fold, None, fold)
        found = invariant_projector(group, degree)
        np.testing.assert_allclose(found, mean[kept, kept], atol=1e-12)
        assert abs(mean).sum() == pytest.approx(abs(found).sum(), abs=1e-9)


@pytest.mark.parametrize("laue", ["-1", "2/m", "-3", "m-3m"])
def test_pole_density_is_the_same_whichever_side_is_contracted_first(laue):
    series = px.ODF(random_quaternions(9, 3), None, 0.5, laue, "monoclinic").fourier()
    h, r = (torch.randn(n, 3, dtype=torch.float64) for n in (7, 5))
    one_by_one = torch.cat([series.pole_density(one[None], r) for one in h])
    torch.testing.assert_close(series.pole_density(h, r), one_by_one, rtol=0, atol=1e-10)


@pytest.mark.parametrize("laue", LAUE_GROUPS)
@pytest.mark.parametrize("symmetry", SAMPLE_SYMMETRIES)
def test_series_and_sum_of_kernels_agree(laue, symmetry):
    centres, weights = random_quaternions(20, 3), torch.rand(20, dtype=torch.float64) + 0.1
    at, r = random_quaternions(50, 4), torch.randn(40, 3, dtype=torch.float64)
    odf = px.ODF(centres, weights, 0.5, laue, symmetry, uniform=0.2)
    series = odf.fourier()
    direct = odf.density(at)
    torch.testing.assert_close(series.density(at), direct, rtol=0, atol=2e-4)
    h = torch.tensor([0.3, 0.5, 0.7], dtype=torch.float64)
    r, h = r / r.norm(dim=1, keepdim=True), h / h.norm()
    poles = odf.pole_density(h, r)
    torch.testing.assert_close(series.pole_density(h[None], r)[0], poles, rtol=0, atol=2e-5)
    s, p = odf.laue.rotations[-1], odf.sample_rotations[-1]
    turned = quaternion_multiply(p, quaternion_multiply(at, s))
    torch.testing.assert_close(odf.density(turned), direct, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("uniform", [0.0, 0.2])
def test_densities_by_the_series_are_not_negative(uniform):
    odf = px.ODF(CUBE[None], halfwidth=0.2, uniform=uniform)
    at = random_quaternions(3000, 1)
    r = torch.nn.functional.normalize(torch.randn(3000, 3, dtype=torch.float64), dim=1)
    h = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    series = odf.series  # by which both are summed from now on
    assert odf.by_series(1)
    assert float(series.density(at).min()) < uniform
    assert float(series.pole_density(h[None], r).min()) < uniform
    assert float(odf.density(at).min()) >= uniform
    assert float(odf.pole_density(h, r).min()) >= uniform


def test_index_of_one_component_without_symmetry_has_a_closed_form():
    odf = px.ODF(CUBE[None], halfwidth=0.3, laue="-1", uniform=0.25)
    expected = 1 - 0.75**2 + 0.75**2 * odf.kernel.index
    assert odf.index == pytest.approx(expected, rel=1e-4)


def test_volume_of_a_ball_is_that_of_drawn_orientations():
    odf = px.ODF(CUBE[None], halfwidth=0.2, uniform=0.3)
    drawn = odf.orientations(40_000, seed=1)
    for degrees in (15, 40):
        angle = math.radians(degrees)
        counted = (CUBIC.disorientation(drawn, CUBE) < angle).double().mean()
        assert odf.volume_fraction(CUBE, angle) == pytest.approx(float(counted), abs=0.006)
    even = px.ODF(CUBE[None], uniform=1.0)
    share = 24 * (angle - math.sin(angle)) / math.pi
    assert even.volume_fraction(CUBE, angle) == pytest.approx(share, rel=1e-3)


def test_volume_of_a_fibre_is_that_of_drawn_orientations():
    fibre = px.FibreTexture((1, 1, 1), (0, 0, 1), 0.2).orientations(500)
    odf = px.ODF.from_orientations(fibre, halfwidth=0.1)
    axis = torch.tensor([1.0, 1, 1], dtype=torch.float64) / 3**0.5
    drawn = odf.orientations(20_000, seed=1)
    copies = quaternion_to_matrix(CUBIC.rotations) @ axis
    seen = (quaternion_to_matrix(drawn)[:, 2] @ copies.T).abs().amax(1)
    counted = (seen > math.cos(0.25)).double().mean()
    assert odf.volume_fraction(fibre=((1, 1, 1), (0, 0, 1)), angle=0.25) == pytest.approx(
        float(counted), abs=0.01
    )


@pytest.mark.parametrize("rule", RULES)
def test_chosen_halfwidth_is_close_to_the_best(rule):
    texture = px.rolling_component("goss", halfwidth=math.radians(12))
    drawn, at = texture.orientations(400, seed=2), random_quaternions(1, 0)
    odf = px.ODF.from_orientations(drawn, rule=rule)
    assert odf.rule == rule
    at = texture.orientations(1500, seed=9)

    def error(factor):
        tried = px.ODF(drawn, halfwidth=factor * odf.halfwidth)
        gap = tried.density(at) - texture.density(at)
        return float((gap.square() / texture.density(at)).mean())

    assert error(1.0) < error(0.5)
    assert error(1.0) < error(2.0)


def test_sample_is_closer_than_random_draws_and_reproducible():
    odf = px.ODF(random_quaternions(5, 1), halfwidth=0.3, uniform=0.2)
    goal = odf.fourier(8)

    def error(q, w=None):
        series = harmonic_series(q, w, 8)
        pairs = zip(series.degrees, goal.degrees, strict=True)
        return sum(float((abs(a - b) ** 2).sum()) * len(a) for a, b in pairs) ** 0.5

    relaxed = odf.sample(100, steps=30)
    drawn = np.mean([error(odf.orientations(100, seed=k)) for k in range(5)])
    assert error(relaxed.points) < 0.3 * drawn
    assert error(odf.sample(100, steps=0).points) < drawn
    assert torch.equal(relaxed.points, odf.sample(100, steps=30).points)
    weights = torch.linspace(1, 5, 100, dtype=torch.float64)
    weighted = odf.sample(100, weights, steps=30)
    assert error(weighted.points, weighted.weights) < 0.4 * drawn


def test_modes_rotation_and_symmetrisation():
    centre = normalize_quaternion(torch.tensor([[0.9, 0.1, 0.3, 0.2]], dtype=torch.float64))
    odf = px.ODF(centre, halfwidth=0.25, laue="mmm")
    top = odf.modes(2)
    assert float(LaueGroup("mmm").disorientation(top.orientations[0], centre[0])) < 0.01
    turn = random_quaternions(1, 5)[0]
    turned = odf.rotated(turn)
    at = random_quaternions(30, 6)
    torch.testing.assert_close(
        turned.density(quaternion_multiply(turn, at)), odf.density(at), rtol=1e-3, atol=1e-4
    )
    even = odf.symmetrised("orthorhombic")
    flips = SAMPLE_SYMMETRIES["orthorhombic"].rotations
    mean = torch.stack([odf.density(quaternion_multiply(p, at)) for p in flips]).mean(0)
    torch.testing.assert_close(even.density(at), mean, rtol=1e-4, atol=1e-5)


def test_bands_hold_the_values_and_bad_arguments_are_told():
    odf = px.ODF.from_orientations(px.rolling_component("cube").orientations(200), halfwidth=0.2)
    for found, value in (
        (odf.bands(), odf.index),
        (odf.bands("volume fraction", CUBE), odf.volume_fraction(CUBE)),
    ):
        assert float(found.value) == pytest.approx(value, rel=2e-3)
        assert found.low <= found.value <= found.high
        assert 0 < found.deviation < found.value
    with pytest.raises(ValueError, match="must be one of triclinic"):
        px.ODF([[1, 0, 0, 0]], sample_symmetry="cubic")
    with pytest.raises(ValueError, match="not both"):
        odf.volume_fraction()
    with pytest.raises(ValueError, match="fewer than ten"):
        px.ODF.from_orientations([[1, 0, 0, 0]])


def test_bands_may_lie_below_the_truth_as_is_said():
    texture = px.rolling_component("cube", halfwidth=0.1)
    odf = px.ODF.from_orientations(texture.orientations(200, seed=1), halfwidth=0.2)
    true = px.ODF([[1, 0, 0, 0]], halfwidth=0.1, kernel="von Mises-Fisher").index
    assert odf.bands().high < 0.5 * true
    assert "are lower bounds" in " ".join(str(px.ODF.bands.__doc__).split())


def test_series_becomes_kernels_again():
    odf = px.ODF(random_quaternions(3, 1), halfwidth=0.5, uniform=0.1)
    again = px.ODF.from_fourier(odf.fourier(), halfwidth=0.5)
    assert again.distance(odf) < 0.05


@pytest.fixture(scope="module")
def many():
    drawn = px.rolling_component("goss", halfwidth=math.radians(9)).orientations(4000, seed=3)
    weights = torch.linspace(1, 4, 4000, dtype=torch.float64)
    return px.ODF(drawn, weights, math.radians(4), uniform=0.1)


@pytest.mark.parametrize("fibre", [None, "alpha"])
def test_bands_without_the_highest_degrees_differ_little(many, fibre, monkeypatch):
    centre = None if fibre else px.miller_orientation((0, 1, 1), (1, 0, 0))
    given = {"orientation": centre, "fibre": fibre, "seed": 1}
    short = many.bands("volume fraction", **given)
    assert float(short.value) == pytest.approx(many.volume_fraction(centre, fibre=fibre), rel=1e-12)
    monkeypatch.setattr(contributions, "SHARPNESS", 1e9)
    full = many.bands("volume fraction", **given)
    assert float(short.deviation) == pytest.approx(float(full.deviation), rel=0.02)
    assert float(short.high - short.low) == pytest.approx(float(full.high - full.low), rel=0.02)


def test_blocks_of_orientations_spread_as_orientations_do(many, monkeypatch):
    c = torch.stack([many.density(many.centres), many.centres[:, 1].abs()], 1)
    exact = (many.weights[:, None] * (c - many.weights @ c)).norm(dim=0)
    order = c[:, 0].argsort()  # blocks must not be runs of similar orientations
    for blocks in (800, 5000):
        monkeypatch.setattr(estimates, "BLOCKS", blocks)
        found = estimates.bootstrap(c[order], many.weights[order], 1500, 0.9, seed=0)
        torch.testing.assert_close(found.deviation, exact, rtol=0.1, atol=0)
        torch.testing.assert_close(found.value, many.weights @ c, rtol=1e-12, atol=0)


def test_report_of_many_regions_is_that_of_each(many):
    found = texture_report(many)
    band = many.bands("volume fraction", fibre="gamma")
    one = found["fibres"]["gamma <111> || z"]
    assert one["fraction"] == pytest.approx(float(band.value), rel=1e-9)
    assert one["deviation"] == pytest.approx(float(band.deviation), rel=1e-9)
    goss = px.miller_orientation((0, 1, 1), (1, 0, 0))
    one = found["components"]["goss"]
    assert one["fraction"] == pytest.approx(many.volume_fraction(goss), rel=1e-9)
    assert found["maxima"][0]["name"] == "goss"
    assert found["texture_index_deviation"] == pytest.approx(
        float(many.bands("index").deviation), rel=1e-9
    )
