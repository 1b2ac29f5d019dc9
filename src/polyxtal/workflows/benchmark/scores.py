"""Rows of the table, and what several tasks fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from polyxtal.dataset.descriptors import describe
from polyxtal.dataset.features import feature
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.training.finetune.baselines import HARMONICS, harmonic_features
from polyxtal.training.finetune.ridge import fit_ridge
from polyxtal.workflows.benchmark.settings import BLOCK

FITTED = ("ridge on harmonics", "ridge on harmonics and products", "ridge on descriptors")
"""Baselines that need no encoder, but labels."""


class Row(NamedTuple):
    """A score.

    Attributes:
        task: Task.
        target: What is predicted.
        labels: Number of labelled volumes; 0 where none is needed.
        estimate: Who predicts.
        measure: What is measured: "R2", or an error, relative.
        value: The score. [-]
    """

    task: str
    target: str
    labels: int
    estimate: str
    measure: str
    value: float


def simple_features(polycrystals: Sequence[Polycrystal]) -> dict[str, Tensor]:
    """Return the descriptors of polycrystals, the first nine of which are mean harmonics."""
    found = [describe(rve.grain_id[None], rve.orientations.float()[None]) for rve in polycrystals]
    return {"descriptors": torch.cat(found)}


def fitted_features(descriptors: Tensor) -> dict[str, Tensor]:
    """Return the features of `FITTED` by name."""
    parts = [*harmonic_features(descriptors[:, :HARMONICS].double()).values(), descriptors]
    return dict(zip(FITTED, parts, strict=True))


def ridge_on(
    features: Mapping[str, Tensor], targets: Tensor, train: Sequence[int], test: Sequence[int]
) -> dict[str, Tensor]:
    """Return predictions for the test rows by a ridge regression on each of the features."""
    some = list(train)
    return {
        name: fit_ridge(values[some], targets[some]).predict(values[list(test)].double())
        for name, values in features.items()
    }


def harmonics_of(rve: Polycrystal) -> Tensor:
    """Return the harmonics of degree 4 of every voxel, (nx, ny, nz, 9)."""
    table = feature("harmonic", rve.laue_group(0)).compute(rve.orientations).float()
    return table[rve.grain_id]


def block_means(field: Tensor) -> Tensor:
    """Return the means over blocks, (bx, by, bz, …), of a field (nx, ny, nz, …)."""
    nx, ny, nz = (n // BLOCK for n in field.shape[:3])
    cut = field.reshape(nx, BLOCK, ny, BLOCK, nz, BLOCK, *field.shape[3:])
    return cut.mean((1, 3, 5))


def blocks_of(field: Tensor) -> Tensor:
    """Return the voxels of every block, (blocks, BLOCK³), of a scalar field."""
    nx, ny, nz = (n // BLOCK for n in field.shape)
    cut = field.reshape(nx, BLOCK, ny, BLOCK, nz, BLOCK)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(nx * ny * nz, BLOCK**3)


def unblocked(blocks: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Undo `blocks_of`."""
    nx, ny, nz = (n // BLOCK for n in grid)
    cut = blocks.reshape(nx, ny, nz, BLOCK, BLOCK, BLOCK)
    return cut.permute(0, 3, 1, 4, 2, 5).reshape(grid)


def tokens_at_blocks(tokens: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Return the mean token of every block, (blocks, d), of tokens (tx, ty, tz, d)."""
    x, y, z = (
        torch.arange(n) * count // n for n, count in zip(grid, tokens.shape[:3], strict=True)
    )
    voxels = tokens[x[:, None, None], y[:, None], z]
    return block_means(voxels).flatten(0, 2)


def surroundings(rve: Polycrystal) -> Tensor:
    """Return the mean harmonics of every block and its 26 neighbours, (blocks, 27 · 9)."""
    means = block_means(harmonics_of(rve))
    steps = [(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]
    return torch.cat([means.roll(step, (0, 1, 2)) for step in steps], -1).flatten(0, 2)
