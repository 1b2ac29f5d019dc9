"""Speed of the periodic tessellation relative to other implementations in the same run.

    python benchmarks/tessellation.py              # all but kanapy
    python benchmarks/tessellation.py tree|sizes|kanapy

One thread, CPU time. `tree`: scipy's periodic KD-tree, 45^3 voxels and 810 grains; both find the
same owner for every voxel. `sizes`: the cost of prescribed grain sizes. `kanapy` (`pip install -e
.[bench]`): its packing of ellipsoids and voxelisation, on small boxes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import time

import numpy as np
import torch
from scipy.spatial import cKDTree

from polyxtal.microstructure.grain_statistics import grain_statistics
from polyxtal.microstructure.tessellate import power_diagram, tessellate

VOXELS, GRAINS, REPEATS = 45, 810, 10
SPREAD = 0.15
PEER_BOXES = ((15, 30), (25, 139))


def against_tree() -> None:
    axis = np.arange(VOXELS) + 0.5
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    seeds = np.random.default_rng(0).random((REPEATS, GRAINS, 3)) * VOXELS
    grid, none, ones = (VOXELS,) * 3, np.zeros(GRAINS), np.ones(3)
    power_diagram(grid, seeds[0], none, ones)
    ours, theirs = [], []
    for positions in seeds:
        start = time.process_time()
        owner = power_diagram(grid, positions, none, ones)
        middle = time.process_time()
        _, nearest = cKDTree(positions, boxsize=float(VOXELS)).query(points)
        theirs.append(time.process_time() - middle)
        ours.append(middle - start)
        assert np.array_equal(owner.ravel(), nearest)
    mine, tree = min(ours), min(theirs)
    print(
        f"Voronoi, {VOXELS}^3 voxels, {GRAINS} grains: {1e3 * mine:.1f} ms, "
        f"{1 / mine:.0f} per second"
    )
    print(f"scipy's KD-tree: {1e3 * tree:.1f} ms, ratio {tree / mine:.1f}")


def prescribed_sizes() -> None:
    print("\nprescribed log-normal grain sizes (spread of ln D)")
    print("asked    got   ms  empty grains")
    for spread in (None, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5):
        start = time.process_time()
        rve = tessellate(VOXELS, GRAINS, spread=spread, seed=3)
        spent = time.process_time() - start
        statistics = grain_statistics(rve)
        empty = int((statistics.diameter == 0).sum())
        print(f"{spread!s:5s} {statistics.spread():6.3f} {1e3 * spent:5.0f} {empty:3d}")


def against_kanapy() -> None:
    try:
        import kanapy
    except ImportError:
        print("kanapy is not installed: pip install -e .[bench]")
        return
    print(
        "\n   box  grains  kanapy [s]  grains got  ours with sizes [s]  ratio  Voronoi [s]  ratio"
    )
    for voxels, grains in PEER_BOXES:
        start = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            box = kanapy.Microstructure(descriptor=_descriptor(voxels, grains), name="peer")
            box.init_RVE()
            box.pack()
            box.voxelize()
        theirs = time.process_time() - start
        got = len(np.unique(box.mesh.grains))
        sized = _best(voxels, grains, SPREAD)
        plain = _best(voxels, grains, None)
        print(
            f"{voxels:4d}^3 {grains:7d} {theirs:11.1f} {got:11d} {sized:20.4f} "
            f"{theirs / sized:6.0f} {plain:12.4f} {theirs / plain:6.0f}"
        )


def _descriptor(voxels: int, grains: int) -> dict[str, object]:
    """Return kanapy's descriptor of the same number of grains and log-normal distribution."""
    diameter = (voxels**3 / grains * 6 / math.pi) ** (1 / 3)
    sides = {f"side{axis}": voxels for axis in "XYZ"} | {
        f"N{axis.lower()}": voxels for axis in "XYZ"
    }
    return {
        "Grain type": "Equiaxed",
        "Equivalent diameter": {
            "sig": SPREAD,
            "scale": diameter,
            "loc": 0.0,
            "cutoff_min": 0.6 * diameter,
            "cutoff_max": 1.5 * diameter,
        },
        "RVE": sides,
        "Simulation": {"periodicity": True, "output_units": "um"},
    }


def _best(voxels: int, grains: int, spread: float | None) -> float:
    spent = []
    for seed in range(5):
        start = time.process_time()
        tessellate(voxels, grains, spread=spread, seed=seed)
        spent.append(time.process_time() - start)
    return min(spent)


TABLES = {"tree": against_tree, "sizes": prescribed_sizes, "kanapy": against_kanapy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "table", nargs="?", choices=TABLES, help="table to print (default: all but kanapy)"
    )
    chosen = parser.parse_args().table
    torch.set_num_threads(1)
    for name, table in TABLES.items():
        if chosen == name or (chosen is None and name != "kanapy"):
            table()


if __name__ == "__main__":
    main()
