"""Summarise a data set, its size, textures and labels, as text and as a figure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from polyxtal.dataset.layout import DATA
from polyxtal.dataset.store import OVERVIEW, PolycrystalStore, open_dataset
from polyxtal.files.atomic import atomic_file
from polyxtal.viz.style import LINE_COLORS, TITLE_SIZE, new_figure, style_axes
from polyxtal.viz.texture import ipf_colors

SHOWN = 4
"""Number of RVEs shown as slices."""
_ROWS = 4096


def describe(folder: str | Path) -> Iterator[str]:
    """Yield lines on size, textures and labels of a complete data set."""
    store = open_dataset(folder)
    size = sum(file.stat().st_size for file in (store.folder / DATA).rglob("*") if file.is_file())
    raw = len(store) * int(np.prod(store.recipe.grid)) * 4 * 4
    grid = " x ".join(str(n) for n in store.recipe.grid)
    yield (
        f"{len(store)} RVEs of {grid} voxels in {size / 1e6:.1f} MB: {size / len(store) / 1e3:.1f} "
        f"kB each, 1/{raw / size:.0f} of the quaternion fields in single precision."
    )
    index = texture_indices(store)
    low, middle, high = np.percentile(index, [5, 50, 95])
    yield (
        f"Texture index: median {middle:.2f}, nine of ten from {low:.2f} to {high:.1f} (1: random)."
    )
    for crystal, (mean, least, most) in enumerate(_c11(store)):
        yield (
            f"C11 for crystal {crystal + 1}: mean {mean / 1e3:.1f} GPa, "
            f"from {least / 1e3:.1f} to {most / 1e3:.1f}."
        )


def texture_indices(store: PolycrystalStore) -> np.ndarray:
    """Return the texture index of each RVE's coefficients, Σ w_i² / v_i. [-]"""
    volumes = store.recipe.coefficient_grid().volumes.numpy()
    rows = range(0, len(store), _ROWS)
    parts = [store.read("texture", row, row + _ROWS).astype(np.float64) for row in rows]
    return np.concatenate([(part**2 / volumes).sum(1) for part in parts])


def draw_overview(folder: str | Path) -> Path:
    """Plot slices of the first RVEs and histograms of textures and labels into the data set."""
    store = open_dataset(folder)
    figure = new_figure(9.0, 5.2)
    slices, charts = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.0, 1.1))[:, 0]
    slices.suptitle("Slices in inverse-pole-figure colours of z", fontsize=TITLE_SIZE)
    for number, axes in enumerate(slices.subplots(1, SHOWN)):
        axes.set_axis_off()
        if number < len(store):
            rve = store[number]
            colors = ipf_colors(rve.orientations, laue=rve.laue_group(0))
            colors = colors[rve.grain_id[:, :, rve.grid[2] // 2]]
            axes.imshow(colors.transpose(0, 1).numpy(), origin="lower", interpolation="nearest")
            axes.set_title(f"RVE {number}, {rve.grains} grains", fontsize=TITLE_SIZE)
    labelled = "stiffness" in store.arrays
    left, *right = np.atleast_1d(charts.subplots(1, 1 + labelled))
    index = texture_indices(store)
    bins = np.geomspace(max(1.0, index.min()) * 0.99, index.max() * 1.01, 41)
    left.hist(index, bins=bins, color=LINE_COLORS[0])
    left.set(xscale="log", xlabel="Texture index [-]", ylabel="RVEs")
    style_axes(left)
    for axes in right:
        axes.hist(_c11_rows(store)[:, 0] / 1e3, bins=40, color=LINE_COLORS[0])
        axes.set(xlabel="C11 for the first crystal [GPa]", ylabel="RVEs")
        style_axes(axes)
    target = store.folder / OVERVIEW
    with atomic_file(target) as temporary:
        figure.savefig(temporary, dpi=150)
    return target


def _c11(store: PolycrystalStore) -> Iterator[tuple[float, float, float]]:
    if "stiffness" not in store.arrays:
        return
    for column in _c11_rows(store).T:
        yield float(column.mean()), float(column.min()), float(column.max())


def _c11_rows(store: PolycrystalStore) -> np.ndarray:
    """Return C11 for the first crystals, read in blocks of RVEs. [MPa]"""
    rows = range(0, len(store), _ROWS)
    parts = [store.read("stiffness", row, row + _ROWS)[:, :SHOWN, 0, 0] for row in rows]
    return np.concatenate(parts).astype(np.float64)
