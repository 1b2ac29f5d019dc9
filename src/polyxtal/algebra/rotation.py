"""Rotations as unit quaternions, scalar first.

R(q) is the standard Hamilton matrix. An orientation q maps crystal to sample axes,
v_sample = R(q) v_crystal; q and -q are the same rotation.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.randomness import as_generator


def _require_quaternion(q: Tensor, name: str) -> None:
    if q.shape[-1:] != (4,):
        raise ValueError(f"Argument `{name}` must end in shape (4,), but has shape {(*q.shape,)}.")


def quaternion_multiply(
    p: Float[Tensor, "*#batch 4"], q: Float[Tensor, "*#batch 4"]
) -> Float[Tensor, "*batch 4"]:
    """Return the Hamilton product of quaternions: R(pq) = R(p) R(q).

    Raises:
        ValueError: if a last axis is not 4.
    """
    _require_quaternion(p, "p")
    _require_quaternion(q, "q")
    pw, px, py, pz = p.unbind(-1)
    qw, qx, qy, qz = q.unbind(-1)
    return torch.stack(
        [
            pw * qw - px * qx - py * qy - pz * qz,
            pw * qx + px * qw + py * qz - pz * qy,
            pw * qy - px * qz + py * qw + pz * qx,
            pw * qz + px * qy - py * qx + pz * qw,
        ],
        dim=-1,
    )


def quaternion_conjugate(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Return the inverse rotation of unit quaternions."""
    _require_quaternion(q, "q")
    return torch.cat([q[..., :1], -q[..., 1:]], dim=-1)


def normalize_quaternion(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Return quaternions of unit length and w >= 0."""
    _require_quaternion(q, "q")
    unit = q / torch.linalg.vector_norm(q, dim=-1, keepdim=True)
    return torch.where(unit[..., :1] < 0, -unit, unit)


def quaternion_to_matrix(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the rotation matrix R(q) of unit quaternions.

    Raises:
        ValueError: if the last axis is not 4.
    """
    _require_quaternion(q, "q")
    w, x, y, z = q.unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    ]
    return torch.stack(rows, dim=-1).reshape(*q.shape[:-1], 3, 3)


def matrix_to_quaternion(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Return the quaternions (w >= 0) of rotation matrices.

    The diagonal gives the four squared components; dividing by the largest is safe.
    """
    if tuple(matrix.shape[-2:]) != (3, 3):
        raise ValueError(
            f"Argument `matrix` must end in shape (3, 3), but has shape {tuple(matrix.shape)}."
        )
    m = matrix
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    yz, zy = m[..., 1, 2], m[..., 2, 1]
    xz, zx = m[..., 0, 2], m[..., 2, 0]
    xy, yx = m[..., 0, 1], m[..., 1, 0]
    # Row k holds 4 q_k (w, x, y, z).
    candidates = torch.stack(
        [
            torch.stack([1 + trace, zy - yz, xz - zx, yx - xy], -1),
            torch.stack([zy - yz, 1 + 2 * m[..., 0, 0] - trace, xy + yx, xz + zx], -1),
            torch.stack([xz - zx, xy + yx, 1 + 2 * m[..., 1, 1] - trace, yz + zy], -1),
            torch.stack([yx - xy, xz + zx, yz + zy, 1 + 2 * m[..., 2, 2] - trace], -1),
        ],
        dim=-2,
    )
    best = torch.diagonal(candidates, dim1=-2, dim2=-1).argmax(-1)
    index = best[..., None, None].expand(*best.shape, 1, 4)
    return normalize_quaternion(candidates.gather(-2, index).squeeze(-2))


def bunge_to_quaternion(angles: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4"]:
    """Convert Bunge Euler angles (φ1, Φ, φ2) [rad] to orientations.

    Bunge's g = Z(φ2) X(Φ) Z(φ1) maps sample to crystal axes; R(q) is its transpose.
    """
    if angles.shape[-1:] != (3,):
        raise ValueError(
            f"Argument `angles` must end in shape (3,), but has shape {tuple(angles.shape)}."
        )
    phi1, tilt, phi2 = angles.unbind(-1)
    half_sum, half_difference = 0.5 * (phi1 + phi2), 0.5 * (phi1 - phi2)
    c, s = torch.cos(0.5 * tilt), torch.sin(0.5 * tilt)
    q = torch.stack(
        [
            c * torch.cos(half_sum),
            s * torch.cos(half_difference),
            s * torch.sin(half_difference),
            c * torch.sin(half_sum),
        ],
        dim=-1,
    )
    return torch.where(q[..., :1] < 0, -q, q)


def quaternion_to_bunge(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3"]:
    """Convert orientations to Bunge Euler angles (φ1, Φ, φ2) in [0, 2π) x [0, π] x [0, 2π)."""
    _require_quaternion(q, "q")
    w, x, y, z = q.unbind(-1)
    tilt = 2 * torch.atan2(torch.hypot(x, y), torch.hypot(w, z))
    half_sum, half_difference = torch.atan2(z, w), torch.atan2(y, x)
    degenerate_flat = torch.hypot(x, y) < 1e-12
    degenerate_flip = torch.hypot(w, z) < 1e-12
    phi1 = torch.where(
        degenerate_flat,
        2 * half_sum,
        torch.where(degenerate_flip, 2 * half_difference, half_sum + half_difference),
    )
    phi2 = torch.where(
        degenerate_flat | degenerate_flip, torch.zeros_like(phi1), half_sum - half_difference
    )
    turn = 2 * math.pi
    return torch.stack([phi1.remainder(turn), tilt, phi2.remainder(turn)], dim=-1)


def axis_angle_to_quaternion(
    axis: Float[Tensor, "*#batch 3"], angle: Float[Tensor, "*#batch"]
) -> Float[Tensor, "*batch 4"]:
    """Return the rotation by `angle` [rad] about `axis` (any length but zero)."""
    unit = axis / torch.linalg.vector_norm(axis, dim=-1, keepdim=True)
    half = 0.5 * angle[..., None]
    return torch.cat([torch.cos(half), torch.sin(half) * unit], dim=-1)


def random_quaternions(count: int, seed: int | torch.Generator = 0) -> Float[Tensor, "count 4"]:
    """Draw rotations uniformly (Haar measure), w >= 0, float64."""
    draws = torch.randn(count, 4, generator=as_generator(seed), dtype=torch.float64)
    return normalize_quaternion(draws)


def rotation_angle(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch"]:
    """Return the rotation angle in [0, π]. [rad]"""
    _require_quaternion(q, "q")
    return 2 * torch.atan2(torch.linalg.vector_norm(q[..., 1:], dim=-1), q[..., 0].abs())


def rotational_part(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the rotation R of the polar decomposition F = R U (det F > 0).

    Newton's iteration R ← ½ (R + R⁻ᵀ) [Higham1986], with R⁻ᵀ from cross products of the rows;
    it converges quadratically for any invertible F.
    """
    if tuple(matrix.shape[-2:]) != (3, 3):
        raise ValueError(
            f"Argument `matrix` must end in shape (3, 3), but has shape {tuple(matrix.shape)}."
        )
    rotation = matrix
    tolerance = 8 * torch.finfo(matrix.dtype).eps
    for _ in range(60):
        first, second, third = rotation.unbind(-2)
        cofactor = torch.stack(
            [
                torch.linalg.cross(second, third),
                torch.linalg.cross(third, first),
                torch.linalg.cross(first, second),
            ],
            dim=-2,
        )
        determinant = (first * cofactor[..., 0, :]).sum(-1)[..., None, None]
        update = 0.5 * (cofactor / determinant - rotation)
        rotation = rotation + update
        if not update.numel() or not bool(update.abs().max() > tolerance):
            break
    return rotation
