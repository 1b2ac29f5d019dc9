"""Validation of the leaves and normals of a network."""

from __future__ import annotations

import torch
from torch import Tensor


def check_leaves(
    leaves: int, orientations: Tensor, weights: Tensor, phase: Tensor, phases: int
) -> None:
    """Validate the leaves of a network.

    Raises:
        ValueError: if a shape does not fit the number of leaves, a weight is not positive, a
            quaternion is not of unit length, or an index is not that of a phase.
    """
    _check_shape("orientations", orientations, (leaves, 4), leaves)
    _check_shape("weights", weights, (leaves,), leaves)
    _check_shape("phase", phase, (leaves,), leaves)
    w = weights.detach()
    if not bool(torch.isfinite(w).all() & (w > 0).all()) or abs(float(w.sum()) - 1) > 1e-9:
        raise ValueError(
            "Argument `weights` must be positive and sum to 1, but spans "
            f"{float(w.min()):.3g} to {float(w.max()):.3g} with sum {float(w.sum()):.6g}."
        )
    norm = torch.linalg.vector_norm(orientations.detach(), dim=1)
    if not bool(((norm - 1).abs() < 1e-6).all()):
        raise ValueError("Argument `orientations` must hold unit quaternions, but some are not.")
    if not bool(((phase >= 0) & (phase < phases)).all()):
        raise ValueError(
            f"Argument `phase` must index the {phases} phase names, but spans "
            f"{int(phase.min())} to {int(phase.max())}."
        )


def check_normals(leaves: int, normals: Tensor) -> None:
    """Validate the interface normals of a network.

    Raises:
        ValueError: if there are not as many as inner nodes, or one is not of unit length.
    """
    _check_shape("normals", normals, (leaves - 1, 3), leaves)
    length = torch.linalg.vector_norm(normals.detach(), dim=1)
    if not bool(((length - 1).abs() < 1e-9).all()):
        raise ValueError("Argument `normals` must hold unit vectors, but some are not.")


def _check_shape(name: str, values: Tensor, wanted: tuple[int, ...], leaves: int) -> None:
    shape = tuple(values.shape)
    if shape != wanted:
        raise ValueError(
            f"Argument `{name}` must have shape {wanted} for {leaves} leaves, but has {shape}."
        )
