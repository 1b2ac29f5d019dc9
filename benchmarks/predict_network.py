"""How long predicted networks take, over the full field of the same RVE, and how close they are.

    python benchmarks/predict_network.py [MODEL]

One thread, CPU time after the kernels are compiled. RVE: 45^3 voxels, 810 grains; load: tension to
5 %. MODEL has heads for stiffness and curves; without one, `polyxtal-small`.
"""

from __future__ import annotations

import argparse
import time
import warnings

import torch

import polyxtal as px

LEAVES = (32, 128)


def cpu(function) -> tuple[float, object]:
    """Return the CPU time of a function, and what it returns. [s]"""
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


def percent(error: px.StressError) -> str:
    return f"{100 * error.mean:.2f} / {100 * error.maximum:.2f} %"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="polyxtal-small")
    main(parser.parse_args().model)
