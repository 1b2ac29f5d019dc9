"""How the share of hidden patches decides what is learned: curves and ends of pretrainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.model.checkpoint import CONFIG
from polyxtal.training.pretrain.recorder import CURVE, MODEL, load_curve
from reproduction.pretrained import Pretrained, find_model, open_model
from reproduction.unseen import Evaluation, evaluate_unseen

FREE = ("mask", "save_every", "workers", "validate_every", "compile", "precision")
"""Fields of a pretraining that may differ without a word."""


class Run(NamedTuple):
    """A pretraining, finished or not.

    Attributes:
        folder: Where it is.
        pretrained: The model as it was saved last.
        curve: Learning curve, see `load_curve`.
    """

    folder: Path
    pretrained: Pretrained
    curve: Sequence[Mapping[str, float]]

    @property
    def ratio(self) -> float:
        """Share of hidden patches."""
        return self.pretrained.config.mask

    def last(self, name: str) -> float | None:
        """Return what was measured last; None if it never was."""
        return next((row[name] for row in reversed(self.curve) if name in row), None)


@dataclass(frozen=True, eq=False)
class MaskingStudy:
    """Pretrainings that hide different shares.

    Attributes:
        runs: The pretrainings, least hidden first.
        evaluations: Each run's model and the trivial predictors, on the same unseen RVEs.
        count: Their number.
        seed: Their seed.
    """

    runs: Sequence[Run]
    evaluations: Sequence[Evaluation]
    count: int
    seed: int


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Read pretrainings, least hidden first.

    Args:
        folders: Folders of pretrainings; or models with their learning curve, by name or folder.
    Raises:
        FileNotFoundError: if one has no model or no curve yet.
        ValueError: if a file is damaged, or their losses can not be compared.
    """
    runs = []
    for given in folders:
        folder = Path(given)
        model = folder / MODEL
        if not folder.is_dir() or (folder / CONFIG).is_file():
            folder = model = find_model(given)
        if not (folder / CURVE).is_file():
            raise FileNotFoundError(
                f"{folder}: must hold a pretraining that has saved its curve, but does not."
            )
        runs.append(Run(folder, open_model(model), load_curve(folder)))
    runs.sort(key=lambda run: run.ratio)
    for run, other in pairwise(runs):
        if run.ratio == other.ratio:
            raise ValueError(
                f"Pretrainings must hide different shares, but {run.folder} and {other.folder} "
                f"both hide {run.ratio:g}."
            )
    found = {
        f"{c.loss} of {c.model.reconstructed}" for c in (run.pretrained.config for run in runs)
    }
    if len(found) > 1:
        raise ValueError(
            "Pretrainings must share the loss and the features that are rebuilt, so that losses "
            f"can be compared, but have {' and '.join(sorted(found))}."
        )
    return runs


def other_differences(runs: Sequence[Run]) -> list[str]:
    """Return the settings, other than the share of hidden patches, that differ."""
    every = [run.pretrained.config.model_dump(mode="json") for run in runs]
    return [
        name
        for name in every[0]
        if name not in FREE and any(one[name] != every[0][name] for one in every)
    ]


def evaluate_runs(
    runs: Sequence[Run], count: int, seed: int = 0, progress: Progress = no_progress
) -> MaskingStudy:
    """Measure all models, and the trivial predictors at their share, on the same unseen RVEs.

    Args:
        runs: What `read_runs` returned.
        count: Number of RVEs.
        seed: Random seed of the RVEs.
        progress: Called as RVEs are evaluated, counted over all models.
    Raises:
        ValueError: if the count is not positive or the seed out of range.
    """
    evaluations = []
    for number, run in enumerate(runs):

        def report(stage: str, done: int, _: int, note: str = "", before: int = number * count):
            progress(stage, before + done, len(runs) * count, note)

        config, model = run.pretrained.config, run.pretrained.model
        evaluations.append(evaluate_unseen(config, model, count, seed, report))
    return MaskingStudy(runs, evaluations, count, seed)
