"""Evaluation of a masked autoencoder on unseen polycrystals, beside trivial predictors."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from polyxtal.algebra.randomness import generator_of
from polyxtal.dataset.own_volumes import Split
from polyxtal.model.mae import Mask, random_mask, target_field
from polyxtal.model.reconstruction import (
    mean_of_visible,
    nearest_visible,
    patch_disorientation,
    snap_to_visible,
)
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.data import unseen_stream

MASK = 4
"""Stream of random numbers for masks, independent of that for RVEs."""
VALIDATION_SEED = 2**41
"""Offset of the seed for validation RVEs."""
AT_ONCE = 16
"""RVEs per forward pass; also the number whose disorientation is measured during a pretraining,
because reading orientations off harmonics is slow."""


def numbered_masks(numbers: Tensor, config: PretrainConfig) -> Mask:
    """Draw the masks of RVEs; each depends only on the seed and the RVE's number."""
    masks = [
        random_mask(
            1,
            config.model.patches,
            config.mask,
            generator_of(config.seed, int(number) % 2**32, MASK),
        )
        for number in numbers
    ]
    return Mask(torch.cat([m.visible for m in masks]), torch.cat([m.hidden for m in masks]))


def validation_batch(
    config: PretrainConfig, count: int | None = None, own: Split | None = None
) -> dict[str, Tensor]:
    """Make RVEs that no training has seen, as a batch of `PolycrystalStream`."""
    return unseen_stream(config, count or config.validation, VALIDATION_SEED, own).batch(0)


def of_cubic(descriptors: Tensor) -> Tensor:
    """Return which RVEs are of cubic crystals of one phase, whose orientations can be read."""
    return descriptors.isfinite().all(-1)


@torch.no_grad()
def evaluate(
    config: PretrainConfig, model: nn.Module, batch: dict[str, Tensor]
) -> dict[str, dict[str, float]]:
    """Evaluate a model and trivial predictors on RVEs masked as in training.

    Args:
        config: Configuration of the pretraining, whose seed draws the masks.
        model: Masked autoencoder.
        batch: RVEs, as `validation_batch` makes them.
    Returns:
        `loss`, the mean squared error, and `degrees`, the mean disorientation in RVEs of cubic
        crystals, of "model", "model, snapped", "mean of visible" and "nearest visible".
    """
    field, number, cubic = batch["field"], batch["number"], of_cubic(batch["summary"])
    sums: dict[str, list[tuple[float, float, int, int]]] = {}
    for given, numbers, chosen in zip(
        field.split(AT_ONCE), number.split(AT_ONCE), cubic.split(AT_ONCE), strict=True
    ):
        mask = numbered_masks(numbers, config)
        reconstructed, truth, _ = model(given, mask)
        target = target_field(config.model, given)
        predictions = {
            "model": reconstructed,
            "model, snapped": snap_to_visible(reconstructed, target, mask, config.model.patch),
            "mean of visible": mean_of_visible(target, mask, config.model.patch),
            "nearest visible": nearest_visible(target, mask, config.model.patch),
        }
        for name, predicted in predictions.items():
            loss = float((predicted - truth).square().mean())
            angle = patch_disorientation(
                config.model.reconstructed,
                predicted[chosen],
                truth[chosen],
                config.model.reconstructed_channels,
            )
            row = loss, float(angle.sum()), len(given), len(angle)
            sums.setdefault(name, []).append(row)
    return {
        name: {
            "loss": sum(loss * n for loss, _, n, _ in rows) / len(field),
            "degrees": math.degrees(sum(row[1] for row in rows) / max(1, sum(r[3] for r in rows))),
        }
        for name, rows in sums.items()
    }
