"""What trainings by Lightning have in common: checkpoints, resumption, and silence."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.plugins import TorchCheckpointIO

from polyxtal.files.checkpoints import checkpoint_file, verify_to_resume

LIBRARIES = r"(lightning|torch|tensorboard|google|jsonargparse)\b"
"""Modules whose warnings are for developers."""


class VerifiedCheckpoints(TorchCheckpointIO):
    """Writes checkpoints beside the one before, which is kept; see `files.checkpoints`.

    Lightning's own writer moves them from the temporary folder, where a kill or a full disk in the
    middle leaves no checkpoint if that is another file system.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint."""
        # By way of memory: torch hides the error of a full disk, Python's own files do not.
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with checkpoint_file(Path(path)) as temporary:
            temporary.write_bytes(buffer.getbuffer())


def find_checkpoint(path: Path, module: LightningModule) -> str | None:
    """Return the checkpoint to resume from; None if there is none yet.

    Only numbers, names and tensors are loaded from it, never code.

    Args:
        path: Checkpoint of the trainer.
        module: Module whose weights it must hold.
    Raises:
        ValueError: if it is damaged or of another module; the one before is offered if intact.
    """
    if not path.is_file():
        return None
    verify_to_resume(path)
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        found = {name: value.shape for name, value in kept.items()}
    except Exception as error:  # of many kinds, depending on where the damage is
        raise ValueError(
            f"{path}: must be a complete checkpoint, but can not be read; delete it to start the "
            "run again."
        ) from error
    if found != {name: value.shape for name, value in module.state_dict().items()}:
        raise ValueError(f"{path}: must be a checkpoint of this run, but is of another.")
    return str(path)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning and what it imports from logging devices, hints and warnings."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=LIBRARIES)
            yield
    except SystemExit as stop:  # Lightning's answer to Ctrl-C, after a message that is not shown
        raise KeyboardInterrupt from stop
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
