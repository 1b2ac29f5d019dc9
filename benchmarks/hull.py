"""Coverage of sampled textures: hierarchical simplex sampling and its alternatives.

    python benchmarks/hull.py [count]

Texture index and Voigt C11 of aluminium for four distributions of the number of orientations. C11
is given relative to the range (max - min) of single crystals, from <100> to <111> along x. Writes
docs/images/texture_hull.png.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

import polyxtal as px
from polyxtal.texture.hull import TextureHullSample
from polyxtal.viz.style import INK, LINE_COLORS, TITLE_SIZE, new_figure, style_axes

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "texture_hull.png"
COUNTS = (2_000, 10_000)
RESOLUTION = 10.0
ALUMINIUM = px.CubicElasticity(107.3e3, 60.8e3, 28.3e3)
LAWS = ("log_uniform", "uniform", "geometric", "flat")


def crystal_range() -> tuple[float, float]:
    """Return C11 of a crystal along x, c11 - 2 (c11 - c12 - 2 c44) Σ h_i² h_j²; Σ is 0 to 1/3."""
    c = ALUMINIUM
    ends = c.c11, c.c11 - 2 / 3 * (c.c11 - c.c12 - 2 * c.c44)
    return min(ends), max(ends)


def measure(sample: TextureHullSample) -> tuple[np.ndarray, np.ndarray, float]:
    """Return texture index, C11 [MPa], and seconds to sample 1000 textures."""
    start = time.perf_counter()
    textures = list(sample)
    spent = 1000 * (time.perf_counter() - start) / len(sample)
    stiff = ALUMINIUM.stiffness(sample.grid.orientations)[:, 0, 0]
    index = np.array([texture.index() for texture in textures])
    c11 = np.array([float(texture.weights @ stiff[texture.support]) for texture in textures])
    return index, c11, spent


def draw(results: dict[str, tuple[np.ndarray, np.ndarray, float]]) -> None:
    figure = new_figure(8.4, 3.2)
    left, right = figure.subplots(1, 2)
    low, high = crystal_range()
    edges = np.geomspace(1, 2000, 45), np.linspace(low - 400, high + 400, 46) / 1e3
    names = {"log_uniform": "hierarchical, log-uniform", "flat": "flat (Dirichlet), cut off"}
    for (law, name), color in zip(names.items(), LINE_COLORS, strict=False):
        index, c11, _ = results[law]
        share = np.full(len(index), 100 / len(index))
        for axes, values, bins in ((left, index, edges[0]), (right, c11 / 1e3, edges[1])):
            kind = (
                {"alpha": 0.5} if law == "log_uniform" else {"histtype": "step", "linewidth": 1.4}
            )
            axes.hist(values, bins, weights=share, color=color, label=name, **kind)
    left.set_xscale("log")
    left.set_xlabel("Texture index")
    right.set_xlabel("Voigt's C11 of aluminium [GPa]")
    for end, name in ((low, "<100>"), (high, "<111>")):
        right.axvline(end / 1e3, color=INK, linewidth=0.9, linestyle="--")
        right.annotate(
            name,
            (end / 1e3, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(4 if end == low else -4, 0),
            textcoords="offset points",
            ha="left" if end == low else "right",
            va="top",
            fontsize=TITLE_SIZE - 2,
            color=INK,
        )
    for axes in (left, right):
        axes.set_ylabel("Textures [%]")
        style_axes(axes)
        axes.set_ylim(0, 25)
    left.legend(fontsize=TITLE_SIZE - 2, frameon=False, loc="upper center")
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, metadata={"Software": None})


def main() -> None:
    counts = tuple(int(n) for n in sys.argv[1:]) or COUNTS
    low, high = crystal_range()
    grid = px.orientation_grid(RESOLUTION)
    stiff = ALUMINIUM.stiffness(grid.orientations)[:, 0, 0]
    span = high - low
    print(
        f"C11 of one crystal: {low / 1e3:.2f} to {high / 1e3:.2f} GPa; the {len(grid)} grid "
        f"orientations span {100 * float(stiff.max() - stiff.min()) / span:.1f} % of it"
    )
    print(f"{'':28s}{'texture index':>46s} {'C11, % of that range':>22s}")
    print(
        f"{'law':>12s} {'count':>6s}  {'1 %':>7s} {'10 %':>7s} {'50 %':>7s} {'90 %':>7s} "
        f"{'99 %':>7s} {'max':>7s} {'deviation':>13s} {'span':>8s} {'s / 1000':>9s}"
    )
    for count in counts:
        results = {}
        for law in LAWS:
            sample = px.sample_texture_hull(count, RESOLUTION, seed=1, support=law)
            index, c11, spent = results[law] = measure(sample)
            levels = [*np.percentile(index, [1, 10, 50, 90, 99]), index.max()]
            print(
                f"{law:>12s} {count:6d}  "
                + " ".join(f"{level:7.4g}" for level in levels)
                + f" {100 * c11.std() / span:13.1f} {100 * np.ptp(c11) / span:8.1f} {spent:9.2f}"
            )
    draw(results)
    print(f"Figure: {PICTURE}")


if __name__ == "__main__":
    main()
