"""The table of a fine-tuning to network parameters: errors of estimates, and its rows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from polyxtal.files.plain import read_record
from polyxtal.training.finetune.encoders import Split

COLUMNS = ["estimate", "rves", "training", "validation", "worst"]


class Errors(NamedTuple):
    """Relative Frobenius errors of one estimate and seed. [-]

    Attributes:
        rves: Number of validation RVEs.
        validation: Mean over validation RVEs and all crystals.
        worst: Maximum over validation RVEs and all crystals.
        training: Mean over training RVEs; NaN for estimates without fitted parameters.
    """

    rves: int
    validation: float
    worst: float
    training: float = math.nan


def summarise(found: Float[Tensor, "rves crystals"], training: float = math.nan) -> Errors:
    """Return number, mean and maximum of the errors on validation RVEs."""
    return Errors(len(found), float(found.mean()), float(found.max()), training)


def table_row(name: str, found: list[Errors]) -> tuple[Any, ...]:
    """Return a row of the table: means over the seeds."""
    training, validation, worst = (
        sum(column) / len(column)
        for column in zip(*((e.training, e.validation, e.worst) for e in found), strict=True)
    )
    return name, found[0].rves, None if math.isnan(training) else training, validation, worst


def read_errors(path: Path, split: Split) -> Errors | None:
    """Read the errors of an estimate that is finished; None if missing or damaged."""
    if not path.is_file():
        return None
    try:
        training, validation, worst = read_record(path)["errors"]
        known = math.nan if training is None else float(training)
        found = Errors(len(split.validation), float(validation), float(worst), known)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None  # fitted again, from the checkpoint beside it
    return found if math.isfinite(found.validation + found.worst) else None
