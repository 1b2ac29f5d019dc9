"""Cubic symmetry acting on orientations."""

from __future__ import annotations

import math

import pytest
import torch

from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
    rotation_angle,
)
from polyxtal.crystal.symmetry import (
    cubic_rotations,
    disorientation,
    equivalent_orientations,
    reduce_to_fundamental_zone,
)

DEGREE = math.pi / 180


def test_the_rotations_of_the_cube():
    r = quaternion_to_matrix(cubic_rotations())
    torch.testing.assert_close(r[0], torch.eye(3, dtype=torch.float64), rtol=0, atol=0)
    # Signed permutation matrices of determinant 1, each once.
    whole = r.round()
    torch.testing.assert_close(r, whole, rtol=0, atol=1e-15 * 4)
    assert bool((whole.abs().sum(1) == 1).all())
    assert bool((whole.abs().sum(2) == 1).all())
    torch.testing.assert_close(torch.linalg.det(r), torch.ones(24, dtype=torch.float64))
    assert len({tuple(m.flatten().tolist()) for m in whole + 0.0}) == 24
    # Angles: identity, 3 + 6 half turns, 8 third turns, 6 quarter turns.
    angles = (rotation_angle(cubic_rotations()) / DEGREE).round()
    assert sorted(angles.tolist()) == [0] + [90] * 6 + [120] * 8 + [180] * 9


def test_the_rotations_are_a_private_copy():
    cubic_rotations().zero_()
    assert float(cubic_rotations().abs().sum()) > 24


def test_the_rotations_form_a_group():
    s = cubic_rotations()
    products = quaternion_multiply(s[:, None], s[None])
    match = torch.einsum("abi,ci->abc", products, s).abs()
    torch.testing.assert_close(match.amax(-1), torch.ones(24, 24, dtype=torch.float64))
    for row in match.argmax(-1):
        assert sorted(row.tolist()) == list(range(24))


def test_symmetry_acts_on_the_crystal_side():
    """q s permutes and flips the crystal's axes, seen in the sample; s q does not."""
    q = random_quaternions(1, 2)[0]
    axes = quaternion_to_matrix(q).T  # rows: crystal axes in the sample
    turned = quaternion_to_matrix(equivalent_orientations(q)).mT
    overlap = (turned @ axes.T).abs()
    torch.testing.assert_close(overlap, overlap.round(), rtol=0, atol=1e-14)
    wrong = quaternion_to_matrix(quaternion_multiply(cubic_rotations(), q)).mT @ axes.T
    assert float((wrong - wrong.round()).abs().max()) > 0.1


def test_the_fundamental_zone():
    q = random_quaternions(300, 3)
    reduced = reduce_to_fundamental_zone(q)
    assert float(disorientation(reduced, q).max()) < 1e-7
    everyone = rotation_angle(equivalent_orientations(q)).amin(-1)
    torch.testing.assert_close(rotation_angle(reduced), everyone, rtol=0, atol=1e-9)
    # |q_i| <= (√2 - 1) w and Σ|q_i| <= w: the truncated cube in Rodrigues' space
    w, xyz = reduced[:, 0], reduced[:, 1:].abs()
    assert bool((xyz.amax(1) <= (2**0.5 - 1) * w + 1e-9).all())
    assert bool((xyz.sum(1) <= w + 1e-9).all())


def test_equivalent_orientations_are_reduced_to_one():
    q = random_quaternions(50, 4)
    surface = [[1, 0, 0, 0], [math.cos(math.pi / 8), math.sin(math.pi / 8), 0, 0]]
    q = torch.cat([q, torch.tensor(surface, dtype=torch.float64)])  # 45° is on the surface
    all_reduced = reduce_to_fundamental_zone(equivalent_orientations(q))
    spread = (all_reduced - all_reduced[:, :1]).abs().amax((1, 2))
    assert float(spread.max()) < 1e-8


def test_known_disorientations():
    identity = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)

    def turned(axis: list[float], angle: float) -> float:
        q = axis_angle_to_quaternion(
            torch.tensor(axis, dtype=torch.float64),
            torch.tensor(angle * DEGREE, dtype=torch.float64),
        )
        return float(disorientation(identity, q)) / DEGREE

    assert turned([0, 0, 1], 30) == pytest.approx(30, abs=1e-12)
    assert turned([0, 0, 1], 60) == pytest.approx(30, abs=1e-12)
    assert turned([1, 0, 0], 90) == pytest.approx(0, abs=1e-6)
    assert turned([1, 1, 1], 60) == pytest.approx(60, abs=1e-12)  # the Σ3 twin
    assert turned([1, 1, 1], 180) == pytest.approx(60, abs=1e-12)
    assert turned([1, 1, 0], 180) == pytest.approx(0, abs=1e-6)
    assert turned([1, 1, 0], 70.528779) == pytest.approx(60, abs=1e-5)  # Σ3 again
    # The largest of all: 90° about (1, 1, √2 - 1), Mackenzie's 62.7994°
    angle = 2 * math.acos((2 + 2**0.5) / 4) / DEGREE
    assert angle == pytest.approx(62.7994, abs=1e-4)
    corner = torch.tensor([[1.0, 2**0.5 - 1, 2**0.5 - 1, 3 - 2 * 2**0.5]], dtype=torch.float64)
    corner = corner / torch.linalg.vector_norm(corner)
    assert float(disorientation(identity[None], corner)) / DEGREE == pytest.approx(angle, abs=1e-9)


def test_disorientation_is_a_distance_between_crystals():
    p, q, r = random_quaternions(300, 5).reshape(3, 100, 4)
    pq = disorientation(p, q)
    torch.testing.assert_close(disorientation(q, p), pq, rtol=0, atol=1e-9)
    assert bool((pq <= disorientation(p, r) + disorientation(r, q) + 1e-9).all())
    assert float(pq.max()) <= 62.8 * DEGREE
    assert float(pq.mean()) == pytest.approx(40.7 * DEGREE, abs=3 * DEGREE)  # Mackenzie's mean
    s = cubic_rotations()[torch.arange(100) % 24]
    torch.testing.assert_close(disorientation(quaternion_multiply(p, s), q), pq, rtol=0, atol=1e-9)
    # A rotation of the sample changes nothing.
    turn = random_quaternions(1, 9)
    moved = disorientation(quaternion_multiply(turn, p), quaternion_multiply(turn, q))
    torch.testing.assert_close(moved, pq, rtol=0, atol=1e-9)
