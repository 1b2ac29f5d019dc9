"""Arguments of a batch of networks, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral

import numpy as np
import torch

from polyxtal.algebra.number_arrays import number_array, number_tensor
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.argument_types import require_type
from polyxtal.crystal.material import Material


def network_index(points: int | Sequence[int] | np.ndarray | None, networks: int) -> np.ndarray:
    """Return the index of the network of every point."""
    if points is None:
        return np.arange(networks)
    if isinstance(points, Integral):
        if networks > 1 or points < 1:
            raise ValueError(
                "Argument `points` must be a positive number for one network, or the index of "
                f"each point's network, but is {points} for {networks} networks."
            )
        return np.zeros(int(points), np.int64)
    index = number_array(points, "points")
    if index.ndim != 1 or index.dtype.kind not in "iu" or len(index) == 0:
        raise ValueError(
            "Argument `points` must be a whole number or a vector of them, but is an array of "
            f"{index.dtype} with shape {index.shape}."
        )
    index = index.astype(np.int64)
    if not ((index >= 0) & (index < networks)).all():
        raise ValueError(
            f"Argument `points` must index the {networks} networks, but spans "
            f"{index.min()} to {index.max()}."
        )
    return index


def rotations(axes: object, points: int) -> np.ndarray:
    """Return the rotation of the material axes of every point, (points, 3, 3)."""
    if axes is None:
        return np.tile(np.eye(3), (points, 1, 1))
    quaternions = number_tensor(axes, "axes").detach()
    if tuple(quaternions.shape) != (points, 4):
        raise ValueError(
            f"Argument `axes` must have shape ({points}, 4), but has {tuple(quaternions.shape)}."
        )
    norm = torch.linalg.vector_norm(quaternions, dim=1)
    if not bool(((norm - 1).abs() < 1e-6).all()):
        raise ValueError("Argument `axes` must hold unit quaternions, but some are not.")
    return np.ascontiguousarray(quaternion_to_matrix(quaternions / norm[:, None]).numpy())


def materials_of_networks(given: object, networks: int) -> list[Material | Mapping[str, Material]]:
    """Return the material of each network."""
    if isinstance(given, Material | Mapping):
        return [given] * networks
    require_type(given, (Material, Mapping, Sequence), "materials")
    each = list(given)  # type: ignore[arg-type]
    if len(each) != networks:
        raise ValueError(
            f"Argument `materials` must be one for each of the {networks} networks, "
            f"but has {len(each)}."
        )
    return each


def wanted_deformation(deformation: object, points: int) -> np.ndarray:
    """Return F as a contiguous array, (points, 3, 3)."""
    goal = np.ascontiguousarray(number_array(deformation, "deformation"), dtype=np.float64)
    if goal.shape != (points, 3, 3):
        raise ValueError(
            f"Argument `deformation` must have shape ({points}, 3, 3), but has {goal.shape}."
        )
    return goal
