"""Cost and accuracy of predicted networks of 32 leaves.

    python benchmarks/predict_network.py cost                    # 45^3 voxels, and its parts
    python benchmarks/predict_network.py many [COUNT]            # many polycrystals, two processes
    python benchmarks/predict_network.py damask [--out FOLDER]   # any crystal, beside DAMASK

One thread; CPU seconds after compilation. `damask`: DAMASK's curves of 16^3 voxels and 100 grains
(tests/verification/data), untrained and predicted networks of eight seeds; `methods.py` has full
fields on coarse grids.
"""

from __future__ import annotations

import argparse
import cProfile
import csv
import pstats
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import torch

import polyxtal as px
from crystals import POLYCRYSTALS, Case

T = TypeVar("T")
LEAVES, SEEDS = 32, 8
PARTS = ("from_polycrystal", "_expected_curves", "self_consistent_average", "fit_network")
CASES = ("P_N16_G100_random1_tension", *(f"B_N16_{name}" for name in POLYCRYSTALS))
HEADER = ("case", "method", "mean", "worst mean", "maximum", "seconds", "worse than untrained")


def cpu(function: Callable[[], T]) -> tuple[float, T]:
    """Return the CPU time [s] and the result of a function."""
    start = time.process_time()
    found = function()
    return time.process_time() - start, found


def warm_up() -> None:
    """Compile, so that it is not measured."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)
    material = px.load_material("AA6022-T4")
    small = px.tessellate(grid=6, grains=8, seed=1)
    px.predict_network(small, material, 4).respond(material, px.LoadPath.uniaxial(0.002))
    px.simulate(small, material, px.LoadPath.uniaxial(0.002, increments=2))


def cost() -> None:
    warm_up()
    material, path = px.load_material("AA6022-T4"), px.LoadPath.uniaxial(0.05)
    rve = px.tessellate(grid=45, grains=810, seed=0)
    seconds, truth = cpu(lambda: px.simulate(rve, material, path, threads=1))
    print(f"full field: {seconds:.1f} s")
    for leaves in (LEAVES, 128):
        building, network = min(
            (cpu(lambda n=leaves: px.predict_network(rve, material, n)) for _ in range(3)),
            key=lambda found: found[0],
        )
        running, response = min(
            (cpu(lambda net=network: net.respond(material, path)) for _ in range(3)),
            key=lambda found: found[0],
        )
        untrained = px.MaterialNetwork.from_polycrystal(rve, leaves).respond(material, path)
        print(
            f"{leaves} leaves: predicted in {building:.2f} s, curve {running:.3f} s; full field / "
            f"both {seconds / (building + running):.0f}; mean / largest error "
            f"{percent(px.compare(response, truth))}, untrained "
            f"{percent(px.compare(untrained, truth))}"
        )
    profile = cProfile.Profile()
    profile.runcall(px.predict_network, rve, material, LEAVES)
    stats = pstats.Stats(profile).get_stats_profile().func_profiles
    for name in PARTS:
        print(f"  {name}: {stats[name].cumtime:.3f} s (under a profiler)")


def percent(error: px.StressError) -> str:
    return f"{100 * error.mean:.2f} / {100 * error.maximum:.2f} %"


def one_of_many(seed: int) -> float:
    rve = px.tessellate(grid=45, grains=810, seed=seed)
    return cpu(lambda: px.predict_network(rve, px.load_material("AA6022-T4"), LEAVES))[0]


def many(count: int) -> None:
    workers = 2
    with ProcessPoolExecutor(workers, get_context("spawn"), warm_up) as pool:
        list(pool.map(one_of_many, range(workers)))  # started and compiled
        begin = time.perf_counter()
        used = list(pool.map(one_of_many, range(count)))
        wall = time.perf_counter() - begin
    print(
        f"{count} polycrystals of 45^3 voxels: {wall:.1f} s on two cores with tessellation; the "
        f"networks alone took {sum(used) / count:.2f} CPU s each: 1000 in "
        f"{1000 * sum(used) / count / workers / 60:.1f} min"
    )


def against_damask(out: Path) -> None:
    warm_up()
    rows = []
    for name in CASES:
        case = Case(name)
        network = px.MaterialNetwork.from_polycrystal(case.rve, 8)
        network.respond(case.materials, case.path)  # compiled from here on
        kinds = {
            "untrained": lambda seed, case=case: px.MaterialNetwork.from_polycrystal(
                case.rve, LEAVES, seed
            ),
            "predicted": lambda seed, case=case: px.predict_network(
                case.rve, case.materials, LEAVES, seed
            ),
        }
        before: list[float] = []
        for kind, make in kinds.items():
            found = []
            for seed in range(SEEDS):
                took, response = cpu(
                    lambda make=make, seed=seed, case=case: make(seed).respond(
                        case.materials, case.path
                    )
                )
                found.append((case.errors(response), took))
            means = [error.mean for error, _ in found]
            largest = max(error.maximum for error, _ in found)
            spent = sum(took for _, took in found) / SEEDS
            worse = sum(mean > old for mean, old in zip(means, before, strict=False))
            before = before or means
            rows.append((name, kind, sum(means) / SEEDS, max(means), largest, spent, worse))
        for row in rows[-2:]:
            print(*(f"{x:.4f}" if isinstance(x, float) else x for x in row), flush=True)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "crystals.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("cost", "many", "damask"))
    parser.add_argument("count", nargs="?", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("docs/results/predicted_networks"))
    asked = parser.parse_args()
    if asked.what == "cost":
        cost()
    elif asked.what == "many":
        many(asked.count)
    else:
        against_damask(asked.out)
