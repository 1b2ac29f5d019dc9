"""Speed of the periodic tessellation against scipy's periodic KD-tree, in the same run.

    python benchmarks/tessellation.py

One thread, CPU time, 45^3 voxels and 810 grains; both find the same owner for every voxel.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from scipy.spatial import cKDTree

from polyxtal.microstructure.tessellate import grain_statistics, power_diagram, tessellate

VOXELS, GRAINS, REPEATS = 45, 810, 10


def main() -> None:
    torch.set_num_threads(1)
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
        f"Voronoi, {VOXELS}^3 voxels, {GRAINS} grains: {1e3 * mine:.1f} ms, {1 / mine:.0f} a second"
    )
    print(f"scipy's KD-tree: {1e3 * tree:.1f} ms, ratio {tree / mine:.1f}")
    print("\nprescribed log-normal grain sizes (spread of ln D)")
    print("asked    got   ms  empty grains")
    for spread in (None, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5):
        start = time.process_time()
        rve = tessellate(VOXELS, GRAINS, spread=spread, seed=3)
        spent = time.process_time() - start
        statistics = grain_statistics(rve)
        empty = int((statistics.diameter == 0).sum())
        print(f"{spread!s:5s} {statistics.spread():6.3f} {1e3 * spent:5.0f} {empty:3d}")


if __name__ == "__main__":
    main()
