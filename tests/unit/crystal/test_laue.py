"""Laue groups acting on orientations."""

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
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, HEXAGONAL, LAUE_GROUPS, LaueGroup

DEGREE = math.pi / 180


def test_the_rotations_of_the_cube():
    r = quaternion_to_matrix(CUBIC.rotations)
    torch.testing.assert_close(r[0], torch.eye(3, dtype=torch.float64), rtol=0, atol=0)
    # Signed permutation matrices of determinant 1, each once.
    whole = r.round()
    torch.testing.assert_close(r, whole, rtol=0, atol=1e-15 * 4)
    assert bool((whole.abs().sum(1) == 1).all())
    assert bool((whole.abs().sum(2) == 1).all())
    torch.testing.assert_close(torch.linalg.det(r), torch.ones(24, dtype=torch.float64))
    assert len({tuple(m.flatten().tolist()) for m in whole + 0.0}) == 24
    # Angles: identity, 3 + 6 half turns, 8 third turns, 6 quarter turns.
    angles = (rotation_angle(CUBIC.rotations) / DEGREE).round()
    assert sorted(angles.tolist()) == [0] + [90] * 6 + [120] * 8 + [180] * 9


def test_the_rotations_are_a_private_copy():
    CUBIC.rotations.zero_()
    assert float(CUBIC.rotations.abs().sum()) > 24


def test_the_rotations_form_a_group():
    s = CUBIC.rotations
    products = quaternion_multiply(s[:, None], s[None])
    match = torch.einsum("abi,ci->abc", products, s).abs()
    torch.testing.assert_close(match.amax(-1), torch.ones(24, 24, dtype=torch.float64))
    for row in match.argmax(-1):
        assert sorted(row.tolist()) == list(range(24))


def test_symmetry_acts_on_the_crystal_side():
    """q s permutes and flips the crystal's axes, seen in the sample; s q does not."""
    q = random_quaternions(1, 2)[0]
    axes = quaternion_to_matrix(q).T  # rows: crystal axes in the sample
    turned = quaternion_to_matrix(CUBIC.equivalents(q)).mT
    overlap = (turned @ axes.T).abs()
    torch.testing.assert_close(overlap, overlap.round(), rtol=0, atol=1e-14)
    wrong = quaternion_to_matrix(quaternion_multiply(CUBIC.rotations, q)).mT @ axes.T
    assert float((wrong - wrong.round()).abs().max()) > 0.1


def test_the_fundamental_zone():
    q = random_quaternions(300, 3)
    reduced = CUBIC.reduce(q)
    assert float(CUBIC.disorientation(reduced, q).max()) < 1e-7
    everyone = rotation_angle(CUBIC.equivalents(q)).amin(-1)
    torch.testing.assert_close(rotation_angle(reduced), everyone, rtol=0, atol=1e-9)
    # |q_i| <= (√2 - 1) w and Σ|q_i| <= w: the truncated cube in Rodrigues' space
    w, xyz = reduced[:, 0], reduced[:, 1:].abs()
    assert bool((xyz.amax(1) <= (2**0.5 - 1) * w + 1e-9).all())
    assert bool((xyz.sum(1) <= w + 1e-9).all())


def test_equivalent_orientations_are_reduced_to_one():
    q = random_quaternions(50, 4)
    surface = [[1, 0, 0, 0], [math.cos(math.pi / 8), math.sin(math.pi / 8), 0, 0]]
    q = torch.cat([q, torch.tensor(surface, dtype=torch.float64)])  # 45° is on the surface
    all_reduced = CUBIC.reduce(CUBIC.equivalents(q))
    spread = (all_reduced - all_reduced[:, :1]).abs().amax((1, 2))
    assert float(spread.max()) < 1e-8


def test_known_disorientations():
    identity = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)

    def turned(axis: list[float], angle: float) -> float:
        q = axis_angle_to_quaternion(
            torch.tensor(axis, dtype=torch.float64),
            torch.tensor(angle * DEGREE, dtype=torch.float64),
        )
        return float(CUBIC.disorientation(identity, q)) / DEGREE

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
    assert float(CUBIC.disorientation(identity[None], corner)) / DEGREE == pytest.approx(
        angle, abs=1e-9
    )


def test_disorientation_is_a_distance_between_crystals():
    p, q, r = random_quaternions(300, 5).reshape(3, 100, 4)
    pq = CUBIC.disorientation(p, q)
    torch.testing.assert_close(CUBIC.disorientation(q, p), pq, rtol=0, atol=1e-9)
    assert bool((pq <= CUBIC.disorientation(p, r) + CUBIC.disorientation(r, q) + 1e-9).all())
    assert float(pq.max()) <= 62.8 * DEGREE
    assert float(pq.mean()) == pytest.approx(40.7 * DEGREE, abs=3 * DEGREE)  # Mackenzie's mean
    s = CUBIC.rotations[torch.arange(100) % 24]
    torch.testing.assert_close(
        CUBIC.disorientation(quaternion_multiply(p, s), q), pq, rtol=0, atol=1e-9
    )
    # A rotation of the sample changes nothing.
    turn = random_quaternions(1, 9)
    moved = CUBIC.disorientation(quaternion_multiply(turn, p), quaternion_multiply(turn, q))
    torch.testing.assert_close(moved, pq, rtol=0, atol=1e-9)


ORDERS = dict(zip(LAUE_GROUPS, (1, 2, 4, 4, 8, 3, 6, 6, 12, 12, 24), strict=True))


@pytest.mark.parametrize("name", LAUE_GROUPS)
def test_all_groups_are_groups_of_the_right_order(name):
    s = LaueGroup(name).rotations
    assert len(s) == LaueGroup(name).order == ORDERS[name]
    assert s[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    products = quaternion_multiply(s[:, None], s[None])
    match = torch.einsum("abi,ci->abc", products, s).abs()
    one = torch.ones(len(s), len(s), dtype=torch.float64)
    torch.testing.assert_close(match.amax(-1), one, rtol=0, atol=1e-14)
    for row in match.argmax(-1):
        assert sorted(row.tolist()) == list(range(len(s)))


AXES = {
    "2/m": ((0, 1, 0), 2),
    "mmm": ((1, 0, 0), 2),
    "4/m": ((0, 0, 1), 4),
    "4/mmm": ((1, 1, 0), 2),
    "-3": ((0, 0, 1), 3),
    "-3m": ((1, 0, 0), 2),
    "6/m": ((0, 0, 1), 6),
    "6/mmm": ((1, 0, 0), 2),
    "m-3": ((1, 1, 1), 3),
    "m-3m": ((0, 0, 1), 4),
}


@pytest.mark.parametrize("name", AXES)
def test_axes_lie_where_the_conventions_say(name):
    """z is the main axis, x ∥ a1 a two-fold one of -3m and 6/mmm, y that of 2/m."""
    axis, fold = AXES[name]
    turn = axis_angle_to_quaternion(
        torch.tensor(axis, dtype=torch.float64), torch.tensor(2 * math.pi / fold).double()
    )
    overlap = (LaueGroup(name).rotations @ turn).abs().max()
    assert float(overlap) == pytest.approx(1, abs=1e-12)


LARGEST = {"m-3m": 62.80, "m-3": 90.0, "6/mmm": 93.84, "4/mmm": 98.42, "-3m": 104.48, "mmm": 120.0}


@pytest.mark.parametrize("name", LARGEST)
def test_largest_disorientations_are_grimmers(name):
    """[Grimmer1979], approached from below by many random crystals."""
    group = LaueGroup(name)
    p, q = random_quaternions(400000, 6).reshape(2, -1, 4)
    largest = float(group.disorientation(p, q).max()) / DEGREE
    assert LARGEST[name] - 3 < largest <= LARGEST[name] + 0.005


@pytest.mark.parametrize("name", LAUE_GROUPS)
def test_copies_are_one_crystal_in_every_group(name):
    group = LaueGroup(name)
    q = random_quaternions(40, 4)
    copies = group.equivalents(q)
    assert float(group.disorientation(q[:, None], copies).max()) < 1e-7
    reduced = group.reduce(copies)
    assert float((reduced - reduced[:, :1]).abs().max()) < 1e-8
    reference = random_quaternions(40, 8)
    near = group.nearest(copies, reference[:, None])
    assert float((near - near[:, :1]).abs().max()) < 1e-12
    cosine = (near[:, 0] * reference).sum(1)
    expected = torch.cos(0.5 * group.disorientation(q, reference))
    torch.testing.assert_close(cosine, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", LAUE_GROUPS)
def test_half_angle_cosine_is_that_of_the_disorientation(name):
    """Also by the short cut of m-3m, which looks at the sizes of the components alone."""
    group, q = LaueGroup(name), random_quaternions(3000, 1)
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    expected = torch.cos(0.5 * group.disorientation(identity, q))
    torch.testing.assert_close(group.half_angle_cosine(q), expected, rtol=0, atol=1e-14)


def test_tension_twins_of_magnesium_are_86_degrees_about_a():
    """{10-12}: a half turn about the plane normal is 2 atan((c/a)/√3) about <11-20>."""
    ratio = 1.6236
    normal = Lattice("hP", ratio).plane([1, 0, -1, 2])
    twin = axis_angle_to_quaternion(normal, torch.tensor(math.pi, dtype=torch.float64))
    identity = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
    angle = float(HEXAGONAL.disorientation(identity, twin)) / DEGREE
    assert angle == pytest.approx(2 * math.degrees(math.atan(ratio / 3**0.5)), abs=1e-6)
    assert angle == pytest.approx(86.3, abs=0.1)


def test_a_group_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"must be one of -1, 2/m, .* but is '6mm'"):
        LaueGroup("6mm")
