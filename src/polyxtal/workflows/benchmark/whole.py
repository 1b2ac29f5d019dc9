"""Tasks on whole volumes: probes, stiffness, curves of networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.mechanics.bounds.averages import elastic_averages, hill_average
from polyxtal.mechanics.bounds.moduli import engineering_constants
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.mechanics.ladder.grids import coarse_grid
from polyxtal.mechanics.ladder.predict import FIRST_POINTS
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.mean_field.self_consistent import self_consistent_average
from polyxtal.mechanics.mean_field.taylor import taylor_response
from polyxtal.microstructure.coarse import coarsen
from polyxtal.microstructure.mean_intercept import mean_intercepts
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.tree import MaterialNetwork
from polyxtal.texture.measure import texture_strength
from polyxtal.training.finetune.ridge import probe as probe_ridge
from polyxtal.workflows.benchmark.scores import Row, ridge_on
from polyxtal.workflows.benchmark.settings import (
    INCREMENTS,
    LEAVES,
    MATERIAL,
    STRAIN,
    Preset,
)
from polyxtal.workflows.benchmark.volumes import Volumes

CRYSTALS = {
    "Zener 0.25": CubicElasticity(230e3, 90e3, 17.5e3),
    "Zener 4": CubicElasticity(190e3, 130e3, 120e3),
}
TARGETS = ("log texture strength", "log grain size", "Young's modulus along x")
TOLERANCE = 1e-4
MEAN = "mean of labels"


def probe_labels(polycrystals: Sequence[Polycrystal], _: Sequence[int]) -> dict[str, Tensor]:
    """Return `TARGETS` of polycrystals; the modulus is that of Hill's average at Zener 4. [MPa]"""
    rows = []
    for rve in polycrystals:
        strength = texture_strength(rve.orientations, rve.volume_fractions, rve.laue_group(0))
        size = mean_intercepts(rve).log().mean()
        modulus = engineering_constants(hill_average(rve, CRYSTALS["Zener 4"])).E_x
        rows.append(torch.stack([strength.double().log(), size, torch.tensor(modulus).double()]))
    return {"targets": torch.stack(rows)}


def probe(preset: Preset, features: Mapping[str, Tensor], volumes: Volumes) -> Iterator[Row]:
    """Score ridge regressions from features to `TARGETS`, with few and with many labels."""
    count = sum(preset.probe)
    targets = volumes.compute("labels/probe", range(count), probe_labels)["targets"]
    pool, test = preset.numbers(preset.probe)
    found = probe_ridge(features, targets, pool, test, preset.labels, preset.draws)
    for labels in preset.labels:
        for name, scores in found.items():
            for target, score in zip(TARGETS, scores[labels].mean(0).tolist(), strict=True):
                yield Row("probe", target, labels, name, "R2", score)


def stiffness_labels(polycrystals: Sequence[Polycrystal], _: Sequence[int]) -> dict[str, Tensor]:
    """Return the stiffness of the full field and of averages, (n, crystals, 6, 6). [MPa]"""
    found: dict[str, list[Tensor]] = {}
    for rve in polycrystals:
        row: dict[str, list[Tensor]] = {}
        for crystal in CRYSTALS.values():
            parts = {
                "full field": homogenize(rve, crystal, TOLERANCE).stiffness,
                **{n.capitalize(): c for n, c in elastic_averages(rve, crystal)._asdict().items()},
                "self-consistent": self_consistent_average(rve, crystal),
                "self-consistent, arrangement": self_consistent_average(
                    rve, crystal, arrangement=True
                ),
            }
            for name, value in parts.items():
                row.setdefault(name, []).append(value)
        for name, values in row.items():
            found.setdefault(name, []).append(torch.stack(values))
    return {name: torch.stack(rows) for name, rows in found.items()}


def stiffness(preset: Preset, features: Mapping[str, Tensor], volumes: Volumes) -> Iterator[Row]:
    """Score the full tensor by ridge regressions, beside averages that need no labels."""
    train, test = preset.numbers(preset.stiffness)
    numbers = [*train, *test]
    found = volumes.compute("labels/stiffness", numbers, stiffness_labels)
    truth, some = found.pop("full field"), len(train)
    row, column = torch.tril_indices(6, 6)
    targets = truth[..., row, column].flatten(1)
    mine = {name: values[numbers] for name, values in features.items()}
    fitted = ridge_on(mine, targets, range(some), range(some, len(numbers)))
    answers = {name: (0, values[some:]) for name, values in found.items()}
    for name, values in fitted.items():
        whole = torch.zeros_like(truth[some:])
        flat = values.unflatten(1, (len(CRYSTALS), len(row)))
        whole[..., row, column] = whole[..., column, row] = flat
        answers[name] = some, whole
    for name, (labels, tensors) in answers.items():
        off = torch.linalg.matrix_norm(tensors - truth[some:])
        errors = (off / torch.linalg.matrix_norm(truth[some:])).mean(0).tolist()
        for crystal, error in zip(CRYSTALS, errors, strict=True):
            yield Row("stiffness", crystal, labels, name, "error", error)


def curve_labels(polycrystals: Sequence[Polycrystal], _: Sequence[int]) -> dict[str, Tensor]:
    """Return the loaded stress along the loads by every method, (n, loads, increments). [MPa]"""
    material, found = load_material(MATERIAL), {}
    for rve in polycrystals:
        rows: dict[str, list[Tensor]] = {}
        for path, (i, j) in loads().values():
            for name, response in _responses(rve, material, path).items():
                rows.setdefault(name, []).append(response[1:, i, j])
        for name, values in rows.items():
            found.setdefault(name, []).append(torch.stack(values))
    return {name: torch.stack(values) for name, values in found.items()}


def _responses(rve: Polycrystal, material: Material, path: LoadPath) -> dict[str, Tensor]:
    coarse = coarsen(rve, coarse_grid(rve, FIRST_POINTS))
    network = MaterialNetwork.from_polycrystal(rve, LEAVES, seed=0)
    return {
        "full field": simulate(rve, material, path, tol=1e-3).P,
        "Taylor": taylor_response(rve, material, path).P,
        "coarse field": simulate(coarse, material, path, tol=1e-3).P,
        "untrained network": network.respond(material, path).P,
    }


def loads() -> dict[str, tuple[LoadPath, tuple[int, int]]]:
    """Return the loads by name, and the components that they load."""
    return {
        "tension": (LoadPath.uniaxial(STRAIN, increments=INCREMENTS), (0, 0)),
        "shear": (LoadPath.shear(1.5 * STRAIN, increments=INCREMENTS), (0, 1)),
    }


def network(preset: Preset, features: Mapping[str, Tensor], volumes: Volumes) -> Iterator[Row]:
    """Score the curves of a network, corrected by ridge regressions on the features.

    P = P_network (1 + c),   c a linear map of the features for every load and increment
    """
    train, test = preset.numbers(preset.network)
    numbers, some = [*train, *test], len(train)
    found = volumes.compute("labels/network", numbers, curve_labels)
    truth, plain = found.pop("full field"), found["untrained network"]
    correction = (truth / plain - 1).flatten(1)
    mine = {name: values[numbers] for name, values in features.items()}
    fitted = ridge_on(mine, correction, range(some), range(some, len(numbers)))
    fitted[MEAN] = correction[:some].mean(0).expand(len(test), -1)
    answers = {name: (0, values[some:]) for name, values in found.items()}
    for name, values in fitted.items():
        factor = 1 + values.reshape(plain[some:].shape)
        answers[f"network, {name}"] = some, plain[some:] * factor
    largest = truth[some:].abs().amax(-1)
    for name, (labels, curves) in answers.items():
        errors = ((curves - truth[some:]).abs().mean(-1) / largest).mean(0).tolist()
        for load, error in zip(loads(), errors, strict=True):
            yield Row("network", load, labels, name, "error", error)
