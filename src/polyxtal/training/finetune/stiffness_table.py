"""The table of a fine-tuning to stiffness: scores of heads, and rows with all baselines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from polyxtal.files.plain import read_record
from polyxtal.model.heads.stiffness.basis import StiffnessBasis
from polyxtal.model.heads.stiffness.head import TensorHead
from polyxtal.model.heads.stiffness.normal import NormalHead
from polyxtal.training.finetune.baselines import Scores, score_normals, score_tensors
from polyxtal.training.finetune.stiffness_data import StiffnessData
from polyxtal.training.finetune.tasks import HeadTask

COLUMNS = ["estimate", "crystal", "C11", "C22", "C33", "least", "error", "over_hill"]
CONVENTION = (
    "C11, C22, C33: 1 - squared error over the variance of the test RVEs; least: of the three; "
    "error: mean relative Frobenius error; over_hill: that over Hill's; means over the seeds"
)


def table_rows(scores: dict[str, list[list[Scores]]], names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each estimate and crystal, means over the seeds.

    Args:
        scores: Scores by estimate, for each seed and crystal.
        names: Names of the crystals.
    """
    hill = [s.error for s in scores["Hill"][0]]
    for estimate, by_seed in scores.items():
        for k, crystal in enumerate(names):
            every = [found[k] for found in by_seed]
            normal = [sum(s.r_squared[i] for s in every) / len(every) for i in range(3)]
            errors = [s.error for s in every if s.error is not None]
            error = sum(errors) / len(errors) if errors else None
            reference = hill[k]
            ratio = error / reference if error is not None and reference else None
            yield dict(
                zip(COLUMNS, (estimate, crystal, *normal, min(normal), error, ratio), strict=True)
            )


def score_head(task: HeadTask, latent: Tensor, test: StiffnessData) -> list[Scores]:
    """Score a head on test RVEs, for each crystal."""
    truth = test.stiffness[:, : test.given]
    if isinstance(task.head, NormalHead):
        return score_normals(task.head.stiffness(latent), truth)
    assert isinstance(task.head, TensorHead)
    predicted = []
    for k in range(test.given):
        basis = StiffnessBasis(*(part[:, k] for part in test.basis))
        predicted.append(task.head.stiffness(basis))
    return score_tensors(torch.stack(predicted, 1), truth)


def read_scores(path: Path) -> dict[str, Any] | None:
    """Read the result of a head that was fitted earlier; None if it is missing or damaged."""
    if not path.is_file():
        return None
    try:
        result = read_record(path)
        finite = math.isfinite(result["validation"]) and len(result["scores"]) > 0
        return result if finite else None
    except (ValueError, KeyError, TypeError):
        return None  # fitted again, from the checkpoint beside it


def scores_of(result: Mapping[str, Any]) -> list[Scores]:
    """Return the scores in a head's result, for each crystal."""
    return [Scores(tuple(row["r_squared"]), row["error"]) for row in result["scores"]]
