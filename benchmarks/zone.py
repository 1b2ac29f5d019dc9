"""Grids of the cubic fundamental zone: size, covering radius, volumes, time to generate one.

python benchmarks/zone.py
"""

from __future__ import annotations

import time

from polyxtal.texture.zone import orientation_grid


def main() -> None:
    print("resolution  orientations  covering radius  volumes over their mean      s")
    for resolution in (30.0, 15.0, 10.0, 7.0, 5.0):
        start = time.perf_counter()
        grid = orientation_grid(resolution)
        spent, relative = time.perf_counter() - start, grid.volumes * len(grid)
        print(
            f"{resolution:6.0f} deg {len(grid):13d} {grid.covering_radius:12.2f} deg"
            f" {float(relative.min()):12.2f} to {float(relative.max()):.2f} {spent:10.1f}"
        )


if __name__ == "__main__":
    main()
