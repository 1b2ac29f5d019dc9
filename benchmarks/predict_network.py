"""Cost and accuracy of predicted networks, relative to the full field of the same RVE.

    python benchmarks/predict_network.py [--damask] [MODEL]

One thread, CPU time after compilation. RVE: 45^3 voxels, 810 grains; load: tension to 5 %. With
--damask: errors of 32 leaves relative to DAMASK's curves of a polycrystal of 16^3 voxels, eight
seeds. MODEL has heads for stiffness and curves (default: `polyxtal-small`).
"""

from __future__ import annotations

import argparse
import time
import warnings

import torch

import polyxtal as px
from network import CASES, load_case

LEAVES, SEEDS = (32, 128), 8


def cpu(function) -> tuple[float, object]:
    """Return the CPU time [s] and the result of a function."""
    start = time.process_time()
    found = function()
    return time.process_time() - start, found


def main(name: str) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)
    model, material = px.load_model(name), px.load_material("AA6022-T4")
    path = px.LoadPath.uniaxial(0.05)
    small = px.tessellate(grid=6, grains=4, seed=1)
    short = px.LoadPath.uniaxial(0.002, increments=2)
    px.simulate(small, material, short)
    model.predict_network(small, 4).respond(material, short)

    rve = px.tessellate(grid=45, grains=810, seed=0)
    seconds, truth = cpu(lambda: px.simulate(rve, material, path))
    print(f"full field: {seconds:.1f} s")
    for leaves in LEAVES:
        building, network = cpu(lambda n=leaves: model.predict_network(rve, n))
        times, untrained = [], px.MaterialNetwork.from_polycrystal(rve, leaves)
        for _ in range(3):
            took, response = cpu(lambda net=network: net.respond(material, path))
            times.append(took)
        error = px.compare(response, truth)
        plain = px.compare(untrained.respond(material, path), truth)
        print(
            f"{leaves} leaves: curve {min(times):.3f} s, full field / curve "
            f"{seconds / min(times):.0f}; network predicted in {building:.1f} s, full field / both "
            f"{seconds / (building + min(times)):.0f}; mean / largest error {percent(error)}, "
            f"untrained {percent(plain)}"
        )


def against_damask(name: str) -> None:
    warnings.simplefilter("ignore", UserWarning)
    model, material = px.load_model(name), px.load_material("AA6022-T4")
    for case in CASES:
        rve, path, truth, _ = load_case(case)
        for kind, make in (
            ("untrained", lambda seed, rve=rve: px.MaterialNetwork.from_polycrystal(rve, 32, seed)),
            ("predicted", lambda seed, rve=rve: model.predict_network(rve, 32, seed)),
        ):
            errors = [
                px.compare(make(seed).respond(material, path), truth) for seed in range(SEEDS)
            ]
            mean = sum(error.mean for error in errors) / SEEDS
            worst = max(errors, key=lambda error: error.mean)
            print(
                f"{case}, {kind}: mean over {SEEDS} seeds {100 * mean:.2f} %, worst seed "
                f"{percent(worst)}, largest error {100 * max(e.maximum for e in errors):.2f} %"
            )


def percent(error: px.StressError) -> str:
    return f"{100 * error.mean:.2f} / {100 * error.maximum:.2f} %"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="polyxtal-small")
    parser.add_argument("--damask", action="store_true")
    asked = parser.parse_args()
    (against_damask if asked.damask else main)(asked.model)
