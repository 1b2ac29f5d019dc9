"""Sections of densities and the overview: panels, labels, and peaks where the crystals are."""

from __future__ import annotations

import math
from io import BytesIO
from itertools import pairwise

import pytest
import torch
from matplotlib.contour import QuadContourSet

from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix, random_quaternions
from polyxtal.crystal.laue import CUBIC
from polyxtal.texture.components import FibreTexture, UnimodalTexture
from polyxtal.texture.distribution import DiscreteTexture, MixedTexture, UniformTexture
from polyxtal.texture.kernel import direction_density, harmonic_factor
from polyxtal.texture.sheet import rolling_component, rolling_texture
from polyxtal.viz import texture_overview
from polyxtal.viz.odf_sections import draw_odf_sections, section_density
from polyxtal.viz.section_marks import component_points
from polyxtal.viz.sector import sector_grid
from polyxtal.viz.sphere import hemisphere_grid
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture_overview import draw_texture_overview, mean_along_fibres

TEN = math.radians(10)


def save(figure) -> None:
    figure.savefig(BytesIO(), format="png", dpi=40)  # every warning is an error here


def highest(axes) -> tuple[float, float]:
    """Centre of the area of the highest filled contour."""
    filled = next(c for c in axes.collections if isinstance(c, QuadContourSet))
    points = [path.vertices for path in filled.get_paths() if len(path.vertices)][-1]
    x, y = 0.5 * (points.max(0) + points.min(0))
    return float(x), float(y)


# Sections


@pytest.mark.parametrize(
    ("name", "section", "place"),
    [("brass", 0, (35.26, 45.0)), ("s", 65, (58.98, 36.70)), ("brass", 90, (35.26, 45.0))],
)
def test_components_peak_at_their_published_angles(name, section, place):
    figure = new_figure(5, 3)
    panels = draw_odf_sections(figure, rolling_component(name, TEN), phi2=(section, 20))
    assert highest(panels[0]) == pytest.approx(place, abs=2.5)
    save(figure)


def test_panels_are_labelled_as_the_field_does():
    figure = new_figure(9, 3.5)
    panels = draw_odf_sections(figure, rolling_texture({"copper": 0.5}))
    assert len(panels) == 3
    assert panels[0].get_xlabel() == "φ1 [degrees]"
    assert panels[0].get_ylabel() == "Φ [degrees]"
    for axes, angle in zip(panels, (0, 45, 65), strict=True):
        assert f"φ2 = {angle}°" in [text.get_text() for text in axes.texts]
        assert axes.get_xlim() == (0, 90)
        assert axes.get_ylim() == (90, 0)  # downwards
    bar = figure.axes[-1]
    assert bar.get_ylabel() == "Density [multiples of random]"
    # One scale for all.
    levels = [a.collections[0].levels.tolist() for a in panels]
    assert levels[0] == levels[1] == levels[2]
    peak = float(
        section_density(
            rolling_texture({"copper": 0.5}),
            torch.tensor([90.0], dtype=torch.float64),
            torch.tensor([35.26], dtype=torch.float64),
            45.0,
        )
    )
    assert levels[0][-1] >= peak > 0.7 * levels[0][-1]
    names = [text.get_text() for text in panels[1].texts]
    assert "Copper" in names
    assert "S" not in names
    save(figure)


def test_ranges_and_marks_by_choice():
    figure = new_figure(6, 6)
    one = UnimodalTexture(random_quaternions(1, 1)[0], TEN)
    panels = draw_odf_sections(
        figure, one, phi2=(0, 30), phi1_end=360.0, peak=4.0, components=False
    )
    assert [a.get_xlim() for a in panels] == [(0, 360), (0, 360)]
    assert panels[0].collections[0].levels.max() == pytest.approx(4.0)
    assert [text.get_text() for a in panels for text in a.texts] == ["φ2 = 0°", "φ2 = 30°"]
    assert panels[0].get_position().y0 > panels[1].get_position().y1  # one above the other
    save(figure)
    many = draw_odf_sections(new_figure(8, 4), UniformTexture(), phi2=range(0, 30, 5))
    assert len(many) == 6


def test_wide_sections_of_hexagonal_crystals_stand_in_two_columns_without_collisions():
    figure = new_figure(8, 4.9)
    texture = UniformTexture("6/mmm")
    panels = draw_odf_sections(figure, texture, phi1_end=360.0)
    assert len(panels) == 6
    figure.draw_without_rendering()
    places = [axes.get_position() for axes in panels]
    assert places[0].y0 == pytest.approx(places[1].y0)
    assert places[0].x1 < places[1].x0
    assert all(place.width * 8 > 2.2 for place in places)  # inches
    labels = [axes.yaxis.label.get_window_extent() for axes in panels[::2]]
    assert all(a.y0 > b.y1 for a, b in pairwise(labels))


def test_marks_lie_where_the_density_peaks():
    for name in ("cube", "goss", "brass", "copper", "s"):
        texture, found = rolling_component(name, TEN), 0
        centre = texture.components[0].orientation
        most = float(texture.density(centre[None]))
        for section in (0.0, 45.0, 65.0, 90.0):
            for end in (90.0, 360.0):
                for left, down in component_points(name, section, end).tolist():
                    at = torch.tensor([left]).double(), torch.tensor([down]).double()
                    # Up to 2.5° beside the section.
                    assert float(section_density(texture, *at, section)) > 0.9 * most
                    assert 0 <= left <= end
                    assert 0 <= down <= 90
                    found += 1
        assert found >= 3


@pytest.mark.parametrize("arguments", [{"phi2": ()}, {"phi1_end": 0.0}, {"phi1_end": 400.0}])
def test_wrong_sections_are_refused(arguments):
    with pytest.raises(ValueError, match="at least one section"):
        draw_odf_sections(new_figure(), UniformTexture(), **arguments)


# Overview


def test_means_along_fibres_are_those_of_known_textures():
    disk, triangle = hemisphere_grid(6), sector_grid(6)
    for texture in (UniformTexture(), MixedTexture([(1.0, UniformTexture())])):
        ones = mean_along_fibres(texture, (1, 1, 1), disk)
        torch.testing.assert_close(ones, torch.ones(7, 25).double())
        ones = mean_along_fibres(texture, triangle, (1, 2, 3))
        torch.testing.assert_close(ones, torch.ones(7, 7).double())
    # Along its own direction, a sharp fibre's copies of h do not meet.
    fibre = FibreTexture((1, 1, 1), (0, 0, 1), TEN)
    centre = torch.tensor([[0.0, 0, 1]], dtype=torch.float64)
    peak = float(direction_density(torch.ones(1, dtype=torch.float64), TEN))
    # One of eight copies ±(111) is along z.
    assert float(mean_along_fibres(fibre, (1, 1, 1), centre)) == pytest.approx(peak / 8, rel=0.01)


def test_mean_over_the_sphere_is_one_and_lists_agree():
    q = random_quaternions(3, 2)
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    parts = [(float(w), UnimodalTexture(one, TEN)) for w, one in zip(weights, q, strict=True)]
    mixed, listed = MixedTexture(parts), DiscreteTexture(q, weights, TEN)
    disk = hemisphere_grid(12)
    for plane in ((1, 1, 1), (1, 2, 3)):
        exact, spread = (mean_along_fibres(t, plane, disk) for t in (mixed, listed))
        # Rows are rings of equal width of the disk: their area is in proportion to the radius.
        ring = torch.linspace(0, 1, 13, dtype=torch.float64)
        ring[-1] *= 0.5
        for density in (exact, spread):
            mean = (density[:, :-1].mean(1) * ring).sum() / ring.sum()
            assert float(mean) == pytest.approx(1, abs=0.02)
        assert float((exact - spread).abs().max()) < 0.05 * float(exact.max())
    triangle = sector_grid(8)
    exact, spread = (mean_along_fibres(t, triangle, (0, 0, 1)) for t in (mixed, listed))
    assert float((exact - spread).abs().max()) < 0.05 * float(exact.max())


def test_smoothing_of_poles_is_that_of_the_harmonics():
    # A pole density of one crystal: Σ_l (2l+1) A_l P_l, averaged over the poles.
    halfwidth = math.radians(25)
    texture = UnimodalTexture(random_quaternions(1, 3)[0], halfwidth)
    at = hemisphere_grid(4).reshape(-1, 3)
    normals = quaternion_to_matrix(CUBIC.rotations) @ torch.tensor([1.0, 1, 1]).double()
    matrix = quaternion_to_matrix(texture.orientation)
    cosine = at @ (matrix @ normals.T / math.sqrt(3))
    coefficients = [(2 * n + 1) * harmonic_factor(halfwidth, n) for n in range(40)]
    previous, current = torch.ones_like(cosine), cosine
    total = coefficients[0] * previous + coefficients[1] * current
    for n in range(1, 39):
        previous, current = current, ((2 * n + 1) * cosine * current - n * previous) / (n + 1)
        total = total + coefficients[n + 1] * current
    got = mean_along_fibres(texture, (1, 1, 1), at)
    torch.testing.assert_close(got, total.mean(-1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("smooth", [True, False])
def test_overview_shows_five_figures_in_one_scale(monkeypatch, smooth):
    monkeypatch.setattr(texture_overview, "TURNS", 12)  # quick; peaks stay where they are
    # Brass turned about z: no plane of the sample is a mirror.
    turn = torch.tensor([math.cos(0.2), 0, 0, math.sin(0.2)], dtype=torch.float64)
    q = quaternion_multiply(turn, rolling_component("brass").components[0].orientation)
    texture = UnimodalTexture(q, TEN) if smooth else DiscreteTexture(q[None], None, TEN)
    figure = new_figure(13, 3)
    panels = draw_texture_overview(figure, texture)
    titles = [axes.get_title() for axes in panels]
    assert titles[:2] == ["Pole figure {001}", "Pole figure {111}"]
    assert titles[2:] == [f"Inverse pole figure, {name}" for name in "xyz"]
    levels = [a.collections[0].levels.tolist() for a in panels]
    assert all(level == levels[0] for level in levels)
    assert figure.axes[-1].get_ylabel() == "Density [multiples of random]"
    # Brass has {011} in the sheet: the triangle of z peaks at 101.
    corner = torch.tensor([1.0, 0, 1]).double() / 2**0.5
    place = (corner[:2] / (1 + corner[2]).sqrt()).tolist()
    assert highest(panels[4]) == pytest.approx(place, abs=0.06)
    save(figure)
