"""Write a study of latent vectors to a folder, whole or not at all, with its picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter
from torch import Tensor

from polyxtal.files.output_folder import OutputFolder
from polyxtal.files.plain import write_csv, write_json
from polyxtal.viz.sphere import to_numpy
from polyxtal.viz.style import (
    DENSITY_MAP,
    INK,
    LABEL_SIZE,
    MODULUS_MAP,
    TICK_SIZE,
    TITLE_SIZE,
    add_colorbar,
    new_figure,
)
from reproduction.latent.embedding import NEIGHBOURS, UMAP_DISTANCE, UMAP_NEIGHBOURS
from reproduction.latent.measure import PRETRAINED, UNTRAINED, LatentMaps
from reproduction.pretrained import UNSEEN_SEED, versions

SUMMARY, TABLE, PICTURE = "latent.json", "latent.csv", "latent.png"
OUTPUT = OutputFolder("study of latent vectors", (SUMMARY, TABLE, PICTURE))
PROPERTIES = ("c11", "log_texture_index")
_NAMES = {"umap": "UMAP", "pca": "Principal axis"}


def write_latent(study: LatentMaps, folder: str | Path, force: bool = False) -> Path:
    """Write table, summary and picture, or nothing.

    Returns:
        The picture.
    Raises:
        FileExistsError, NotADirectoryError, PermissionError: see `OutputFolder.check`.
    """
    with OUTPUT.write(folder, force) as temporary:
        write_json(temporary / SUMMARY, summary(study))
        _write_table(temporary / TABLE, study)
        draw_latent(study).savefig(temporary / PICTURE)
    return Path(folder) / PICTURE


def summary(study: LatentMaps) -> dict[str, Any]:
    """Gather what `latent.json` holds: plain numbers, lists and strings."""
    settings = study.latents.settings
    umap = settings.method == "umap"
    crystal = settings.elasticity
    return {
        "command": settings.command,
        "versions": versions(*(["umap-learn"] if umap else [])),
        "model": dict(study.latents.identity),
        "count": settings.count,
        "method": settings.method,
        "umap": {"neighbours": UMAP_NEIGHBOURS, "distance": UMAP_DISTANCE} if umap else None,
        "seeds": {"study": settings.seed, "added_to_pretraining_for_rves": UNSEEN_SEED},
        "elasticity": asdict(crystal),
        "units": {"elasticity": "MPa", "c11": "MPa", "texture_index": "-"},
        "neighbours": NEIGHBOURS,
        "r_squared": {name: _by_property(scores) for name, scores in study.scores.items()},
        "convention": "r_squared: each RVE's property predicted as the mean of its nearest "
        "others', on the map and from the whole vectors; null where the property is constant",
    }


def _by_property(scores: Mapping[str, tuple[float, float]]) -> dict[str, dict[str, float | None]]:
    return {
        where: {
            name: value if math.isfinite(value) else None
            for name, value in zip(PROPERTIES, values, strict=True)
        }
        for where, values in scores.items()
    }


def _write_table(path: Path, study: LatentMaps) -> None:
    latents, places = study.latents, study.maps[PRETRAINED].tolist()
    columns = (latents.texture_index.tolist(), latents.c11.tolist(), latents.grains.tolist())
    rows = (
        [number, *place, *values]
        for number, (place, *values) in enumerate(zip(places, *columns, strict=True))
    )
    write_csv(path, ["number", "x", "y", "texture_index", "c11 [MPa]", "grains"], rows)


def draw_latent(study: LatentMaps) -> Figure:
    """Draw the map twice, coloured by texture index and by C11."""
    latents = study.latents
    figure = new_figure(9.4, 4.6)
    figure.suptitle(
        f"[CLS] of {latents.settings.count} unseen polycrystals: "
        f"{latents.identity['features']} features, {latents.identity['rves_seen']} RVEs seen",
        fontsize=TITLE_SIZE,
    )
    left, right = figure.subplots(1, 2)
    index, c11 = latents.texture_index, latents.c11 / 1e3
    _scatter(left, study, index, LogNorm(*_range(index)), DENSITY_MAP, "Texture index [-]")
    _scatter(right, study, c11, Normalize(*_range(c11)), MODULUS_MAP, "C11 [GPa]")
    for place, axes, what in ((1, left, "log index"), (0, right, "C11")):
        ours, theirs = (study.scores[n]["map"][place] for n in (PRETRAINED, UNTRAINED))
        axes.set_title(
            f"{NEIGHBOURS} neighbours on the map tell {what}:\n"
            f"R² {ours:.2f}, untrained encoder {theirs:.2f}",
            fontsize=LABEL_SIZE,
            color=INK,
        )
    return figure


def _range(values: Tensor) -> tuple[float, float]:
    """Span colours over 98 of 100 values, so that a few do not take them all."""
    low, high = values.quantile(values.new_tensor([0.01, 0.99])).tolist()
    return (low, high) if high > low * (1 + 1e-6) else (0.99 * low, 1.01 * low)


def _scatter(
    axes: Axes, study: LatentMaps, values: Tensor, norm: Normalize, colors: str, label: str
) -> None:
    method = _NAMES[study.latents.settings.method]
    x, y = to_numpy(study.maps[PRETRAINED]).T
    size = min(30.0, max(3.0, 12000.0 / len(x)))
    points = axes.scatter(x, y, size, to_numpy(values), norm=norm, cmap=colors, linewidth=0)
    bar = add_colorbar(axes, points, label)
    bar.ax.yaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel(f"{method} 1", fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel(f"{method} 2", fontsize=LABEL_SIZE, color=INK)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(labelsize=TICK_SIZE)
