"""What trainings by Lightning have in common: resumption, and silence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch import LightningModule


def find_checkpoint(path: Path, module: LightningModule) -> str | None:
    """Return the checkpoint to resume from; None if there is none yet.

    Only numbers, names and tensors are loaded from it, never code.

    Args:
        path: Checkpoint of the trainer.
        module: Module whose weights it must hold.
    Raises:
        ValueError: if it is damaged or of another module.
    """
    if not path.is_file():
        return None
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
    """Keep Lightning from logging devices and hints for each of many trainings."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
