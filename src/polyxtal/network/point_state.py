"""Arrays of many points that have a network each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from polyxtal.mechanics.loading.mixed_control import DYADS


class PointArrays(NamedTuple):
    """State of points that have networks of one size, in the networks' own axes."""

    deformation: np.ndarray  # (points, 3, 3) F
    piola: np.ndarray  # (points, 3, 3) P [MPa]
    plastic_inverse: np.ndarray  # (points, L, 3, 3) F_p⁻¹ of determinant 1
    internal: np.ndarray  # (points, L, width)
    stress: np.ndarray  # (points, L, 6) S [MPa]
    interaction: np.ndarray  # (points, L-1, 3) a


class Network(NamedTuple):
    """What the kernel must know of a network beside its tree and laws."""

    weights: np.ndarray  # (L,) volume fraction of every leaf
    positive: np.ndarray  # (L, width) whether an internal variable must be positive
    interfaces: bool  # False: every leaf has the F of the point (Taylor)
    tolerance: float  # largest traction jump relative to the stress in the leaves
    floor: float  # smallest stress that residuals are divided by [MPa]


class Scratch(NamedTuple):
    """Scratch of a thread; matrices of which nothing else is said are (3, 3)."""

    local: np.ndarray  # wanted F in the network's axes
    varied: np.ndarray
    waypoint: np.ndarray  # F at the end of a piece
    interim: np.ndarray
    free: np.ndarray  # (9,) mask: no stress is prescribed
    basis: np.ndarray  # (9, 9) tensors that F is prescribed along
    tangent: np.ndarray  # (9, 9)
    turn: np.ndarray  # (9, 9)


def scratch() -> Scratch:
    """Allocate the scratch of a thread."""
    return Scratch(
        local=np.zeros((3, 3)),
        varied=np.zeros((3, 3)),
        waypoint=np.zeros((3, 3)),
        interim=np.zeros((3, 3)),
        free=np.zeros(9, dtype=bool),
        basis=DYADS.copy(),
        tangent=np.zeros((9, 9)),
        turn=np.zeros((9, 9)),
    )


def point_arrays(points: int, leaves: int, width: int) -> PointArrays:
    """Allocate the state of undeformed points; plastic and internal variables are zero."""
    return PointArrays(
        np.tile(np.eye(3), (points, 1, 1)),
        np.zeros((points, 3, 3)),
        np.zeros((points, leaves, 3, 3)),
        np.zeros((points, leaves, width)),
        np.zeros((points, leaves, 6)),
        np.zeros((points, leaves - 1, 3)),
    )
