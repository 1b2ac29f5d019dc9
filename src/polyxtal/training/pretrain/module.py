"""Masked autoencoding of ever new polycrystals, as a Lightning module and its data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

from polyxtal.algebra.randomness import generator_of
from polyxtal.dataset.stream import EndlessPolycrystals
from polyxtal.model.checkpoint import find_model, read_model
from polyxtal.model.mae import Mask, MaskedAutoencoder, random_mask, target_field
from polyxtal.model.reconstruction import (
    mean_of_visible,
    nearest_visible,
    patch_disorientation,
    snap_to_visible,
)
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.muon import Muon

MASK = 4
"""Stream of random numbers for masks, apart from that of the RVEs."""
VALIDATION_SEED = 2**41
"""What is added to the seed for validation RVEs."""
JUDGED = 16
"""Validation RVEs whose disorientation is measured: reading crystals off harmonics takes long."""


def numbered_masks(numbers: Tensor, config: PretrainConfig) -> Mask:
    """Draw the masks of RVEs; each depends on the seed and the RVE's number alone."""
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


class Pretraining(LightningModule):
    """The model, its loss, its optimiser, and what is measured.

    Args:
        config: What is asked for.
    """

    def __init__(self, config: PretrainConfig) -> None:
        """Make the model."""
        super().__init__()
        self.config = config
        self.model, self.lineage = first_weights(config)
        # In a tuple, or the same weights would be in a checkpoint twice.
        self._runs = (torch.compile(self.model) if config.compile else self.model,)

    def training_step(self, batch: dict[str, Tensor], _: int) -> dict[str, Tensor]:
        """Return the loss of one part of a batch, and what of it is due to rebuilding."""
        loss, summary = self._losses(
            batch["field"], batch.get("target"), batch["summary"], batch["number"]
        )
        self.log("loss", loss, prog_bar=True)
        return {"loss": loss + self.config.summary * summary, "rebuilding": loss.detach()}

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """Log the loss, and the disorientation of the first RVEs in degrees."""
        field, described, number = batch
        loss = self._losses(field, None, described, number)[0]
        self.log("validation_loss", loss, batch_size=len(field), sync_dist=True)
        if batch_idx == 0:
            # RVEs are dealt out in turn, so the first ones of all processes are the first of all.
            first = field[: max(1, JUDGED // self.trainer.world_size)]
            mask = self._masks(number[: len(first)])
            rebuilt, truth, _ = self.model(first, mask)
            angle = patch_disorientation(
                self.config.model.reconstructed,
                rebuilt.float().cpu(),
                truth.float().cpu(),
                self.config.model.reconstructed_channels,
            )
            degrees = float(angle.mean()) * 180 / math.pi
            self.log("validation_degrees", degrees, batch_size=len(first), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Take AdamW or Muon; the rate rises, then falls as a cosine to zero."""
        config = self.config
        optimiser = make_optimiser(self.model, config)

        def share(step: int) -> float:
            if step < config.warmup:
                return (step + 1) / (config.warmup + 1)
            done = (step - config.warmup) / (config.steps - config.warmup)
            return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _losses(
        self, field: Tensor, target: Tensor | None, described: Tensor, number: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the losses of rebuilding and, if [CLS] tells it, of the description."""
        rebuilt, truth, summary = self._runs[0](field, self._masks(number), target)
        loss = mse_loss(rebuilt.float(), truth.float())
        if summary is None:
            return loss, torch.zeros_like(loss)
        return loss, mse_loss(summary.float(), described)

    def _masks(self, number: Tensor) -> Mask:
        mask = numbered_masks(number.cpu(), self.config)
        return Mask(mask.visible.to(self.device), mask.hidden.to(self.device))


def first_weights(config: PretrainConfig) -> tuple[MaskedAutoencoder, list[dict[str, Any]]]:
    """Make the model that a pretraining begins with.

    Returns:
        The model, and the pretrainings that its weights come from.
    Raises:
        FileNotFoundError: if the model to start from does not exist.
        ValueError: if it is damaged, of other sizes, or has seen the RVEs of this seed.
    """
    if config.start is None:
        return MaskedAutoencoder(config.model, config.seed), []
    model, about = read_model(find_model(config.start))
    if model.config != config.model:
        raise ValueError(
            f"{config.start}: the model to start from must have the sizes that `model` asks for, "
            f"but has {model.config.model_dump()}."
        )
    earlier = {
        name: about.get(name) for name in ("pretraining", "steps_done", "rves_seen", "seconds")
    }
    lineage = [*about.get("lineage", []), earlier]
    if config.seed in seeds_of(lineage):
        raise ValueError(
            f"{config.start}: a model to start from must have seen other RVEs, but `seed` is "
            f"{config.seed} there, too."
        )
    return model.train(), lineage


def seeds_of(lineage: Sequence[Mapping[str, Any]]) -> set[int]:
    """Gather the seeds of pretrainings, whose RVEs a model has seen."""
    known = [one["pretraining"] for one in lineage if one.get("pretraining")]
    return {int(one["seed"]) for one in known}


def make_optimiser(model: MaskedAutoencoder, config: PretrainConfig) -> torch.optim.Optimizer:
    """Share the parameters out: biases, norms, tokens and tables of offsets do not decay."""
    blocks, matrices, others = [], [], []
    for name, parameter in model.named_parameters():
        if parameter.ndim != 2 or name.endswith(("table", "mixture")):
            others.append(parameter)
        else:
            (blocks if ".blocks." in name else matrices).append(parameter)
    decay = {"weight_decay": config.decay}
    if config.optimiser == "muon":
        groups = [
            {"params": blocks, "matrices": True, **decay},
            {"params": matrices, "matrices": False, **decay},
            {"params": others, "matrices": False, "weight_decay": 0.0},
        ]
        return Muon(groups, config.peak_rate, betas=config.betas)
    return torch.optim.AdamW(
        [{"params": blocks + matrices, **decay}, {"params": others}],
        lr=config.peak_rate,
        betas=config.betas,
        weight_decay=0.0,
    )


class PretrainingData(LightningDataModule):
    """Ever new RVEs to train on, and the same ones to validate on.

    Args:
        config: What is asked for.
    """

    def __init__(self, config: PretrainConfig) -> None:
        """Make nothing yet."""
        super().__init__()
        self.config = config
        self._validation: TensorDataset | None = None

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Go on after the batches that the trainer's steps have used."""
        trainer, config = self.trainer, self.config
        assert trainer is not None
        device = trainer.strategy.root_device
        share = config.batch // (config.accumulate * trainer.world_size)
        source = EndlessPolycrystals(
            config.recipe(),
            share,
            config.model.features,
            target=config.model.target,
            start=trainer.global_step * config.accumulate,
            rank=trainer.global_rank,
            world=trainer.world_size,
            device=device if device.type == "cuda" else "cpu",
        )
        workers = 0 if device.type == "cuda" else config.workers
        return DataLoader(source, batch_size=None, num_workers=workers)

    def val_dataloader(self) -> DataLoader[Any]:
        """Give the validation RVEs, made once."""
        if self._validation is None:
            batch = validation_batch(self.config)
            self._validation = TensorDataset(batch["field"], batch["summary"], batch["number"])
        assert self.trainer is not None
        rank, world = self.trainer.global_rank, self.trainer.world_size
        chosen = range(rank, len(self._validation), world)
        part = torch.utils.data.Subset(self._validation, chosen)
        return DataLoader(part, batch_size=JUDGED)


def validation_batch(config: PretrainConfig, count: int | None = None) -> dict[str, Tensor]:
    """Make RVEs that no training has seen, as a batch of `EndlessPolycrystals`."""
    recipe = config.recipe(VALIDATION_SEED)
    return EndlessPolycrystals(
        recipe, count or config.validation, config.model.features, at_once=False, rank=0, world=1
    ).batch(0)


@torch.no_grad()
def judge(
    config: PretrainConfig, model: nn.Module, batch: dict[str, Tensor]
) -> dict[str, dict[str, float]]:
    """Measure a model and the trivial predictors on fields, hidden as in training.

    Returns:
        Plain loss and mean disorientation [degrees] of "model", "model, snapped", "mean of
        visible" and "nearest visible".
    """
    field, number = batch["field"], batch["number"]
    sums: dict[str, list[tuple[float, float, int]]] = {}
    for given, numbers in zip(field.split(JUDGED), number.split(JUDGED), strict=True):
        mask = numbered_masks(numbers, config)
        rebuilt, truth, _ = model(given, mask)
        part = target_field(config.model, given)
        answers = {
            "model": rebuilt,
            "model, snapped": snap_to_visible(rebuilt, part, mask, config.model.patch),
            "mean of visible": mean_of_visible(part, mask, config.model.patch),
            "nearest visible": nearest_visible(part, mask, config.model.patch),
        }
        for name, answer in answers.items():
            loss = float((answer - truth).square().mean())
            angle = patch_disorientation(
                config.model.reconstructed, answer, truth, config.model.reconstructed_channels
            )
            sums.setdefault(name, []).append((loss, float(angle.mean()), len(given)))
    total = len(field)
    return {
        name: {
            "loss": sum(loss * n for loss, _, n in rows) / total,
            "degrees": math.degrees(sum(angle * n for _, angle, n in rows) / total),
        }
        for name, rows in sums.items()
    }
