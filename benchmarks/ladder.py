"""Accuracy, cost and calibration of full fields on coarse grids beside all other methods.

    python benchmarks/ladder.py                                  # `sampling` and `damask`
    python benchmarks/ladder.py sampling|damask|calibration [--cases 40] [--out out/ladder]

One thread; CPU seconds (user + system) of this process after compilation. `calibration` takes about
twenty minutes and continues where it was stopped.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

import polyxtal as px
from crystals import POLYCRYSTALS, Case, timed
from polyxtal.mechanics.ladder.grids import coarse_grid
from polyxtal.texture.measure import texture_coefficients, volume_shares

KINDS = ("AA6022-T4", "317L", "ferrite", "Ti", "DP")
LOADS = ("tension", "shear", "plane strain", "cycle")
FIRST_SEED = 7000
"""Seeds below this one were looked at when κ was chosen."""
ACCURACIES = (0.02, 0.01, 0.005)


def nearest(rve: px.Polycrystal, grid: tuple[int, int, int]) -> px.Polycrystal:
    """Take the fine voxel at the centre of every coarse one: the baseline of `coarsen`."""
    places = [(2 * np.arange(m) + 1) * n // (2 * m) for n, m in zip(rve.grid, grid, strict=True)]
    ids = rve.grain_id.numpy()[np.ix_(*places)]
    return px.Polycrystal(ids, rve.orientations, rve.size, rve.phase, rve.phase_names, rve.lattices)


def sampling() -> None:
    """Compare the choice of voxels: balanced, and every nth."""
    material, path = px.load_material("AA6022-T4"), px.LoadPath.uniaxial(0.03, increments=20)
    px.simulate(px.tessellate(grid=4, grains=4, seed=0), material, path)
    print("Choice of voxels: AA6022-T4, 16^3 voxels, 100 random grains, tension to 3 %, 8 samples")
    print("grid  every nth: mean   max  balanced: mean   max  [% of the largest stress]")
    rows: dict[tuple[int, str], list[px.StressError]] = {}
    for seed in range(8):
        rve = px.tessellate(grid=16, grains=100, seed=FIRST_SEED + seed)
        full = px.simulate(rve, material, path)
        for m in (5, 7, 9, 11):
            for name, coarse in (("nth", nearest(rve, (m,) * 3)), ("balanced", px.coarsen(rve, m))):
                error = px.compare(px.simulate(coarse, material, path), full)
                rows.setdefault((m, name), []).append(error)
    for m in (5, 7, 9, 11):
        parts = [np.array([e[:2] for e in rows[m, name]]) for name in ("nth", "balanced")]
        means = [100 * part.mean(0) for part in parts]
        print(
            f"{m:4d}  {means[0][0]:15.2f} {means[0][1]:5.2f} {means[1][0]:15.2f} {means[1][1]:5.2f}"
        )


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
    """Return the mean rotation error of grains and the error of l = 4 coefficients, or dashes."""
    q = response.orientations
    if q is None or case.truth.time[-1] > response.time[-1] + 1e-6:
        return "-", "-"
    rve, laue = case.rve, case.rve.laue_group(0)
    weights = rve.volume_fractions if q.shape[1] == rve.grains else response.weights
    means = [
        texture_coefficients(one, share, 4, laue)
        for one, share in ((q[-1], weights), (case.end, rve.volume_fractions))
    ]
    texture = f"{float((means[0] - means[1]).norm()):.4f}"
    if q.shape[1] != rve.grains:
        return "-", texture
    angle = laue.disorientation(q[-1], case.end)
    share = volume_shares(case.end, rve.volume_fractions)
    here = response.weights > 0 if response.weights is not None else share > 0
    share = torch.where(here, share, 0.0)
    return f"{float(torch.rad2deg(share @ angle / share.sum())):.2f}", texture


def against_damask() -> None:
    """Compare every method with DAMASK: stress, rotation of grains, texture, CPU time."""
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


def polycrystal(number: int) -> tuple[str, px.Polycrystal, object, px.LoadPath]:
    """Return a polycrystal nobody looked at, its materials and load."""
    generator = np.random.default_rng(FIRST_SEED + number)
    kind, load = KINDS[number % len(KINDS)], LOADS[number // len(KINDS) % len(LOADS)]
    grid, grains = int(generator.integers(16, 21)), int(generator.choice([40, 80, 160, 300]))
    names = ("ferrite", "martensite") if kind == "DP" else (kind,)
    materials = {name: px.load_material(name) for name in names}
    lattice = materials[names[0]].lattice
    texture = None
    if generator.random() < 0.5:
        sheet = {"copper": 0.3, "brass": 0.3, "S": 0.4}
        hexagonal = kind == "Ti"
        texture = px.basal_texture(lattice) if hexagonal else px.rolling_texture(sheet)
    drawn = px.tessellate(grid, grains, seed=FIRST_SEED + number, texture=texture, lattice=lattice)
    phase = torch.from_numpy((generator.random(grains) < 0.3).astype(np.int64)) * (len(names) - 1)
    rve = px.Polycrystal(
        drawn.grain_id,
        drawn.orientations,
        phase=phase,
        phase_names=names,
        lattices=[m.lattice for m in materials.values()],
    )
    paths = {
        "tension": lambda: px.LoadPath.uniaxial(0.04, increments=20),
        "shear": lambda: px.LoadPath.shear(0.06, increments=20),
        "plane strain": lambda: px.LoadPath.plane_strain(-0.06, increments=20),
        "cycle": lambda: px.LoadPath.cyclic(0.01, increments=32),
    }
    return f"{kind}, {grid}^3, {grains} grains, {load}", rve, materials, paths[load]()


def calibration(cases: int, out: Path) -> None:
    """Count how often the true error lies below the bound, and below the wanted accuracy."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / "calibration.csv"
    header = ["case", "accuracy", "grid", "bound", "error", "increments within", "seconds", "full"]
    if not file.exists():
        file.write_text(",".join(header) + "\n")
    with file.open(newline="") as stream:
        known = {row["case"] for row in csv.DictReader(stream)}
    for number in range(cases):
        name, rve, materials, path = polycrystal(number)
        label = f"{number}: {name}".replace(",", ";")
        if label in known:
            continue
        full, cost = timed(lambda r=rve, m=materials, p=path: px.simulate(r, m, p, threads=1))
        rows = []
        for accuracy in ACCURACIES:
            answer, seconds = timed(
                lambda r=rve, m=materials, p=path, a=accuracy: px.predict(r, m, p, a, threads=1)
            )
            i, j = px.compare(answer, full).component or (0, 0)
            error = (answer.P - full.P)[:, i, j].abs()
            within = (error[1:] <= answer.bounds.P[1:, i, j] + 1e-3).double().mean()
            relative = float(error.max() / full.P[:, i, j].abs().max())
            numbers = (accuracy, answer.grid[0], answer.error, relative, float(within))
            rows.append([label, *numbers, round(seconds, 2), round(cost, 2)])
        with file.open("a", newline="") as stream:
            csv.writer(stream).writerows(rows)
        print(label, *(f"{100 * row[4]:.2f} of {100 * row[3]:.2f} %" for row in rows), flush=True)
    _report(file)


def _report(file: Path) -> None:
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    print("\naccuracy  answers  error below bound  increments  below accuracy  CPU s  full field")
    groups = {f"{100 * a:g} %": [r for r in rows if float(r["accuracy"]) == a] for a in ACCURACIES}
    coarse = [row for row in rows if float(row["bound"]) > 0]
    groups |= {kind: [r for r in coarse if f": {kind};" in r["case"]] for kind in KINDS}
    groups |= {load: [r for r in coarse if r["case"].endswith(load)] for load in LOADS}
    groups["all"] = coarse
    for name, group in groups.items():
        part = [row for row in group if float(row["bound"]) > 0]
        if not part:
            continue
        keys = ("error", "bound", "increments within", "seconds", "full")
        columns = {key: np.array([float(row[key]) for row in part]) for key in keys}
        whole = np.array([float(r["error"]) <= float(r["accuracy"]) for r in group])
        print(
            f"{name:12s} {len(part):5d} {(columns['error'] <= columns['bound']).mean():15.2f}"
            f" {columns['increments within'].mean():14.2f} {whole.mean():13.2f}"
            f" {columns['seconds'].mean():10.2f} {columns['full'].mean():9.2f}"
        )


def main() -> None:
    plain = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("table", nargs="?", choices=("sampling", "damask", "calibration"))
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("out/ladder"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.table in (None, "sampling"):
        sampling()
    if given.table in (None, "damask"):
        against_damask()
    if given.table == "calibration":
        calibration(given.cases, given.out)


if __name__ == "__main__":
    main()
