"""How far a rebuilt crystal is from what was there, as losses and as angles; trivial predictors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from polyxtal.model.mae import Mask, pick
from polyxtal.model.relative_position_bias import periodic_offsets, periodic_steps
from polyxtal.model.tokens import patchify
from polyxtal.texture.harmonics import cubic_harmonics
from polyxtal.texture.zone import orientation_grid

READING_RESOLUTION = 7.0
_CHUNK = 1 << 15
_REFINEMENTS = 4
_STEP = 1e-4
_SOFTNESS = 0.05


def plain_loss(
    rebuilt: Float[Tensor, "*batch values"],
    truth: Float[Tensor, "*batch values"],
    channels: int = 1,
) -> Float[Tensor, ""]:
    """Mean squared error of all numbers (the paper's eq. 5)."""
    return (rebuilt - truth).square().mean()


def symmetric_loss(
    rebuilt: Float[Tensor, "*batch values"],
    truth: Float[Tensor, "*batch values"],
    channels: int = 4,
) -> Float[Tensor, ""]:
    """Mean squared error of quaternions from the closest of the 48 that are the same crystal.

    min_s |p ∓ q s|² = |p|² + 1 - 2 max_s |(q* p) · s|, over four numbers for each voxel.
    """
    return _squared_distance(rebuilt, truth).mean() / 4


def distance_loss(
    rebuilt: Float[Tensor, "*batch values"],
    truth: Float[Tensor, "*batch values"],
    channels: int,
) -> Float[Tensor, ""]:
    """Mean distance of a voxel's numbers from the truth, for quaternions from the closest copy.

    √(|p - q|² + δ²) - δ with δ = 0.05: squared for small errors, else the distance itself. Where
    either of two crystals may be, it is least at the likelier one, a squared error between them.
    """
    if channels == 4:
        squared = _squared_distance(rebuilt, truth)
    else:
        squared = (rebuilt - truth).unflatten(-1, (-1, channels)).square().sum(-1)
    return ((squared + _SOFTNESS**2).sqrt() - _SOFTNESS).mean()


def _squared_distance(rebuilt: Tensor, truth: Tensor) -> Tensor:
    """Square the distance of each quaternion from the closest copy of the true one."""
    p, q = rebuilt.unflatten(-1, (-1, 4)), truth.unflatten(-1, (-1, 4))
    with torch.no_grad():  # which copy is closest does not change with a small step
        closest = CUBIC.nearest(q, p)
    return (p - closest).square().sum(-1)


LOSSES: Mapping[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "plain": plain_loss,
    "symmetric": symmetric_loss,
    "distance": distance_loss,
}


def read_orientations(features: str, values: Float[Tensor, "n channels"]) -> Float[Tensor, "n 4"]:
    """Find the crystals whose features are closest to given numbers.

    Harmonics are compared with those of a grid of orientations and refined from the best one. As a
    sample rotation turns them like a rigid body, Σ_k J_kᵀ J_k = l (l + 1), a third of it for each
    of the three axes, and Gauss' and Newton's step needs no linear system.
    """
    if features == "quaternion":
        safe = torch.where(values.norm(dim=-1, keepdim=True) > 1e-12, values, values.new_ones(4))
        return normalize_quaternion(safe.to(torch.float64))
    few, places = _distinct(values[:, :9].to(torch.float64))
    return torch.cat([_closest_crystals(part) for part in few.split(_CHUNK)])[places]


def _distinct(rows: Float[Tensor, "n 9"]) -> tuple[Float[Tensor, "few 9"], Int[Tensor, " n"]]:
    """Take rows that occur often, such as those of a grain's voxels, once: rows and places."""
    # Sorting one number for each row is much faster than sorting rows; equal ones are compared.
    key = rows @ torch.linspace(1.0, 2.0, 9, dtype=rows.dtype).sqrt()
    _, places = key.unique(return_inverse=True)
    first = torch.zeros(int(places.max()) + 1, dtype=torch.int64)
    first[places] = torch.arange(len(rows))
    few = rows[first]
    return (few, places) if torch.equal(few[places], rows) else (rows, torch.arange(len(rows)))


def _closest_crystals(goal: Float[Tensor, "n 9"]) -> Float[Tensor, "n 4"]:
    grid = orientation_grid(READING_RESOLUTION).orientations
    # Single precision finds the best of the grid, or one as good.
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
    """Find the matrices J_k that turn harmonics: dh = J_k h dω for a turn by dω about axis k.

    They are the same for all crystals; central differences at 64 of them give them to 1e-9.
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
    rebuilt: Float[Tensor, "batch hidden values"],
    truth: Float[Tensor, "batch hidden values"],
    channels: int,
) -> Float[Tensor, " batch"]:
    """Mean disorientation of rebuilt voxels, for each field. [rad]"""
    first, second = (
        read_orientations(features, part.reshape(-1, channels)) for part in (rebuilt, truth)
    )
    return CUBIC.disorientation(first, second).reshape(len(rebuilt), -1).mean(-1)


def mean_of_visible(
    field: Float[Tensor, "batch channels nx ny nz"], mask: Mask, patch: int
) -> Float[Tensor, "batch hidden values"]:
    """Rebuild every hidden voxel as the mean of the visible ones."""
    channels = field.shape[1]
    visible = pick(patchify(field, patch), mask.visible)
    mean = visible.reshape(len(field), -1, channels).mean(1)
    return mean.repeat(1, patch**3)[:, None].expand(-1, mask.hidden.shape[1], -1)


def snap_to_visible(
    rebuilt: Float[Tensor, "batch hidden values"],
    field: Float[Tensor, "batch channels nx ny nz"],
    mask: Mask,
    patch: int,
) -> Float[Tensor, "batch hidden values"]:
    """Replace what was rebuilt, voxel by voxel, by the closest of the crystals visible around it.

    A model that is trained on squared errors answers with a mean of the crystals that may be
    there; the closest visible one is mostly the likeliest. Around a patch are the 26 patches that
    touch it, across the periodic faces, too; all patches where none of these is visible.
    """
    channels, edge = field.shape[1], field.shape[2] // patch
    touching = (periodic_steps(edge)[periodic_offsets(edge)] <= 1).to(torch.float32)
    every = patchify(field, patch)
    snapped = []
    for answer, patches, seen, unseen in zip(
        rebuilt, every, mask.visible, mask.hidden, strict=True
    ):
        voxels = patches[seen].reshape(-1, channels)
        crystals, which = voxels.unique(dim=0, return_inverse=True)
        present = torch.zeros(len(patches), len(crystals))
        present[seen.repeat_interleave(patch**3), which] = 1.0
        around = touching[unseen] @ present > 0
        around |= ~around.any(-1, keepdim=True)
        values = answer.reshape(len(unseen), -1, channels).to(crystals)
        likeness = values @ crystals.mT - 0.5 * crystals.square().sum(-1)
        best = likeness.masked_fill(~around[:, None], -torch.inf).argmax(-1)
        snapped.append(crystals[best].reshape(answer.shape))
    return torch.stack(snapped)


def nearest_visible(
    field: Float[Tensor, "batch channels nx ny nz"], mask: Mask, patch: int
) -> Float[Tensor, "batch hidden values"]:
    """Rebuild every hidden voxel as the nearest visible one, across the periodic faces, too."""
    batch, channels, *grid = field.shape
    nx, ny, nz = grid
    index = torch.arange(nx * ny * nz).reshape(1, 1, nx, ny, nz).expand(batch, -1, -1, -1, -1)
    voxels = patchify(index, patch)
    rebuilt = []
    for b in range(batch):
        seen, unseen = voxels[b, mask.visible[b]].reshape(-1), voxels[b, mask.hidden[b]]
        nearest = seen[_nearest(seen, unseen.reshape(-1), (nx, ny, nz))]
        values = field[b].reshape(channels, -1)[:, nearest].T
        rebuilt.append(values.reshape(len(unseen), -1))
    return torch.stack(rebuilt)


def _nearest(seen: Tensor, unseen: Tensor, grid: tuple[int, int, int]) -> Tensor:
    from scipy.spatial import KDTree

    def places(voxels: Tensor) -> Tensor:
        return torch.stack(torch.unravel_index(voxels, grid), -1)

    tree = KDTree(places(seen).numpy(), boxsize=grid)
    return torch.from_numpy(tree.query(places(unseen).numpy())[1])
