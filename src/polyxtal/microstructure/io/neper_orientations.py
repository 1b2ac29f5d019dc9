"""Neper's descriptors of orientations.

Neper's orientation is Bunge's: its rotation matrix g maps sample to crystal axes, and Rodrigues
vectors, quaternions and axis-angle pairs are those of the rotation from sample to crystal axes, so

    v_sample = R(q) v_crystal,   R(q) = gᵀ,   q = (1, r)/|…| with the Rodrigues vector r.

This is Neper's convention `active`, its default; `passive` is the inverse. Angles are in degrees.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    bunge_to_quaternion,
    matrix_to_quaternion,
    quaternion_conjugate,
)
from polyxtal.files.wording import shorten

_WIDTHS = {
    "rodrigues": 3, "euler-bunge": 3, "euler-kocks": 3, "euler-roe": 3, "rotmat": 9,
    "axis-angle": 4, "quaternion": 4,
}  # fmt: skip
DEFAULT = "rodrigues:active"
_ROUNDING = 1e-3
"""Largest deviation of a rotation matrix from one, and of a quaternion from unit length."""


def descriptor_width(descriptor: str) -> int:
    """Return the number of values per orientation.

    Raises:
        ValueError: if there is no such descriptor or convention.
    """
    name, _, convention = descriptor.partition(":")
    if name not in _WIDTHS or convention not in ("", "active", "passive"):
        raise ValueError(
            f"orientations must be given as {', '.join(_WIDTHS)}, with :active or :passive, but "
            f"are as {shorten(descriptor)}."
        )
    return _WIDTHS[name]


def described_quaternions(values: NDArray[np.float64], descriptor: str) -> Float[Tensor, "n 4"]:
    """Return orientations in our convention.

    Args:
        values: One row per orientation.
        descriptor: Name of what a row holds, with its convention.
    Raises:
        ValueError: if there is no such descriptor, or a row holds no orientation.
    """
    width = descriptor_width(descriptor)
    name, _, convention = descriptor.partition(":")
    rows = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64).reshape(-1, width))
    bad = ~torch.isfinite(rows).all(1) | (rows.abs() > 1e15).any(1)
    if not bool(bad.any()):
        found, bad = _active(rows, name)
        if not bool(bad.any()):
            return quaternion_conjugate(found) if convention == "passive" else found
    raise ValueError(
        f"orientations must be {name} of finite values, rotations and unit quaternions where these "
        f"are given, but row {int(bad.nonzero()[0])} of {len(rows)} is none."
    )


def _active(rows: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Return quaternions, and which rows are none."""
    bad = torch.zeros(len(rows), dtype=torch.bool)
    if name == "rodrigues":
        whole = torch.cat([torch.ones_like(rows[:, :1]), rows], 1)
        return whole / torch.linalg.vector_norm(whole, dim=1, keepdim=True), bad
    if name == "quaternion":
        length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        return rows / length, ((length - 1).abs() > _ROUNDING)[:, 0]
    if name == "axis-angle":
        none = (rows[:, :3].abs() < 1e-15).all(1)
        axis = torch.where(none[:, None], torch.eye(3, dtype=rows.dtype)[0], rows[:, :3])
        angle = rows[:, 3].deg2rad()
        return axis_angle_to_quaternion(axis, angle), none & (angle.abs() > _ROUNDING)
    if name == "rotmat":
        g = rows.reshape(-1, 3, 3)
        square = g @ g.mT - torch.eye(3, dtype=rows.dtype)
        bad = (square.abs() > _ROUNDING).any(-1).any(-1) | (torch.linalg.det(g) < 0)
        return matrix_to_quaternion(g.mT), bad
    first, middle, last = rows.unbind(1)
    if name == "euler-kocks":
        first, last = first + 90, 90 - last
    elif name == "euler-roe":
        first, last = first + 90, last - 90
    return bunge_to_quaternion(torch.stack([first, middle, last], 1).deg2rad()), bad
