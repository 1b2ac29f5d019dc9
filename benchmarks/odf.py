"""Orientation densities: time for many orientations, and samples beside random draws.

python benchmarks/odf.py             errors of samples
python benchmarks/odf.py large [N]   seconds of each stage, from N orientations (default: 100,000)
python benchmarks/odf.py maps FILE[=FRAME]…   index and volume fractions beside plain sums
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy import fft
from scipy.special import beta

import polyxtal as px
from polyxtal.texture.cubochoric import cubochoric_grid
from polyxtal.texture.series import fits_grid, grid_shape, harmonic_series
from polyxtal.texture.zone import in_zone
from polyxtal.workflows.texture.draw import draw_texture
from polyxtal.workflows.texture.inputs import TextureInput
from polyxtal.workflows.texture.report import texture_report
from polyxtal.workflows.texture.settings import TextureSettings

BANDWIDTH, DRAWS = 16, 5
"""Degrees of the error of a sample, and random draws whose mean error stands beside it."""


def texture() -> px.MixedTexture:
    shares = {"copper": 0.3, "brass": 0.3, "cube": 0.2}
    return px.rolling_texture(shares, halfwidth=math.radians(10))


def draw_many(laue: str, count: int) -> torch.Tensor:
    """Draw orientations of a rolled cubic, or of a two-component and one fifth random, texture."""
    if laue == "m-3m":
        return texture().orientations(count, seed=0)
    pair = px.ODF([[1, 0, 0, 0], [0.8, 0.6, 0, 0]], [0.6, 0.4], math.radians(10), laue, uniform=0.2)
    return pair.orientations(count, seed=0)


def time_large(count: int) -> None:
    """Print the seconds of each stage, of a process that has loaded its kernels, and a floor."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    for laue in ("m-3m", "6/mmm", "-1"):
        run_stages(draw_many(laue, 500), laue)
        drawn = draw_many(laue, count)
        wall, cpu, odf = run_stages(drawn, laue)
        floor = one_transform(odf)
        print(
            f"{laue:6s} {count} orientations, half-width {math.degrees(odf.halfwidth):.1f} deg, "
            f"degrees to {odf.kernel.bandwidth}, {'' if odf.by_series(count) else 'not '}by series"
        )
        for kind, spent in (("wall", wall), ("cpu", cpu)):
            parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in spent.items())
            print(f"       {kind:4s} {sum(spent.values()):6.2f} s: {parts}")
        print(f"       floor: one Fourier transform of its grid each way {floor:.2f} s", flush=True)


def run_stages(drawn: torch.Tensor, laue: str) -> tuple[dict[str, float], dict[str, float], px.ODF]:
    wall, cpu = dict[str, float](), dict[str, float]()
    at = time.perf_counter(), time.process_time()

    def lap(name: str) -> None:
        nonlocal at
        now = time.perf_counter(), time.process_time()
        wall[name], cpu[name] = now[0] - at[0], now[1] - at[1]
        at = now

    odf = px.ODF.from_orientations(drawn, laue=laue)
    lap("half-width")
    odf.density(drawn[:1])
    odf.index  # noqa: B018
    lap("harmonics")
    texture_report(odf)
    lap("report")
    figures = draw_texture(TextureInput(odf, None, ""), TextureSettings())
    lap("figures")
    with tempfile.TemporaryDirectory() as folder:
        for name, figure in figures.items():
            figure.savefig(Path(folder) / name)
    lap("saved")
    return wall, cpu, odf


def one_transform(odf: px.ODF) -> float:
    """Return the seconds of a Fourier transform of the density's grid to modes and back."""
    if not fits_grid(odf.kernel.bandwidth, odf.laue):
        return math.nan
    shape = grid_shape(odf.kernel.bandwidth, odf.laue)
    grid = np.ones(shape)
    start = time.perf_counter()
    fft.irfftn(fft.rfftn(grid, workers=2), shape, workers=2)
    return time.perf_counter() - start


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


def compare_maps(arguments: Sequence[str]) -> None:
    """Print volume fractions and index beside plain sums over grains, symmetry and a grid.

    Args:
        arguments: Files, and the frame after each that needs one, as FILE or FILE=FRAME.
    """
    for argument in arguments:
        path, _, frame = argument.partition("=")
        measured = px.read_ebsd(path, frame=frame or None)
        odf = px.estimate_odf(measured, halfwidth=math.radians(10))
        even = in_zone(cubochoric_grid(120), odf.laue)
        kappa = 0.5 * math.log(0.5) / math.log(math.cos(odf.halfwidth / 2))
        constant = beta(1.5, 0.5) / beta(1.5, kappa + 0.5)
        brute = torch.zeros(len(even), dtype=torch.float64)
        for q, weight in zip(odf.centres, odf.weights, strict=True):
            for copy in odf.laue.equivalents(q):
                value = constant * (even @ copy).abs() ** (2 * kappa)
                brute += float(weight) / odf.laue.order * value
        print(f"{path}: {len(odf.centres)} grains, {odf.laue.name}")
        print(f"  index {odf.index:.4f}, plain {float(brute.square().mean()):.4f}")
        for mode in odf.modes(3).orientations:
            inside = odf.laue.disorientation(even, mode) < math.radians(15)
            plain = float((brute * inside).mean())
            print(f"  within 15 deg {odf.volume_fraction(mode):.4f}, plain {plain:.4f}", flush=True)


if __name__ == "__main__":
    what, *given = sys.argv[1:] or ("samples",)
    if what == "large":
        time_large(int(given[0]) if given else 100_000)
    elif what == "maps":
        compare_maps(given)
    else:
        compare_samples()
