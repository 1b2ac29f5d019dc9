"""All methods beside DAMASK, at their cost: a table and its CSV.

    python benchmarks/methods.py [--out docs/results/ladder]
    python benchmarks/methods.py --only predicted      # these methods anew, the others kept
    python -m reproduction accuracy      # the chart and the tables of docs/accuracy.md

Reference: DAMASK 3.0.2 on 16^3 voxels and 100 random grains (tests/verification/data). One thread;
CPU seconds (user + system) of this process after compilation, those of building a network included.
Predicted networks are those of `px.predict_network`. "predict" is `px.predict` with the accuracy
that its name says; `bound` is the largest bound of its stress. The texture index is that of the
density with a half-width of 10 degrees.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

import polyxtal as px
from crystals import POLYCRYSTALS, Case, timed
from polyxtal.crystal.laue import LaueGroup
from polyxtal.mechanics.ladder.grids import coarse_grid
from polyxtal.mechanics.mean_field.grain_rotation import turned_grains
from polyxtal.texture.measure import texture_coefficients, volume_shares

COLUMNS = ("mean", "maximum", "rotation", "texture", "index", "seconds", "damask", "bound")
HEADER = ("case", "method", *COLUMNS)
HALFWIDTH = math.radians(10)
CASES = {
    "Al_tension": "P_N16_G100_random1_tension",
    **{name: f"B_N16_{name}" for name in POLYCRYSTALS},
}


def methods(case: Case) -> Iterator[tuple[str, Callable[[], px.Response]]]:
    """Yield every method of prediction by name."""
    rve, materials, path = case.rve, case.materials, case.path
    yield "Taylor", lambda: px.taylor_response(rve, materials, path)
    yield "Sachs", lambda: px.sachs_response(rve, materials, path)
    build = px.MaterialNetwork.from_polycrystal
    for leaves in (8, 32, 128, 512, 2048):
        yield (
            f"network, {leaves} leaves",
            lambda n=leaves: build(rve, n, 0).respond(materials, path),
        )
    for leaves in (32, 128):
        yield (
            f"8 networks, {leaves} leaves",
            lambda n=leaves: build(rve, n, 0, ensemble=8).respond(materials, path),
        )
    yield (
        "predicted network, 32 leaves",
        lambda: px.predict_network(rve, materials, 32).respond(materials, path),
    )
    for points in (125, 343, 729, 1331):
        grid = coarse_grid(rve, points)
        coarse = px.coarsen(rve, grid)
        name = f"coarse field, {grid[0]}^3"
        yield name, lambda c=coarse: px.simulate(c, materials, path, threads=1)
    for accuracy in (0.02, 0.01, 0.005):
        yield (
            f"predict, {100 * accuracy:g} %",
            lambda a=accuracy: px.predict(rve, materials, path, a, threads=1),
        )
    yield "full field, 16^3", lambda: px.simulate(rve, materials, path, threads=1)


def textures(case: Case, response: px.Response) -> tuple[str, str, str]:
    """Return the errors of the grains' final orientations and l = 4 coefficients, and the index.

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
    index = f"{texture_index(q[-1], weights, laue):.3f}"
    turned = q[-1] if q.shape[1] == rve.grains else turned_grains(rve, response)
    angle = laue.disorientation(turned, case.end)
    share = volume_shares(case.end, rve.volume_fractions)
    if q.shape[1] == rve.grains:
        share = torch.where(response.weights > 0, share, 0.0)
    return f"{float(torch.rad2deg(share @ angle / share.sum())):.2f}", texture, index


def bound_of(response: px.Response) -> str:
    """Return the largest bound of the stress over the largest stress [%], if there is one."""
    if not isinstance(response, px.EstimatedResponse):
        return ""
    return f"{100 * response.error:.4f}"


def texture_index(q: torch.Tensor, weights: torch.Tensor, laue: LaueGroup) -> float:
    """Return that of the density of orientations."""
    return px.ODF.from_orientations(q, weights, HALFWIDTH, laue=laue).index


def table(out: Path, only: str) -> None:
    """Compare methods with DAMASK: stress, rotation of grains, texture, CPU time."""
    file = out / "methods.csv"
    kept: dict[tuple[str, str], list[str]] = {}
    if only:
        with file.open(newline="") as stream:
            kept = {(row[0], row[1]): row for row in csv.reader(stream)}
    rows: list[Sequence[object]] = []
    for name, source in CASES.items():
        case = Case(source)
        print(f"\n{name}: DAMASK {case.damask:.0f} CPU s")
        laue, share = case.rve.laue_group(0), case.rve.volume_fractions
        index = f"{texture_index(case.end, share, laue):.3f}"
        damask = f"{case.damask:.0f}"
        rows.append((name, "DAMASK", 0, 0, 0, 0, index, damask, damask, ""))
        print(f"texture index {index}")
        print("method                         mean   max [%]  rotation [deg]  l = 4  index   CPU s")
        for method, run in methods(case):
            if not method.startswith(only):
                if (name, method) in kept:
                    rows.append(kept[name, method])
                continue
            try:
                run()  # compiles
                response, seconds = timed(run)
            except px.ConvergenceError as error:
                print(f"{method:29s} does not converge: {str(error)[:60]}")
                continue
            error = case.errors(response)
            turned = textures(case, response)
            rotation, texture, index = turned
            print(
                f"{method:29s} {100 * error.mean:6.2f} {100 * error.maximum:6.2f} {rotation:>15s}"
                f" {texture:>9s} {index:>6s} {seconds:7.2f}"
            )
            numbers = (f"{100 * error.mean:.4f}", f"{100 * error.maximum:.4f}", *turned)
            rows.append((name, method, *numbers, f"{seconds:.3f}", damask, bound_of(response)))
    with file.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([HEADER, *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/methods"))
    parser.add_argument("--only", default="", help="how the names of the methods begin")
    asked = parser.parse_args()
    out = asked.out
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    table(out, asked.only)


if __name__ == "__main__":
    main()
