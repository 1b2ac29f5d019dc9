"""Full fields and reference ensembles of small polycrystals, computed once and cached.

000000.npz ...   one polycrystal each, written atomically
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.material import Material
from polyxtal.dataset.build import build_sample
from polyxtal.dataset.recipe import Recipe
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.heads.curves.head import (
    COMPARISON,
    INCREMENTS,
    LOADED,
    loaded_stress,
    missed_stiffness,
    softened,
    standard_paths,
    typical_curves,
)
from polyxtal.network.reference import reference_ensemble

MAX_BYTES = 1 << 16
SHAPES = {
    "full_field": (len(LOADED), INCREMENTS),
    "typical": (len(LOADED), INCREMENTS),
    "stiffness": (6, 6),
}


class Computed(NamedTuple):
    """Model-independent results, cached on disk.

    Attributes:
        full_field: Stress of the full field that does the work on each standard path. [MPa]
        typical: Stress of the reference ensemble that does the work. [MPa]
        stiffness: Stiffness of the reference ensemble of `COMPARISON` crystals, Mandel. [MPa]
    """

    full_field: Float[Tensor, "paths increments"]
    typical: Float[Tensor, "paths increments"]
    stiffness: Float[Tensor, "6 6"]


class CurveData(NamedTuple):
    """Curves of each polycrystal on the standard paths.

    Attributes:
        full_field: Stress of the full field that does the work. [MPa]
        typical: Stress of the reference ensemble that does the work. [MPa]
        missed: δ of each path, see `model.heads.curves`. [-]
    """

    full_field: Float[Tensor, "*n paths increments"]
    typical: Float[Tensor, "*n paths increments"]
    missed: Float[Tensor, "*n paths"]


def curve_data(
    recipe: Recipe,
    count: int,
    material: Material,
    stiffness: Callable[[Polycrystal, CubicElasticity], Float[Tensor, "6 6"]],
    folder: Path,
    progress: Progress = no_progress,
) -> CurveData:
    """Compute the curves of a recipe's first polycrystals, or read them from the cache.

    Args:
        recipe: Recipe of small polycrystals; each costs nine full-field simulations.
        count: Number of polycrystals.
        material: Material of all crystals.
        stiffness: Function that predicts a polycrystal's stiffness for a crystal, Mandel. [MPa]
        folder: Cache of this recipe and material only.
        progress: Called after each polycrystal.
    Raises:
        ConvergenceError: if a full field does not converge.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        path = folder / f"{number:06d}.npz"
        rve, row = build_sample(recipe, number).rve, _read(path)
        if row is None:
            row = _compute(rve, number, material)
            with atomic_file(path) as temporary:
                write_arrays(temporary, row._asdict())
        missed = missed_stiffness(row.stiffness, stiffness(rve, COMPARISON))
        rows.append(CurveData(row.full_field, row.typical, missed))
        progress("small polycrystals simulated", number + 1, count)
    return CurveData(*(torch.stack(values) for values in zip(*rows, strict=True)))


def _read(path: Path) -> Computed | None:
    if not path.is_file():
        return None
    try:
        with open_arrays(path, MAX_BYTES) as file:
            row = {name: torch.from_numpy(file.read(name)) for name in file.names}
    except ValueError:
        return None  # damaged: recomputed
    if {name: tuple(value.shape) for name, value in row.items()} != SHAPES:
        return None
    real = all(v.dtype == torch.float64 and bool(torch.isfinite(v).all()) for v in row.values())
    return Computed(**row) if real else None


def _compute(rve: Polycrystal, number: int, material: Material) -> Computed:
    typical, material = reference_ensemble(rve, seed=number), softened(material)
    told = [
        loaded_stress(c.response, k)
        for k, c in enumerate(typical_curves(typical, material, standard_paths()))
    ]
    truth = [
        loaded_stress(simulate(rve, material, path), k) for k, path in enumerate(standard_paths())
    ]
    return Computed(torch.stack(truth), torch.stack(told), typical.stiffness(COMPARISON))
