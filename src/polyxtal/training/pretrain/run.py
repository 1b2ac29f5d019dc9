"""Pretrain a masked autoencoder in one process or many; resumable.

pretraining.json the configuration
last.ckpt        the state to resume from; last.previous.ckpt is the one before it
curve.csv        step, RVEs seen, losses, learning rate
tensorboard/     the same for TensorBoard
model/           the current model, to be loaded with `load_model`
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from pydantic import ValidationError

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.files.bounded import read_bounded
from polyxtal.files.run_folder import RunFolder
from polyxtal.model import checkpoint
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.serialization import MAX_CONFIG
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.module import Pretraining, PretrainingData
from polyxtal.training.pretrain.recorder import CHECKPOINT, LOG_EVERY, MODEL, Recorder
from polyxtal.training.trainer import VerifiedCheckpoints, find_checkpoint, quiet_lightning

STRATEGIES = ("auto", "ddp")
"""Sharding of weights (FSDP) is left to models that do not fit on one device."""
CONFIG = "pretraining.json"
FREE = ("save_every", "workers", "validate_every", "compile", "precision")
"""Settings that may change when a pretraining is resumed."""


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
    """Pretrain a model, or resume a pretraining.

    Args:
        config: Configuration of the pretraining.
        folder: Output folder, new or of the same pretraining.
        accelerator: Lightning's accelerator: "cpu", "gpu" or "auto".
        devices: Number of processes or GPUs, or "auto".
        strategy: Lightning's strategy: "auto" or "ddp".
        nodes: Number of machines.
        stop_after: Time after which to save and stop [s]; None for no limit.
        progress: Called after every step, with the latest metrics.
    Returns:
        The trained model.
    Raises:
        ValueError: if the folder holds another pretraining, the batch can not be divided among the
            processes, the strategy or a device is unknown, or the checkpoint is damaged.
        ConvergenceError: if the loss or a weight is no longer finite.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"Argument `strategy` must be one of {', '.join(STRATEGIES)}, but is '{strategy}'."
        )
    target, module = Path(folder), Pretraining(config)
    recorder = Recorder(config, target, stop_after, progress)
    with _friendly_errors(), quiet_lightning():
        trainer = _trainer(config, target, recorder, accelerator, devices, strategy, nodes)
    _check_processes(config, trainer.world_size)
    with ExitStack() as stack:
        if trainer.is_global_zero:  # the other processes belong to it
            record = RunFolder(target, CONFIG, "a pretraining")
            asked = config.model_dump(mode="json")
            stack.enter_context(record.run(asked, FREE, _complete))
        found = find_checkpoint(target / CHECKPOINT, module)
        with _friendly_errors(), quiet_lightning():
            trainer.fit(module, PretrainingData(config), ckpt_path=found, weights_only=True)
        recorder.write_model(trainer, module)
    return module.model.cpu().eval()


def is_finished(config: PretrainConfig, folder: str | Path) -> bool:
    """Return whether a folder holds the model of a finished pretraining."""
    path = Path(folder) / MODEL / checkpoint.CONFIG
    try:
        return json.loads(read_bounded(path, MAX_CONFIG))["steps_done"] == config.steps
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _check_processes(config: PretrainConfig, processes: int) -> None:
    if config.batch % (config.accumulate * processes):
        raise ValueError(
            f"The batch of {config.batch} must be shared out evenly, but there are {processes} "
            f"processes and {config.accumulate} parts."
        )
    if config.validation < processes:
        raise ValueError(
            f"`validation` must give each of the {processes} processes an RVE, but is "
            f"{config.validation}."
        )


@contextmanager
def _friendly_errors() -> Iterator[None]:
    """Turn Lightning's errors about devices, strategies and precisions into a ValueError."""
    try:
        yield
    except MisconfigurationException as error:
        raise ValueError(f"Lightning can not run this: {error}") from error


def _trainer(
    config: PretrainConfig,
    target: Path,
    recorder: Recorder,
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
        callbacks=[recorder],
        plugins=[VerifiedCheckpoints()],
    )


def _complete(earlier: dict[str, Any]) -> dict[str, Any]:
    """Give fields that are newer than an earlier run their defaults."""
    try:
        return PretrainConfig.model_validate(earlier).model_dump(mode="json")
    except ValidationError:
        return earlier
