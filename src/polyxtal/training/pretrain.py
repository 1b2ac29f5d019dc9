"""Pretrain a masked autoencoder: one process or many, resumed after any stop.

config.json      what the run was asked for
last.ckpt        where it goes on
curve.csv        step, RVEs seen, losses, rate
tensorboard/     the same for TensorBoard
model/           the model as it is, to be loaded with `load_model`
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from pydantic import ValidationError

from polyxtal.files.atomic import atomic_file
from polyxtal.files.bounded import read_bounded
from polyxtal.model.checkpoint import save_model
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.training.pretrain_config import PretrainConfig
from polyxtal.training.pretraining import Pretraining, PretrainingData

CONFIG, CHECKPOINT, CURVE, MODEL = "pretraining.json", "last.ckpt", "curve.csv", "model"
LOG_EVERY = 50
MAX_CONFIG = 1 << 20
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
    on_step: Callable[[int, int, dict[str, float]], None] | None = None,
) -> MaskedAutoencoder:
    """Pretrain, or go on with a pretraining.

    Args:
        config: What is asked for.
        folder: Where to; new, or of the same pretraining.
        accelerator: Lightning's: "cpu", "gpu", "auto".
        devices: Lightning's: number of processes or GPUs.
        strategy: Lightning's: "auto", "ddp", "fsdp".
        nodes: Machines.
        stop_after: Seconds after which to save and stop; None for no limit.
        on_step: Called with steps done, of all, and what was measured last.
    Returns:
        The model, trained.
    Raises:
        ValueError: if the folder holds another pretraining, the batch can not be shared out, or
            the strategy does not go with the optimiser.
    """
    if config.optimiser == "muon" and strategy.startswith("fsdp"):
        raise ValueError(
            "Strategy `fsdp` cuts matrices apart, so `optimiser` must be 'adamw', but is 'muon'."
        )
    target = Path(folder)
    _claim(target, config)
    module = Pretraining(config)
    keeper = _Keeper(config, target, stop_after, on_step)
    trainer = Trainer(
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
    if config.batch % (config.accumulate * trainer.world_size):
        raise ValueError(
            f"The batch of {config.batch} must be shared out evenly, but there are "
            f"{trainer.world_size} processes and {config.accumulate} parts."
        )
    checkpoint = target / CHECKPOINT
    found = str(checkpoint) if checkpoint.is_file() else None
    # Numbers, names and tensors only: no code is loaded from a checkpoint.
    trainer.fit(module, PretrainingData(config), ckpt_path=found, weights_only=True)
    return module.model.cpu().eval()


class _Keeper(Callback):
    """Keeps checkpoint, curve and model on disk, and tells of progress."""

    def __init__(
        self,
        config: PretrainConfig,
        folder: Path,
        stop_after: float | None,
        on_step: Callable[[int, int, dict[str, float]], None] | None,
    ) -> None:
        self.config, self.folder, self.on_step = config, folder, on_step
        self.started = self.saved = time.monotonic()
        self.stop_after = stop_after
        self.seconds_before = 0.0
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
        self.total += float(outputs["rebuilding"])
        self.parts += 1
        if (batch_idx + 1) % self.config.accumulate:
            return
        step = trainer.global_step
        if step % LOG_EVERY == 0 or step == self.config.steps:
            loss = self.total / self.parts
            self.total, self.parts = 0.0, 0
            rate = float(trainer.optimizers[0].param_groups[0]["lr"])
            self._row(step).update(loss=loss, rate=rate, seconds=self._seconds())
            self.measured["loss"] = loss
        if self.on_step is not None and trainer.is_global_zero:
            self.on_step(step, self.config.steps, self.measured)
        now = time.monotonic()
        late = self.stop_after is not None and now - self.started > self.stop_after
        if late or now - self.saved > self.config.save_every or step == self.config.steps:
            self._save(trainer, pl_module)
        if late:
            trainer.should_stop = True

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

    def _row(self, step: int) -> dict[str, float]:
        if not self.rows or self.rows[-1]["step"] != step:
            self.rows.append({"step": step, "rves": step * self.config.batch})
        return self.rows[-1]

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.started

    def _save(self, trainer: Trainer, module: LightningModule) -> None:
        self.saved = time.monotonic()
        trainer.save_checkpoint(self.folder / CHECKPOINT)
        self._write_curve(trainer)
        if trainer.is_global_zero:
            assert isinstance(module, Pretraining)
            about = {
                "pretraining": self.config.model_dump(mode="json"),
                "steps_done": trainer.global_step,
                "rves_seen": trainer.global_step * self.config.batch,
                "seconds": round(self._seconds(), 1),
                "measured": self.measured,
            }
            save_model(self.folder / MODEL, module.model, about)

    def _write_curve(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            return
        with atomic_file(self.folder / CURVE) as temporary, temporary.open("w") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(self.rows)


def _claim(folder: Path, config: PretrainConfig) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(config.model_dump(mode="json"), indent=2) + "\n"
    path = folder / CONFIG
    if path.is_file():
        earlier, now = _read_earlier(path), json.loads(text)
        free = ("save_every", "workers", "validate_every", "compile", "precision")
        wrong = [name for name in now if name not in free and earlier.get(name) != now[name]]
        if wrong:
            raise ValueError(
                f"{folder}: a pretraining must go on with what it was begun with, but "
                f"`{wrong[0]}` is {earlier.get(wrong[0])} there and {now[wrong[0]]} here."
            )
        return
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder}: must be new, empty or hold a pretraining, but is not.")
    with atomic_file(path) as temporary:
        temporary.write_text(text)


def _read_earlier(path: Path) -> dict[str, Any]:
    try:
        earlier = json.loads(read_bounded(path, MAX_CONFIG))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: must say what was begun, but can not be read.") from error
    try:  # fields that are newer than the run take their defaults
        return PretrainConfig.model_validate(earlier).model_dump(mode="json")
    except ValidationError:
        return earlier if isinstance(earlier, dict) else {}


def load_curve(folder: str | Path) -> list[dict[str, float]]:
    """Read a pretraining's curve; what was not measured at a step is left out."""
    with (Path(folder) / CURVE).open() as file:
        return [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(file)
        ]
