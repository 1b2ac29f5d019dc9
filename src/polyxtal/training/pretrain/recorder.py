"""What a pretraining writes to disk: checkpoint, learning curve and model."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.progress import Progress
from polyxtal.files.plain import read_table, write_table
from polyxtal.model.checkpoint import save_model
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.module import Pretraining

CHECKPOINT, CURVE, MODEL = "last.ckpt", "curve.csv", "model"
LOG_EVERY = 50
"""Steps that a loss in the learning curve is the mean of."""
MEASURED = ("loss", "validation_loss", "validation_degrees")
COLUMNS: list[str] = ["step", "rves", "loss", "rate", *MEASURED[1:], "seconds"]


class Recorder(Callback):
    """Writes checkpoints, the learning curve and the model, and reports progress.

    Args:
        config: Configuration of the pretraining.
        folder: Folder of the pretraining.
        stop_after: Time after which to save and stop [s]; None for no limit.
        progress: Called after every step, with the latest metrics.
    """

    def __init__(
        self,
        config: PretrainConfig,
        folder: Path,
        stop_after: float | None,
        progress: Progress,
    ) -> None:
        """Start the clock."""
        self.config, self.folder, self.progress = config, folder, progress
        self.started = self.saved = time.monotonic()
        self.stop_after = stop_after
        self.seconds_before, self.due = 0.0, False
        self.rows: list[dict[str, float]] = []
        self.total, self.parts = 0.0, 0
        self.metrics: dict[str, float] = {}

    @property
    def state_key(self) -> str:
        """Key of the state in checkpoints; older ones hold it under this name, too."""
        return "_Keeper"

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {
            "rows": self.rows,
            "total": self.total,
            "parts": self.parts,
            "seconds": self._seconds(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the curve and the clock."""
        self.rows, self.seconds_before = state_dict["rows"], state_dict["seconds"]
        self.total, self.parts = state_dict["total"], state_dict["parts"]
        for row in self.rows:
            self.metrics |= {name: row[name] for name in MEASURED if name in row}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report where the run begins, so that the first step already has a pace."""
        if trainer.is_global_zero:
            self.progress("steps", trainer.global_step, self.config.steps)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record a finished step, and save if it is time to."""
        if not math.isfinite(float(outputs["loss"])):
            raise ConvergenceError(
                f"{self.folder}: the loss must stay finite, but is {float(outputs['loss'])} after "
                f"{trainer.global_step} steps; begin again with a lower `rate`."
            )
        self.total += float(outputs["reconstruction"])
        self.parts += 1
        if (batch_idx + 1) % self.config.accumulate:
            return
        step = trainer.global_step
        if step % LOG_EVERY == 0 or step == self.config.steps:
            self._record_loss(trainer, pl_module)
        if trainer.is_global_zero:
            found = (f"{name.replace('_', ' ')} {v:.4g}" for name, v in self.metrics.items())
            self.progress("steps", step, self.config.steps, ", ".join(found))
        now = time.monotonic()
        late = self.stop_after is not None and now - self.started > self.stop_after
        due = late or now - self.saved > self.config.save_every or step == self.config.steps
        # Clocks differ: the first process decides, or some would save while others continue.
        late, self.due = trainer.strategy.broadcast((late, due))
        if late:
            trainer.should_stop = True
        # A checkpoint before a step's validation would lose that validation.
        if self.due and step % self.config.validate_every:
            self._save(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the metrics, and save if it is time to."""
        metrics = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("validation")
        }
        self._row(trainer.global_step).update(metrics)
        self.metrics |= metrics
        self._write_curve(trainer)
        if self.due:
            self._save(trainer, pl_module)

    def _record_loss(self, trainer: Trainer, module: LightningModule) -> None:
        mean = torch.tensor(self.total / self.parts, device=module.device)
        loss = float(trainer.strategy.reduce(mean, reduce_op="mean"))
        self.total, self.parts = 0.0, 0
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        self._row(trainer.global_step).update(loss=loss, rate=rate, seconds=self._seconds())
        self.metrics["loss"] = loss

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
        """Write the current model; only the first process does."""
        if trainer.is_global_zero:
            assert isinstance(module, Pretraining)
            about = {
                "pretraining": self.config.model_dump(mode="json"),
                "steps_done": trainer.global_step,
                "rves_seen": trainer.global_step * self.config.batch,
                "seconds": round(self._seconds(), 1),
                "measured": self.metrics,
            }
            if module.lineage:
                about["lineage"] = module.lineage
            save_model(self.folder / MODEL, module.model, about)

    def _write_curve(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            return
        write_table(self.folder / CURVE, COLUMNS, self.rows)


def load_curve(folder: str | Path) -> list[dict[str, float]]:
    """Read a pretraining's learning curve; rows omit what was not measured at their step."""
    return read_table(Path(folder) / CURVE)
