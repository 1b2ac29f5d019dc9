"""Fit the curve head to full fields of small polycrystals, and evaluate it.

finetuning.json     the configuration
curves/             curves computed for each polycrystal, see `curve_data`
table.csv, results.json
model/              the model with its heads, for `load_model`
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.algebra.randomness import generator_of
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.load_material import load_material
from polyxtal.dataset.recipe import Recipe
from polyxtal.files.validated import validate_document
from polyxtal.files.yaml import read_yaml
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.curves.head import MODES, CurveHead
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.stiffness.file import head_fingerprint
from polyxtal.training.finetune.curve_data import CurveData, curve_data
from polyxtal.training.finetune.folder import MODEL, claimed, write_results

CURVES = "curves"
COLUMNS = ["mode", "estimate", "mean", "root_mean_square", "largest"]
SPLIT = 8
"""Stream of random numbers for the split."""


class NetworkConfig(BaseModel):
    """Configuration of a fine-tuning to curves; see `docs/finetuning.md`.

    Attributes:
        model: Pretrained model, as for `load_model`; it must have a stiffness head.
        recipe: Recipe of small polycrystals, without labels; all `count` of them are simulated.
        material: Name of a shipped material, or phase file.
        validation: Fraction of the polycrystals held out, drawn by the seed.
        seeds: Number of splits evaluated; the head that is saved is fitted to all polycrystals.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "polyxtal-small"
    recipe: Recipe
    material: str = "AA6022-T4"
    validation: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.25
    seeds: Annotated[int, Field(ge=1, le=100)] = 3

    @field_validator("recipe")
    @classmethod
    def _enough(cls, recipe: Recipe) -> Recipe:
        if recipe.count < 4 or recipe.labels is not None:
            raise ValueError("`recipe` must have a `count` of at least 4 and no `labels`")
        return recipe


def read_network_config(path: str | Path) -> NetworkConfig:
    """Read a configuration from a YAML file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no YAML or a field is missing, unknown or out of range.
    """
    return validate_document(NetworkConfig, read_yaml(path), path)


def finetune_network(
    config: NetworkConfig, folder: str | Path, progress: Progress = no_progress
) -> list[dict[str, Any]]:
    """Simulate small polycrystals, fit the curve head and evaluate it; resumable.

    Args:
        config: Settings of the fine-tuning.
        folder: Output folder, new or of the same fine-tuning.
        progress: Called after each polycrystal.
    Returns:
        Rows of the table: for tension and shear, the stress error of the reference ensemble and of
        the head on held-out polycrystals, over all increments of the standard paths and all seeds,
        relative to each path's largest stress. [-]
    Raises:
        FileNotFoundError: if the model or the material is missing.
        FileExistsError: if the folder holds something else.
        ValueError: if the folder holds another fine-tuning, or the model has no stiffness head.
        ConvergenceError: if a full field does not converge.
    """
    target = Path(folder)
    model = load_model(config.model)
    if model.stiffness is None:
        raise ValueError(
            f"{config.model}: a model must have a stiffness head to be fitted to curves, but has "
            "none; `polyxtal finetune stiffness` fits one."
        )
    material = load_material(config.material)
    if material.plasticity is None:
        raise ValueError(
            f"{config.material}: must be plastic, so that there are curves to learn from, but has "
            "no plasticity."
        )
    # Neither the number of polycrystals nor the model changes a curve: both may change.
    free = ("model", "contents.model", "seeds", "validation", "recipe.count")
    told_by = head_fingerprint(model.stiffness)
    contents = {
        "model": {"encoder": fingerprint(model.autoencoder), "stiffness_head": told_by},
        "material": asdict(material),
    }
    with claimed(target, config.model_dump(mode="json"), contents, free) as asked:

        def expected(rve: Polycrystal, crystal: CubicElasticity) -> Tensor:
            with warnings.catch_warnings():
                # Small polycrystals may be out of distribution; that is expected here.
                warnings.simplefilter("ignore", UserWarning)
                return model.predict_stiffness(rve, crystal)

        count = config.recipe.count
        data = curve_data(config.recipe, count, material, expected, target / CURVES, progress)
        rows = _judged(config, data)
        about = {"finetuning": config.model_dump(mode="json"), "results": rows}
        head = replace(fit_curve_head(data, about), stiffness=told_by)
        write_results(target, COLUMNS, rows, {"asked": asked})
        heads = {**model.heads, "curves": head}
        FoundationModel(model.autoencoder, model.about, *heads.values()).save(target / MODEL)
        return rows


def fit_curve_head(data: CurveData, about: dict[str, Any] | None = None) -> CurveHead:
    """Fit intercept and slope of every mode and increment by least squares."""
    ratio = (data.full_field / data.typical - 1).unflatten(1, (len(MODES), 3))
    missed = data.missed.unflatten(1, (len(MODES), 3))
    intercepts, slopes = [], []
    for mode in range(len(MODES)):
        x, y = missed[:, mode].flatten(), ratio[:, mode].flatten(0, 1)
        system = torch.stack([torch.ones_like(x), -x], 1)
        intercept, slope = torch.linalg.lstsq(system, y).solution
        intercepts.append(intercept)
        slopes.append(slope)
    return CurveHead(torch.stack(intercepts), torch.stack(slopes), about or {})


def _judged(config: NetworkConfig, data: CurveData) -> list[dict[str, Any]]:
    count = len(data.missed)
    aside = min(count - 2, max(1, round(config.validation * count)))
    errors: dict[tuple[str, str], list[Tensor]] = {}
    for seed in range(config.seeds):
        order = torch.randperm(count, generator=generator_of(seed, 0, SPLIT))
        head = fit_curve_head(CurveData(*(part[order[aside:]] for part in data)))
        unseen = CurveData(*(part[order[:aside]] for part in data))
        largest = unseen.full_field.abs().amax(-1, keepdim=True)
        answers = {"typical networks": unseen.typical, "head": corrected(head, unseen)}
        for name, answer in answers.items():
            error = ((answer - unseen.full_field) / largest).unflatten(1, (len(MODES), 3))
            for mode, title in enumerate(MODES):
                errors.setdefault((title, name), []).append(error[:, mode])
    rows = []
    for (mode, name), found in errors.items():
        every = torch.cat(found)
        numbers = (every.abs().mean(), every.square().mean().sqrt(), every.abs().max())
        rows.append(dict(zip(COLUMNS, (mode, name, *map(float, numbers)), strict=True)))
    return rows


def corrected(head: CurveHead, data: CurveData) -> Tensor:
    """Return the stress predicted by a curve head on the standard paths. [MPa]"""
    intercept = head.intercept.repeat_interleave(3, 0)
    slope = head.slope.repeat_interleave(3, 0)
    return data.typical * (1 + intercept - slope * data.missed[..., None])
