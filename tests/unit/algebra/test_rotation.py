"""Rotations as quaternions."""

from __future__ import annotations

import math

import pytest
import torch

from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    bunge_to_quaternion,
    matrix_to_quaternion,
    normalize_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    quaternion_to_bunge,
    quaternion_to_matrix,
    random_quaternions,
    rotation_angle,
    rotational_part,
)

Q = random_quaternions(200, 1)
IDENTITY = torch.eye(3, dtype=torch.float64)


def close(given: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-14) -> None:
    torch.testing.assert_close(given, expected.to(given), rtol=0, atol=tolerance)


def test_a_quarter_turn_about_z_takes_x_to_y():
    axis = torch.tensor([0.0, 0.0, 5.0], dtype=torch.float64)
    q = axis_angle_to_quaternion(axis, torch.tensor(math.pi / 2, dtype=torch.float64))
    close(q, torch.tensor([0.5**0.5, 0, 0, 0.5**0.5], dtype=torch.float64))
    close(quaternion_to_matrix(q) @ IDENTITY[0], IDENTITY[1])
    close(quaternion_to_matrix(q) @ IDENTITY[1], -IDENTITY[0])


def test_matrices_are_rotations():
    r = quaternion_to_matrix(Q)
    close(r @ r.mT, IDENTITY.expand(200, 3, 3))
    close(torch.linalg.det(r), torch.ones(200, dtype=torch.float64))


def test_products_of_quaternions_are_products_of_matrices():
    p, q = Q[:100], Q[100:]
    close(quaternion_to_matrix(quaternion_multiply(p, q)),
          quaternion_to_matrix(p) @ quaternion_to_matrix(q))  # fmt: skip
    close(quaternion_to_matrix(quaternion_conjugate(q)), quaternion_to_matrix(q).mT)


def test_rodrigues_formula():
    """R = cos θ I + sin θ [k] + (1 - cos θ) k ⊗ k."""
    generator = torch.Generator().manual_seed(3)
    axis = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    angle = 2 * torch.rand(50, generator=generator, dtype=torch.float64) * math.pi
    k = axis / torch.linalg.vector_norm(axis, dim=1, keepdim=True)
    cross = torch.linalg.cross(k[:, None].expand(50, 3, 3), IDENTITY.expand(50, 3, 3)).mT
    c, s = angle.cos()[:, None, None], angle.sin()[:, None, None]
    expected = c * IDENTITY + s * cross + (1 - c) * k[:, :, None] * k[:, None]
    close(quaternion_to_matrix(axis_angle_to_quaternion(axis, angle)), expected)


def test_matrix_to_quaternion_inverts_also_half_turns():
    close(matrix_to_quaternion(quaternion_to_matrix(Q)), Q)
    half_turns = Q.clone()
    half_turns[:, 0] = 0
    half_turns = half_turns / torch.linalg.vector_norm(half_turns, dim=1, keepdim=True)
    edges = torch.cat([half_turns, torch.eye(4, dtype=torch.float64)])
    found = matrix_to_quaternion(quaternion_to_matrix(edges))
    close((found * edges).sum(1).abs(), torch.ones(len(edges), dtype=torch.float64))
    assert bool((found[:, 0] >= 0).all())


def test_normalisation():
    raw = 3.0 * Q * torch.where(torch.arange(200) % 2 == 0, 1.0, -1.0)[:, None]
    close(normalize_quaternion(raw), Q)


def elementary(angle: float, axis: int) -> torch.Tensor:
    c, s = math.cos(angle), math.sin(angle)
    g = torch.eye(3, dtype=torch.float64)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    g[i, i] = g[j, j] = c
    g[i, j], g[j, i] = s, -s  # passive: sample to crystal axes
    return g


def test_bunges_angles_turn_about_z_x_z():
    generator = torch.Generator().manual_seed(4)
    scale = torch.tensor([2 * math.pi, math.pi, 2 * math.pi])
    angles = torch.rand(50, 3, generator=generator, dtype=torch.float64) * scale
    for (phi1, tilt, phi2), q in zip(angles.tolist(), bunge_to_quaternion(angles), strict=True):
        g = elementary(phi2, 2) @ elementary(tilt, 0) @ elementary(phi1, 2)
        close(quaternion_to_matrix(q), g.T)
    close(quaternion_to_bunge(bunge_to_quaternion(angles)), angles, 1e-12)


@pytest.mark.parametrize("tilt", [0.0, math.pi])
def test_bunges_angles_where_only_a_sum_counts(tilt):
    angles = torch.tensor([[1.0, tilt, 0.7], [6.0, tilt, 3.0]], dtype=torch.float64)
    q = bunge_to_quaternion(angles)
    found = quaternion_to_bunge(q)
    close(found[:, 2], torch.zeros(2))
    close(quaternion_to_matrix(bunge_to_quaternion(found)), quaternion_to_matrix(q))


def test_goss_and_cube():
    """Goss {110}<001> = (0°, 45°, 0°): its crystal [011] direction is the sheet normal z."""
    goss = bunge_to_quaternion(torch.tensor([0.0, math.pi / 4, 0.0], dtype=torch.float64))
    normal = quaternion_to_matrix(goss).T @ IDENTITY[2]
    close(normal, torch.tensor([0.0, 0.5**0.5, 0.5**0.5], dtype=torch.float64))
    close(quaternion_to_matrix(goss) @ IDENTITY[0], IDENTITY[0])  # [100] along x
    close(bunge_to_quaternion(torch.zeros(3, dtype=torch.float64)), torch.eye(4)[0])


def test_angles():
    angle = torch.tensor([0.0, 1e-9, 1.0, math.pi, 4.0], dtype=torch.float64)
    q = axis_angle_to_quaternion(torch.tensor([1.0, 2.0, -2.0], dtype=torch.float64), angle)
    expected = torch.tensor([0.0, 1e-9, 1.0, math.pi, 2 * math.pi - 4.0], dtype=torch.float64)
    close(rotation_angle(q), expected, 1e-15 * 4)
    close(rotation_angle(-q), expected, 1e-15 * 4)


def test_random_rotations_are_uniform_and_reproducible():
    assert torch.equal(random_quaternions(5, 7), random_quaternions(5, 7))
    assert not torch.equal(random_quaternions(5, 7), random_quaternions(5, 8))
    q = random_quaternions(40_000, 0)
    assert q.dtype == torch.float64
    assert bool((q[:, 0] >= 0).all())
    close(torch.linalg.vector_norm(q, dim=1), torch.ones(len(q)))
    # Haar measure: P(angle < θ) = (θ - sin θ)/π, and the second moment of q is I/4.
    angle = rotation_angle(q)
    for theta in (0.5, 1.0, 2.0, 3.0):
        share = float((angle < theta).double().mean())
        assert share == pytest.approx((theta - math.sin(theta)) / math.pi, abs=0.01)
    close(q.T @ q / len(q), torch.eye(4) / 4, 0.005)


def test_polar_decomposition():
    generator = torch.Generator().manual_seed(6)
    f = IDENTITY + 0.3 * torch.randn(100, 3, 3, generator=generator, dtype=torch.float64)
    f = f[torch.linalg.det(f) > 0.05]
    assert len(f) > 50
    r = rotational_part(f)
    close(r @ r.mT, IDENTITY.expand(len(f), 3, 3), 1e-13)
    stretch = r.mT @ f
    close(stretch, stretch.mT, 1e-12)
    assert float(torch.linalg.eigvalsh(stretch).min()) > 0
    u, _, vh = torch.linalg.svd(f)
    close(r, u @ vh, 1e-12)
    assert rotational_part(torch.zeros(0, 3, 3)).shape == (0, 3, 3)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (quaternion_to_matrix, (3,)),
        (quaternion_conjugate, (3,)),
        (quaternion_to_bunge, (5,)),
        (rotation_angle, (3,)),
        (bunge_to_quaternion, (4,)),
        (matrix_to_quaternion, (4, 3)),
        (rotational_part, (3, 4)),
    ],
)
def test_other_shapes_are_refused(function, shape):
    with pytest.raises(ValueError, match="must end in shape"):
        function.__wrapped__(torch.zeros(shape, dtype=torch.float64))
