"""ODFs from pole figures, against ODFs whose figures are known."""

import math

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import bunge_to_quaternion, quaternion_multiply
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.pole_inversion import kernel_centres
from polyxtal.texture.zone import zone_orientations

COPPER = px.Lattice("cF")
QUARTZ = px.Lattice("hP", c_over_a=1.102, laue="-3m")
GRID = px.pole_figure_grid(step=7.5)
PLANES = (1, 0, 0), (1, 1, 0), (1, 1, 1)
SANTA_FE = bunge_to_quaternion(torch.deg2rad(torch.tensor([[63.435, 48.190, 63.435]])).double())


def santa_fe(halfwidth: float = 10.0) -> px.ODF:
    return px.ODF(
        SANTA_FE, None, math.radians(halfwidth), "m-3m", "orthorhombic", 0.73, "von Mises-Fisher"
    )


def distance(found: px.ODF, true: px.ODF) -> float:
    at = zone_orientations(10.0, true.laue)
    return 0.5 * float((found.density(at) - true.density(at)).abs().mean())


def invert(figures, **options):
    return px.invert_pole_figures(figures, **{"resolution": 10.0, **options})


def test_the_santa_fe_odf_is_found_and_the_uniform_part_first():
    true = santa_fe(14.0)
    figures = [px.calculate_pole_figure(true, h, GRID, COPPER) for h in PLANES]
    # Unknown scales, and figures measured to 75 degrees only.
    scaled = [
        px.PoleFigure(h, f.directions[f.tilt < 1.32], f.intensities[f.tilt < 1.32] * k, COPPER)
        for h, f, k in zip(PLANES, figures, (3.0, 50.0, 700.0), strict=True)
    ]
    found = invert(scaled, sample_symmetry="orthorhombic")
    plain = invert(scaled, sample_symmetry="orthorhombic", ghost_correction=False)
    assert distance(found.odf, true) < 0.03
    assert distance(plain.odf, true) > 2 * distance(found.odf, true)
    assert found.odf.uniform == pytest.approx(0.72, abs=0.03)
    assert float(found.odf.weights.min()) >= 0
    for error, k in zip(found.errors, (3.0, 50.0, 700.0), strict=True):
        assert error.scale == pytest.approx(k, rel=0.02)
        assert error.rp_1 < 0.04
    assert found.degree == 34


def test_superposed_reflections_and_a_predicted_figure():
    """Trigonal, no sample symmetry: swapped weights of the two rhombohedra mislead."""
    q = px.UniformTexture().orientations(2, 3)
    true = px.ODF(q, [1, 2], math.radians(20), "-3m", uniform=0.2)
    planes = [
        {(1, 0, -1, 0): 1.0},
        {(1, 0, -1, 1): 1.23, (0, 1, -1, 1): 0.52},
        {(1, 1, -2, 2): 1.0},
    ]
    at = px.pole_figure_grid(step=10.0)
    figures = [px.calculate_pole_figure(true, h, at, QUARTZ) for h in planes]
    found = invert(figures, resolution=15.0)
    other = px.calculate_pole_figure(true, (1, 0, -1, 2), at, QUARTZ)
    mean = px.pole_figure_error(None, other)
    error = px.pole_figure_error(found.odf, other)
    assert error.difference < 0.2 * mean.difference
    swapped = px.PoleFigure(
        {(1, 0, -1, 1): 0.52, (0, 1, -1, 1): 1.23}, at, figures[1].intensities, QUARTZ
    )
    wrong = invert([figures[0], swapped, figures[2]], resolution=15.0)
    assert px.pole_figure_error(wrong.odf, other).difference > 2 * error.difference


def test_kernel_centres_are_one_of_each_equivalent_set():
    laue, sample = LaueGroup("m-3m"), LaueGroup("mmm")
    every = zone_orientations(10.0, laue)
    centres, volumes = kernel_centres(10.0, laue, sample)
    assert len(centres) == pytest.approx(len(every) / 4, rel=0.1)
    assert volumes.sum() == pytest.approx(1)
    copies = quaternion_multiply(sample.rotations[:, None], centres[None]).reshape(-1, 4)
    apart = laue.disorientation(every[::7, None], copies[None]).amin(1)
    assert float(apart.max()) < math.radians(12.1)  # the covering radius of the grid


def test_noise_does_not_break_the_solution():
    true, draw = santa_fe(14.0), np.random.default_rng(0)
    figures = []
    for h in PLANES:
        clean = px.calculate_pole_figure(true, h, GRID, COPPER)
        counts = torch.from_numpy(draw.poisson(100 * clean.intensities.numpy()).astype(float))
        figures.append(px.PoleFigure(h, GRID, counts, COPPER))
    found = invert(figures, sample_symmetry="orthorhombic")
    assert distance(found.odf, true) < 0.08


def test_figures_that_cannot_determine_an_odf_are_refused():
    flat = torch.ones(len(GRID), dtype=torch.float64)
    one = px.PoleFigure((1, 0, -1, 0), GRID, flat, QUARTZ)
    with pytest.raises(ValueError, match=r"takes 2 independent reflections of Laue group -3m, but"):
        px.invert_pole_figures([one])
    cubic = px.PoleFigure((1, 1, 1), GRID, flat, COPPER)
    with pytest.raises(ValueError, match="must be of one lattice, but 10-10 is of"):
        px.invert_pole_figures([one, cubic])
    with pytest.raises(ValueError, match="must hold a pole figure, but is empty"):
        px.invert_pole_figures([])
    for options, sentence in (
        ({"resolution": 1.0}, "from 2 to 30 degrees, but is 1"),
        ({"sample_symmetry": "cubic"}, "must be one of triclinic, monoclinic, orthorhombic"),
        ({"iterations": 0}, "must be positive"),
        ({"kernel": "Gauss"}, "must be one of"),
    ):
        with pytest.raises(ValueError, match=sentence):
            px.invert_pole_figures([cubic], **options)
