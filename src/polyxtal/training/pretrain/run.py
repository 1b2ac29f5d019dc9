"""Pretrain a masked autoencoder: one process or many, resumed after any stop.

pretraining.json what the run was asked for
last.ckpt        where it goes on
curve.csv        step, RVEs seen, losses, rate
tensorboard/     the same for TensorBoard
model/           the model as it is, to be loaded with `load_model`
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from pydantic import ValidationError

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.files.atomic import atomic_file
from polyxtal.files.run_folder import RunFolder
from polyxtal.model.checkpoint import save_model
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.module import Pretraining, PretrainingData

STRATEGIES = ("auto", "ddp")
"""Sharing weights out (FSDP) is left to models that do not fit on one device."""
CONFIG, CHECKPOINT, CURVE, MODEL = "pretraining.json", "last.ckpt", "curve.csv", "model"
LOG_EVERY = 50
MAX_CONFIG = 1 << 20
FREE = ("save_every", "workers", "validate_every", "compile", "precision")
"""Settings that may change when a pretraining is resumed."""
COLUMNS: list[str] = [
    "step",
    "rves",
    "loss",
    "rate",
    "validation_loss",
    "validation_degrees",
    "seconds",
]


def pretrain(
    config: PretrainConfig,
    folder: str | Path,
    *,
    accelerator: str = "auto",
    devices: int | str = "auto",
    strategy: str = "auto",
    nodes: int = 1,
    stop_after: float | None = None,
    progress: Progress = no_progress,
) -> MaskedAutoencoder:
    """Pretrain, or go on with a pretraining.

    Args:
        config: What is asked for.
        folder: Where to; new, or of the same pretraining.
        accelerator: Lightning's: "cpu", "gpu", "auto".
        devices: Lightning's: number of processes or GPUs.
        strategy: Lightning's: "auto", "ddp".
        nodes: Machines.
        stop_after: Seconds after which to save and stop; None for no limit.
        progress: Called after every step, with what was measured last.
    Returns:
        The model, trained.
    Raises:
        ValueError: if the folder holds another pretraining, the batch can not be shared out, or
            the strategy or a device is none, or the checkpoint is damaged.
        ConvergenceError: if the loss or a weight is no longer finite.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"Argument `strategy` must be one of {', '.join(STRATEGIES)}, but is '{strategy}'."
        )
    target = Path(folder)
    module = Pretraining(config)
    keeper = _Keeper(config, target, stop_after, progress)
    with _one_sentence():
        trainer = _trainer(config, target, keeper, accelerator, devices, strategy, nodes)
    if config.batch % (config.accumulate * trainer.world_size):
        raise ValueError(
            f"The batch of {config.batch} must be shared out evenly, but there are "
            f"{trainer.world_size} processes and {config.accumulate} parts."
        )
    if config.validation < trainer.world_size:
        raise ValueError(
            f"`validation` must give each of the {trainer.world_size} processes an RVE, but is "
            f"{config.validation}."
        )
    if trainer.is_global_zero:
        record = RunFolder(target, CONFIG, "a pretraining")
        record.claim(config.model_dump(mode="json"), FREE, _complete)
    found = _checkpoint(target)
    with _one_sentence():
        # Numbers, names and tensors only: no code is loaded from a checkpoint.
        trainer.fit(module, PretrainingData(config), ckpt_path=found, weights_only=True)
    keeper.write_model(trainer, module)
    return module.model.cpu().eval()


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn Lightning's complaint about devices, strategies and precisions into a ValueError."""
    try:
        yield
    except MisconfigurationException as error:
        raise ValueError(f"Lightning can not run this: {error}") from error


def _checkpoint(folder: Path) -> str | None:
    """Return where to go on, if there is such a file and it can be read."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, by where the damage is
        raise ValueError(
            f"{path}: must be a whole checkpoint, but can not be read; without it, the run begins "
            "again."
        ) from error
    return str(path)


def _trainer(
    config: PretrainConfig,
    target: Path,
    keeper: _Keeper,
    accelerator: str,
    devices: int | str,
    strategy: str,
    nodes: int,
) -> Trainer:
    return Trainer(
        accelerator=accelerator,
        devices=devices,
        strategy=strategy,
        num_nodes=nodes,
        precision=config.precision,  # type: ignore[arg-type]
        max_steps=config.steps,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.clip,
        val_check_interval=config.validate_every * config.accumulate,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        log_every_n_steps=LOG_EVERY,
        logger=TensorBoardLogger(target, name="", version="tensorboard"),
        callbacks=[keeper],
    )


class _Keeper(Callback):
    """Keeps checkpoint, curve and model on disk, and tells of progress."""

    def __init__(
        self,
        config: PretrainConfig,
        folder: Path,
        stop_after: float | None,
        progress: Progress,
    ) -> None:
        self.config, self.folder, self.progress = config, folder, progress
        self.started = self.saved = time.monotonic()
        self.stop_after = stop_after
        self.seconds_before, self.due = 0.0, False
        self.rows: list[dict[str, float]] = []
        self.total, self.parts = 0.0, 0
        self.measured: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "total": self.total,
            "parts": self.parts,
            "seconds": self._seconds(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.seconds_before = state_dict["rows"], state_dict["seconds"]
        self.total, self.parts = state_dict["total"], state_dict["parts"]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not math.isfinite(float(outputs["loss"])):
            raise ConvergenceError(
                f"{self.folder}: the loss must stay finite, but is {float(outputs['loss'])} after "
                f"{trainer.global_step} steps; begin again with a lower `rate`."
            )
        self.total += float(outputs["rebuilding"])
        self.parts += 1
        if (batch_idx + 1) % self.config.accumulate:
            return
        step = trainer.global_step
        if step % LOG_EVERY == 0 or step == self.config.steps:
            mean = torch.tensor(self.total / self.parts, device=pl_module.device)
            loss = float(trainer.strategy.reduce(mean, reduce_op="mean"))
            self.total, self.parts = 0.0, 0
            rate = float(trainer.optimizers[0].param_groups[0]["lr"])
            self._row(step).update(loss=loss, rate=rate, seconds=self._seconds())
            self.measured["loss"] = loss
        if trainer.is_global_zero:
            found = (f"{name.replace('_', ' ')} {v:.4g}" for name, v in self.measured.items())
            self.progress("steps", step, self.config.steps, ", ".join(found))
        now = time.monotonic()
        late = self.stop_after is not None and now - self.started > self.stop_after
        due = late or now - self.saved > self.config.save_every or step == self.config.steps
        # Clocks differ: the first process decides, or some would save while others go on.
        late, self.due = trainer.strategy.broadcast((late, due))
        if late:
            trainer.should_stop = True
        # A checkpoint before a step's validation would lose that validation.
        if self.due and step % self.config.validate_every:
            self._save(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        metrics = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("validation")
        }
        self._row(trainer.global_step).update(metrics)
        self.measured |= metrics
        self._write_curve(trainer)
        if self.due:
            self._save(trainer, pl_module)

    def _row(self, step: int) -> dict[str, float]:
        if not self.rows or self.rows[-1]["step"] != step:
            self.rows.append({"step": step, "rves": step * self.config.batch})
        return self.rows[-1]

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.started

    def _save(self, trainer: Trainer, module: LightningModule) -> None:
        self.saved, self.due = time.monotonic(), False
        if not all(bool(p.isfinite().all()) for p in module.parameters()):
            raise ConvergenceError(
                f"{self.folder}: weights must stay finite, but are not after "
                f"{trainer.global_step} steps; begin again with a lower `rate`."
            )
        trainer.save_checkpoint(self.folder / CHECKPOINT)
        self._write_curve(trainer)
        self.write_model(trainer, module)

    def write_model(self, trainer: Trainer, module: LightningModule) -> None:
        """Write the model as it is; the first process does."""
        if trainer.is_global_zero:
            assert isinstance(module, Pretraining)
            about = {
                "pretraining": self.config.model_dump(mode="json"),
                "steps_done": trainer.global_step,
                "rves_seen": trainer.global_step * self.config.batch,
                "seconds": round(self._seconds(), 1),
                "measured": self.measured,
            }
            if module.lineage:
                about["lineage"] = module.lineage
            save_model(self.folder / MODEL, module.model, about)

    def _write_curve(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            return
        with atomic_file(self.folder / CURVE) as temporary, temporary.open("w") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(self.rows)


def _complete(earlier: dict[str, Any]) -> dict[str, Any]:
    """Give fields that are newer than an earlier run their defaults."""
    try:
        return PretrainConfig.model_validate(earlier).model_dump(mode="json")
    except ValidationError:
        return earlier


def load_curve(folder: str | Path) -> list[dict[str, float]]:
    """Read a pretraining's curve; what was not measured at a step is left out."""
    with (Path(folder) / CURVE).open() as file:
        return [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(file)
        ]
