"""Virtual laboratory: its bounds against the full field on the file's own grid, and its cost.

    python benchmarks/laboratory.py bounds
    python benchmarks/laboratory.py random
    python benchmarks/laboratory.py aa6022
    python benchmarks/laboratory.py cost

`bounds`: rolled and random sheets of 15³ voxels, each with the laboratory on a coarse grid and on
its own: shares of r-values and yield stresses whose difference is below the bound `grid`.
`random`: r-values, 1 in the material, of small sheets of random texture on their own grids,
and yield stresses beside their mean over all directions and sheets: shares below `sampling`, with
the standard error over the sheets, whose three directions are not independent.
`aa6022`: r-values and yield stresses that plausible textures of AA6022-T4 give, blind, beside the
measured ones [Tian2016]; no texture was published with them.
`cost`: seconds of the whole laboratory for 45³ voxels, with and without Taylor's model, of the same
tests with a network, and DAMASK's CPU time extrapolated from its own on 16³ voxels.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

import polyxtal as px

REFERENCE = Path(__file__).parent.parent / "tests/verification/data/P_N16_G100_random1_tension.npz"
STORED = Path(__file__).parent.parent / "docs/results/laboratory"
ROLLED = {"copper": 0.25, "s": 0.25, "brass": 0.15, "cube": 0.1}
FEW = px.LaboratorySettings(section=12, directions=4, strain=0.03, taylor=False)
FINE = px.LaboratorySettings(section=12, directions=4, strain=0.03, accuracy=1e-4, taylor=False)


def sheet(grid: int, grains: int, seed: int, rolled: bool) -> px.Polycrystal:
    """Return a sheet, with flat grains if rolled."""
    texture = px.rolling_texture(ROLLED) if rolled else None
    aspect = (2.0, 1.4, 0.7) if rolled else (1.0, 1.0, 1.0)
    return px.tessellate(grid=grid, grains=grains, seed=seed, texture=texture, aspect=aspect)


def bounds(seeds: range) -> list[dict[str, float | str]]:
    """Compare coarse laboratories with those on the sheet's own grid."""
    rows: list[dict[str, float | str]] = []
    alloy = px.load_material("AA6022-T4")
    for rolled in (True, False):
        for seed in seeds:
            rve = sheet(15, 150, 100 + seed, rolled)
            coarse = px.laboratory(rve, alloy, FEW)
            fine = px.laboratory(rve, alloy, FINE)
            for quantity in ("r", "yield stress"):
                pairs = (
                    zip(coarse.r_values(), fine.r_values(), strict=True)
                    if quantity == "r"
                    else zip(coarse.yield_stresses(), fine.yield_stresses(), strict=True)
                )
                for one, truth in pairs:
                    rows.append(
                        {
                            "sheet": f"{'rolled' if rolled else 'random'} {seed}",
                            "quantity": quantity,
                            "angle [degrees]": one.angle,
                            "coarse grid": "x".join(map(str, coarse.grid)),
                            "value": one.value,
                            "bound": one.grid,
                            "own grid": truth.value,
                        }
                    )
            print(f"{'rolled' if rolled else 'random'} {seed}: {coarse.grid}", flush=True)
    return rows


def random(seeds: range) -> list[dict[str, float | str]]:
    """Return r-values and yield stresses of random textures on their own grids."""
    alloy = px.load_material("AA6022-T4")
    few = px.LaboratorySettings(
        (0.0, 45.0, 90.0), 8, 0, (0.002,), 0.02, accuracy=1e-4, taylor=False
    )
    rows: list[dict[str, float | str]] = []
    for seed in seeds:
        found = px.laboratory(
            px.tessellate(grid=8, grains=150, seed=9000 + seed), alloy, few, threads=1
        )
        for quantity, values in (("r", found.r_values()), ("yield", found.yield_stresses())):
            for one in values:
                rows.append(
                    {
                        "sheet": seed,
                        "quantity": quantity,
                        "angle [degrees]": one.angle,
                        "value": one.value,
                        "bound": one.sampling,
                    }
                )
        print(seed, [round(one.value, 2) for one in found.r_values()], flush=True)
    stresses = [float(row["value"]) for row in rows if row["quantity"] == "yield"]
    mean = sum(stresses) / len(stresses)
    for row in rows:
        row["material"] = 1.0 if row["quantity"] == "r" else mean
    return rows


MEASURED = {
    "angle [degrees]": (0, 15, 30, 45, 60, 75, 90, "equibiaxial"),
    "r": (0.80, 0.74, 0.54, 0.37, 0.41, 0.47, 0.54, 1.08),
    "yield": (1.000, 1.000, 1.001, 0.973, 0.962, 0.954, 0.955, 0.929),
}
"""Sheet of AA6022-T4: r-values, and yield stresses over that along x [Tian2016]."""
PLAUSIBLE = {
    "cube 25 %, Goss 5 %": {"cube": 0.25, "goss": 0.05},
    "cube 15 %": {"cube": 0.15},
    "cube 10 %, copper, S, brass 7 % each": {"cube": 0.1, "copper": 0.07, "s": 0.07, "brass": 0.07},
    "random": {},
}
"""Textures of recrystallised and partly recrystallised aluminium sheet, shares by volume."""


def aa6022(seeds: range) -> list[dict[str, float | str]]:
    """Return r-values and yield stresses of plausible textures beside the measured ones."""
    alloy = px.load_material("AA6022-T4")
    few = px.LaboratorySettings(section=8, directions=0, strain=0.1, levels=(0.01,), taylor=False)
    rows: list[dict[str, float | str]] = [
        {
            "texture": "measured",
            "angle [degrees]": a,
            "r": r,
            "yield": s,
            "r bound": "",
            "bound": "",
        }
        for a, r, s in zip(*MEASURED.values(), strict=True)
    ]
    for name, shares in PLAUSIBLE.items():
        for seed in seeds:
            texture = px.rolling_texture(shares, 0.26) if shares else None
            rve = px.tessellate(grid=15, grains=400, seed=300 + seed, texture=texture)
            found = px.laboratory(rve, alloy, few)
            first = found.yield_stresses()[0].value
            of_r: dict[float | str, Any] = {one.angle: one for one in found.r_values()}
            of_s: dict[float | str, Any] = {one.angle: one for one in found.yield_stresses()}
            of_r["equibiaxial"], of_s["equibiaxial"] = found.biaxial_r(), found.biaxial()
            for angle, r in of_r.items():
                s = of_s[angle]
                rows.append(
                    {
                        "texture": f"{name}, {seed}",
                        "angle [degrees]": angle,
                        "r": r.value,
                        "yield": s.value / first,
                        "r bound": (r.grid**2 + r.sampling**2) ** 0.5,
                        "bound": (s.grid**2 + s.sampling**2) ** 0.5 / first,
                    }
                )
            shown = " ".join(f"{one.value:.2f}" for one in of_r.values())
            print(f"{name}, {seed}: r {shown}, biaxial {found.biaxial().value / first:.3f}")
    return rows


def _print_means(rows: list[dict[str, float | str]]) -> None:
    """Print the mean over the sheets of each texture, and the root mean square from measured."""
    means: dict[str, np.ndarray] = {}
    for name in ("measured", *PLAUSIBLE):
        own = [row for row in rows if str(row["texture"]).rpartition(", ")[0] == name]
        own = own or [row for row in rows if row["texture"] == name]
        values = [[float(row["r"]), float(row["yield"])] for row in own]
        means[name] = np.array(values).reshape(-1, 8, 2).mean(0).T
        off = np.sqrt(((means[name] - means["measured"])[:, :7] ** 2).mean(1))
        for quantity, line, rms in zip(("r", "σ"), means[name], off, strict=True):
            print(f"{name}: {quantity}", *(f"{v:.2f}" for v in line), f"rms {rms:.3f}")


def cost() -> None:
    """Print the time of a whole laboratory, beside networks and DAMASK's for as many increments."""
    rve = sheet(45, 800, 0, rolled=True)
    alloy = px.load_material("AA6022-T4")
    px.laboratory(sheet(5, 20, 0, rolled=False), alloy, px.LaboratorySettings((0.0,), 8, 0))
    for taylor in (False, True):
        wall, cpu = perf_counter(), process_time()
        found = px.laboratory(rve, alloy, px.LaboratorySettings(taylor=taylor))
        print(
            f"{len(found.records)} tests on {found.grid}{', with Taylor' if taylor else ''}: "
            f"{perf_counter() - wall:.1f} s wall, {process_time() - cpu:.1f} s CPU"
        )
    tests = [one.test for one in found.records]
    network = px.MaterialNetwork.from_polycrystal(rve, leaves=128)
    network.respond(alloy, tests[0].path)
    wall = perf_counter()
    for test in tests:
        network.respond(alloy, test.path)
    print(f"the same tests of a network of 128 leaves: {perf_counter() - wall:.1f} s")
    with np.load(REFERENCE) as data:
        steps = json.loads(str(data["loadsteps_json"]))
        increments = sum(step["discretization"]["N"] for step in steps)
        voxels = data["grain_id"].size
        each = float(data["cpu_seconds"]) / increments / voxels
    count = sum(test.path.increments for test in tests)
    estimate = each * count * rve.grain_id.numel()
    print(
        f"DAMASK, {count} increments of 45³ voxels at {1e6 * each:.0f} µs of CPU a voxel and "
        f"increment ({REFERENCE.name}): {estimate / 3600:.1f} h CPU, extrapolated"
    )


def main() -> None:
    """Run what is asked for and store its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("bounds", "random", "aa6022", "cost"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    arguments = parser.parse_args()
    if arguments.what == "cost":
        cost()
        return
    rows = {"bounds": bounds, "random": random, "aa6022": aa6022}[arguments.what](
        range(arguments.first, arguments.first + arguments.seeds)
    )
    STORED.mkdir(parents=True, exist_ok=True)
    with (STORED / f"{arguments.what}.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    if arguments.what == "aa6022":
        _print_means(rows)
        return
    for quantity in sorted({str(row["quantity"]) for row in rows}):
        chosen = [row for row in rows if row["quantity"] == quantity]
        truth = "own grid" if arguments.what == "bounds" else "material"
        within = {
            sheet: [
                abs(float(row["value"]) - float(row[truth])) <= float(row["bound"])
                for row in chosen
                if row["sheet"] == sheet
            ]
            for sheet in dict.fromkeys(row["sheet"] for row in chosen)
        }
        shares = np.array([np.mean(one) for one in within.values()])
        error = 100 * shares.std(ddof=1) / len(shares) ** 0.5
        print(
            f"{quantity}: {100 * shares.mean():.0f} ± {error:.0f} % of {len(chosen)} on "
            f"{len(shares)} sheets within"
        )


if __name__ == "__main__":
    sys.exit(main())
