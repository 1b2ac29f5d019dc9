"""Pole figures, overviews and sections of crystals of any Laue group."""

from __future__ import annotations

import math
from io import BytesIO

import pytest
import torch

from polyxtal.algebra.rotation import bunge_to_quaternion, quaternion_to_matrix, random_quaternions
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.texture.components import UnimodalTexture
from polyxtal.texture.distribution import DiscreteTexture, UniformTexture
from polyxtal.texture.sheet import basal_texture
from polyxtal.viz.density import inverse_pole_density, pole_density, sample_poles
from polyxtal.viz.odf_sections import (
    default_sections,
    draw_odf_sections,
    euler_range,
    section_density,
)
from polyxtal.viz.poles import default_planes, main_plane, plane_name, plane_normal
from polyxtal.viz.sector import sector_grid
from polyxtal.viz.sphere import hemisphere_grid
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture import draw_pole_figure
from polyxtal.viz.texture_overview import draw_texture_overview, mean_along_fibres

TITANIUM = Lattice("hP", 1.587)
TIN = Lattice("tI", 0.5456)
IDENTITY = torch.tensor([[1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
every_group = pytest.mark.parametrize("name", LAUE_GROUPS)
BAR1, BAR2 = r"$\bar{1}$", r"$\bar{2}$"


def fibonacci_sphere(count: int) -> torch.Tensor:
    """Directions of equal solid angle, so a plain mean is the mean over the sphere."""
    index = torch.arange(count, dtype=torch.float64) + 0.5
    z = 1 - 2 * index / count
    azimuth = math.pi * (1 + 5**0.5) * index
    r = (1 - z * z).sqrt()
    return torch.stack([r * azimuth.cos(), r * azimuth.sin(), z], dim=-1)


def uniform_orientations(count: int) -> torch.Tensor:
    """A super-Fibonacci spiral: far more even than random draws [Alexa2022, Alg. 1]."""
    s = torch.arange(count, dtype=torch.float64) + 0.5
    r, big = (s / count).sqrt(), (1 - s / count).sqrt()
    alpha, beta = 2 * math.pi * s / 2**0.5, 2 * math.pi * s / 1.533751168755204288118
    return torch.stack([r * alpha.sin(), r * alpha.cos(), big * beta.sin(), big * beta.cos()], -1)


def lattice_of(name: str) -> Lattice:
    return Lattice.of_laue_group(name, 1.3)


def save(figure) -> None:
    figure.savefig(BytesIO(), format="png", dpi=40)  # every warning is an error here


# Poles


@every_group
def test_uniform_texture_has_one_multiple_of_random_everywhere(name):
    q, lattice = uniform_orientations(4000), lattice_of(name)
    plane = (1, 2, -3, 1) if lattice.family == "hexagonal" else (1, 2, 3)
    got = pole_density(q, None, plane, fibonacci_sphere(150), math.radians(20), lattice)
    torch.testing.assert_close(got, torch.ones_like(got), rtol=0, atol=0.02)
    at = sector_grid(8, name).reshape(-1, 3)
    got = inverse_pole_density(q, None, (1, 2, 3), at, math.radians(20), name)
    torch.testing.assert_close(got, torch.ones_like(got), rtol=0, atol=0.02)


@every_group
def test_densities_ignore_symmetry_copies_and_no_others(name):
    q, at, group = random_quaternions(3, 4), fibonacci_sphere(200), LaueGroup(name)
    lattice = lattice_of(name)
    plane = (1, 2, -3, 1) if lattice.family == "hexagonal" else (1, 2, 3)
    copies = group.equivalents(q)[:, -1]
    other = LaueGroup("m-3m").equivalents(q)[:, 5]  # a turn about [111]
    pole = pole_density(q, None, plane, at, lattice=lattice)
    inverse = inverse_pole_density(q, None, (1, 2, 3), at, laue=name)
    same = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(pole_density(copies, None, plane, at, lattice=lattice), pole, **same)
    again = inverse_pole_density(copies, None, (1, 2, 3), at, laue=name)
    torch.testing.assert_close(again, inverse, **same)
    if name not in ("m-3", "m-3m"):
        turned = pole_density(other, None, plane, at, lattice=lattice)
        assert float((turned - pole).abs().max()) > 0.5
        turned = inverse_pole_density(other, None, (1, 2, 3), at, laue=name)
        assert float((turned - inverse).abs().max()) > 0.5


@pytest.mark.parametrize(
    ("name", "plane", "multiplicity"),
    [
        ("6/mmm", (0, 0, 0, 1), 1), ("6/mmm", (1, 0, -1, 0), 3), ("6/mmm", (1, 1, -2, 0), 3),
        ("6/mmm", (1, 0, -1, 1), 6), ("6/mmm", (2, 1, -3, 1), 12), ("6/m", (2, 1, -3, 1), 6),
        ("-3m", (1, 0, -1, 1), 3), ("-3m", (2, 1, -3, 1), 6), ("-3", (2, 1, -3, 1), 3),
        ("4/mmm", (0, 0, 1), 1), ("4/mmm", (1, 0, 0), 2), ("4/mmm", (1, 1, 0), 2),
        ("4/mmm", (1, 0, 1), 4), ("4/mmm", (2, 1, 1), 8), ("4/m", (2, 1, 1), 4),
        ("m-3", (2, 1, 0), 6), ("m-3m", (2, 1, 0), 12),
        ("mmm", (1, 2, 3), 4), ("2/m", (1, 2, 3), 2), ("-1", (1, 2, 3), 1),
    ],
)  # fmt: skip
def test_forms_have_half_as_many_poles_as_faces(name, plane, multiplicity):
    # Such as 24 faces of a dihexagonal bipyramid, in pairs ±n.
    assert sample_poles(IDENTITY, plane, lattice_of(name)).shape == (1, multiplicity, 3)


def test_a_basal_texture_has_its_basal_poles_in_the_centre_and_its_prisms_on_the_rim():
    q = basal_texture(TITANIUM, halfwidth=math.radians(12)).orientations(3000, seed=1)
    grid = hemisphere_grid(30)
    tilt = torch.acos(grid[:, 0, 2].clamp(max=1)).rad2deg()

    def by_tilt(plane):
        density = pole_density(q, None, plane, grid.reshape(-1, 3), lattice=TITANIUM)
        return density.reshape(grid.shape[:2])[:, :-1].mean(1)

    basal, prism, pyramid = (by_tilt(p) for p in ((0, 0, 0, 1), (1, 0, -1, 0), (1, 0, -1, 1)))
    assert int(basal.argmax()) == 0
    assert float(basal[0]) > 10
    assert float(basal[-1]) < 0.1
    assert float(tilt[prism.argmax()]) == pytest.approx(90)
    assert float(prism[0]) < 0.1
    # {10-11} of titanium is 61.4° from the basal plane: arctan(2 c / √3 a).
    assert float(tilt[pyramid.argmax()]) == pytest.approx(61.4, abs=4)


def test_normals_follow_the_ratio_of_the_cell():
    basal, pyramid = (plane_normal(p, TITANIUM) for p in ((0, 0, 0, 1), (1, 0, -1, 1)))
    assert math.degrees(math.acos(float(basal @ pyramid))) == pytest.approx(61.38, abs=0.02)
    basal, pyramid = (plane_normal(p, TIN) for p in ((0, 0, 1), (1, 0, 1)))
    assert math.degrees(math.acos(float(basal @ pyramid))) == pytest.approx(28.62, abs=0.02)
    with pytest.raises(ValueError, match="must have its c/a here"):
        plane_normal((1, 0, -1, 1), Lattice("h"))
    with pytest.raises(ValueError, match="must have 3 or 4 indices"):
        draw_pole_figure(new_figure().add_subplot(), IDENTITY, plane=(1, 1), lattice=TITANIUM)


@pytest.mark.parametrize(
    ("lattice", "titles"),
    [
        (TITANIUM, ["{0001}", f"{{10{BAR1}0}}", f"{{11{BAR2}0}}", f"{{10{BAR1}1}}"]),
        (Lattice("h"), ["{0001}", f"{{10{BAR1}0}}", f"{{11{BAR2}0}}"]),
        (TIN, ["{001}", "{100}", "{110}", "{101}"]),
        (None, ["{001}", "{111}", "{011}"]),
        (Lattice("o"), ["of crystal axis z", "of crystal axis x", "of crystal axis y"]),
    ],
)
def test_default_poles_are_drawn_under_their_names(lattice, titles):
    planes = default_planes(lattice)
    figure = new_figure(12, 3)
    for axes, plane, title in zip(figure.subplots(1, len(planes)), planes, titles, strict=True):
        draw_pole_figure(axes, random_quaternions(5, 2), plane=plane, lattice=lattice)
        assert axes.get_title() == f"Pole figure {title}"
    save(figure)
    alone = draw_pole_figure(new_figure().add_subplot(), IDENTITY, lattice=lattice)
    assert alone.get_title() == f"Pole figure {plane_name(main_plane(lattice), lattice)}"
    assert main_plane(lattice) == ((1, 1, 1) if lattice is None else planes[0])


# Overview


@pytest.mark.parametrize("name", ["4/m", "-3", "6/mmm", "2/m"])
def test_means_along_fibres_agree_with_the_spread_of_a_list(name):
    q, halfwidth = random_quaternions(1, 5), math.radians(15)
    smooth, listed = (
        UnimodalTexture(q[0], halfwidth, name),
        DiscreteTexture(q, None, halfwidth, name),
    )
    for h, r in (((0.1, 0.5, 0.8), hemisphere_grid(8)), (sector_grid(8, name), (0.0, 0.0, 1.0))):
        exact, spread = (mean_along_fibres(texture, h, r) for texture in (smooth, listed))
        assert float(exact.max()) > 2
        assert float((exact - spread).abs().max()) < 0.06 * float(exact.max())


def test_the_overview_takes_the_poles_and_the_sector_of_the_group():
    figure = new_figure(13, 3)
    panels = draw_texture_overview(figure, basal_texture(TITANIUM))
    titles = [axes.get_title() for axes in panels]
    assert titles[:2] == ["Pole figure {0001}", f"Pole figure {{10{BAR1}0}}"]
    assert "0001" in {text.get_text() for text in panels[4].texts}
    save(figure)
    with pytest.raises(ValueError, match="texture's Laue group, 6/mmm, but is of 4/mmm"):
        draw_texture_overview(new_figure(), basal_texture(TITANIUM), lattice=TIN)


# Sections


def test_euler_ranges_hold_every_crystal_once():
    ends = {name: euler_range(name) for name in LAUE_GROUPS}
    assert ends == {
        "-1": (180, 360), "2/m": (90, 360), "mmm": (90, 180), "4/m": (180, 90),
        "4/mmm": (90, 90), "-3": (180, 120), "-3m": (90, 120), "6/m": (180, 60),
        "6/mmm": (90, 60), "m-3": (90, 180), "m-3m": (90, 90),
    }  # fmt: skip
    for name, (tilt, twist) in ends.items():
        # Their share of Euler space; three-fold axes of cubic crystals are not used.
        order = LaueGroup(name).order // (3 if name.startswith("m-3") else 1)
        assert tilt / 180 * twist / 360 == pytest.approx(1 / order)


@every_group
def test_the_density_repeats_beyond_the_range(name):
    texture = UnimodalTexture(random_quaternions(1, 6)[0], math.radians(15), name)
    tilt_end, end = euler_range(name)
    phi1 = torch.linspace(0, 360, 37, dtype=torch.float64)
    tilt = torch.linspace(0, 90, 10, dtype=torch.float64)
    here = section_density(texture, phi1, tilt, 10.0)
    again = section_density(texture, phi1, tilt, 10.0 + end)
    torch.testing.assert_close(again, here, rtol=1e-4, atol=1e-4)  # kernels are in single precision
    inside = section_density(texture, phi1, tilt, 10.0 + end / 2)
    assert float((inside - here).abs().max()) > 0.1
    if tilt_end == 90:  # what lies beyond is inside, at another φ2
        full = bunge_to_quaternion(torch.tensor([0.4, math.pi - 0.7, 0.3], dtype=torch.float64))
        copies = quaternion_to_matrix(LaueGroup(name).equivalents(full))
        assert bool((copies[:, 2, 2] > 0.7).any())


def test_sections_span_the_range_of_the_group():
    assert default_sections("6/mmm") == (0, 10, 20, 30, 40, 50)
    assert default_sections("4/mmm") == (0, 15, 30, 45, 60, 75)
    assert default_sections("m-3m") == (0, 45, 65)
    figure = new_figure(8, 5)
    panels = draw_odf_sections(figure, basal_texture(TITANIUM))
    labels = [[text.get_text() for text in axes.texts] for axes in panels]
    assert [names[-1] for names in labels] == [f"φ2 = {angle}°" for angle in range(0, 60, 10)]
    marks = [sorted(name.split()[0] for name in names[:-1]) for names in labels]  # none of fcc
    assert marks == [["basal", "prismatic"], ["basal"], ["basal"]] * 2
    assert {axes.get_ylim() for axes in panels} == {(90, 0)}
    save(figure)
    (lower,) = draw_odf_sections(new_figure(), UniformTexture("4/m"), phi2=(0,))
    assert lower.get_ylim() == (180, 0)
    assert lower.get_yticks()[-1] == 180
