"""ODFs from pole figures: the Santa Fe ODF, and quartz by neutrons from three of seven figures.

    python benchmarks/pole_figures.py [FOLDER] [--resolution 5]

FOLDER holds seven pole figures of quartz by neutrons (Dubna), which MTEX distributes with its data
(PoleFigure/dubna; GPL, not part of this repository), under their names there or with brackets
replaced: Q(10-10)_amp.cnv or Q_10-10__amp.cnv. Without a folder only the first table is printed.

The Santa Fe ODF [Matthies1988] is 0.73 uniform and 0.27 of a von Mises-Fisher component of
half-width 10° at (63.4°, 48.2°, 63.4°), of orthorhombic sample symmetry. Its figures 100, 110, 111
and 211 on 5° directions are inverted, exact and with the noise of 100 counts per multiple of
random. MTEX publishes for the same exercise, with noise, a distance of 0.051 with ghost correction
and 0.100 without (PoleFigureSantaFe in its documentation); its directions, random numbers and
solver are its own.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from time import process_time

import numpy as np
import torch

import polyxtal as px
from polyxtal.algebra.rotation import bunge_to_quaternion
from polyxtal.texture.zone import zone_orientations

PLANES = (1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 1)
COUNTS = 100
QUARTZ = px.Lattice("hP", c_over_a=5.4 / 4.9, laue="-3m")
FIGURES = {
    "10-10": "10-10", "10-11__01-11": {"10-11": 1.23, "01-11": 0.52}, "11-22": "11-22",
    "02-21": "02-21", "10-12": "10-12", "11-20": "11-20", "11-21": "11-21",
}  # fmt: skip
"""Reflections by the names of files; structure weights as in MTEX's example."""
FITTED = 3


def santa_fe() -> px.ODF:
    angles = torch.deg2rad(torch.tensor([[63.435, 48.190, 63.435]], dtype=torch.float64))
    q = bunge_to_quaternion(angles)
    width = math.radians(10)
    return px.ODF(q, None, width, "m-3m", "orthorhombic", 0.73, "von Mises-Fisher")


def even_directions(step: float) -> torch.Tensor:
    """Return a Fibonacci lattice of the upper hemisphere, `step` degrees apart."""
    count = round(2 * math.pi / math.radians(step) ** 2)
    place = np.arange(count) + 0.5
    z, turn = 1 - place / count, place * (math.pi * (3 - math.sqrt(5)))
    radius = np.sqrt(1 - z * z)
    return torch.from_numpy(np.column_stack([radius * np.cos(turn), radius * np.sin(turn), z]))


def distance(found: px.ODF, true: px.ODF) -> float:
    """Return ½ mean |f - g| on a grid of equal cells, 5° apart."""
    at = zone_orientations(5.0, true.laue)
    return 0.5 * float((found.density(at) - true.density(at)).abs().mean())


def invert_santa_fe(resolution: float) -> None:
    true, at, draw = santa_fe(), even_directions(5.0), np.random.default_rng(0)
    exact = [px.calculate_pole_figure(true, h, at, px.Lattice("cF")) for h in PLANES]
    counts = [draw.poisson(COUNTS * figure.intensities.numpy()).astype(float) for figure in exact]
    noisy = [
        px.PoleFigure(h, at, torch.from_numpy(c), px.Lattice("cF"))
        for h, c in zip(PLANES, counts, strict=True)
    ]
    print(f"Santa Fe ODF, kernels {resolution:g} degrees apart")
    print(
        f"{'figures':<10}{'ghosts':<14}{'uniform':>8}{'largest f':>11}{'distance':>10}{'CPU s':>7}"
    )
    for name, figures in (("exact", exact), ("noisy", noisy)):
        for corrected in (True, False):
            began = process_time()
            found = px.invert_pole_figures(
                figures, resolution, sample_symmetry="orthorhombic", ghost_correction=corrected
            )
            took = process_time() - began
            top = float(found.odf.density(true.centres).max())
            ghosts = "corrected" if corrected else "uncorrected"
            apart = distance(found.odf, true)
            print(
                f"{name:<10}{ghosts:<14}{found.odf.uniform:8.3f}{top:11.2f}{apart:10.4f}"
                f"{took:7.1f}",
                flush=True,
            )
    flat = distance(px.ODF(true.centres, uniform=1.0), true)
    print(f"{'true':<24}{true.uniform:8.3f}{float(true.density(true.centres).max()):11.2f}")
    print(f"{'random orientations':<43}{flat:10.4f}\n")


def predict_quartz(folder: Path, resolution: float) -> None:
    paths = [_path(folder, name) for name in FIGURES]
    figures = px.read_pole_figures(paths, QUARTZ, list(FIGURES.values()), missing=0.0)
    for title, fitted in (("first three", figures[:FITTED]), ("all", figures)):
        began = process_time()
        found = px.invert_pole_figures(fitted, resolution)
        took = process_time() - began
        print(f"quartz from the {title} figures, kernels {resolution:g} degrees apart")
        print(
            f"{took:.1f} s of CPU, {found.iterations} iterations, "
            f"{len(found.odf.centres)} kernels, uniform part {found.odf.uniform:.3f}, "
            f"determined to degree {found.degree}"
        )
        print(f"{'':<24}{'ODF':^27}{'random':^27}")
        columns = f"{'RP_0':>9}{'RP_1':>9}{'differ':>9}"
        print(f"{'figure':<13}{'measured':<11}{columns}{columns}")
        for figure in figures:
            errors = [px.pole_figure_error(odf, figure) for odf in (found.odf, None)]
            what = f"{len(figure)}, " + ("fit" if figure in fitted else "new")
            row = "".join(f"{e.rp_0:9.3f}{e.rp_1:9.3f}{e.difference:9.3f}" for e in errors)
            print(f"{figure.name:<13}{what:<11}{row}", flush=True)
        print()


def _path(folder: Path, name: str) -> Path:
    brackets = "".join(f"({part})" for part in name.split("__"))
    names = f"Q_{name}__amp.cnv", f"Q{brackets}_amp.cnv"
    return next((folder / n for n in names if (folder / n).is_file()), folder / names[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--resolution", type=float, default=5.0)
    options = parser.parse_args()
    invert_santa_fe(options.resolution)
    if options.folder is not None:
        predict_quartz(options.folder, options.resolution)


if __name__ == "__main__":
    main()
