"""Grains of a measured map or stack: regions whose neighbours differ by less than a threshold."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_conjugate, quaternion_multiply
from polyxtal.crystal.laue import LaueGroup
from polyxtal.microstructure.mean_orientation import average_orientations

DEFAULT_THRESHOLD = math.radians(5.0)
USUAL_THRESHOLD = math.radians(62.0)
"""About the largest disorientation of two cubic crystals. [rad]"""
_CHUNK = 2**18


@runtime_checkable
class OrientationMap(Protocol):
    """What segmentation needs of a measured map or stack, see `EbsdMap` and `EbsdStack`."""

    @property
    def orientations(self) -> Float[Tensor, "*grid 4"]:
        """Unit quaternions. [-]"""
        ...

    @property
    def phase(self) -> Int[Tensor, "*grid"]:
        """Phase of each point; -1 where nothing was indexed."""
        ...

    @property
    def step(self) -> tuple[float, ...]:
        """Distance of neighbouring points along each axis. [µm]"""
        ...

    @property
    def path(self) -> Path:
        """File that errors name."""
        ...

    def laue_group(self, phase: int) -> LaueGroup:
        """Return the Laue group of a phase."""
        ...


class Segmentation(NamedTuple):
    """The grains of a map.

    Attributes:
        grain_id: Grain of each point, 0-based; -1 where there is none.
        orientations: Mean orientation of each grain, over its measured points. [-]
        phase: Phase of each grain.
        filled: Share of the points that took their grain from a neighbour. [-]
    """

    grain_id: Int[Tensor, "*grid"]
    orientations: Float[Tensor, "grains 4"]
    phase: Int[Tensor, " grains"]
    filled: float


def segment(
    ebsd: OrientationMap,
    threshold: float = DEFAULT_THRESHOLD,
    *,
    minimum: int = 5,
    fill: bool = True,
) -> Segmentation:
    """Find the grains of a map, or of a stack of them.

    Neighbours along an axis of the same phase whose disorientation is below the threshold belong
    to one grain. Regions of fewer points than `minimum` are not grains. With `fill`, their points,
    and points that were not indexed, are assigned to the grain of the nearest point that has one;
    they do not enter the grain's mean orientation.

    Args:
        ebsd: The map or stack.
        threshold: Disorientation at a grain boundary (default: 5°). [rad]
        minimum: Smallest number of points in a grain.
        fill: Assign every point to a grain; otherwise points without a grain keep -1.
    Raises:
        ValueError: if an argument is out of range, the symmetry of an indexed phase is
            unknown, or no region is large enough.
    """
    if not 0 < threshold <= math.pi:
        raise ValueError(
            f"Argument `threshold` must be an angle above 0 [rad], but is {threshold:g}."
        )
    if threshold > USUAL_THRESHOLD:
        warnings.warn(
            f"A threshold should be at most {USUAL_THRESHOLD:.2g} rad, but is {threshold:g} rad or "
            f"{math.degrees(threshold):.3g}°: angles are in radians in Python, in degrees on the "
            "command line.",
            stacklevel=3,
        )
    if minimum < 1:
        raise ValueError(f"Argument `minimum` must be at least 1 point, but is {minimum}.")
    groups = _laue_groups(ebsd)
    region = _regions(ebsd, threshold, groups)
    measured = region >= 0
    count = np.bincount(region[measured], minlength=1)
    large = count >= minimum
    if not large.any():
        raise ValueError(
            f"{ebsd.path}: some region must have at least {minimum} points, but of "
            f"{int((count > 0).sum())} the largest has {int(count.max())}."
        )
    # Numbers without the small regions; the one more entry serves the -1 of nothing indexed.
    renumbered = np.append(np.where(large, np.cumsum(large) - 1, -1), -1)
    grain = renumbered[region]
    kept = grain >= 0
    owner = grain[kept]
    first = np.unique(owner, return_index=True)[1]
    grain_phase = ebsd.phase[torch.from_numpy(kept)][torch.from_numpy(first)]
    orientations = average_orientations(
        ebsd.orientations[torch.from_numpy(kept)],
        torch.from_numpy(owner),
        [groups[k] for k in grain_phase.tolist()],
    )
    filled = 0.0
    if fill and not kept.all():
        grain, filled = _fill(grain, ebsd.step), 1 - float(kept.mean())
    return Segmentation(torch.from_numpy(grain), orientations, grain_phase, filled)


def _fill(grain: NDArray[np.int64], step: tuple[float, ...]) -> NDArray[np.int64]:
    """Give points without a grain that of the nearest point that has one."""
    nearest = np.empty((grain.ndim, *grain.shape), dtype=np.int32)
    distance_transform_edt(
        grain < 0, sampling=step, return_distances=False, return_indices=True, indices=nearest
    )
    return grain[tuple(nearest)]


def _laue_groups(ebsd: OrientationMap) -> dict[int, LaueGroup]:
    """Return the Laue group of each phase that was indexed."""
    used = [int(k) for k in ebsd.phase.unique() if k >= 0]
    if not used:
        raise ValueError(f"{ebsd.path}: some point must be indexed, but none is.")
    return {k: ebsd.laue_group(k) for k in used}


def _below(
    p: Float[Tensor, "n 4"], q: Float[Tensor, "n 4"], threshold: float, group: LaueGroup
) -> Bool[Tensor, " n"]:
    """Return which pairs of crystals have a disorientation below the threshold."""
    between = quaternion_multiply(quaternion_conjugate(p), q)
    return 2 * group.half_angle_cosine(between).acos() < threshold


def _regions(
    ebsd: OrientationMap, threshold: float, groups: Mapping[int, LaueGroup]
) -> NDArray[np.int64]:
    """Label connected regions; -1 where nothing was indexed."""
    shape, points = ebsd.phase.shape, ebsd.phase.numel()
    node = torch.arange(points).reshape(shape)
    q, phase = ebsd.orientations.reshape(-1, 4), ebsd.phase.reshape(-1)
    joined: list[Tensor] = []
    for axis, length in enumerate(shape):
        pairs = torch.stack([node.narrow(axis, start, length - 1).reshape(-1) for start in (0, 1)])
        same = phase[pairs[0]] == phase[pairs[1]]
        joined += [
            part[:, _below(q[part[0]], q[part[1]], threshold, group)]
            for index, group in groups.items()
            for part in pairs[:, same & (phase[pairs[0]] == index)].split(_CHUNK, dim=1)
        ]
    one, other = torch.cat(joined, dim=1).numpy() if joined else np.empty((2, 0), np.int64)
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(points, points))
    _, label = connected_components(graph.tocsr(), directed=False)
    return np.where(phase.numpy() >= 0, label, -1).astype(np.int64).reshape(shape)
