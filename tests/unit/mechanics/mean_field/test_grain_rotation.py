"""How grains turn, told by leaves."""

from __future__ import annotations

import math

import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_multiply, random_quaternions
from polyxtal.crystal.laue import CUBIC
from polyxtal.mechanics.mean_field.grain_rotation import mean_disorientation, turned_grains
from polyxtal.mechanics.response import Response


def about_z(degrees: float) -> torch.Tensor:
    half = math.radians(degrees) / 2
    return torch.tensor([math.cos(half), 0.0, 0.0, math.sin(half)], dtype=torch.float64)


def leaves_that_turn(first: torch.Tensor, turns: list[float], weights: list[float]) -> Response:
    last = torch.stack(
        [quaternion_multiply(about_z(t), q) for t, q in zip(turns, first, strict=True)]
    )
    zero = torch.zeros(2, 3, 3, dtype=torch.float64)
    return Response(
        torch.tensor([0.0, 1.0]), zero, zero, torch.stack([first, last]), torch.tensor(weights)
    )


def test_grains_turn_as_their_own_leaves_whatever_copy_of_the_crystal_these_hold():
    rve = px.tessellate(grid=4, grains=3, seed=0)
    copies = CUBIC.rotations[[3, 7, 11]].to(torch.float64)
    first = quaternion_multiply(rve.orientations, copies)[[2, 0, 1]]
    found = turned_grains(rve, leaves_that_turn(first, [10.0, 20.0, 30.0], [0.2, 0.3, 0.5]))
    for grain, turn in enumerate((20.0, 30.0, 10.0)):
        true = quaternion_multiply(about_z(turn), rve.orientations[grain])
        assert abs(float(found[grain] @ true)) == pytest.approx(1.0)


def test_leaves_that_share_an_orientation_are_averaged_by_weight():
    rve = px.tessellate(grid=4, grains=1, seed=0)
    away = random_quaternions(1, torch.Generator().manual_seed(5))
    first = torch.cat([rve.orientations, rve.orientations, away])
    found = turned_grains(rve, leaves_that_turn(first, [2.0, 6.0, 90.0], [0.75, 0.25, 9.0]))
    true = quaternion_multiply(about_z(3.0), rve.orientations[0])
    assert mean_disorientation(rve, found, true[None]) < 2e-3


def test_the_mean_is_over_the_volume_in_degrees():
    rve = px.tessellate(grid=4, grains=3, seed=0)
    turned = rve.orientations.clone()
    turned[1] = quaternion_multiply(about_z(8.0), turned[1])
    expected = 8.0 * float(rve.volume_fractions[1])
    assert mean_disorientation(rve, rve.orientations, turned) == pytest.approx(expected)


def test_a_response_without_orientations_is_refused():
    zero = torch.zeros(2, 3, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="must have orientations and weights"):
        turned_grains(px.tessellate(grid=4, grains=1), Response(torch.zeros(2), zero, zero))
