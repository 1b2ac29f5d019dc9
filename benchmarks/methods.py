"""All methods beside DAMASK, at their cost: a table, its CSV and a picture.

    python benchmarks/methods.py [--out docs/results/ladder]

Reference: DAMASK 3.0.2 on 16^3 voxels and 100 random grains (tests/verification/data). One thread;
CPU seconds (user + system) of this process after compilation.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from matplotlib.figure import Figure

import polyxtal as px
from crystals import POLYCRYSTALS, Case, timed
from polyxtal.mechanics.ladder.grids import coarse_grid
from polyxtal.mechanics.mean_field.grain_rotation import turned_grains
from polyxtal.texture.measure import texture_coefficients, volume_shares
from polyxtal.viz.style import LINE_COLORS, TICK_SIZE, new_figure, style_axes

HEADER = ("case", "method", "mean", "maximum", "rotation", "texture", "seconds", "damask")
TITLES = {
    "ferrite_tension": "Ferrite (bcc), tension",
    "Ti_tension": "Titanium (hcp), tension",
    "Mg_tension": "Magnesium (hcp, twins), tension",
    "DP_tension": "Dual-phase steel, tension",
    "Al_psc30": "AA6022-T4 (fcc), rolled by 30 %",
}


def methods(case: Case) -> Iterator[tuple[str, Callable[[], px.Response]]]:
    """Yield every method of prediction by name."""
    rve, materials, path = case.rve, case.materials, case.path
    yield "Taylor", lambda: px.taylor_response(rve, materials, path)
    yield "Sachs", lambda: px.sachs_response(rve, materials, path)
    for leaves in (32, 128, 512):
        network = px.MaterialNetwork.from_polycrystal(rve, leaves, 0)
        yield f"network, {leaves} leaves", lambda n=network: n.respond(materials, path)
    for points in (125, 343, 729, 1331):
        grid = coarse_grid(rve, points)
        coarse = px.coarsen(rve, grid)
        name = f"coarse field, {grid[0]}^3"
        yield name, lambda c=coarse: px.simulate(c, materials, path, threads=1)
    yield "full field, 16^3", lambda: px.simulate(rve, materials, path, threads=1)


def textures(case: Case, response: px.Response) -> tuple[str, str]:
    """Return the mean error of the grains' final orientations, and that of l = 4 coefficients.

    Grains turn with the leaves nearest to them; on a coarse grid those without voxels are left out.
    """
    q = response.orientations
    assert q is not None
    rve, laue = case.rve, case.rve.laue_group(0)
    weights = rve.volume_fractions if q.shape[1] == rve.grains else response.weights
    means = [
        texture_coefficients(one, share, 4, laue)
        for one, share in ((q[-1], weights), (case.end, rve.volume_fractions))
    ]
    texture = f"{float((means[0] - means[1]).norm()):.4f}"
    turned = q[-1] if q.shape[1] == rve.grains else turned_grains(rve, response)
    angle = laue.disorientation(turned, case.end)
    share = volume_shares(case.end, rve.volume_fractions)
    if q.shape[1] == rve.grains:
        share = torch.where(response.weights > 0, share, 0.0)
    return f"{float(torch.rad2deg(share @ angle / share.sum())):.2f}", texture


def table(out: Path) -> None:
    """Compare every method with DAMASK: stress, rotation of grains, texture, CPU time."""
    rows: list[tuple[object, ...]] = []
    for name in POLYCRYSTALS:
        case = Case(f"B_N16_{name}")
        print(f"\n{name}: DAMASK {case.damask:.0f} CPU s")
        print("method                  mean    max error [%]  rotation [deg]  l = 4 error  CPU s")
        for method, run in methods(case):
            try:
                run()  # compiles
                response, seconds = timed(run)
            except px.ConvergenceError as error:
                print(f"{method:22s} does not converge: {str(error)[:60]}")
                continue
            error = case.errors(response)
            rotation, texture = textures(case, response)
            print(
                f"{method:22s} {100 * error.mean:6.2f} {100 * error.maximum:6.2f} {rotation:>23s}"
                f" {texture:>12s} {seconds:7.2f}"
            )
            numbers = (f"{100 * error.mean:.4f}", f"{100 * error.maximum:.4f}", rotation, texture)
            rows.append((name, method, *numbers, f"{seconds:.3f}", f"{case.damask:.0f}"))
    with (out / "methods.csv").open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([HEADER, *rows])


def draw(file: Path) -> Figure:
    """Draw error against CPU time, one panel a case, from the table's CSV."""
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    figure = new_figure(9.6, 5.6)
    panels = figure.subplots(2, 3).flatten().tolist()
    shown = [(case, "mean", "Mean error of stress [%]", title) for case, title in TITLES.items()]
    shown.append(("Al_psc30", "rotation", "Mean error of orientations [°]", TITLES["Al_psc30"]))
    for axes, (case, key, label, title) in zip(panels, shown, strict=True):
        families = ("Taylor", "Sachs", "network", "coarse field")
        for family, color in zip(families, LINE_COLORS, strict=False):
            part = [r for r in rows if r["case"] == case and r["method"].startswith(family)]
            x, y = ([float(r[column]) for r in part] for column in ("seconds", key))
            axes.plot(x, y, "o-", color=color, markersize=4, linewidth=1, label=family)
        axes.set(xscale="log", yscale="log", xlabel="CPU time [s]", ylabel=label)
        axes.set_title(title, fontsize=TICK_SIZE)
        style_axes(axes)
    panels[1].legend(frameon=False, fontsize=TICK_SIZE)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/methods"))
    out = parser.parse_args().out
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    table(out)
    draw(out / "methods.csv").savefig(out / "methods.png", dpi=150)


if __name__ == "__main__":
    main()
