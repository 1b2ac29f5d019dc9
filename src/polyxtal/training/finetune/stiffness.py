"""Fine-tune to stiffness: several heads, several seeds, one table with all baselines.

finetuning.json           the configuration
basis/                    stiffness bases of the RVEs, see `stiffness_data`
heads/<name>/seed-<k>/    checkpoint, curve, and, when finished, result.json; a tensor head's model
table.csv, results.json   all heads and baselines on the test RVEs, means over the seeds
model/                    the model with its stiffness head, for `load_model`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from polyxtal.algebra.progress import Progress, as_stage, no_progress
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.dataset.layout import attributes, stamp
from polyxtal.dataset.store import PolycrystalStore, open_dataset
from polyxtal.files.plain import write_record
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.stiffness.head import StiffnessHead, TensorHead, TensorHeadSizes
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.training.finetune.baselines import (
    Scores,
    averages,
    crystal_names,
    ridge_scores,
    score_tensors,
    texture_features,
)
from polyxtal.training.finetune.config import HeadConfig, StiffnessConfig
from polyxtal.training.finetune.encoders import (
    Encoded,
    Split,
    encode_all,
    encoder_of,
    load_encoders,
    own_encoders,
    split_rves,
)
from polyxtal.training.finetune.fit import HeadFit
from polyxtal.training.finetune.folder import (
    MODEL,
    RESULT,
    claimed,
    data_set,
    folder_digest,
    write_results,
)
from polyxtal.training.finetune.stiffness_data import (
    StiffnessData,
    encode_copies,
    load_stiffness_data,
)
from polyxtal.training.finetune.stiffness_table import (
    COLUMNS,
    CONVENTION,
    read_scores,
    score_head,
    scores_of,
    table_rows,
)
from polyxtal.training.finetune.tasks import HeadTask, NormalTask, TensorTask

USABLE = "tensor", "pretrained"
"""Kind and encoder of a head that can be written with the model."""
SPLIT = 7
"""Stream of random numbers for the split."""


def finetune_stiffness(
    config: StiffnessConfig, folder: str | Path, progress: Progress = no_progress
) -> list[dict[str, Any]]:
    """Fit all heads and evaluate them on the test RVEs; resumable.

    Args:
        config: Settings of the fine-tuning.
        folder: Output folder, new or of the same fine-tuning.
        progress: Called as RVEs are prepared and encoded, and after every epoch.
    Returns:
        Rows of the table, one for each estimate and crystal: R² of C11, C22, C33 and their minimum;
        mean relative Frobenius error, and its ratio to Hill's; means over the seeds. [-]
    Raises:
        FileNotFoundError: if a model or data set is missing.
        FileExistsError: if the folder holds something else.
        ValueError: if the folder holds another fine-tuning, the data sets do not fit the model or
            each other, or a file is damaged.
        ConvergenceError: if a loss is no longer finite.
    """
    target = Path(folder)
    models = load_encoders(load_model(config.model), config.heads)
    stores = open_dataset(config.data), open_dataset(config.test)
    crystals = _check(config, stores, models["pretrained"])
    contents = {
        "model": {"encoder": fingerprint(models["pretrained"].autoencoder)},
        "data": data_set(stores[0]),
        "test": data_set(stores[1]),
        "heads": own_encoders(models, config.heads),
    }
    with claimed(target, config.model_dump(mode="json"), contents) as asked:
        data, test = _load(config, stores, target, progress)
        scores: dict[str, list[list[Scores]]] = {
            name: [score_tensors(found, test.stiffness[:, : test.given])]
            for name, found in averages(test, crystals).items()
        }
        encoded = {
            name: encode_all(config, name, model, data, test, progress)
            for name, model in models.items()
        }
        features = _features(encoded, data, test)
        best: Path | None = None
        splits = [
            split_rves(len(data.grain_id), config.validation, k, SPLIT) for k in range(config.seeds)
        ]
        for split in splits:
            for name, found in ridge_scores(features, data, test, split.train).items():
                scores.setdefault(name, []).append(found)
        for name, runs in _fit_heads(config, models, encoded, data, test, splits, target, progress):
            scores[f"head {name}"] = [scores_of(result) for result, _ in runs]
            if best is None and (config.heads[name].kind, config.heads[name].encoder) == USABLE:
                best = min((float(result["validation"]), place) for result, place in runs)[1]
        rows = list(table_rows(scores, crystal_names(crystals)))
        write_results(target, COLUMNS, rows, {"asked": asked, "convention": CONVENTION})
        if best is not None:
            _write_model(target, best, rows)
        return rows


def _load(
    config: StiffnessConfig,
    stores: tuple[PolycrystalStore, PolycrystalStore],
    target: Path,
    progress: Progress,
) -> tuple[StiffnessData, StiffnessData]:
    """Return training and test RVEs; the training basis only if a head needs it."""
    needed = any(head.kind == "tensor" for head in config.heads.values())
    counts = config.labels or len(stores[0]), len(stores[1])
    data, test = (
        load_stiffness_data(
            store,
            target / "basis" / stamp(attributes(store.recipe))[:16],
            count,
            as_stage(progress, f"basis of {name} RVEs"),
            known=name == "test" or needed,
        )
        for store, count, name in zip(stores, counts, ("training", "test"), strict=True)
    )
    return data, test


def _fit_heads(
    config: StiffnessConfig,
    models: Mapping[str, FoundationModel],
    encoded: Mapping[str, Encoded],
    data: StiffnessData,
    test: StiffnessData,
    splits: Sequence[Split],
    target: Path,
    progress: Progress,
) -> Iterator[tuple[str, list[tuple[dict[str, Any], Path]]]]:
    """Yield each head's name, and the result and folder of each seed; finished ones are read."""
    for name, head in config.heads.items():
        origin, runs = encoder_of(name, head), []
        for seed, split in enumerate(splits):
            place = target / "heads" / name / f"seed-{seed}"
            result = read_scores(place / RESULT)
            if result is None or result.get("model") != folder_digest(place / MODEL):
                report = as_stage(progress, f"epochs of head {name}, seed {seed}")
                fit = (models[origin], encoded[origin], data, test, split, place, seed, report)
                result = _fit(config, head, *fit)
            runs.append((result, place))
        yield name, runs


def _check(
    config: StiffnessConfig,
    stores: tuple[PolycrystalStore, PolycrystalStore],
    model: FoundationModel,
) -> list[CubicElasticity]:
    """Validate data sets against the model; return the given crystals."""
    train, test = (store.recipe.labels for store in stores)
    for store, labels in zip(stores, (train, test), strict=True):
        if labels is None or not labels.constants:
            raise ValueError(
                f"{store.folder}: a data set must have stiffness labels for given crystals, "
                "`labels.constants`, but has none."
            )
        edge = model.config.voxels
        if store.recipe.grid != (edge, edge, edge):
            raise ValueError(
                f"{store.folder}: RVEs must have the model's {edge}³ voxels, but have "
                f"{store.recipe.grid}."
            )
    assert train is not None
    assert test is not None
    if train.constants != test.constants:
        raise ValueError(
            f"{stores[1].folder}: must be labelled for the crystals of {config.data}, but is for "
            f"{list(test.constants)}."
        )
    first, second = (store.recipe for store in stores)
    if first.seed == second.seed:
        raise ValueError(
            f"{stores[1].folder}: test RVEs must be of another seed than the training's, but both "
            f"are {first.seed}."
        )
    return [CubicElasticity(*constants) for constants in train.constants]


def _features(
    encoded: Mapping[str, Encoded], data: StiffnessData, test: StiffnessData
) -> dict[str, tuple[Tensor, Tensor]]:
    known, unknown = texture_features(data), texture_features(test)
    found = {name: (known[name], unknown[name]) for name in known}
    for name in ("untrained", *(name for name in encoded if name != "untrained")):
        whose, _, own = name.partition(" of ")
        label = f"ridge on {whose} [CLS]" + (f", {own}" if own else "")
        found[label] = encoded[name].latent[:, 0], encoded[name].test
    return found


def _fit(
    config: StiffnessConfig,
    head: HeadConfig,
    model: FoundationModel,
    encoded: Encoded,
    data: StiffnessData,
    test: StiffnessData,
    split: Split,
    place: Path,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    width = model.config.width
    task: HeadTask
    if head.kind == "normal":
        task = NormalTask(data, width, head.ridge)
    else:
        sizes = TensorHeadSizes(width=width, components=config.components, hidden=config.hidden)
        task = TensorTask(data, sizes, seed, head.ridge)
    fit = HeadFit(head, task, model, data, split, (encoded.latent, encoded.turns), seed)
    validation = fit.run(place, progress)
    latent = encoded.test
    if not head.freeze:
        model = _with_encoder(model, fit)
        latent = encode_copies(model, test, range(len(test.grain_id)))[0][:, 0]
    with torch.no_grad():
        found = score_head(task, latent, test)
    scores = [{"r_squared": list(s.r_squared), "error": s.error} for s in found]
    result = {"validation": validation, "epochs": len(fit.rows), "scores": scores}
    if isinstance(task.head, TensorHead):
        about = {"finetuning": config.model_dump(mode="json"), "head": head.model_dump(mode="json")}
        about |= {"seed": seed, "rves": len(split.train), "validation": validation}
        stiffness = StiffnessHead(task.head, fingerprint(model.autoencoder), about)
        FoundationModel(model.autoencoder, model.about, stiffness).save(place / MODEL)
        result["model"] = folder_digest(place / MODEL)
    write_record(place / RESULT, result)
    return result


def _with_encoder(model: FoundationModel, fit: HeadFit) -> FoundationModel:
    changed = MaskedAutoencoder(model.config)
    changed.load_state_dict(model.autoencoder.state_dict())
    changed.encoder.load_state_dict(fit.parts["encoder"].state_dict())
    return FoundationModel(changed, model.about)


def _write_model(target: Path, best: Path, rows: list[dict[str, Any]]) -> None:
    model = load_model(best / MODEL)
    assert model.stiffness is not None
    name = f"head {best.parent.name}"
    judged = [row for row in rows if row["estimate"] == name]
    about = {**model.stiffness.about, "results": judged}
    head = StiffnessHead(model.stiffness.tensor, model.stiffness.encoder, about)
    FoundationModel(model.autoencoder, model.about, head).save(target / MODEL)
