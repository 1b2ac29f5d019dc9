"""Masked autoencoding of polycrystals generated on the fly, as a Lightning module and its data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

from polyxtal.dataset.features import CRYSTAL
from polyxtal.dataset.own_volumes import Split
from polyxtal.dataset.stream import PolycrystalStream
from polyxtal.model.checkpoint import find_model, read_model
from polyxtal.model.config import ModelConfig
from polyxtal.model.mae import Mask, MaskedAutoencoder
from polyxtal.model.reconstruction import patch_disorientation
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.data import read_own, training_stream
from polyxtal.training.pretrain.evaluation import (
    AT_ONCE,
    numbered_masks,
    of_cubic,
    validation_batch,
)
from polyxtal.training.pretrain.optimizer import make_optimizer


class Pretraining(LightningModule):
    """The model with its loss, optimizer and validation metrics.

    Args:
        config: Configuration of the pretraining.
    """

    def __init__(self, config: PretrainConfig) -> None:
        """Make the model."""
        super().__init__()
        self.config = config
        self.model, self.lineage = initial_model(config)
        # In a tuple, or the same weights would be in a checkpoint twice.
        self._compiled = (torch.compile(self.model) if config.compile else self.model,)

    def training_step(self, batch: dict[str, Tensor], _: int) -> dict[str, Tensor]:
        """Return the loss of one part of a batch, and the part of it due to reconstruction."""
        loss, summary = self._losses(
            batch["field"], batch.get("target"), batch["summary"], batch["number"]
        )
        self.log("loss", loss, prog_bar=True)
        return {"loss": loss + self.config.summary * summary, "reconstruction": loss.detach()}

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """Log the loss, and the disorientation of the first RVEs in degrees."""
        field, descriptors, number = batch
        loss = self._losses(field, None, descriptors, number)[0]
        self.log("validation_loss", loss, batch_size=len(field), sync_dist=True)
        if batch_idx == 0:
            # RVEs are dealt out in turn, so the first ones of all processes are the first of all.
            chosen = of_cubic(descriptors)
            if not bool(chosen.any()):
                return
            few = max(1, AT_ONCE // self.trainer.world_size)
            first, numbers = field[chosen][:few], number[chosen][:few]
            reconstructed, truth, _ = self.model(first, self._masks(numbers))
            angle = patch_disorientation(
                self.config.model.reconstructed,
                reconstructed.float().cpu(),
                truth.float().cpu(),
                self.config.model.reconstructed_channels,
            )
            degrees = float(angle.mean()) * 180 / math.pi
            self.log("validation_degrees", degrees, batch_size=len(first), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Make the optimizer, and a schedule of linear warm-up and cosine decay to zero."""
        config = self.config
        optimizer = make_optimizer(self.model, config)

        def share(step: int) -> float:
            if step < config.warmup:
                return (step + 1) / (config.warmup + 1)
            done = (step - config.warmup) / (config.steps - config.warmup)
            return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _losses(
        self, field: Tensor, target: Tensor | None, descriptors: Tensor, number: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the losses of the reconstruction and of the descriptors predicted from [CLS]."""
        reconstructed, truth, summary = self._compiled[0](field, self._masks(number), target)
        loss = mse_loss(reconstructed.float(), truth.float())
        if summary is None:
            return loss, torch.zeros_like(loss)
        if self.config.variety is None and self.config.data is None:
            return loss, mse_loss(summary.float(), descriptors)
        known = descriptors.isfinite()  # those of cubic crystals have no meaning for others
        error = (summary.float() - torch.where(known, descriptors, 0.0)).square() * known
        return loss, error.sum() / known.sum().clamp_min(1)

    def _masks(self, number: Tensor) -> Mask:
        mask = numbered_masks(number.cpu(), self.config)
        return Mask(mask.visible.to(self.device), mask.hidden.to(self.device))


def initial_model(config: PretrainConfig) -> tuple[MaskedAutoencoder, list[dict[str, Any]]]:
    """Make the model that a pretraining starts from.

    Args:
        config: Configuration; its `start` names a model, else the weights are drawn.
    Returns:
        The model, and the records of the pretrainings that its weights come from.
    Raises:
        FileNotFoundError: if the model to start from does not exist.
        ValueError: if it is damaged, of other sizes, or has seen the RVEs of this seed.
    """
    if config.start is None:
        return MaskedAutoencoder(config.model, config.seed), []
    model, about = read_model(find_model(config.start))
    if model.config != config.model:
        wider = widened(model, config.model, config.seed)
        if wider is None:
            raise ValueError(
                f"{config.start}: the model to start from must have the sizes that `model` asks "
                f"for, but has {model.config.model_dump()}."
            )
        model = wider
    earlier = {
        name: about.get(name) for name in ("pretraining", "steps_done", "rves_seen", "seconds")
    }
    lineage = [*about.get("lineage", []), earlier]
    if config.seed in seeds_of(lineage):
        raise ValueError(
            f"{config.start}: a model to start from must have seen other RVEs, but its `seed` was "
            f"{config.seed}, too."
        )
    return model.train(), lineage


def widened(model: MaskedAutoencoder, config: ModelConfig, seed: int) -> MaskedAutoencoder | None:
    """Return a model as a wider one: with the scale of grains, or with the feature "crystal".

    At first it reconstructs the harmonics of cubic crystals of one phase as the given one does.

    Args:
        model: Model of cubic crystals.
        config: Sizes of the wider model.
        seed: Random seed of the weights that the model does not have.
    Returns:
        The wider model; None if the sizes differ in other respects.
    """
    old = model.config
    features = config.features if old.features == "harmonic" else old.features
    if old.model_copy(update={"features": features, "scale": old.scale or config.scale}) != config:
        return None
    if features not in (old.features, CRYSTAL) or old.laue != "m-3m":
        return None
    wider, given = MaskedAutoencoder(config, seed), model.state_dict()
    with torch.no_grad():
        for name, value in wider.state_dict().items():
            if name not in given:
                continue
            if value.shape == given[name].shape:
                value.copy_(given[name])
                continue
            # Channels run fastest: of inputs, the last axis, and of outputs, the first one.
            axis = 1 if name == "encoder.embed.weight" else 0
            mine = value.unflatten(axis, (-1, config.channels))
            theirs = given[name].unflatten(axis, (-1, old.channels))
            mine.narrow(axis + 1, 0, old.channels).copy_(theirs)
    return wider


def seeds_of(lineage: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the seeds of pretrainings, that is, of the RVEs that a model has seen."""
    known = [one["pretraining"] for one in lineage if one.get("pretraining")]
    return {int(one["seed"]) for one in known}


class PretrainingData(LightningDataModule):
    """New RVEs for every training step, and a fixed validation set.

    Args:
        config: Configuration of the pretraining.
    """

    def __init__(self, config: PretrainConfig) -> None:
        """Make nothing yet."""
        super().__init__()
        self.config = config
        self._validation: TensorDataset | None = None
        self._own: Split | None = None

    def _own_volumes(self) -> Split | None:
        """Return the volumes of `data`, which are read once."""
        if self._own is None:
            self._own = read_own(self.config)
        return self._own

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return new RVEs, from the trainer's current step on."""
        trainer, config = self.trainer, self.config
        assert trainer is not None
        device = trainer.strategy.root_device
        source = training_stream(
            config,
            config.batch // (config.accumulate * trainer.world_size),
            self._own_volumes(),
            start=trainer.global_step * config.accumulate,
            rank=trainer.global_rank,
            world=trainer.world_size,
            device=device,
        )
        on_gpu = isinstance(source, PolycrystalStream) and device.type == "cuda"
        workers = 0 if on_gpu else config.workers
        # With a generator of its own, because it would draw from the global one.
        own = torch.Generator()
        return DataLoader(source, batch_size=None, num_workers=workers, generator=own)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return this process's share of the validation RVEs, which are made once."""
        if self._validation is None:
            batch = validation_batch(self.config, own=self._own_volumes())
            self._validation = TensorDataset(batch["field"], batch["summary"], batch["number"])
        assert self.trainer is not None
        rank, world = self.trainer.global_rank, self.trainer.world_size
        chosen = range(rank, len(self._validation), world)
        part = torch.utils.data.Subset(self._validation, chosen)
        return DataLoader(part, batch_size=AT_ONCE, generator=torch.Generator())
