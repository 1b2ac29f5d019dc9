"""Time to read EBSD maps; sections and texture of statistically equivalent volumes.

    python benchmarks/ebsd.py              # reading, beside NumPy's own reader of text
    python benchmarks/ebsd.py MAP FRAME    # such as my_map.ang edax-2

The first writes maps of 2000 x 2000 points to a temporary folder and reads them. The second prints
the time to read the map and to segment it, then for increasing volumes: mean area, spread
of ln diameter and aspect ratio of sections, and the distance of the mean harmonics of degree 4 from
the map's, also for the same grains with orientations of random points of the map.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from polyxtal.microstructure.equivalent import compare_sections, equivalent_rve
from polyxtal.microstructure.io import read_ebsd
from polyxtal.texture.measure import texture_coefficients

EDGES = (24, 32, 45, 64)
POINTS = 2000
"""Points along each edge of the maps that are written and read."""
PHASE = "# Phase 1\n# MaterialName Iron\n# Symmetry 43\n# LatticeConstants 3.6 3.6 3.6 90 90 90\n"
ANG = f"{PHASE}# GRID: SqrGrid\n# XSTEP: 0.1\n# YSTEP: 0.1\n"
CTF = (
    "Channel Text File\nXStep\t0.1\nYStep\t0.1\nPhases\t1\n"
    "3.6;3.6;3.6\t90;90;90\tIron\t11\t225\n"
    "Phase\tX\tY\tBands\tError\tEuler1\tEuler2\tEuler3\tMAD\tBC\tBS\n"
)


def write_maps(folder: Path) -> None:
    """Write a map of random orientations as EDAX and Oxford do."""
    rng = np.random.default_rng(0)
    y, x = np.divmod(np.arange(POINTS**2), POINTS)
    angles = rng.uniform(0, (6.28, 3.14, 6.28), (POINTS**2, 3))
    quality = rng.integers(0, 255, POINTS**2)
    places = 0.1 * np.column_stack([x, y])
    one = np.ones(POINTS**2)
    rows = np.column_stack([angles, places, quality, 0.5 * one, one, quality, one])
    form = "%9.5f %9.5f %9.5f %12.5f %12.5f %6.1f %6.3f %d %d %6.3f"
    np.savetxt(folder / "a.ang", rows, form, header=ANG, comments="", encoding="utf-8")
    rows = np.column_stack([one, places, 8 * one, 0 * one, np.degrees(angles), one, quality, one])
    form = "\t".join(["%d", "%.4f", "%.4f", "%d", "%d", *["%.4f"] * 4, "%d", "%d"])
    np.savetxt(folder / "a.ctf", rows, form, header=CTF.rstrip(), comments="", encoding="utf-8")


def timed(read: Callable[[], Any]) -> float:
    """Return the time of a call. [s]"""
    start = time.perf_counter()
    read()
    return time.perf_counter() - start


def reading() -> None:
    """Print the time to read a map, beside that of `np.loadtxt` for its rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_maps(folder)
        for file, skipped in (("a.ang", 0), ("a.ctf", CTF.count("\n"))):
            path = folder / file
            plain = timed(lambda path=path, skipped=skipped: np.loadtxt(path, skiprows=skipped))
            whole = timed(lambda path=path: read_ebsd(path, frame="map"))
            print(
                f"{file[1:]}: {POINTS} x {POINTS} points, {path.stat().st_size / 1e6:.0f} MB: "
                f"read {whole:.1f} s, np.loadtxt {plain:.1f} s, ratio {whole / plain:.2f}"
            )


def main() -> None:
    torch.set_num_threads(1)
    if len(sys.argv) != 3:
        reading()
        return
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
