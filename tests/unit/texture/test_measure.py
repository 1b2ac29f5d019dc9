"""Texture measures: l = 4 harmonics, strength, mean disorientation."""

from __future__ import annotations

import math

import pytest
import torch
from jaxtyping import TypeCheckError

from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.crystal.laue import CUBIC
from polyxtal.texture.harmonics import cubic_harmonics
from polyxtal.texture.measure import mean_disorientation, texture_coefficients, texture_strength

EYE = torch.eye(3, dtype=torch.float64)
IDENTITY = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)


def cubic_tensor(orientations: torch.Tensor) -> torch.Tensor:
    """Traceless part of Σ_k r_k⊗r_k⊗r_k⊗r_k, written with all 81 components."""
    r = quaternion_to_matrix(orientations)
    full = torch.einsum("...ak,...bk,...ck,...dk->...abcd", r, r, r, r)
    pairs = ("ab,cd->abcd", "ac,bd->abcd", "ad,bc->abcd")
    return full - sum(torch.einsum(pair, EYE, EYE) for pair in pairs) / 5


def test_every_crystal_has_unit_norm():
    norm = cubic_harmonics(random_quaternions(500)).norm(dim=-1)
    torch.testing.assert_close(norm, torch.ones_like(norm), rtol=0, atol=1e-13)


def test_inner_products_are_those_of_the_tensor():
    # Equal Gram matrices say: an orthonormal basis, scaled by √(5/6), and no component lost.
    q = random_quaternions(40, 1)
    tensor = cubic_tensor(q).reshape(40, 81)
    h = cubic_harmonics(q)
    torch.testing.assert_close(h @ h.T, 5 / 6 * tensor @ tensor.T, rtol=0, atol=1e-12)
    assert torch.linalg.matrix_rank(h) == 9


def test_tensor_of_the_oracle_is_traceless():
    trace = torch.einsum("...iikl->...kl", cubic_tensor(random_quaternions(5)))
    assert float(trace.abs().max()) < 1e-13


def test_symmetry_copies_and_signs_share_one_vector():
    q = random_quaternions(50, 2)
    copies = cubic_harmonics(CUBIC.equivalents(q))
    torch.testing.assert_close(copies, cubic_harmonics(-q)[:, None].expand(50, 24, 9))


def test_distances_ignore_the_sample_frame():
    q = random_quaternions(30, 3)
    turn = random_quaternions(1, 4)
    h, turned = cubic_harmonics(q), cubic_harmonics(quaternion_multiply(turn, q))
    assert float((h - turned).norm(dim=-1).min()) > 0.1
    torch.testing.assert_close(torch.cdist(turned, turned), torch.cdist(h, h), rtol=0, atol=1e-7)


def test_small_rotations_move_the_vector_in_proportion():
    q = random_quaternions(200, 5)
    axis = random_quaternions(200, 6)[:, 1:]
    start = cubic_harmonics(q)

    def moved(angle: float) -> torch.Tensor:
        step = axis_angle_to_quaternion(axis, torch.full((200,), angle, dtype=torch.float64))
        return (cubic_harmonics(quaternion_multiply(step, q)) - start).norm(dim=-1)

    # The metric is isotropic: |dh| = √(20/3) dω whatever the axis [Casimir l(l+1)/3 of l = 4].
    expected = torch.full((200,), math.sqrt(20 / 3), dtype=torch.float64)
    torch.testing.assert_close(moved(1e-5) / 1e-5, expected, rtol=1e-4, atol=0)


def test_gradient_is_that_of_a_finite_difference():
    q = random_quaternions(3, 7).requires_grad_(True)
    assert torch.autograd.gradcheck(cubic_harmonics, (q,))


def test_strength_is_one_for_a_single_crystal_and_small_for_a_random_texture():
    one = random_quaternions(1, 8)
    assert float(texture_strength(one)) == pytest.approx(1)
    copies = CUBIC.equivalents(one)[0]
    assert float(texture_strength(copies)) == pytest.approx(1)
    random = float(texture_strength(random_quaternions(10_000, 9)))
    assert 0 < random < 3 / math.sqrt(10_000)


def test_coefficients_are_the_weighted_mean():
    q = random_quaternions(3, 10)
    weights = torch.tensor([1.0, 0.0, 3.0], dtype=torch.float64)
    a, _, c = cubic_harmonics(q)
    torch.testing.assert_close(texture_coefficients(q, weights), 0.25 * a + 0.75 * c)
    torch.testing.assert_close(texture_coefficients(q), cubic_harmonics(q).mean(0))


def test_mean_disorientation_weighs_known_angles():
    q = random_quaternions(2, 11)
    z = EYE[2].expand(2, 3)
    angles = torch.tensor([10.0, 80.0], dtype=torch.float64).deg2rad()
    # In the crystal frame, 80° about a cube axis is 10° after one quarter turn.
    turned = quaternion_multiply(q, axis_angle_to_quaternion(z, angles))
    torch.testing.assert_close(mean_disorientation(q, turned), angles[0])
    turned = torch.stack([q[0], turned[1]])
    weights = torch.tensor([1.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(mean_disorientation(q, turned, weights), 0.75 * angles[0])


def test_wrong_weights_are_refused_in_one_sentence():
    q = random_quaternions(3)
    # Where annotations are enforced, a wrong shape is stopped before our own check sees it.
    with pytest.raises((ValueError, TypeCheckError), match="weights"):
        texture_strength(q, torch.ones(2, dtype=torch.float64))
    with pytest.raises(ValueError, match="non-negative with a positive sum that is finite"):
        texture_strength(q, torch.tensor([1.0, -1.0, 2.0], dtype=torch.float64))
    with pytest.raises(ValueError, match="non-negative with a positive sum that is finite"):
        texture_strength(q, torch.zeros(3, dtype=torch.float64))
    with pytest.raises((ValueError, TypeCheckError), match="orientations_b"):
        mean_disorientation(q, q[:2])
