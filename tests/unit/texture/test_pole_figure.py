"""Pole figures: data, corrections, calculated densities and errors."""

import math

import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import axis_angle_to_quaternion
from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.texture.determined import determined_degree, invariants
from polyxtal.texture.pole_correction import ring_means
from polyxtal.texture.pole_density import solid_angles

COPPER = px.Lattice("cF")
GRID = px.pole_figure_grid(step=10.0)
FLAT = torch.ones(len(GRID), dtype=torch.float64)


def test_angles_are_those_of_directions():
    at = [[0.0, 1.0, 0.0], [0.0, -0.6, 0.8], [1.0, 0.0, 0.0]]
    figure = px.PoleFigure((1, 1, 1), at, [1, 2, 3], COPPER)
    torch.testing.assert_close(
        figure.azimuth, torch.tensor([0.5, 1.5, 0.0], dtype=torch.float64) * math.pi
    )
    torch.testing.assert_close(figure.tilt[1], torch.tensor(math.acos(0.8)).double())
    assert figure.keep(figure.tilt < 1).intensities.tolist() == [2]
    turned = figure.rotated(axis_angle_to_quaternion(torch.eye(3)[2].double(), torch.tensor(0.3)))
    torch.testing.assert_close(turned.azimuth, figure.azimuth + 0.3)


def test_indices_of_two_digits_are_told_apart():
    names = [px.PoleFigure(hkl, GRID, FLAT, COPPER).name for hkl in ((10, 1, 0), (1, 0, 10))]
    assert names == ["10 1 0", "1 0 10"]
    assert px.PoleFigure((1, -1, 0), GRID, FLAT, COPPER).name == "1-10"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (((1, 1, 1), [[0, 0, 1.0]], [-1.0], COPPER), "not negative, but the smallest is -1"),
        (((1, 1, 1), [[0, 0, 1.0]], [0.0], COPPER), "must be positive, but all are 0"),
        (((1, 1, 1), [[0, 0, 2.0]], [1.0], COPPER), "must be unit vectors, but are off by up to 1"),
        (
            ((1, 1, 1), [[0, 0, 1.0]], [1.0, 2], COPPER),
            r"shape \(1, 3\) with intensities of \(2,\)",
        ),
        (((1, 1), [[0, 0, 1.0]], [1.0], COPPER), "three or four whole indices"),
        (({(1, 1, 1): -1.0}, [[0, 0, 1.0]], [1.0], COPPER), "weights must be positive"),
        (((1, 0, 1), [[0, 0, 1.0]], [1.0], px.Lattice("hP")), "must have its c/a"),
        (((1, 0, 0, 1), [[0, 0, 1.0]], [1.0], px.Lattice("hP", 1.6)), "must sum to 0"),
    ],
)
def test_bad_figures_get_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        px.PoleFigure(*arguments)


def test_background_and_defocusing_are_taken_off():
    drop = torch.cos(figure_tilt := torch.arccos(GRID[:, 2].clamp(-1, 1))) + 0.2
    true = 3 + torch.sin(4 * figure_tilt)
    measured = px.PoleFigure((1, 1, 1), GRID, true * drop + 2, COPPER)
    random = px.PoleFigure((1, 1, 1), GRID, 7 * drop, COPPER)
    beside = px.PoleFigure((1, 1, 1), GRID, 2 * FLAT, COPPER)
    for background in (2.0, beside, 2 * FLAT):
        found = px.correct_pole_figure(measured, background, random)
        torch.testing.assert_close(found.intensities, true * drop[0], rtol=1e-3, atol=0)
    assert ring_means(random).shape == (10, 2)
    with pytest.raises(ValueError, match=r"must cover the tilts of figure 111, 0\.0 to 90\.0"):
        px.correct_pole_figure(measured, 0.0, random.keep(random.tilt < 1))
    with pytest.raises(ValueError, match="must exceed the background, but none does"):
        px.correct_pole_figure(measured, 100.0)


def test_solid_angles_are_those_of_a_grid_and_of_what_was_measured():
    share = solid_angles(GRID).reshape(10, 36).sum(1)
    tilt = torch.arange(10) * math.radians(10)
    band = torch.cos((tilt - math.radians(5)).clamp_min(0)) - torch.cos(
        (tilt + math.radians(5)).clamp_max(math.pi / 2)
    )
    torch.testing.assert_close(share, band.double(), rtol=0, atol=0.02)
    small = px.pole_figure_grid(step=10.0, largest=30.0)
    rim = solid_angles(small).reshape(4, 36).sum(1)[-1]
    assert 0.35 < float(rim) < 0.6  # 0.45 for the band from 25 to 35 degrees


@pytest.mark.parametrize("sample", ["triclinic", "monoclinic", "orthorhombic"])
def test_calculated_figures_agree_with_the_densitys_own(sample):
    q = px.UniformTexture().orientations(3, 5)
    lattice = px.Lattice("hP", c_over_a=1.1, laue="-3m")
    odf = px.ODF(q, [1, 2, 3], 0.3, "-3m", sample, uniform=0.2)
    mixed = {(1, 0, -1, 1): 3.0, (0, 1, -1, 1): 1.0}
    figure = px.calculate_pole_figure(odf, mixed, GRID, lattice)
    known = sum(
        share * odf.pole_density(pole, GRID)
        for pole, share in zip(figure.poles, figure.shares, strict=True)
    )
    torch.testing.assert_close(figure.intensities, known, rtol=0, atol=2e-3)


def test_errors_are_those_of_the_definition():
    odf = px.ODF([[1, 0, 0, 0]], uniform=1.0)
    values = torch.where(GRID[:, 0] > 0, 1.5 * FLAT, 0.5 * FLAT)
    error = px.pole_figure_error(odf, px.PoleFigure((1, 1, 1), GRID, 40 * values, COPPER))
    assert error.difference == pytest.approx(0.25, abs=0.01)
    assert error.rp_1 == pytest.approx(1 / 3, abs=0.02)
    assert error.scale == pytest.approx(40, rel=0.05)
    assert error == px.pole_figure_error(None, px.PoleFigure((1, 1, 1), GRID, 40 * values, COPPER))
    with pytest.raises(ValueError, match=r"one Laue group, but are of m-3m and 6/mmm"):
        px.calculate_pole_figure(odf, (0, 0, 1), GRID, px.Lattice("hP", 1.6))


def test_invariants_and_determined_degrees_are_bunges():
    cubic = [invariants(LaueGroup("m-3m"), degree) for degree in range(0, 26, 2)]
    assert cubic == [1, 0, 1, 1, 1, 1, 2, 1, 2, 2, 2, 2, 3]
    assert all(invariants(LaueGroup(name), 0) == 1 for name in LAUE_GROUPS)

    def degree(lattice, *planes):
        return determined_degree([px.PoleFigure(h, GRID, FLAT, lattice) for h in planes])

    # One cubic figure reaches degree 10, two reach 22; one hexagonal figure 4, two 10.
    titanium = px.Lattice("hP", c_over_a=1.587)
    assert degree(COPPER, (1, 1, 1)) == 10
    assert degree(COPPER, (1, 1, 1), (2, 0, 0)) == 22
    assert degree(COPPER, (1, 1, 1), (2, 2, 2)) == 10
    assert degree(titanium, (0, 0, 0, 2)) == 4
    assert degree(titanium, (0, 0, 0, 2), (1, 0, -1, 1)) == 10
