"""Accuracy and speed of the material network relative to DAMASK's full-field results.

    python benchmarks/network.py                     # all tables
    python benchmarks/network.py speed|crystals|steps|accuracy|texture

Reference: DAMASK 3.0.2 on a 16^3 polycrystal of 100 random grains (tests/verification/data).
Speed is CPU time (user + system) of this process on one thread, after compilation, compared with
DAMASK's CPU time as stored in the file.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

import polyxtal as px
from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
)
from polyxtal.crystal.laue import CUBIC

DATA = Path(__file__).parents[1] / "tests" / "verification" / "data"
CASES = ("P_N16_G100_random1_tension", "P_N16_G100_random1_shear")


def load_case(name: str) -> tuple[px.Polycrystal, px.LoadPath, px.Response, float]:
    """Return polycrystal, load, DAMASK's response and DAMASK's CPU seconds."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as data:
        rve = px.Polycrystal(data["grain_id"].astype(np.int64), data["quaternions"])
        path = px.LoadPath.from_damask(json.loads(str(data["loadsteps_json"])))
        time_, f, p = (torch.tensor(data[k]) for k in ("time", "F_avg", "P_avg"))
        return rve, path, px.Response(time_, f, p * 1e-6), float(data["cpu_seconds"])


def percent(error: px.StressError) -> str:
    return f"{100 * error.mean:5.2f} / {100 * error.maximum:5.2f}"


def accuracy(material: px.Material) -> None:
    print(
        "\nStress error relative to DAMASK, mean / max over the history in % of the largest stress"
    )
    for name in CASES:
        rve, path, truth, _ = load_case(name)
        print(f"\n{name}")

        def row(label: str, response: px.Response, truth: px.Response = truth) -> None:
            loaded = px.compare(response, truth)
            nine = px.compare(response, truth, "all")
            work = response.statistics.get("hill_mandel")
            balance = "" if work is None else f"   Hill-Mandel {work:.0e}"
            print(f"  {label:28s} {percent(loaded)}   all nine: {percent(nine)}{balance}")

        row("Taylor", px.taylor_response(rve, material, path))
        for seed in range(8):
            net = px.MaterialNetwork.from_polycrystal(rve, leaves=512, seed=seed)
            row(f"512 leaves, seed {seed}", net.respond(material, path))
        for seed in range(4):
            net = px.MaterialNetwork.from_polycrystal(rve, leaves=128, seed=seed, ensemble=8)
            row(f"8 x 128 leaves, seed {seed}", net.respond(material, path))


def crystals(material: px.Material) -> None:
    print("\nSingle crystals: largest error of any stress component, of the largest stress")
    for load in ("tension", "shear", "cyclic", "psc"):
        rve, path, truth, _ = load_case(f"P_sx_generic_{load}")
        crystal = px.MaterialNetwork.from_polycrystal(rve, leaves=1)
        error = px.compare(crystal.respond(material, path), truth, "all")
        print(f"  {load:10s} {error.maximum:.1e}")


def large_steps(material: px.Material) -> None:
    print("\nIncrements of 1 % strain to 5 %, then unloading: convergence and number of cutbacks")
    rve, _, _, _ = load_case(CASES[0])
    path = px.LoadPath.uniaxial(0.05, increments=5, unload=True)
    for seed in range(4):
        net = px.MaterialNetwork.from_polycrystal(rve, leaves=128, seed=seed)
        statistics = net.respond(material, path).statistics
        print(
            f"  128 leaves, seed {seed}: {statistics['cuts']:.0f} cutbacks, "
            f"largest residual {statistics['residual']:.0e}, "
            f"Hill-Mandel {statistics['hill_mandel']:.0e}"
        )


def texture(material: px.Material) -> None:
    print("\nTexture: mean disorientation from DAMASK's grain averages at the end, in °")
    for name in CASES:
        rve, path, _, _ = load_case(name)
        with np.load(DATA / f"{name}.npz", allow_pickle=False) as data:
            end = torch.tensor(data["grain_O_end"])
        print(f"  {name:28s} initial orientations {mean_angle(rve, rve.orientations, end):.2f}")
        network = px.MaterialNetwork.from_polycrystal
        for label, response in (
            ("Taylor", px.taylor_response(rve, material, path)),
            ("512 leaves, seed 0", network(rve, 512).respond(material, path)),
            ("8 x 512 leaves, seed 0", network(rve, 512, ensemble=8).respond(material, path)),
        ):
            start, last = response.orientations[0], response.orientations[-1]
            grain = CUBIC.disorientation(start[:, None], rve.orientations[None]).argmin(1)
            spin = quaternion_multiply(last, quaternion_conjugate(start))
            spin = response.weights[:, None] * torch.where(spin[:, :1] < 0, -spin, spin)
            total = torch.zeros(rve.grains, 4, dtype=torch.float64).index_add_(0, grain, spin)
            mean = quaternion_multiply(normalize_quaternion(total), rve.orientations)
            leaves = CUBIC.disorientation(last, mean[grain])
            print(
                f"    {label:24s} grain means {mean_angle(rve, mean, end):.2f}, "
                f"leaves about them {float(torch.rad2deg(response.weights @ leaves)):.2f}"
            )


def mean_angle(rve: px.Polycrystal, first: torch.Tensor, second: torch.Tensor) -> float:
    return float(torch.rad2deg(rve.volume_fractions @ CUBIC.disorientation(first, second)))


def speed(material: px.Material, repeats: int = 5) -> None:
    torch.set_num_threads(1)
    rve, path, _, _ = load_case(CASES[0])
    start = time.perf_counter()
    warm = px.MaterialNetwork.from_polycrystal(rve, leaves=2)
    warm.respond(material, px.LoadPath.uniaxial(1e-3, increments=2))
    print(f"\nFirst call (compiles the kernels unless cached): {time.perf_counter() - start:.1f} s")
    print("\nCPU seconds of a whole curve, and ratio to DAMASK's")
    print(f"  {'case':28s} {'leaves':>7s} {'DAMASK':>8s} {'ours':>8s} {'ratio':>7s}")
    for name in CASES:
        rve, path, _, damask = load_case(name)
        for leaves in (32, 128, 512):
            net = px.MaterialNetwork.from_polycrystal(rve, leaves=leaves, seed=0)
            times = []
            for _ in range(repeats):
                begin = time.process_time()
                net.respond(material, path)
                times.append(time.process_time() - begin)
            ours = float(np.median(times))
            print(f"  {name:28s} {leaves:7d} {damask:8.1f} {ours:8.3f} {damask / ours:7.0f}")


def main() -> None:
    tables = ("speed", "crystals", "steps", "accuracy", "texture", "all")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", choices=tables, default="all")
    table = parser.parse_args().table
    material = px.load_material("AA6022-T4")
    if table in ("speed", "all"):
        speed(material)
    if table in ("crystals", "all"):
        crystals(material)
    if table in ("steps", "all"):
        large_steps(material)
    if table in ("accuracy", "all"):
        accuracy(material)
    if table in ("texture", "all"):
        texture(material)


if __name__ == "__main__":
    main()
