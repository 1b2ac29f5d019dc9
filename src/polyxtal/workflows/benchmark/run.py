"""Score an encoder on five tasks, beside all baselines.

benchmark.json        what was asked
labels/, features/    what was computed of the volumes, kept as it is finished
table.csv             scores
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.argument_types import require_seed
from polyxtal.files.plain import write_table
from polyxtal.files.run_folder import RunFolder
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.workflows.benchmark.encoders import (
    Encoder,
    open_encoder,
    untrained_encoder,
    with_answers,
)
from polyxtal.workflows.benchmark.local import local_fields, rebuild
from polyxtal.workflows.benchmark.scores import Row, fitted_features, simple_features
from polyxtal.workflows.benchmark.settings import PRESETS, Preset
from polyxtal.workflows.benchmark.volumes import AT_ONCE, Volumes
from polyxtal.workflows.benchmark.whole import network, probe, stiffness

RECORD, TABLE = "benchmark.json", "table.csv"
VERSION = 1
"""Raised whenever volumes, labels or scores change."""
MINE = "encoder"


def benchmark(
    encoder: str | Callable[..., Any],
    folder: str | Path,
    preset: str = "small",
    seed: int = 0,
    progress: Progress = no_progress,
) -> list[Row]:
    """Return the scores of an encoder and of all baselines on five tasks.

    Volumes and labels are made from a recipe and a seed; nothing is downloaded. What is finished
    is kept in the folder, so that another encoder there costs its own features only. Those of a
    function are kept while its module's source and what it says about the first volumes stay.

    Args:
        encoder: A function from a list of polycrystals to vectors (n, d), or to vectors and tokens
            (n, tx, ty, tz, d) of equal parts of each volume; "module:function"; or a model as for
            `load_model`.
        folder: Output folder, new or of the same preset and seed.
        preset: "tiny" (to try out) or "small".
        seed: Random seed of the volumes.
        progress: Called as volumes are computed.
    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if an argument is invalid, the encoder returns something else, or the folder
            holds another benchmark.
        FileExistsError: if the folder holds something else.
    """
    require_seed(seed)
    if preset not in PRESETS:
        raise ValueError(
            f"Argument `preset` must be one of {', '.join(PRESETS)}, but is {preset!r}."
        )
    sizes, given = PRESETS[preset], open_encoder(encoder)
    asked = {"version": VERSION, "preset": preset, "seed": seed, "encoder": given.name}
    place = Path(folder)
    with RunFolder(place, RECORD, "a benchmark").run(asked, ("encoder",)):
        volumes = Volumes(sizes.recipe(seed), place, progress)
        mine = with_answers(given, [volumes[number] for number in range(AT_ONCE)])
        encoders = {MINE: mine, "untrained encoder": untrained_encoder(given)}
        rows = [*rebuild(sizes, encoders, volumes)]
        features = _features(sizes, encoders, volumes)
        for task in (probe, stiffness, network):
            rows += task(sizes, features, volumes)
        rows += local_fields(sizes, encoders, volumes)
        write_table(place / TABLE, Row._fields, (row._asdict() for row in rows))
    return rows


def _features(preset: Preset, encoders: dict[str, Encoder], volumes: Volumes) -> dict[str, Tensor]:
    """Return the features of all volumes: baselines first, then vectors of encoders."""
    numbers = range(sum(preset.probe))

    def simple(rves: list[Polycrystal], _: Sequence[int]) -> dict[str, Tensor]:
        return simple_features(rves)

    found = fitted_features(volumes.compute("features/simple", numbers, simple)["descriptors"])
    for name, encoder in encoders.items():

        def vectors(rves: list[Polycrystal], _: Sequence[int], encoder=encoder):
            return {"vectors": encoder.encode(rves).vectors}

        place = f"features/{encoder.identity[:16]}/vectors"
        found[name] = volumes.compute(place, numbers, vectors)["vectors"].to(torch.float64)
    return found
