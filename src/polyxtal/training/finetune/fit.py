"""Fit one head, with or without its encoder, and keep the parameters that validate best.

last.ckpt   after every epoch: parameters, optimizer, the best parameters so far
curve.csv   epoch, losses
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Integer
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.algebra.randomness import generator_of
from polyxtal.files.plain import write_table
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.tokens import patchify
from polyxtal.training.finetune.config import FitConfig
from polyxtal.training.finetune.encoders import Split
from polyxtal.training.finetune.stiffness_data import AT_ONCE, StiffnessData
from polyxtal.training.finetune.tasks import HeadTask
from polyxtal.training.trainer import VerifiedCheckpoints, find_checkpoint, quiet_lightning

CHECKPOINT, CURVE = "last.ckpt", "curve.csv"
FINE = 6
"""Random stream of the order of RVEs and of augmentations."""


class HeadFit(LightningModule):
    """Training of one head, and of its encoder unless that is frozen.

    Args:
        config: Settings of the fit.
        task: The head and its loss.
        model: Encoder to start from.
        data: Labelled polycrystals; only a trainable encoder needs them.
        split: Training and validation RVEs.
        encoded: Latent vectors and rotations of all RVEs and their copies by that encoder, see
            `encode_copies`; a head on a frozen encoder is trained on the copies, too.
        seed: Random seed of the order of RVEs and of augmentations.
    """

    def __init__(
        self,
        config: FitConfig,
        task: HeadTask,
        model: FoundationModel,
        data: StiffnessData | None,
        split: Split,
        encoded: tuple[Float[Tensor, "n copies width"], Integer[Tensor, "n copies"]],
        seed: int,
    ) -> None:
        """Initialise the head by its task."""
        super().__init__()
        self.config, self.task, self.data, self.split, self.seed = config, task, data, split, seed
        self.features, self.patch = model.config.features, model.config.patch
        latent, turns = encoded
        self.latent, self.turns = latent[split.train], turns[split.train]
        self.held_out = latent[split.validation, 0]
        task.begin(self.latent, self.turns, split.train, self.held_out, split.validation)
        self.parts = nn.ModuleDict({"head": task.head})
        if not config.freeze:
            self.parts["encoder"] = copy.deepcopy(model.autoencoder.encoder).train()
        self.rows: list[dict[str, float]] = []
        self.best_loss, self.best_epoch = self.validation_loss(), 0
        self.best = self._copy_parameters()
        self._total = 0.0

    def run(self, folder: Path, progress: Progress = no_progress, stage: str = "fit") -> float:
        """Train until validation no longer improves; return its best loss.

        Args:
            folder: Folder of checkpoint and curve; a fit interrupted there is resumed.
            progress: Called after every epoch.
            stage: Name of the fit in reports of progress.
        Raises:
            ConvergenceError: if the loss is no longer finite.
            ValueError: if the checkpoint is damaged or of another fit.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        with quiet_lightning():
            trainer = Trainer(
                accelerator="cpu",
                devices=1,
                max_epochs=self.config.epochs,
                gradient_clip_val=1.0,
                callbacks=[_EveryEpoch(self, folder, progress, stage)],
                logger=False,
                plugins=[VerifiedCheckpoints()],
                enable_progress_bar=False,
                enable_model_summary=False,
                reload_dataloaders_every_n_epochs=1,
            )
            found = find_checkpoint(folder / CHECKPOINT, self)
            trainer.fit(self, ckpt_path=found, weights_only=True)
        self.parts.load_state_dict(self.best)
        self.parts.eval()
        return self.best_loss

    def configure_optimizers(self) -> Any:
        """Return AdamW with cosine decay to zero over the epochs."""
        optimizer = torch.optim.AdamW(self.parameter_groups(), weight_decay=self.config.decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda epoch: 0.5 * (1 + math.cos(math.pi * epoch / self.config.epochs))
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule}}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return parameter groups; learning rates decay towards the encoder's input."""
        config = self.config
        groups: list[dict] = [{"params": [*self.task.head.parameters()], "lr": config.rate}]
        if "encoder" not in self.parts:
            return groups
        encoder = self.parts["encoder"]
        blocks: nn.ModuleList = encoder.transformer.blocks  # pyright: ignore
        levels = {id(p): 1 + i for i, block in enumerate(blocks) for p in block.parameters()}
        levels |= {id(p): len(blocks) + 1 for p in encoder.transformer.norm.parameters()}  # pyright: ignore
        for parameter in encoder.parameters():
            below = max(0, len(blocks) - levels.get(id(parameter), 0))
            rate = config.rate * config.encoder_rate * config.layer_decay**below
            groups.append({"params": [parameter], "lr": rate})
        return groups

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Return the epoch's batches: indices into the training RVEs."""
        self._generator = generator_of(self.seed, self.current_epoch, FINE)
        order = torch.randperm(len(self.split.train), generator=self._generator)
        batches = list(order.split(self.config.batch))
        # With a generator of its own, because it would draw from the global one.
        return DataLoader(batches, batch_size=None, generator=torch.Generator())  # type: ignore[arg-type]

    def on_train_start(self) -> None:
        """Do not resume a finished fit."""
        self.trainer.should_stop = self.done

    def on_train_epoch_start(self) -> None:
        """Reset the sum of losses."""
        self._total = 0.0

    def training_step(self, places: Tensor, _: int) -> Tensor:
        """Return the loss of a batch, with copies or augmentations drawn at random."""
        numbers = self.split.train[places]
        if "encoder" in self.parts:
            latent, turns = self.encode(numbers, self._generator)
        else:
            shape, generator = (len(places),), self._generator
            copies = torch.randint(self.latent.shape[1], shape, generator=generator)
            latent, turns = self.latent[places, copies], self.turns[places, copies]
        loss = self.task.loss(latent, turns, numbers)
        self._total += float(loss.detach()) * len(places)
        return loss

    def on_train_epoch_end(self) -> None:
        """Validate, keep the best parameters, and stop when patience is exhausted."""
        epoch = len(self.rows) + 1
        loss, validation = self._total / len(self.split.train), self.validation_loss()
        if not math.isfinite(loss + validation):
            raise ConvergenceError(
                f"{self._folder}: the loss must stay finite, but is not in epoch {epoch}; begin "
                "again with a lower `rate`."
            )
        self.rows.append({"epoch": epoch, "loss": loss, "validation": validation})
        if validation < self.best_loss:
            self.best_loss, self.best_epoch = validation, epoch
            self.best = self._copy_parameters()
        write_table(self._folder / CURVE, ["epoch", "loss", "validation"], self.rows)
        self.trainer.should_stop = self.done

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the losses and the best parameters so far."""
        found = {"rows": self.rows, "loss": self.best_loss, "epoch": self.best_epoch}
        checkpoint["best"] = {**found, "parameters": self.best}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the losses and the best parameters so far."""
        found = checkpoint["best"]
        self.rows, self.best = list(found["rows"]), found["parameters"]
        self.best_loss, self.best_epoch = found["loss"], found["epoch"]

    @property
    def done(self) -> bool:
        """Whether all epochs are done or patience is exhausted."""
        epoch = len(self.rows)
        return epoch >= self.config.epochs or epoch - self.best_epoch >= self.config.patience

    def encode(
        self, numbers: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "n width"], Tensor]:
        """Encode RVEs, augmented at random if there is a generator; return the rotations, too."""
        assert self.data is not None
        fields, turns = self.data.fields(numbers, self.features, generator)
        tokens = self.parts["encoder"](patchify(fields.to(torch.float32), self.patch))
        return tokens[:, 0], turns

    @torch.no_grad()
    def validation_loss(self) -> float:
        """Return the loss on the validation RVEs, without augmentation."""
        training = self.parts.training
        self.parts.eval()
        numbers = self.split.validation
        latent = self.held_out
        if "encoder" in self.parts:
            latent = torch.cat([self.encode(part)[0] for part in numbers.split(AT_ONCE)])
        turns = torch.zeros(len(numbers), dtype=torch.int64)
        loss = float(self.task.loss(latent, turns, numbers))
        self.parts.train(training)
        return loss

    def _copy_parameters(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.parts.state_dict().items()}


class _EveryEpoch(ModelCheckpoint):
    """Writes one checkpoint after every epoch, in place of the one before, and reports progress."""

    def __init__(self, fit: HeadFit, folder: Path, progress: Progress, stage: str) -> None:
        super().__init__(
            dirpath=folder,
            filename=Path(CHECKPOINT).stem,
            every_n_epochs=1,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self._report = progress, stage, fit

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_epoch_end(trainer, pl_module)
        progress, stage, fit = self._report
        note = f"validation {fit.rows[-1]['validation']:.3g}"
        progress(stage, len(fit.rows), fit.config.epochs, note)
