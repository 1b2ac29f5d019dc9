"""A model and the trivial predictors on many unseen RVEs, a few at a time."""

from __future__ import annotations

from collections.abc import Mapping

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.model.foundation import FoundationModel
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.evaluation import evaluate, of_cubic
from reproduction.pretrained import unseen_batches

Evaluation = Mapping[str, Mapping[str, float]]
"""By predictor, "model" first, as `evaluate` names them: "loss" [-] and "degrees"."""


def plain(predictor: str) -> str:
    """Name a predictor without commas, for a table's header."""
    return predictor.replace(",", "")


def evaluate_unseen(
    config: PretrainConfig,
    model: FoundationModel,
    count: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Evaluation:
    """Evaluate the reconstruction of hidden patches; masks are drawn as in training.

    Args:
        config: The pretraining; `mask` says how much is hidden.
        model: The model.
        count: Number of RVEs.
        seed: Random seed of the RVEs.
        progress: Called as RVEs are evaluated.
    Returns:
        Plain loss, and mean disorientation in RVEs of cubic crystals of one phase, of the model and
        of the trivial predictors.
    Raises:
        ValueError: if the count is not positive or the seed out of range.
    """
    total: dict[str, dict[str, float]] = {}
    weights = {"loss": 0, "degrees": 0}
    for batch in unseen_batches(config, count, seed):
        sizes = {"loss": len(batch["field"]), "degrees": int(of_cubic(batch["summary"]).sum())}
        for predictor, measures in evaluate(config, model.autoencoder, batch).items():
            sums = total.setdefault(predictor, dict.fromkeys(measures, 0.0))
            for name, value in measures.items():
                sums[name] += value * sizes[name]
        weights = {name: weights[name] + size for name, size in sizes.items()}
        progress("RVEs evaluated", weights["loss"], count)
    return {
        predictor: {name: value / max(1, weights[name]) for name, value in sums.items()}
        for predictor, sums in total.items()
    }
