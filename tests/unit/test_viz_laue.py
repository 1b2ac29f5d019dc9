"""Pictures of crystals of any Laue group: sectors, colours, poles, ranges of Euler angles."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
import pytest
import torch
from matplotlib.collections import QuadMesh

from polyxtal.algebra.rotation import (
    bunge_to_quaternion,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.components import UnimodalTexture, basal_texture
from polyxtal.texture.distribution import DiscreteTexture, UniformTexture
from polyxtal.viz.density import inverse_pole_density, pole_density, sample_poles
from polyxtal.viz.odf_sections import (
    default_sections,
    draw_odf_sections,
    euler_range,
    section_density,
)
from polyxtal.viz.poles import default_planes, main_plane, plane_name, plane_normal
from polyxtal.viz.sector import reduce_to_sector, sector_corners, sector_grid, sector_outline
from polyxtal.viz.sphere import hemisphere_grid, project_equal_area
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture import (
    direction_colors,
    draw_inverse_pole_figure,
    draw_ipf_key,
    draw_pole_figure,
    ipf_colors,
)
from polyxtal.viz.texture_overview import draw_texture_overview, mean_along_fibres
from polyxtal.viz.volume import draw_volume
from polyxtal.workflows.panels import draw_texture_panel, draw_volume_panel, shown_crystals

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


# Sectors


@every_group
def test_a_sector_covers_its_share_of_the_sphere_and_each_direction_falls_into_it(name):
    n, group = fibonacci_sphere(20_000), LaueGroup(name)
    reduced = reduce_to_sector(n, name)
    torch.testing.assert_close(reduce_to_sector(reduced, name), reduced, rtol=0, atol=1e-12)
    inside = float(((reduced - n).norm(dim=-1) < 1e-9).to(torch.float64).mean())
    assert inside == pytest.approx(1 / (2 * group.order), abs=1e-3)
    # What it returns is a copy by the group's rotations or their inversions.
    copies = torch.einsum("kij,nj->nki", quaternion_to_matrix(group.rotations), n[:200])
    far = torch.minimum((copies - reduced[:200, None]).norm(dim=-1),
                        (copies + reduced[:200, None]).norm(dim=-1)).amin(-1)  # fmt: skip
    assert float(far.max()) < 1e-12


@every_group
def test_equivalent_directions_share_one_place_in_the_sector(name):
    n = fibonacci_sphere(300)
    copies = torch.einsum("kij,nj->kni", quaternion_to_matrix(LaueGroup(name).rotations), n)
    both = torch.cat([copies, -copies])
    expected = reduce_to_sector(n, name).expand_as(both)
    torch.testing.assert_close(reduce_to_sector(both, name), expected, rtol=0, atol=1e-12)


@every_group
def test_the_grid_fills_the_sector_within_its_outline(name):
    grid = sector_grid(24, name)
    inner = grid[1:-1, 1:-1].reshape(-1, 3)
    torch.testing.assert_close(reduce_to_sector(inner, name), inner, rtol=0, atol=1e-12)
    x, y = project_equal_area(sector_outline(200, name)).unbind(-1)
    area = 0.5 * float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())  # the disk's is π
    assert area == pytest.approx(math.pi / LaueGroup(name).order, rel=1e-3)
    outline = sector_outline(24, name)
    torch.testing.assert_close(outline[0], outline[-1])
    for corner in sector_corners(name)[0 if name != "-1" else 1 :]:
        direction = torch.tensor(corner.direction, dtype=torch.float64)
        assert float((outline - direction / direction.norm()).norm(dim=-1).min()) < 1e-12


@pytest.mark.parametrize(
    ("name", "indices"),
    [
        ("6/mmm", {"0001": (0, 0, 0, 1), f"2{BAR1}{BAR1}0": (2, -1, -1, 0),
                   f"10{BAR1}0": (1, 0, -1, 0)}),
        ("6/m", {f"2{BAR1}{BAR1}0": (2, -1, -1, 0), f"11{BAR2}0": (1, 1, -2, 0)}),
        ("-3", {f"2{BAR1}{BAR1}0": (2, -1, -1, 0), f"{BAR1}2{BAR1}0": (-1, 2, -1, 0)}),
        ("-3m", {f"10{BAR1}0": (1, 0, -1, 0), f"01{BAR1}0": (0, 1, -1, 0)}),
        ("4/mmm", {"001": (0, 0, 1), "100": (1, 0, 0), "110": (1, 1, 0)}),
        ("4/m", {"100": (1, 0, 0), "010": (0, 1, 0)}),
        ("m-3", {"001": (0, 0, 1), "101": (1, 0, 1), "111": (1, 1, 1), "011": (0, 1, 1)}),
    ],
)  # fmt: skip
def test_corners_are_where_their_indices_point(name, indices):
    corners = {corner.name: corner.direction for corner in sector_corners(name)}
    for label, one in indices.items():
        got = torch.tensor(corners[label], dtype=torch.float64)
        expected = Lattice.of_laue_group(name).direction(list(one))
        torch.testing.assert_close(got / got.norm(), expected, rtol=0, atol=1e-12)


# Colours


@every_group
def test_symmetry_copies_share_one_colour(name):
    group, q = LaueGroup(name), random_quaternions(100, 3)
    colors = ipf_colors(q, (1, 2, 3), name)
    copies = ipf_colors(group.equivalents(q), (1, 2, 3), group)
    expected = colors[:, None].expand(100, group.order, 3)
    torch.testing.assert_close(copies, expected, rtol=0, atol=1e-6)
    assert 0 <= float(colors.min()) <= float(colors.max()) <= 1
    assert float(colors.std(0).min()) > 0.1


def test_cubic_colours_are_those_of_the_sorted_components():
    h = fibonacci_sphere(5000)
    y, x, z = h.abs().sort(dim=-1).values.unbind(-1)
    parts = torch.stack([z - x, 2**0.5 * (x - y), 3**0.5 * y], dim=-1)
    expected = (parts / parts.amax(-1, keepdim=True)) ** 0.5
    assert torch.equal(direction_colors(h), expected)
    assert torch.equal(direction_colors(h, "m-3m"), expected)


@every_group
def test_colours_do_not_jump(name):
    # Paths through all the sphere cross every seam of the sector.
    turn = torch.linspace(0, 2 * math.pi, 40_001, dtype=torch.float64)
    for first, second in quaternion_to_matrix(random_quaternions(6, 4))[:, :2]:
        path = turn.cos()[:, None] * first + turn.sin()[:, None] * second
        step = (direction_colors(path[1:], name) - direction_colors(path[:-1], name)).abs()
        # A square root near an edge climbs by √(1.6e-4 · √3) at most, a jump would be 0.3.
        assert float(step.max()) < 0.03


@pytest.mark.parametrize("name", ["-1", "2/m", "4/m", "-3", "-3m", "6/m", "m-3"])
def test_colours_tell_apart_what_a_missing_mirror_does_not_join(name):
    # One direction in the middle of every triangle that the group's larger one joins to one.
    full = {"-1": "mmm", "2/m": "mmm", "4/m": "4/mmm", "m-3": "m-3m"}.get(name, "6/mmm")
    middle = sector_grid(3, full)[2, 1]
    copies = quaternion_to_matrix(LaueGroup(full).rotations) @ middle
    colors = direction_colors(copies, name)
    number = LaueGroup(full).order // LaueGroup(name).order
    assert len(torch.unique((colors * 1e4).round(), dim=0)) == number
    apart = torch.pdist(torch.unique((colors * 1e4).round() / 1e4, dim=0))
    assert float(apart.min()) > 0.05


def test_corners_of_hexagonal_and_tetragonal_sectors_are_red_green_and_blue():
    eye = torch.eye(3, dtype=torch.float64)
    hexagonal = TITANIUM.direction([[0, 0, 0, 1], [2, -1, -1, 0], [1, 0, -1, 0]])
    tetragonal = TIN.direction([[0, 0, 1], [1, 0, 0], [1, 1, 0]])
    torch.testing.assert_close(direction_colors(hexagonal, "6/mmm"), eye, rtol=0, atol=1e-7)
    torch.testing.assert_close(direction_colors(tetragonal, "4/mmm"), eye, rtol=0, atol=1e-7)


@every_group
def test_keys_and_inverse_pole_figures_are_drawn_with_the_corners_named(name):
    figure = new_figure(6, 3)
    left, right = figure.subplots(1, 2)
    draw_ipf_key(left, name)
    draw_inverse_pole_figure(right, random_quaternions(20, 1), laue=name)
    for axes in (left, right):
        texts = {text.get_text() for text in axes.texts}
        corners = {corner.name for corner in sector_corners(name)}
        assert texts == ({"x", "y", "z"} if name == "-1" else corners)
    offsets = np.asarray(right.collections[-1].get_offsets())
    x, y = project_equal_area(sector_outline(laue=name)).T.numpy()
    assert offsets[:, 0].min() >= x.min() - 1e-9
    assert offsets[:, 0].max() <= x.max() + 1e-9
    assert offsets[:, 1].max() <= y.max() + 1e-9
    assert any(isinstance(c, QuadMesh) for c in left.collections)
    save(figure)


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
    labels = [text.get_text() for axes in panels for text in axes.texts]
    assert labels == [f"φ2 = {angle}°" for angle in (0, 10, 20, 30, 40, 50)]  # and no fcc marks
    assert {axes.get_ylim() for axes in panels} == {(90, 0)}
    save(figure)
    (lower,) = draw_odf_sections(new_figure(), UniformTexture("4/m"), phi2=(0,))
    assert lower.get_ylim() == (180, 0)
    assert lower.get_yticks()[-1] == 180


# Several phases


def two_phases(first: int = 2) -> Polycrystal:
    """Four equal grains; the first `first` of them are titanium, the others cubic."""
    phase = [0 if grain < first else 1 for grain in range(4)]
    ids = torch.arange(4).reshape(1, 2, 2)
    q = random_quaternions(4, 9)
    return Polycrystal(ids, q, (1, 1, 1), phase, ("alpha", "beta"), (TITANIUM, None))


def test_grains_have_the_colours_of_their_own_phase():
    rve = two_phases()
    axes = draw_volume(new_figure().add_subplot(), rve)
    (colors,) = (
        np.asarray(mesh.get_array()).reshape(-1, 3)
        for mesh in [c for c in axes.collections if isinstance(c, QuadMesh)][:1]
    )
    np.testing.assert_allclose(colors[:2], ipf_colors(rve.orientations[:2], laue="6/mmm"))
    np.testing.assert_allclose(colors[2:], ipf_colors(rve.orientations[2:], laue="m-3m"))


@pytest.mark.parametrize(
    ("first", "only", "title"), [(3, "alpha", "{0001}"), (1, "beta", "{111}"), (4, None, "{0001}")]
)
def test_the_largest_phase_is_shown_and_named(first, only, title):
    rve = two_phases(first)
    shown = shown_crystals(rve, rve.phase, rve.volume_fractions)
    assert shown.only == only
    assert shown.lattice == (None if only == "beta" else TITANIUM)
    assert shown.members.tolist() == [
        only is None or (k < first) == (only == "alpha") for k in range(4)
    ]
    figure = new_figure(9, 4)
    left, right = figure.subfigures(1, 2)
    draw_volume_panel(left, rve)
    q, weights = rve.orientations, rve.volume_fractions
    draw_texture_panel(right, rve, rve.phase, (q, q), weights, (0.25, 0.5))
    name = f"\nlargest phase, {only}" if only else ""
    titles = [axes.get_title() for axes in right.axes[:2]]
    assert titles == [f"Pole figure {title}, {when}{name}" for when in ("start", "end")]
    assert ("colour key of the largest phase" in left.axes[0].get_title()) == (only is not None)
    key = {text.get_text() for text in left.axes[1].texts}
    assert ("111" if only == "beta" else "0001") in key
    poles = len(np.asarray(right.axes[0].collections[-1].get_offsets()))
    assert poles == {3: 3, 1: 3 * 4, 4: 4}[first]
    save(figure)


def test_phases_of_one_group_are_shown_together():
    rve = two_phases()
    alike = Polycrystal(
        rve.grain_id, rve.orientations, rve.size, rve.phase, rve.phase_names, (Lattice("cF"), None)
    )
    shown = shown_crystals(alike, alike.phase, alike.volume_fractions)
    assert shown.only is None
    assert bool(shown.members.all())
