"""Fit a head to labels of one's own polycrystals, and compare it with all baselines.

finetuning.json            the configuration
features/                  what was read from each volume, see `property_data`
fits/<estimate>/           checkpoint and curve of a fit
table.csv, results.json    errors of all estimates on the test volumes
predictions.csv            labels and predictions of every volume
model/                     the model with its heads, for `load_model`
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from polyxtal.algebra.progress import Progress, as_stage, no_progress
from polyxtal.files.plain import write_table
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.property.head import FittedProperties, PropertyHead
from polyxtal.training.finetune.baselines import harmonic_features
from polyxtal.training.finetune.config import Count, FitConfig
from polyxtal.training.finetune.encoders import Split, untrained_copy
from polyxtal.training.finetune.fit import HeadFit
from polyxtal.training.finetune.folder import MODEL, claimed, write_results
from polyxtal.training.finetune.property_data import (
    FILE,
    HARMONICS,
    PARTS,
    SPLIT,
    LabelTable,
    read_features,
    read_label_table,
    split_volumes,
)
from polyxtal.training.finetune.ridge import fit_ridge, r_squared
from polyxtal.training.finetune.tasks import NormalTask

COLUMNS = ["label", "unit", "estimate", "mean_absolute", "root_mean_square", "r_squared"]
PREDICTIONS = "predictions.csv"
HEAD, UNTRAINED = "head", "head on an untrained encoder"
FOLDERS = {HEAD: "head", UNTRAINED: "untrained"}
FREE = ("labels", "model")
"""Names of files that may change on resuming; their contents may not."""
Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]


class PropertyConfig(BaseModel):
    """Configuration of a fine-tuning to labels of one's own; see `docs/finetuning.md`.

    Attributes:
        labels: Table of labels, see `read_label_table`.
        model: Pretrained model, as for `load_model`.
        seed: Random seed of the split and of the order of volumes.
        validation: Fraction of the volumes for early stopping, unless the table splits them.
        test: Fraction of the volumes that no fit sees, unless the table splits them.
        epochs: Maximum number of epochs.
        patience: Number of epochs without a lower validation loss before early stopping.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: str
    model: str = "polyxtal-small"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    validation: Fraction = 0.15
    test: Fraction = 0.15
    epochs: Count = FitConfig().epochs
    patience: Count = FitConfig().patience


class PropertyResult(NamedTuple):
    """Result of a fine-tuning to labels.

    Attributes:
        rows: Rows of the table, one for each label and estimate.
        table: Volumes and labels.
        parts: "train", "validation" or "test" for each volume.
        predicted: Predictions of the head. (volumes, labels)
    """

    rows: list[dict[str, Any]]
    table: LabelTable
    parts: list[str]
    predicted: Float[Tensor, "volumes labels"]

    def drawn(self) -> tuple[list[str], Tensor, Tensor, dict[str, list[int]], list[str]]:
        """Return the arguments of `draw_predicted`."""
        numbers = {part: [i for i, p in enumerate(self.parts) if p == part] for part in PARTS}
        shares = [row["r_squared"] for row in self.rows if row["estimate"] == HEAD]
        notes = ["" if share is None else f"R² = {share:.3f} (test)" for share in shares]
        labels = [str(label) for label in self.table.labels]
        return labels, self.table.values, self.predicted, numbers, notes


class PropertyTask(NormalTask):
    """Regression of labels in the frame of the volumes, initialised by ridge regression.

    Args:
        values: Labels. (volumes, labels)
        width: Width of the latent vectors.
    """

    def __init__(self, values: Float[Tensor, "volumes labels"], width: int) -> None:
        """Create the head."""
        self.ridge, self.labels = True, values
        self.head = self.fitted = PropertyHead(width, values.shape[1])

    def _targets(self, turns: Tensor, numbers: Tensor) -> Tensor:
        return self.labels[numbers]

    def begin(
        self, latent: Tensor, turns: Tensor, numbers: Tensor, aside: Tensor, aside_numbers: Tensor
    ) -> None:
        """Initialise the map, and fit the out-of-distribution score."""
        super().begin(latent, turns, numbers, aside, aside_numbers)
        self.fitted.out_of_distribution.fit(latent.flatten(0, 1), aside)


def finetune_property(
    config: PropertyConfig, folder: str | Path, progress: Progress = no_progress
) -> PropertyResult:
    """Fit a head to all labels of a table and evaluate it on volumes it has not seen; resumable.

    Args:
        config: Settings of the fine-tuning.
        folder: Output folder, new or of the same fine-tuning.
        progress: Called after every volume and every epoch.
    Returns:
        Errors of the head and of all baselines on the test volumes, in the labels' units, and the
        predictions.
    Raises:
        FileNotFoundError: if the model, the table or a volume is missing.
        FileExistsError: if the folder holds something else.
        ValueError: if the folder holds another fine-tuning, the table is invalid, a part of the
            split is too small, or a volume is damaged or does not fit the model.
        ConvergenceError: if a loss is no longer finite.
    """
    target, table = Path(folder), read_label_table(config.labels)
    pretrained = load_model(config.model)
    parts = split_volumes(table, config.validation, config.test, config.seed)
    contents = {
        "model": {"encoder": fingerprint(pretrained.autoencoder)},
        "labels": {"sha256": table.digest()},
    }
    with claimed(target, config.model_dump(mode="json"), contents, FREE) as asked:
        encoders = {HEAD: pretrained, UNTRAINED: untrained_copy(pretrained)}
        features = read_features(table, encoders, target / "features", progress)
        train, aside, unseen = parts
        estimates = _baselines(table.values, features[HARMONICS], train)
        heads = {}
        for name, model in encoders.items():
            place, report = target / "fits" / FOLDERS[name], as_stage(progress, f"epochs, {name}")
            split = Split(train, aside)
            heads[name] = _fit(config, table.values, model, features[name], split, place, report)
            estimates[name] = heads[name].values(features[name]).detach()
        rows = _errors(table, estimates, unseen)
        write_results(target, COLUMNS, rows, {"asked": asked})
        part_of = {int(i): part for part, ids in zip(PARTS, parts, strict=True) for i in ids}
        names = [part_of[i] for i in range(len(table.files))]
        result = PropertyResult(rows, table, names, estimates[HEAD])
        _write_predictions(target / PREDICTIONS, result)
        about = {"finetuning": config.model_dump(mode="json"), "results": rows}
        about |= {"volumes": {part: len(ids) for part, ids in zip(PARTS, parts, strict=True)}}
        encoder = fingerprint(pretrained.autoencoder)
        fitted = FittedProperties(heads[HEAD], table.labels, encoder, about)
        kept = {**pretrained.heads, "property": fitted}.values()
        FoundationModel(pretrained.autoencoder, pretrained.about, *kept).save(target / MODEL)
        return result


def _baselines(values: Tensor, harmonics: Tensor, train: Tensor) -> dict[str, Tensor]:
    """Predict the labels of all volumes without an encoder."""
    found = {"mean of training labels": values[train].mean(0).expand_as(values)}
    for name, given in harmonic_features(harmonics).items():
        found[name] = fit_ridge(given[train], values[train]).predict(given)
    return found


def _fit(
    config: PropertyConfig,
    values: Tensor,
    model: FoundationModel,
    latent: Tensor,
    split: Split,
    place: Path,
    progress: Progress,
) -> PropertyHead:
    settings = FitConfig(epochs=config.epochs, patience=config.patience)
    task = PropertyTask(values, model.config.width)
    encoded = latent[:, None], torch.zeros(len(latent), 1, dtype=torch.int64)
    HeadFit(settings, task, model, None, split, encoded, config.seed).run(place, progress)
    return task.fitted


def _errors(
    table: LabelTable, estimates: Mapping[str, Tensor], numbers: Tensor
) -> list[dict[str, Any]]:
    """Return rows of errors on the given volumes; R² is None if a label does not vary there."""
    rows, truth = [], table.values[numbers]
    for column, label in enumerate(table.labels):
        for name, predicted in estimates.items():
            error = predicted[numbers, column] - truth[:, column]
            share = float(r_squared(predicted[numbers], truth)[column])
            values = (
                float(error.abs().mean()),
                float(error.square().mean().sqrt()),
                share if math.isfinite(share) else None,
            )
            row = (label.name, label.unit, name, *values)
            rows.append(dict(zip(COLUMNS, row, strict=True)))
    return rows


def _write_predictions(path: Path, result: PropertyResult) -> None:
    """Write labels and predictions of every volume."""
    table = result.table
    header = [FILE, SPLIT]
    for label in table.labels:
        header += [str(label), f"predicted {label}"]
    pairs = torch.stack([table.values, result.predicted], -1).flatten(1).tolist()
    rows = zip(table.files, result.parts, pairs, strict=True)
    lines = (dict(zip(header, (file, part, *row), strict=True)) for file, part, row in rows)
    write_table(path, header, lines)
