"""Orientation densities: time for many orientations, and samples beside random draws.

python benchmarks/odf.py
python benchmarks/odf.py large
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import fft

import polyxtal as px
from polyxtal.texture.series import grid_shape, harmonic_series
from polyxtal.workflows.texture.draw import draw_texture

BANDWIDTH, DRAWS = 16, 5
"""Degrees of the error of a sample, and random draws whose mean error stands beside it."""


def texture() -> px.MixedTexture:
    shares = {"copper": 0.3, "brass": 0.3, "cube": 0.2}
    return px.rolling_texture(shares, halfwidth=math.radians(10))


def time_many(count: int = 100_000) -> None:
    drawn = texture().orientations(count, seed=0)
    for name in ("first call", "again"):
        start = time.perf_counter()
        odf = px.ODF.from_orientations(drawn)
        chosen = time.perf_counter()
        draw_texture(odf)
        end = time.perf_counter()
        print(
            f"{count} orientations, {name}: half-width {math.degrees(odf.halfwidth):.1f} deg in "
            f"{chosen - start:.1f} s, harmonics and figures in {end - chosen:.1f} s"
        )


def compare_samples() -> None:
    odf = px.ODF.from_orientations(texture().orientations(500, seed=1), halfwidth=0.15)
    goal = odf.fourier(BANDWIDTH)

    def errors(q) -> list[float]:
        found = harmonic_series(q, None, BANDWIDTH)
        pairs = zip(found.degrees, goal.degrees, strict=True)
        power = [len(a) * float((abs(a - b) ** 2).sum()) for a, b in pairs]
        return [math.sqrt(power[4]), math.sqrt(sum(power[:9])), math.sqrt(sum(power))]

    print("      n   degree 4: relaxed sequence random   to degree 8   to degree 16   s")
    for n in (50, 200, 1000):
        start = time.perf_counter()
        relaxed = errors(odf.sample(n).points)
        spent = time.perf_counter() - start
        sequence = errors(odf.sample(n, steps=0).points)
        random = np.mean([errors(odf.orientations(n, seed=k)) for k in range(DRAWS)], 0)
        table = "  ".join(
            f"{a:8.4f} {b:8.4f} {c:8.4f}" for a, b, c in zip(relaxed, sequence, random, strict=True)
        )
        print(f"{n:7d}  {table}  {spent:6.1f}")


def time_stages(laue: str, count: int = 100_000) -> None:
    """Print the seconds of each stage; the floor is one FFT over the series' Euler grid."""
    centre = px.UnimodalTexture(torch.tensor([1.0, 0, 0, 0]).double(), math.radians(10), laue)
    drawn = centre.orientations(count, seed=0)
    start = time.perf_counter()
    odf = px.ODF.from_orientations(drawn, laue=laue)
    spent = time.perf_counter() - start
    print(f"{laue}: {count} orientations, half-width {math.degrees(odf.halfwidth):.1f} deg")
    print(f"  half-width and kernels {spent:8.2f} s", flush=True)
    grid = np.zeros(grid_shape(odf.kernel.bandwidth, odf.laue))
    directions = torch.nn.functional.normalize(torch.rand(300, 3).double() + 0.1, dim=1)
    stages: dict[str, Callable[[], object]] = {
        "floor: one FFT": lambda: fft.rfftn(grid, workers=torch.get_num_threads()),
        "harmonics": lambda: odf.index,
        "inverse pole figure": lambda: odf.pole_density(directions, [0, 0, 1.0]),
        "pole figure": lambda: odf.pole_density([0, 0, 1.0], directions),
        "index and its band": lambda: odf.bands("index"),
        "fraction and its band": lambda: odf.bands("volume fraction", [1.0, 0, 0, 0]),
        "figures": lambda: draw_texture(odf),
    }
    for name, stage in stages.items():
        start = time.perf_counter()
        stage()
        print(f"  {name:22s} {time.perf_counter() - start:8.2f} s", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["large"]:
        for group in ("m-3m", "6/mmm", "-1"):
            time_stages(group)
    else:
        compare_samples()
        time_many()
