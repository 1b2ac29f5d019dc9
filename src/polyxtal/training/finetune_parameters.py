"""Fit the paper's network heads: all parameters of a material network from [CLS].

finetuning.json            what the run was asked for
predicted/seed-<k>.json    errors of predicted networks
heads/<name>/seed-<k>/     state, curve, and, when finished, result.json and the model with its
                           parameters.safetensors
table.csv, results.json    relative Frobenius errors on validation RVEs, means over the seeds
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import save_file
from torch import Tensor

from polyxtal.algebra.randomness import generator_of
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.dataset.fields import turn_stiffness
from polyxtal.dataset.store import PolycrystalStore, open_dataset
from polyxtal.files.atomic import atomic_file
from polyxtal.files.bounded import read_bounded
from polyxtal.files.validated import validate_document
from polyxtal.files.yaml import read_yaml
from polyxtal.mechanics.bounds import hill_average
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.basis import StiffnessBasis
from polyxtal.model.heads.files import fingerprint
from polyxtal.model.heads.parameters import ParameterHead
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.network.topology import BinaryTree
from polyxtal.network.tree import MaterialNetwork
from polyxtal.training.finetune_config import FitConfig, HeadName
from polyxtal.training.finetune_folder import (
    MAX_JSON,
    MODEL,
    RESULT,
    claim,
    write_json,
    write_results,
)
from polyxtal.training.finetuning import Fitter, Split
from polyxtal.training.stiffness_data import StiffnessData, encode_copies

WEIGHTS, PREDICTED = "parameters.safetensors", "predicted"
COLUMNS = ["estimate", "training", "validation", "worst"]
SPLIT, CRYSTALS = 10, 11
"""Streams of random numbers: for the split, and for the crystals that a step looks at."""


class ParameterConfig(BaseModel):
    """All that a fine-tuning to network parameters depends on; see `docs/finetuning.md`.

    Attributes:
        model: Model to begin with, as for `load_model`.
        data: Folder of a data set labelled for sampled crystals.
        depth: N, for 2^N leaves.
        validation: Share of the RVEs that is validated on, drawn by the seed.
        crystals: Crystals of each RVE in a step, drawn from its labels.
        seeds: Times that each head is fitted, to another split.
        predicted: Validation RVEs of each split, the first ones, on which `predict_network` is
            judged, too, with as many leaves; the model must have heads for it.
        heads: How heads are fitted, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "polyxtal-small"
    data: str
    depth: Annotated[int, Field(ge=1, le=12)] = 7
    validation: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    crystals: Annotated[int, Field(ge=1, le=1000)] = 2
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    predicted: Annotated[int, Field(ge=0, le=10**6)] = 0
    heads: Annotated[dict[HeadName, FitConfig], Field(min_length=1, max_length=20)]


def read_parameter_config(path: str | Path) -> ParameterConfig:
    """Read a configuration from a YAML file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no YAML or a field is missing, unknown or out of range.
    """
    return validate_document(ParameterConfig, read_yaml(path), path)


class ParameterTask:
    """Networks whose stiffness is that of the labels, from turned polycrystals turned along.

    Args:
        head: What learns.
        stiffness: Labels, Mandel. [MPa]
        constants: c11, c12, c44 of the labels' crystals. [MPa]
        crystals: How many of them a training step looks at.
    """

    def __init__(
        self, head: ParameterHead, stiffness: Tensor, constants: Tensor, crystals: int
    ) -> None:
        """Take the head as it is."""
        self.head, self.stiffness, self.constants = head, stiffness, constants
        self.crystals = min(crystals, constants.shape[1])
        self.tree = BinaryTree.balanced(head.leaves)

    def begin(
        self, latent: Tensor, turns: Tensor, numbers: Tensor, aside: Tensor, aside_numbers: Tensor
    ) -> None:
        """Standardise latent vectors; all networks begin alike."""
        seen = latent.flatten(0, 1)
        deviation = seen.std(0)
        self.head.input_mean.copy_(seen.mean(0))
        self.head.input_scale.copy_(torch.where(deviation > 1e-6, deviation, 1.0))

    def loss(self, latent: Tensor, turns: Tensor, numbers: Tensor) -> Tensor:
        """Return the mean relative Frobenius error: of some crystals in training, else of all."""
        count = self.constants.shape[1]
        chosen = torch.arange(count)
        if self.head.training and torch.is_grad_enabled():
            # By the batch alone, so that a run that goes on sees what it would have seen.
            generator = generator_of(int(numbers[0]), int(numbers.sum()), CRYSTALS)
            chosen = torch.randperm(count, generator=generator)[: self.crystals]
        truth = self.stiffness[numbers][:, chosen]
        if len(turns):
            truth = turn_stiffness(truth, turns)
        constants = self.constants[numbers][:, chosen].to(latent.dtype)
        found = self.head(latent).stiffness(constants, self.tree)
        return relative_error(found, truth.to(found)).mean()


def relative_error(found: Tensor, truth: Tensor) -> Tensor:
    """Return |C - C_truth| / |C_truth|, Frobenius. [-]"""
    return torch.linalg.matrix_norm(found - truth) / torch.linalg.matrix_norm(truth)


def finetune_parameters(
    config: ParameterConfig,
    folder: str | Path,
    on_step: Callable[[str, int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Fit all heads, or go on with it.

    Args:
        config: What is asked for.
        folder: Where to; new, or of the same fine-tuning.
        on_step: Called with what is done, how many steps of it, and of how many.
    Returns:
        Rows of the table: mean relative Frobenius error on training and validation RVEs and the
        largest on the latter, of each head, of Hill's average and of untrained networks with as
        many leaves; means over the seeds. [-]
    Raises:
        FileNotFoundError: if there is no such model or data set.
        FileExistsError: if the folder holds something else.
        ValueError: if the folder holds another fine-tuning, a data set does not fit, or a file is
            damaged.
        ConvergenceError: if a loss is no longer finite.
    """
    tell = on_step or (lambda what, done, total: None)
    target = Path(folder)
    pretrained = load_model(config.model)
    seed = int(dict(pretrained.about.get("pretraining") or {}).get("seed", 0))
    models = {
        "pretrained": pretrained,
        "untrained": FoundationModel(MaskedAutoencoder(pretrained.config, seed), {}),
    }
    store = open_dataset(config.data)
    _check(config, store, pretrained)
    asked = config.model_dump(mode="json") | {"encoder": fingerprint(pretrained.autoencoder)}
    claim(target, asked)
    data = _read(store)
    constants = torch.from_numpy(store.read("constants", 0, len(store))).to(torch.float64)
    errors: dict[str, list[tuple[float, float, float]]] = {}
    encoded = {}
    for name in sorted({head.encoder for head in config.heads.values()}):

        def seen(done: int, total: int, name: str = name) -> None:
            tell(f"RVEs that the {name} encoder saw", done, total)

        encoded[name] = encode_copies(models[name], data, range(len(store)), 4, 0, seen)
    for k in range(config.seeds):
        split = _split(config, len(store), k)
        for name, found in _baselines(config, store, data, constants, split, k).items():
            errors.setdefault(name, []).append((math.nan, *found))
        if config.predicted:

            def ready(done: int, k: int = k) -> None:
                tell(f"predicted networks, seed {k}", done, config.predicted)

            errors.setdefault("predicted networks", []).append(
                _predicted(config, store, data, constants, pretrained, target, k, ready)
            )
    for name, fit in config.heads.items():
        for k in range(config.seeds):
            place = target / "heads" / name / f"seed-{k}"
            result = _read_result(place / RESULT)
            if result is None:

                def said(epoch: int, loss: float, name: str = name, k: int = k) -> None:
                    what = f"epochs of head {name}, seed {k}, validation {loss:.3g}"
                    tell(what, epoch, config.heads[name].epochs)

                result = _fit(
                    config,
                    fit,
                    models[fit.encoder],
                    data,
                    constants,
                    encoded[fit.encoder],
                    place,
                    k,
                    said,
                )
            errors.setdefault(f"head {name}", []).append(result)
    rows: list[dict[str, Any]] = []
    for name, found in errors.items():
        means = [sum(column) / len(column) for column in zip(*found, strict=True)]
        training = None if math.isnan(means[0]) else means[0]
        rows.append(dict(zip(COLUMNS, (name, training, *means[1:]), strict=True)))
    write_results(target, COLUMNS, rows, {"asked": config.model_dump(mode="json")})
    return rows


def _fit(
    config: ParameterConfig,
    fit: FitConfig,
    model: FoundationModel,
    data: StiffnessData,
    constants: Tensor,
    encoded: tuple[Tensor, Tensor],
    place: Path,
    seed: int,
    on_epoch: Callable[[int, float], None],
) -> tuple[float, float, float]:
    split = _split(config, len(data.grain_id), seed)
    head = ParameterHead(model.config.width, config.depth, seed)
    task = ParameterTask(head, data.stiffness, constants, config.crystals)
    fitter = Fitter(fit, task, model, data, split, encoded, seed)
    fitter.run(place, on_epoch)
    if "encoder" in fitter.parts:
        changed = copy.deepcopy(model.autoencoder)
        changed.encoder.load_state_dict(fitter.parts["encoder"].state_dict())
        model = FoundationModel(changed, model.about)
    latent = encode_copies(model, data, range(len(data.grain_id)))[0][:, 0]
    means = []
    with torch.no_grad():
        for numbers in (split.train, split.validation):
            found = torch.cat(
                [
                    relative_error(
                        head(latent[part]).stiffness(constants[part].to(latent.dtype), task.tree),
                        data.stiffness[part].to(latent.dtype),
                    )
                    for part in numbers.split(16)
                ]
            )
            means.append((float(found.mean()), float(found.max())))
    FoundationModel(model.autoencoder, model.about).save(place / MODEL)
    with atomic_file(place / MODEL / WEIGHTS) as temporary:
        save_file({k: v.contiguous() for k, v in head.state_dict().items()}, temporary)
    result = (means[0][0], means[1][0], means[1][1])
    write_json(place / RESULT, {"errors": result})
    return result


def _baselines(
    config: ParameterConfig,
    store: PolycrystalStore,
    data: StiffnessData,
    constants: Tensor,
    split: Split,
    seed: int,
) -> dict[str, tuple[float, float]]:
    found: dict[str, list[float]] = {"Hill": [], "untrained networks": []}
    for number in split.validation.tolist():
        rve = store[number]
        network = MaterialNetwork.from_polycrystal(rve, 2**config.depth, seed)
        for truth, (c11, c12, c44) in zip(
            data.stiffness[number], constants[number].tolist(), strict=True
        ):
            crystal = CubicElasticity(c11, c12, c44)
            for name, answer in (
                ("Hill", hill_average(rve, crystal)),
                ("untrained networks", network.stiffness(crystal)),
            ):
                found[name].append(float(relative_error(answer, truth)))
    return {name: (sum(every) / len(every), max(every)) for name, every in found.items()}


def _predicted(
    config: ParameterConfig,
    store: PolycrystalStore,
    data: StiffnessData,
    constants: Tensor,
    model: FoundationModel,
    target: Path,
    seed: int,
    on_rve: Callable[[int], None],
) -> tuple[float, float, float]:
    path = target / PREDICTED / f"seed-{seed}.json"
    kept = _read_result(path)
    if kept is not None:
        return kept
    found = []
    numbers = _split(config, len(store), seed).validation[: config.predicted].tolist()
    for done, number in enumerate(numbers, start=1):
        network = model.predict_network(store[number], 2**config.depth, seed)
        for truth, (c11, c12, c44) in zip(
            data.stiffness[number], constants[number].tolist(), strict=True
        ):
            answer = network.stiffness(CubicElasticity(c11, c12, c44))
            found.append(float(relative_error(answer, truth)))
        on_rve(done)
    mean = sum(found) / len(found)
    path.parent.mkdir(exist_ok=True)
    write_json(path, {"errors": [None, mean, max(found)]})
    return math.nan, mean, max(found)


def _check(config: ParameterConfig, store: PolycrystalStore, model: FoundationModel) -> None:
    if config.predicted and (model.stiffness is None or model.curves is None):
        raise ValueError(
            f"{config.model}: a model must have heads for stiffness and curves to judge predicted "
            "networks, but lacks one; leave `predicted` out."
        )
    edge = model.config.voxels
    if store.recipe.labels is None or store.recipe.grid != (edge, edge, edge):
        raise ValueError(
            f"{store.folder}: RVEs must have stiffness labels and the model's {edge}³ voxels, but "
            f"have {store.recipe.grid} and labels {store.recipe.labels}."
        )


def _read(store: PolycrystalStore) -> StiffnessData:
    count = len(store)
    nothing = torch.zeros(count, 0)
    return StiffnessData(
        torch.from_numpy(store.read("grain_id", 0, count)),
        torch.from_numpy(store.read("orientations", 0, count)),
        torch.from_numpy(store.read("stiffness", 0, count)).to(torch.float64),
        StiffnessBasis(nothing, nothing, nothing, nothing, nothing),
        0,
    )


def _split(config: ParameterConfig, count: int, seed: int) -> Split:
    aside = max(1, round(config.validation * count))
    if count - aside < 2:
        raise ValueError(
            "At least two RVEs must be left to learn from, but `validation` leaves "
            f"{count - aside}."
        )
    order = torch.randperm(count, generator=generator_of(seed, 0, SPLIT))
    return Split(order[aside:], order[:aside])


def _read_result(path: Path) -> tuple[float, float, float] | None:
    if not path.is_file():
        return None
    try:
        train, validation, worst = json.loads(read_bounded(path, MAX_JSON))["errors"]
        found = math.nan if train is None else float(train), float(validation), float(worst)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None  # damaged: fitted anew, from the state beside it
    return found if math.isfinite(found[1] + found[2]) else None
