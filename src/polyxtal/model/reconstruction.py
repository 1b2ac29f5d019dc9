"""Orientations and disorientations of reconstructed patches, and trivial predictors."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    normalize_quaternion,
    quaternion_multiply,
    random_quaternions,
)
from polyxtal.crystal.laue import CUBIC
from polyxtal.model.mae import Mask
from polyxtal.model.relative_position_bias import periodic_offsets, periodic_steps
from polyxtal.model.tokens import gather_patches, patchify
from polyxtal.texture.harmonics import cubic_harmonics
from polyxtal.texture.zone import orientation_grid

READING_RESOLUTION = 7.0
_CHUNK = 1 << 15
_REFINEMENTS = 4
_STEP = 1e-4


def read_orientations(features: str, values: Float[Tensor, "n channels"]) -> Float[Tensor, "n 4"]:
    """Return the orientations whose features are closest to given values.

    Harmonics are compared with those of a grid of orientations and refined from the best one by
    Gauss-Newton steps. As Σ_k J_kᵀ J_k = l (l + 1), a third of it for each of the three axes of
    rotation, a step needs no linear system.

    Args:
        features: "quaternion", "harmonic" or "harmonic6".
        values: Features, channels last. [-]
    Returns:
        Unit quaternions, float64. [-]
    """
    if features == "quaternion":
        safe = torch.where(values.norm(dim=-1, keepdim=True) > 1e-12, values, values.new_ones(4))
        return normalize_quaternion(safe.to(torch.float64))
    few, places = _distinct(values[:, :9].to(torch.float64))
    return torch.cat([_closest_crystals(part) for part in few.split(_CHUNK)])[places]


def _distinct(rows: Float[Tensor, "n 9"]) -> tuple[Float[Tensor, "few 9"], Int[Tensor, " n"]]:
    """Return the distinct rows, and the index of each given row among them.

    The voxels of a grain share their row. Should two rows have the same key, all are returned.
    """
    # Sorting one key per row is much faster than sorting rows.
    key = rows @ torch.linspace(1.0, 2.0, 9, dtype=rows.dtype).sqrt()
    _, places = key.unique(return_inverse=True)
    first = torch.zeros(int(places.max()) + 1, dtype=torch.int64)
    first[places] = torch.arange(len(rows))
    few = rows[first]
    return (few, places) if torch.equal(few[places], rows) else (rows, torch.arange(len(rows)))


def _closest_crystals(goal: Float[Tensor, "n 9"]) -> Float[Tensor, "n 4"]:
    grid = orientation_grid(READING_RESOLUTION).orientations
    # Single precision suffices to find the best of the grid, or one as good.
    likeness = goal.to(torch.float32) @ cubic_harmonics(grid).to(torch.float32).mT
    q = grid[likeness.argmax(-1)]
    goal = goal / goal.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    pull = goal @ _generators()
    for _ in range(_REFINEMENTS):
        turn = (pull * cubic_harmonics(q)).sum(-1).T * (3 / 20)
        angle = turn.norm(dim=-1).clamp(1e-12, 0.2)
        axis = torch.where(turn.norm(dim=-1, keepdim=True) > 1e-12, turn, turn.new_ones(3))
        q = quaternion_multiply(axis_angle_to_quaternion(axis, angle), q)
    return normalize_quaternion(q)


@lru_cache(maxsize=1)
def _generators() -> Float[Tensor, "3 9 9"]:
    """Return the generators J_k of rotation, dh = J_k h dω for a rotation by dω about axis k.

    They are the same for all crystals and are found to 1e-9 by central differences at 64 of them.
    """
    q = random_quaternions(64, 0)[:, None]
    axes, step = torch.eye(3, dtype=torch.float64), torch.full((3,), _STEP, dtype=torch.float64)
    ahead, behind = (
        cubic_harmonics(quaternion_multiply(axis_angle_to_quaternion(axes, sign * step), q))
        for sign in (1, -1)
    )
    slope = (ahead - behind) / (2 * _STEP)
    harmonics = cubic_harmonics(q[:, 0]).expand(3, -1, -1)
    found = torch.linalg.lstsq(harmonics, slope.transpose(0, 1)).solution.mT
    return 0.5 * (found - found.mT)


def patch_disorientation(
    features: str,
    reconstructed: Float[Tensor, "batch hidden values"],
    truth: Float[Tensor, "batch hidden values"],
    channels: int,
) -> Float[Tensor, " batch"]:
    """Return the mean disorientation of reconstructed voxels, for each field. [rad]"""
    first, second = (
        read_orientations(features, part.reshape(-1, channels)) for part in (reconstructed, truth)
    )
    return CUBIC.disorientation(first, second).reshape(len(reconstructed), -1).mean(-1)


def mean_of_visible(
    field: Float[Tensor, "batch channels nx ny nz"], mask: Mask, patch: int
) -> Float[Tensor, "batch hidden values"]:
    """Predict every hidden voxel as the mean of the visible ones."""
    channels = field.shape[1]
    visible = gather_patches(patchify(field, patch), mask.visible)
    mean = visible.reshape(len(field), -1, channels).mean(1)
    return mean.repeat(1, patch**3)[:, None].expand(-1, mask.hidden.shape[1], -1)


def snap_to_visible(
    reconstructed: Float[Tensor, "batch hidden values"],
    field: Float[Tensor, "batch channels nx ny nz"],
    mask: Mask,
    patch: int,
) -> Float[Tensor, "batch hidden values"]:
    """Replace each reconstructed voxel by the closest of the crystals visible around it.

    A model trained on squared errors predicts a mean of the possible crystals; the closest visible
    one is mostly the likeliest. Candidates are the crystals of the 26 adjacent patches, across
    periodic faces, too, or of all patches if none of these is visible.
    """
    channels, edge = field.shape[1], field.shape[2] // patch
    adjacent = (periodic_steps(edge)[periodic_offsets(edge)] <= 1).to(torch.float32)
    every = patchify(field, patch)
    snapped = []
    for answer, patches, seen, unseen in zip(
        reconstructed, every, mask.visible, mask.hidden, strict=True
    ):
        voxels = patches[seen].reshape(-1, channels)
        crystals, which = voxels.unique(dim=0, return_inverse=True)
        present = torch.zeros(len(patches), len(crystals), dtype=torch.float32)
        present[seen.repeat_interleave(patch**3), which] = 1.0
        around = adjacent[unseen] @ present > 0
        around |= ~around.any(-1, keepdim=True)
        values = answer.reshape(len(unseen), -1, channels).to(crystals)
        likeness = values @ crystals.mT - 0.5 * crystals.square().sum(-1)
        best = likeness.masked_fill(~around[:, None], -torch.inf).argmax(-1)
        snapped.append(crystals[best].reshape(answer.shape))
    return torch.stack(snapped)


def nearest_visible(
    field: Float[Tensor, "batch channels nx ny nz"], mask: Mask, patch: int
) -> Float[Tensor, "batch hidden values"]:
    """Predict every hidden voxel as the nearest visible one, across periodic faces, too."""
    batch, channels, *grid = field.shape
    nx, ny, nz = grid
    index = torch.arange(nx * ny * nz).reshape(1, 1, nx, ny, nz).expand(batch, -1, -1, -1, -1)
    voxels = patchify(index, patch)
    predicted = []
    for b in range(batch):
        seen, unseen = voxels[b, mask.visible[b]].reshape(-1), voxels[b, mask.hidden[b]]
        nearest = seen[_nearest(seen, unseen.reshape(-1), (nx, ny, nz))]
        values = field[b].reshape(channels, -1)[:, nearest].T
        predicted.append(values.reshape(len(unseen), -1))
    return torch.stack(predicted)


def _nearest(seen: Tensor, unseen: Tensor, grid: tuple[int, int, int]) -> Tensor:
    from scipy.spatial import KDTree

    def places(voxels: Tensor) -> Tensor:
        return torch.stack(torch.unravel_index(voxels, grid), -1)

    tree = KDTree(places(seen).numpy(), boxsize=grid)
    return torch.from_numpy(tree.query(places(unseen).numpy())[1])
