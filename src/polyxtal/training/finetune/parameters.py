"""Fit the paper's network heads: all parameters of a material network from [CLS].

finetuning.json            the configuration
predicted/seed-<k>.json    errors of predicted networks
heads/<name>/seed-<k>/     checkpoint, curve, and, when finished, result.json and the model
table.csv, results.json    relative Frobenius errors on validation RVEs, means over the seeds
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.progress import Progress, as_stage, no_progress
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.dataset.store import PolycrystalStore, open_dataset
from polyxtal.files.plain import write_record
from polyxtal.mechanics.bounds.averages import hill_average
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.parameters.file import PARAMETERS_CONFIG
from polyxtal.model.heads.parameters.head import FittedParameters, ParameterHead
from polyxtal.model.heads.stiffness.file import head_fingerprint
from polyxtal.network.topology import BinaryTree
from polyxtal.network.tree import MaterialNetwork
from polyxtal.training.finetune.config import FitConfig
from polyxtal.training.finetune.encoders import (
    Split,
    encoder_of,
    load_encoders,
    own_encoders,
    split_rves,
)
from polyxtal.training.finetune.fit import HeadFit
from polyxtal.training.finetune.folder import MODEL, RESULT, claimed, data_set, write_results
from polyxtal.training.finetune.parameter_table import (
    COLUMNS,
    Errors,
    read_errors,
    summarise,
    table_row,
)
from polyxtal.training.finetune.parameter_task import ParameterConfig, ParameterTask, relative_error
from polyxtal.training.finetune.stiffness_data import StiffnessData, encode_copies, read_labels

PREDICTED = "predicted"
SPLIT = 10
"""Stream of random numbers for the split."""


def finetune_parameters(
    config: ParameterConfig, folder: str | Path, progress: Progress = no_progress
) -> list[dict[str, Any]]:
    """Fit all heads; resumable.

    Args:
        config: Settings of the fine-tuning.
        folder: Output folder, new or of the same fine-tuning.
        progress: Called as RVEs are encoded, after every predicted network and every epoch.
    Returns:
        Rows of the table, one for each head, for Hill's average and for untrained networks with as
        many leaves: number of validation RVEs per seed; relative Frobenius error, its mean on
        training and on validation RVEs and its maximum on the latter; means over the seeds. [-]
    Raises:
        FileNotFoundError: if the model or the data set is missing.
        FileExistsError: if the folder holds something else.
        ValueError: if the folder holds another fine-tuning, the data set does not fit the model, or
            a file is damaged.
        ConvergenceError: if a loss is no longer finite.
    """
    target = Path(folder)
    pretrained = load_model(config.model)
    models = load_encoders(pretrained, config.heads)
    store = open_dataset(config.data)
    _check(config, store, pretrained)
    contents = _contents(config, store, pretrained) | {"heads": own_encoders(models, config.heads)}
    with claimed(target, config.model_dump(mode="json"), contents) as asked:
        splits = [split_rves(len(store), config.validation, k, SPLIT) for k in range(config.seeds)]
        data = read_labels(store, len(store))
        constants = torch.from_numpy(store.read("constants", 0, len(store))).to(torch.float64)
        errors: dict[str, list[Errors]] = {}
        encoded = {}
        for name in sorted({encoder_of(name, head) for name, head in config.heads.items()}):
            report = as_stage(progress, f"RVEs encoded, {name}")
            encoded[name] = encode_copies(models[name], data, range(len(store)), 4, 0, report)
        for k, split in enumerate(splits):
            for name, found in _baselines(config, store, data, constants, split, k).items():
                errors.setdefault(name, []).append(found)
            if config.predicted:
                errors.setdefault("predicted networks", []).append(
                    _predicted(
                        config, store, data, constants, pretrained, target, split, k, progress
                    )
                )
        errors |= _fit_heads(config, models, data, constants, encoded, splits, target, progress)
        rows = [
            dict(zip(COLUMNS, table_row(name, found), strict=True))
            for name, found in errors.items()
        ]
        write_results(target, COLUMNS, rows, {"asked": asked})
        return rows


def _fit_heads(
    config: ParameterConfig,
    models: Mapping[str, FoundationModel],
    data: StiffnessData,
    constants: Tensor,
    encoded: Mapping[str, tuple[Tensor, Tensor]],
    splits: Sequence[Split],
    target: Path,
    progress: Progress,
) -> dict[str, list[Errors]]:
    """Fit every head to every split, or read its result if it is finished."""
    errors: dict[str, list[Errors]] = {}
    for name, fit in config.heads.items():
        origin = encoder_of(name, fit)
        for k, split in enumerate(splits):
            place = target / "heads" / name / f"seed-{k}"
            whole = (place / MODEL / PARAMETERS_CONFIG).is_file()
            result = read_errors(place / RESULT, split) if whole else None
            if result is None:
                report = as_stage(progress, f"epochs of head {name}, seed {k}")
                known = models[origin], data, constants, encoded[origin], split
                result = _fit(config, fit, *known, place, k, report)
            errors.setdefault(f"head {name}", []).append(result)
    return errors


def _contents(
    config: ParameterConfig, store: PolycrystalStore, model: FoundationModel
) -> dict[str, dict[str, Any]]:
    """Return fingerprints of all that results depend on: model and data set."""
    dependencies: dict[str, Any] = {"encoder": fingerprint(model.autoencoder)}
    if config.predicted:
        assert model.stiffness is not None
        assert model.curves is not None
        dependencies["stiffness_head"] = head_fingerprint(model.stiffness)
        dependencies["intercept"] = model.curves.intercept.tolist()
        dependencies["slope"] = model.curves.slope.tolist()
    return {"model": dependencies, "data": data_set(store)}


def _fit(
    config: ParameterConfig,
    fit: FitConfig,
    model: FoundationModel,
    data: StiffnessData,
    constants: Tensor,
    encoded: tuple[Tensor, Tensor],
    split: Split,
    place: Path,
    seed: int,
    progress: Progress,
) -> Errors:
    head = ParameterHead(model.config.width, config.depth, seed)
    task = ParameterTask(head, data.stiffness, constants, config.crystals)
    fitter = HeadFit(fit, task, model, data, split, encoded, seed)
    fitter.run(place, progress)
    if "encoder" in fitter.parts:
        changed = copy.deepcopy(model.autoencoder)
        changed.encoder.load_state_dict(fitter.parts["encoder"].state_dict())
        model = FoundationModel(changed, model.about)
    latent = encode_copies(model, data, range(len(data.grain_id)))[0][:, 0]
    train, validation = (
        _evaluate(head, latent, data, constants, task.tree, numbers) for numbers in split
    )
    result = summarise(validation, float(train.mean()))
    about = {"finetuning": config.model_dump(mode="json"), "head": fit.model_dump(mode="json")}
    about |= {"seed": seed, "rves": len(split.train), "results": result._asdict()}
    fitted = FittedParameters(head, fingerprint(model.autoencoder), about)
    FoundationModel(model.autoencoder, model.about, fitted).save(place / MODEL)
    write_record(place / RESULT, {"errors": [result.training, result.validation, result.worst]})
    return result


@torch.no_grad()
def _evaluate(
    head: ParameterHead,
    latent: Tensor,
    data: StiffnessData,
    constants: Tensor,
    tree: BinaryTree,
    numbers: Tensor,
) -> Float[Tensor, "rves crystals"]:
    found = []
    for part in numbers.split(16):
        predicted = head(latent[part]).stiffness(constants[part].to(latent.dtype), tree)
        found.append(relative_error(predicted, data.stiffness[part].to(latent.dtype)))
    return torch.cat(found)


def _baselines(
    config: ParameterConfig,
    store: PolycrystalStore,
    data: StiffnessData,
    constants: Tensor,
    split: Split,
    seed: int,
) -> dict[str, Errors]:
    """Evaluate estimates without fitted parameters, on all and on the first validation RVEs."""
    found: dict[str, list[Tensor]] = {"Hill": [], "untrained networks": []}
    for number in split.validation.tolist():
        rve = store[number]
        network = MaterialNetwork.from_polycrystal(rve, 2**config.depth, seed)
        hill = partial(hill_average, rve)
        for name, predicted in (("Hill", hill), ("untrained networks", network.stiffness)):
            found[name].append(
                _predicted_errors(predicted, data.stiffness[number], constants[number])
            )
    every = {name: torch.stack(errors) for name, errors in found.items()}
    evaluated = {name: summarise(errors) for name, errors in every.items()}
    if 0 < config.predicted < len(split.validation):
        for name, errors in every.items():
            evaluated[f"{name}, same RVEs"] = summarise(errors[: config.predicted])
    return evaluated


def _predicted_errors(
    predicted: Callable[[CubicElasticity], Tensor], truth: Tensor, constants: Tensor
) -> Float[Tensor, " crystals"]:
    """Return the errors of a function that predicts one RVE's stiffness for a crystal. [-]"""
    crystals = [CubicElasticity(c11, c12, c44) for c11, c12, c44 in constants.tolist()]
    return relative_error(torch.stack([predicted(crystal) for crystal in crystals]), truth)


def _predicted(
    config: ParameterConfig,
    store: PolycrystalStore,
    data: StiffnessData,
    constants: Tensor,
    model: FoundationModel,
    target: Path,
    split: Split,
    seed: int,
    progress: Progress,
) -> Errors:
    path = target / PREDICTED / f"seed-{seed}.json"
    numbers = split.validation[: config.predicted]
    kept = read_errors(path, Split(split.train, numbers))
    if kept is not None:
        return kept
    found = []
    for done, number in enumerate(numbers.tolist(), start=1):
        network = model.predict_network(store[number], 2**config.depth, seed, effort=config.effort)
        found.append(
            _predicted_errors(network.stiffness, data.stiffness[number], constants[number])
        )
        progress(f"predicted networks, seed {seed}", done, len(numbers))
    result = summarise(torch.stack(found))
    path.parent.mkdir(exist_ok=True)
    write_record(path, {"errors": [None, result.validation, result.worst]})
    return result


def _check(config: ParameterConfig, store: PolycrystalStore, model: FoundationModel) -> None:
    if config.predicted and (model.stiffness is None or model.curves is None):
        raise ValueError(
            f"{config.model}: a model must have heads for stiffness and curves to evaluate "
            "predicted networks, but lacks one; leave `predicted` out."
        )
    edge = model.config.voxels
    if store.recipe.labels is None or store.recipe.grid != (edge, edge, edge):
        raise ValueError(
            f"{store.folder}: RVEs must have stiffness labels and the model's {edge}³ voxels, but "
            f"have {store.recipe.grid} and labels {store.recipe.labels}."
        )
