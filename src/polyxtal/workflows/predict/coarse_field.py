"""The answer of a full field on a coarse grid."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from polyxtal.algebra.progress import COMPILING, Stages
from polyxtal.crystal.material import Material
from polyxtal.mechanics.bounds.averages import elastic_averages
from polyxtal.mechanics.ladder.accuracy import ACCURACY
from polyxtal.mechanics.ladder.predict import predict as climb
from polyxtal.mechanics.ladder.stiffness import estimate_stiffness
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.workflows.predict.answer import Answer
from polyxtal.workflows.predict.settings import PredictionSettings

FULL_FIELD = "full_field"
FINE, COARSE = "full field", "full field on a coarse grid"


def coarse_field(
    settings: PredictionSettings,
    rve: Polycrystal,
    materials: Mapping[str, Material],
    load: LoadPath,
    stages: Stages,
) -> Answer:
    """Answer by full fields on coarse grids; see `polyxtal.predict`.

    Raises:
        ConvergenceError: if an increment does not converge.
    """
    elasticity = {name: material.elasticity for name, material in materials.items()}
    started = time.perf_counter()
    with stages.stage("stiffness"):
        estimated = estimate_stiffness(rve, elasticity, seed=settings.seed)
        stiffness = {
            FULL_FIELD: estimated.stiffness,
            **elastic_averages(rve, elasticity)._asdict(),
        }
    left = None
    if settings.seconds is not None:
        left = max(1e-3, settings.seconds - (time.perf_counter() - started))
    with stages.stage("full field", note=COMPILING):

        def tell(grid: tuple[int, int, int], done: int, total: int) -> None:
            stages.report("full field", done, total, f"on {' x '.join(map(str, grid))} voxels")

        response = climb(
            rve,
            materials,
            load,
            settings.accuracy or ACCURACY,
            seconds=left,
            seed=settings.seed,
            on_progress=tell,
        )
    grain = (rve.volume_fractions > 0).nonzero().flatten()
    assert response.orientations is not None
    assert response.weights is not None
    occupied = replace(
        response, orientations=response.orientations[:, grain], weights=response.weights[grain]
    )
    name = FINE if response.grid == rve.grid else COARSE
    return Answer(
        name,
        occupied,
        stiffness,
        FULL_FIELD,
        FULL_FIELD,
        rve.phase[grain],
        grain,
        estimated=estimated,
    )
