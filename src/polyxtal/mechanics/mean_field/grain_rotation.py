"""Grain rotations from the leaves that represent the grains."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
)
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal

ALIKE = 1e-6
"""Angle within which leaves are equally near to a grain. [rad]"""


def turned_grains(rve: Polycrystal, response: Response) -> Float[Tensor, "grains 4"]:
    """Return the final orientation of every grain, rotated like the leaves nearest in orientation.

    The rotations of equally near leaves, q_last q_first⁻¹, are averaged by weight.

    Args:
        rve: Polycrystal.
        response: Response with orientations and weights of leaves (or grains).
    Returns:
        Unit quaternions at the end. [-]
    Raises:
        ValueError: if the response has no orientations or weights.
    """
    if response.orientations is None or response.weights is None:
        raise ValueError("Argument `response` must have orientations and weights, but has none.")
    first, last = response.orientations[0], response.orientations[-1]
    spin = quaternion_multiply(last, quaternion_conjugate(first))
    spin = torch.where(spin[:, :1] < 0, -spin, spin)
    angle = torch.zeros(rve.grains, len(first), dtype=torch.float64)
    for phase in rve.phase.unique().tolist():
        members = rve.phase == phase
        q = rve.orientations[members]
        angle[members] = rve.laue_group(phase).disorientation(q[:, None], first[None])
    near = angle <= angle.amin(1, keepdim=True) + ALIKE
    mean = (near * response.weights).to(spin) @ spin
    return quaternion_multiply(normalize_quaternion(mean), rve.orientations)


def mean_disorientation(
    rve: Polycrystal, first: Float[Tensor, "grains 4"], second: Float[Tensor, "grains 4"]
) -> float:
    """Return the volume average of the grains' disorientation. [degrees]"""
    return float(torch.rad2deg(rve.volume_fractions @ disorientations(rve, first, second)))


def disorientations(
    rve: Polycrystal, first: Float[Tensor, "grains 4"], second: Float[Tensor, "grains 4"]
) -> Float[Tensor, " grains"]:
    """Return the disorientation of each grain's two orientations, by its phase's symmetry. [rad]"""
    angle = torch.zeros(rve.grains, dtype=torch.float64)
    for phase in rve.phase.unique().tolist():
        members = rve.phase == phase
        angle[members] = rve.laue_group(phase).disorientation(first[members], second[members])
    return angle
