"""Pictures of crystals of any Laue group: sectors, colours and inverse pole figures."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
import pytest
import torch
from matplotlib.collections import QuadMesh

from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.viz.sector import reduce_to_sector, sector_corners, sector_grid, sector_outline
from polyxtal.viz.sphere import project_equal_area
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture import (
    direction_colors,
    draw_inverse_pole_figure,
    draw_ipf_key,
    ipf_colors,
)

TITANIUM = Lattice("hP", 1.587)
TIN = Lattice("tI", 0.5456)
every_group = pytest.mark.parametrize("name", LAUE_GROUPS)
BAR1, BAR2 = r"$\bar{1}$", r"$\bar{2}$"


def fibonacci_sphere(count: int) -> torch.Tensor:
    """Directions of equal solid angle, so a plain mean is the mean over the sphere."""
    index = torch.arange(count, dtype=torch.float64) + 0.5
    z = 1 - 2 * index / count
    azimuth = math.pi * (1 + 5**0.5) * index
    r = (1 - z * z).sqrt()
    return torch.stack([r * azimuth.cos(), r * azimuth.sin(), z], dim=-1)


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
