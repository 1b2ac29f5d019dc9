"""Marks of components and fibres, σ sections and projections: where the density has its peak."""

from __future__ import annotations

import math
from io import BytesIO

import pytest
import torch
from matplotlib import pyplot

import polyxtal as px
from polyxtal.algebra.rotation import bunge_to_quaternion, quaternion_to_matrix
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.fibres import standard_fibres
from polyxtal.viz.pole_comparison import draw_pole_comparison
from polyxtal.viz.section_marks import (
    beta_crossings,
    component_points,
    fibre_angles,
    fibre_label,
    section_fibres,
    sigma_points,
)
from polyxtal.viz.sigma_sections import draw_sigma_sections, sigma_density
from polyxtal.viz.sphere import hemisphere_grid, project
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture_overview import mean_along_fibres

HEXAGONAL = LaueGroup("6/mmm")


def save(figure) -> None:
    figure.savefig(BytesIO(), format="png", dpi=40)  # every warning is an error here


def lines(laue, phi2):
    """Name and range of φ1 and Φ of each fibre in a section. [degrees]"""

    def distance(angles):
        return (angles[..., 2] - phi2 + 180).remainder(360) - 180

    return {
        (name.split()[0], *line[:, :2].amin(0).round().tolist(), *line[:, :2].amax(0).tolist())
        for name, line in section_fibres(laue, distance, phi2)
    }


@pytest.mark.parametrize(
    ("laue", "phi2", "name", "low", "high"),
    [
        (CUBIC, 45, "alpha", (0, 0), (0, 180)),
        (CUBIC, 45, "gamma", (0, 55), (360, 54.736)),
        (CUBIC, 45, "tau", (90, 0), (90, 180)),
        (HEXAGONAL, 10, "basal", (0, 0), (360, 0)),
        (HEXAGONAL, 0, "prismatic", (0, 90), (360, 90)),
        (HEXAGONAL, 30, "prismatic", (0, 90), (360, 90)),
    ],
)
def test_fibres_run_where_textbooks_have_them(laue, phi2, name, low, high):
    found = [one[1:] for one in lines(laue, phi2) if one[0] == name]
    expected = (*low, *high)
    assert any(one == pytest.approx(expected, abs=1.0) for one in found), found


def test_alpha_and_tau_are_in_no_other_standard_section():
    assert {one[0] for one in lines(CUBIC, 65)} == set()
    assert {one[0] for one in lines(HEXAGONAL, 20)} == {"basal"}


@pytest.mark.parametrize("laue", ["m-3m", "6/mmm", "4/m", "-3m"])
def test_every_point_of_a_fibre_has_its_direction_along_the_sample_axis(laue):
    group = LaueGroup(laue)
    for crystal, sample in standard_fibres(group).values():
        q = bunge_to_quaternion(fibre_angles((crystal, sample), group, 7.0).deg2rad())
        seen = quaternion_to_matrix(q).mT @ torch.tensor(sample, dtype=torch.float64)
        h = torch.tensor(crystal, dtype=torch.float64)
        copies = quaternion_to_matrix(group.rotations) @ (h / h.norm())
        cosine = (seen.reshape(-1, 3) @ copies.T).abs().amax(1)
        assert float(cosine.min()) > 1 - 1e-9


def test_the_beta_fibre_crosses_between_its_components():
    for phi2, near in ((65.0, "s"), (45.0, "copper"), (90.0, "brass")):
        points = component_points(near, phi2)
        assert float(torch.cdist(beta_crossings(phi2, 90.0), points).min()) < 4
    between = beta_crossings(75.0, 90.0)
    known = torch.tensor([[47.0, 40.0]], dtype=torch.float64)  # between S and brass
    assert float(torch.cdist(between, known).min()) < 4


def test_sigma_sections_hold_the_density_where_the_c_axis_points():
    lattice = px.Lattice("hP", 1.6)
    q = bunge_to_quaternion(torch.tensor([[70.0, 40.0, 35.0]], dtype=torch.float64).deg2rad())
    odf = px.ODF(q, halfwidth=0.2, laue="6/mmm")
    disk = hemisphere_grid(45).reshape(-1, 3)
    density = sigma_density(odf, disk, 70.0 + 35.0)
    c_axis = quaternion_to_matrix(q)[0, :, 2]
    peak = disk[density.argmax()]
    assert float(peak @ c_axis) > math.cos(math.radians(3))
    assert float(density.max()) == pytest.approx(float(odf.density(q)), rel=0.05)
    assert float(sigma_density(odf, disk, 75.0).max()) < 0.1 * float(density.max())
    # The mean of all sections is the pole figure of c.
    some = disk[::97]
    period = torch.arange(0, 60, 2.0)
    mean = torch.stack([sigma_density(odf, some, float(sigma)) for sigma in period]).mean(0)
    poles = mean_along_fibres(odf, lattice.plane([0, 0, 0, 1]).tolist(), some)
    torch.testing.assert_close(mean, poles, rtol=0.02, atol=0.01)


def test_components_lie_in_the_sigma_section_of_their_angles():
    goss = sigma_points("goss", 0.0)
    assert float((goss - torch.tensor([0.0, 45.0, 0.0])).abs().amax(1).min()) < 0.01
    assert len(sigma_points("copper", 20.0)) == 0


@pytest.mark.parametrize("projection", ["equal-area", "equal-angle"])
def test_projections_are_those_of_their_names(projection):
    tilt = torch.tensor([0.0, 30.0, 60.0, 90.0], dtype=torch.float64).deg2rad()
    at = torch.stack([tilt.sin(), 0 * tilt, tilt.cos()], -1)
    radius = project(at, projection)[:, 0]
    half = (tilt / 2).sin() * 2**0.5 if projection == "equal-area" else (tilt / 2).tan()
    torch.testing.assert_close(radius, half)
    with pytest.raises(ValueError, match="`projection` must be equal-area or equal-angle"):
        project(at, "mercator")


@pytest.mark.parametrize(
    ("lattice", "projection"),
    [(px.Lattice("hP", 1.6), "equal-area"), (px.Lattice("tI", 0.6), "equal-angle")],
)
def test_figures_of_other_families_are_drawn_without_a_warning(lattice, projection):
    odf = px.ODF([[1, 0, 0, 0]], halfwidth=0.3, laue=lattice.laue_group, uniform=0.2)
    panels = draw_sigma_sections(new_figure(8, 5), odf, projection=projection)
    assert panels[0].get_title() == "σ = 0°"
    save(panels[0].figure)
    try:
        one = px.plot.inverse_pole_figure(odf, (1, 0, 0), projection=projection)
        assert one.get_title() == "Inverse pole figure, x"
        two = px.plot.pole_figure(odf, lattice=lattice, projection=projection)
        three = px.plot.misorientations(odf, pairs=500)
        four = px.plot.odf_sections(odf, kind="sigma")[0]
        five = px.plot.odf_sections(odf, [0.0])[0]
        for axes in (one, two, three, four, five):
            save(axes.figure)
    finally:
        pyplot.close("all")


def test_measured_figures_stand_above_recalculated_ones():
    lattice, at = px.Lattice("cF"), px.pole_figure_grid(step=15.0, largest=75.0)
    true = px.ODF([[1, 0, 0, 0]], halfwidth=math.radians(25), uniform=0.4)
    planes = (1, 1, 1), (2, 0, 0)
    figures = [px.calculate_pole_figure(true, h, at, lattice) for h in planes]
    found = px.invert_pole_figures(figures, resolution=20.0)
    panels = draw_pole_comparison(new_figure(6, 5), found)
    titles = [axes.get_title() for axes in panels]
    assert titles[:2] == ["111, measured", "200, measured"]
    assert all(title.startswith("recalculated, RP_1 0.") for title in titles[2:])
    drawn = panels[0].collections[0].get_array()
    torch.testing.assert_close(
        torch.from_numpy(drawn.data.copy()), figures[0].intensities / found.errors[0].scale
    )
    save(panels[0].figure)


def test_labels_have_greek_letters_and_overlined_indices():
    assert fibre_label("gamma <111> || z") == "γ"
    assert fibre_label("prismatic <10-10> || z") == r"prismatic <10$\bar{1}$0>"
