"""Baselines of learned stiffness: averages, and ridge regression on simple features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.dataset.descriptors import describe
from polyxtal.mechanics.bounds.clamp import clamp_between
from polyxtal.mechanics.mean_field.self_consistent import self_consistent_medium
from polyxtal.model.heads.stiffness.normal import normal_components
from polyxtal.training.finetune.ridge import fit_ridge, r_squared
from polyxtal.training.finetune.stiffness_data import AT_ONCE, StiffnessData

HARMONICS = 9
"""Number of descriptors that are mean harmonics of degree 4."""
SETTLED = 1e-7


class Scores(NamedTuple):
    """Scores of a predicted stiffness.

    Attributes:
        r_squared: R² of C11, C22 and C33. [-]
        error: Mean relative Frobenius error; None if only normal components are predicted. [-]
    """

    r_squared: tuple[float, float, float]
    error: float | None


def crystal_names(crystals: Sequence[CubicElasticity]) -> list[str]:
    """Name crystals by their Zener ratio."""
    return [f"Zener {crystal.zener:.4g}" for crystal in crystals]


def score_tensors(
    predicted: Float[Tensor, "n crystals 6 6"], truth: Float[Tensor, "n crystals 6 6"]
) -> list[Scores]:
    """Score full tensors, crystal by crystal."""
    normal = score_normals(normal_components(predicted), truth)
    relative = torch.linalg.matrix_norm(predicted - truth) / torch.linalg.matrix_norm(truth)
    means = relative.mean(0).tolist()
    return [s._replace(error=mean) for s, mean in zip(normal, means, strict=True)]


def score_normals(
    predicted: Float[Tensor, "n targets"], truth: Float[Tensor, "n crystals 6 6"]
) -> list[Scores]:
    """Score C11, C22 and C33, crystal by crystal."""
    found = r_squared(predicted.to(torch.float64), normal_components(truth)).tolist()
    triples = [found[k : k + 3] for k in range(0, len(found), 3)]
    return [Scores((a, b, c), None) for a, b, c in triples]


def averages(
    data: StiffnessData, crystals: Sequence[CubicElasticity]
) -> dict[str, Float[Tensor, "n crystals 6 6"]]:
    """Return averages without fitted parameters, for the given crystals, by name. [MPa]"""
    voigt, reuss, consistent = (part[:, : data.given] for part in data.basis[:3])
    spheres = torch.stack([_spheres(data, crystal) for crystal in crystals], 1)
    pairs = data.basis.terms[:, : data.given, 0]
    return {
        "Voigt": voigt,
        "Reuss": reuss,
        "Hill": 0.5 * (voigt + reuss),
        "self-consistent, spheres": spheres,
        "self-consistent, ellipsoids": consistent,
        "self-consistent, arrangement": clamp_between(consistent + pairs, reuss, voigt),
    }


def _spheres(data: StiffnessData, crystal: CubicElasticity) -> Tensor:
    parts = []
    ids, orientations = data.grain_id.split(AT_ONCE), data.orientations.split(AT_ONCE)
    for grain_id, quaternions in zip(ids, orientations, strict=True):
        flat = grain_id.flatten(1).to(torch.int64)
        volume = torch.zeros(quaternions.shape[:2], dtype=torch.float64)
        volume.scatter_add_(1, flat, volume.new_ones(()).expand_as(flat))
        extents = volume.new_ones(len(flat), 3)
        grains = crystal.stiffness(quaternions.to(torch.float64))
        grains = torch.where(volume[..., None, None] > 0, grains, crystal.stiffness())
        parts.append(self_consistent_medium(grains, volume / flat.shape[1], extents, SETTLED)[0])
    return torch.cat(parts)


def texture_features(data: StiffnessData) -> dict[str, Float[Tensor, "n d"]]:
    """Compute mean harmonics of degree 4, alone and with their products."""
    parts = zip(data.grain_id.split(AT_ONCE), data.orientations.split(AT_ONCE), strict=True)
    mean = torch.cat([describe(*part)[:, :HARMONICS] for part in parts]).to(torch.float64)
    return harmonic_features(mean)


def harmonic_features(mean: Float[Tensor, "n d"]) -> dict[str, Float[Tensor, "n features"]]:
    """Return mean harmonics, alone and with their products, by the name of the ridge on them."""
    first, second = torch.triu_indices(mean.shape[1], mean.shape[1])
    products = torch.cat([mean, mean[:, first] * mean[:, second]], 1)
    return {"ridge on harmonics": mean, "ridge on harmonics and products": products}


def ridge_scores(
    features: Mapping[str, tuple[Float[Tensor, "n d"], Float[Tensor, "m d"]]],
    data: StiffnessData,
    test: StiffnessData,
    numbers: Tensor,
) -> dict[str, list[Scores]]:
    """Fit ridge regressions to the full stiffness of the given crystals and score them.

    Args:
        features: Features of training and of test RVEs, by name.
        data: Training RVEs.
        test: Test RVEs.
        numbers: Indices of the training RVEs to fit to.
    """
    row, column = torch.tril_indices(6, 6)
    truth = test.stiffness[:, : test.given]
    result = {}
    for name, (known, unknown) in features.items():
        targets = data.stiffness[numbers, : data.given][..., row, column].flatten(1)
        found = fit_ridge(known[numbers], targets).predict(unknown.to(torch.float64))
        tensors = torch.zeros_like(truth)
        values = found.unflatten(1, (test.given, len(row)))
        tensors[..., row, column] = tensors[..., column, row] = values
        result[name] = score_tensors(tensors, truth)
    return result
