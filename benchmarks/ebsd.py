"""Sections and texture of statistically equivalent volumes, compared with their EBSD map.

    python benchmarks/ebsd.py MAP FRAME    # such as my_map.ang edax-2

Prints the time to read the map and to segment it, then for increasing volumes: mean area, spread
of ln diameter and aspect ratio of sections, and the distance of the mean harmonics of degree 4 from
the map's, also for the same grains with orientations of random points of the map.
"""

from __future__ import annotations

import sys
import time

import torch

from polyxtal.microstructure.equivalent import compare_sections, equivalent_rve
from polyxtal.microstructure.io import read_ebsd
from polyxtal.texture.measure import texture_coefficients

EDGES = (24, 32, 45, 64)


def main() -> None:
    if len(sys.argv) != 3:
        print("No map given: python benchmarks/ebsd.py MAP FRAME")
        return
    torch.set_num_threads(1)
    start = time.perf_counter()
    ebsd = read_ebsd(sys.argv[1], frame=sys.argv[2])
    read = time.perf_counter() - start
    start = time.perf_counter()
    grains = ebsd.grains()
    found = time.perf_counter() - start
    points = ebsd.orientations[ebsd.indexed]
    truth = texture_coefficients(points)
    print(
        f"{ebsd.grid[0]} x {ebsd.grid[1]} points, {len(points)} indexed, "
        f"{len(grains.area)} grains, {int(grains.border.sum())} at the border; "
        f"read {read:.2f} s, grains {found:.2f} s"
    )
    print(f"norm of the map's mean harmonics: {float(truth.norm()):.3f}")
    print("volume  grains  mean area [µm²]  spread  aspect  texture  random draws      s")
    for edge in EDGES:
        start = time.perf_counter()
        rve = equivalent_rve(grains, edge)
        spent = time.perf_counter() - start
        of_map, of_rve = compare_sections(grains, rve)
        if edge == EDGES[0]:
            print(
                f"   map {len(grains.area):7d} {of_map.mean_area:16.2f} {of_map.spread:7.3f}"
                f" {of_map.aspect:7.2f}"
            )
        mean = texture_coefficients(rve.orientations, rve.volume_fractions)
        shares, generator = rve.volume_fractions, torch.Generator()
        draws = torch.randint(len(points), (20, rve.grains), generator=generator)
        off = [(texture_coefficients(points[draw], shares) - truth).norm() for draw in draws]
        random = torch.stack(off).mean()
        print(
            f"{edge:4d}^3 {rve.grains:7d} {of_rve.mean_area:16.2f} {of_rve.spread:7.3f}"
            f" {of_rve.aspect:7.2f} {float((mean - truth).norm()):8.3f} {float(random):13.3f}"
            f" {spent:6.1f}"
        )


if __name__ == "__main__":
    main()
