"""The cube of all rotations and the grid of the cubic fundamental zone."""

from __future__ import annotations

import math

import pytest
import torch

from polyxtal.algebra.rotation import quaternion_multiply, random_quaternions
from polyxtal.crystal.laue import CUBIC, LAUE_GROUPS, LaueGroup
from polyxtal.texture.cubochoric import (
    EDGE,
    cubochoric_grid,
    cubochoric_to_homochoric,
    homochoric_to_quaternion,
)
from polyxtal.texture.zone import in_zone, orientation_grid, zone_grid


def test_the_map_of_the_cube_keeps_volumes():
    generator = torch.Generator().manual_seed(0)
    points = (torch.rand(100, 3, generator=generator, dtype=torch.float64) - 0.5) * EDGE

    def one(x):
        return cubochoric_to_homochoric(x[None])[0]

    for point in points:
        jacobian = torch.autograd.functional.jacobian(one, point)
        assert float(torch.linalg.det(jacobian)) == pytest.approx(1.0, abs=1e-10)


def test_the_surface_of_the_cube_is_the_surface_of_the_ball():
    points = torch.tensor(
        [[1, 1, 1], [1, 0, 0], [0, -1, 1], [0.3, -0.7, -1], [0, 0, 0]], dtype=torch.float64
    )
    radius = torch.linalg.vector_norm(cubochoric_to_homochoric(points * EDGE / 2), dim=-1)
    expected = (0.75 * math.pi) ** (1 / 3) * torch.tensor([1, 1, 1, 1, 0], dtype=torch.float64)
    torch.testing.assert_close(radius, expected)


def test_homochoric_vectors_are_inverted():
    angle = torch.tensor([0.0, 1e-6, 1e-3, 0.5, 2.0, 3.0, math.pi], dtype=torch.float64)
    axis = torch.tensor([2.0, -1.0, 2.0], dtype=torch.float64) / 3
    # ω - sin ω loses its digits for small ω; its series does not.
    small = angle**3 / 6 * (1 - angle**2 / 20 + angle**4 / 840)
    size = (0.75 * torch.where(angle < 0.1, small, angle - angle.sin())) ** (1 / 3)
    q = homochoric_to_quaternion(size[:, None] * axis)
    torch.testing.assert_close(
        2 * torch.linalg.vector_norm(q[:, 1:], dim=-1).asin(), angle, atol=1e-7, rtol=1e-7
    )
    torch.testing.assert_close(torch.linalg.vector_norm(q, dim=-1), torch.ones(7).double())


def test_the_cells_are_all_rotations_evenly():
    q = cubochoric_grid(20)
    second = torch.einsum("ni,nj->ij", q, q) / len(q)
    torch.testing.assert_close(second, torch.eye(4).double() / 4, atol=2e-3, rtol=0)


@pytest.mark.parametrize("resolution", [15.0, 10.0])
def test_the_grid_covers_the_zone(resolution):
    grid = orientation_grid(resolution)
    assert len(grid) == pytest.approx((2 * EDGE / math.radians(resolution)) ** 3 / 24, rel=0.1)
    assert float(grid.volumes.sum()) == pytest.approx(1.0)
    assert float(grid.volumes.min()) * len(grid) > 0.5
    torch.testing.assert_close(CUBIC.reduce(grid.orientations), grid.orientations)
    q = random_quaternions(3000, 1)
    index, angle = grid.nearest(q)
    torch.testing.assert_close(
        angle, CUBIC.disorientation(grid.orientations[index], q), atol=1e-7, rtol=0
    )
    assert math.degrees(float(angle.max())) < grid.covering_radius + 0.5
    assert resolution < grid.covering_radius < 1.4 * resolution
    # Closest of all, and blind to symmetry.
    some = q[:20]
    every = CUBIC.disorientation(grid.orientations[None], some[:, None])
    torch.testing.assert_close(every.amin(1), angle[:20], atol=1e-7, rtol=0)
    turned = quaternion_multiply(some, CUBIC.rotations[[7]].expand(20, 4))
    torch.testing.assert_close(grid.nearest(turned)[1], angle[:20])


@pytest.mark.parametrize("resolution", [0.5, 45.0, float("nan")])
def test_resolutions_out_of_range_are_refused(resolution):
    with pytest.raises(ValueError, match="from 1 to 30 degrees"):
        orientation_grid(resolution)


@pytest.mark.parametrize("laue", LAUE_GROUPS)
def test_grid_of_the_zone_leaves_out_nothing(laue):
    group = LaueGroup(laue)
    whole = in_zone(cubochoric_grid(48), group)
    torch.testing.assert_close(zone_grid(48, group), whole, rtol=0, atol=1e-14)
