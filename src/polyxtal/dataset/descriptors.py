"""Descriptors of a polycrystal as a whole: texture and grain size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from polyxtal.texture.harmonics import cubic_harmonics

MEANS, POWERS = (4, 6), (4, 6, 8, 10)
"""Degrees of the mean harmonics, and of the powers."""
FAINTEST = 1e-3
"""Power below which a texture counts as random, about that of 300 random crystals."""
INTERCEPTS = 3
DESCRIPTORS = sum(2 * degree + 1 for degree in MEANS) + len(POWERS) + INTERCEPTS
_CENTRES = (0.0, 0.0, -2.5, 1.3)
_SCALES = (0.17, 0.14, 1.7, 0.32)
"""Approximate mean and standard deviation of the mean harmonics of degree 4 and 6, the powers and
the intercepts, over textures of the hull and grains of four to seven voxels."""


def describe(
    grain_id: Integer[Tensor, "batch nx ny nz"], orientations: Float[Tensor, "batch grains 4"]
) -> Float[Tensor, "batch descriptors"]:
    """Return descriptors of polycrystals, of about zero mean and unit variance.

    Mean harmonics of degree 4 (9 numbers) and 6 (13); the logarithm of the power |F_l|² of the mean
    harmonics of degree 4, 6, 8 and 10; and the logarithm of the mean intercept of grains, in
    voxels, along x, y and z. A sample rotation rotates the first 22; the powers are invariant.

    Args:
        grain_id: Grain of each voxel.
        orientations: Unit quaternions of the grains, on the same device. [-]
    Returns:
        `DESCRIPTORS` = 29 numbers each, in the orientations' precision. [-]
    """
    ids = grain_id.to(torch.int64)
    flat = ids.flatten(1)
    volume = torch.zeros(orientations.shape[:2], dtype=orientations.dtype, device=ids.device)
    volume.scatter_add_(1, flat, volume.new_ones(()).expand_as(flat))
    share = (volume / flat.shape[1])[:, None]
    means = {
        degree: (share @ cubic_harmonics(orientations, degree))[:, 0]
        for degree in sorted({*MEANS, *POWERS})
    }
    return _scaled(means, ids)


def describe_each(
    grain_ids: Sequence[Integer[Tensor, "nx ny nz"]], orientations: Sequence[Tensor]
) -> Float[Tensor, "batch descriptors"]:
    """Return the descriptors of polycrystals of one grid with very different numbers of grains."""
    together = torch.cat([*orientations])
    counts = [len(part) for part in orientations]
    shares = [
        torch.bincount(ids.reshape(-1), minlength=count).to(together) / ids.numel()
        for ids, count in zip(grain_ids, counts, strict=True)
    ]
    means = {}
    for degree in sorted({*MEANS, *POWERS}):
        parts = cubic_harmonics(together, degree).split(counts)
        means[degree] = torch.stack([w @ h for w, h in zip(shares, parts, strict=True)])
    return _scaled(means, torch.stack([*grain_ids]))


def _scaled(
    means: Mapping[int, Float[Tensor, "batch terms"]], ids: Int[Tensor, "batch nx ny nz"]
) -> Float[Tensor, "batch descriptors"]:
    """Return the descriptors that follow from the mean harmonics and the grains' boundaries."""
    power = [means[degree].square().sum(-1).add(FAINTEST).log() for degree in POWERS]
    real = power[0].dtype
    faces = [(ids != ids.roll(1, axis)).flatten(1).to(real).mean(-1) for axis in (1, 2, 3)]
    intercept = [-face.clamp_min(1 / ids[0].numel()).log() for face in faces]
    parts = [
        *(means[degree] for degree in MEANS),
        torch.stack(power, -1),
        torch.stack(intercept, -1),
    ]
    scaled = [
        (part - centre) / scale
        for part, centre, scale in zip(parts, _CENTRES, _SCALES, strict=True)
    ]
    return torch.cat(scaled, -1)
