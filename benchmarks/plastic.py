"""Accuracy and speed of the full-field simulation relative to DAMASK, bare FFTs and bare law.

    python benchmarks/plastic.py                                   # all tables but `large`
    python benchmarks/plastic.py damask|tolerance|floor|variants|size|network|large

One thread. DAMASK's CPU time (user + system) is that stored with its results (51.5 s and 59.3 s on
an idle machine for tension and shear); ours excludes compilation.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import polyxtal as px
from elastic import ALUMINIUM, best_cpu, voronoi
from polyxtal.algebra.rotation import quaternion_conjugate, quaternion_multiply, rotation_angle
from polyxtal.mechanics.fullfield import cell as cell_module
from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.fullfield.compiled_cell_law import CompiledCellLaw
from polyxtal.mechanics.fullfield.simulate import build_cell
from polyxtal.mechanics.loading.stepping import follow

DATA = Path(__file__).parents[1] / "tests" / "verification" / "data"
MATERIAL = px.load_material("AA6022-T4")
LOADS = ("tension", "shear")


def load(name: str) -> tuple[px.Polycrystal, px.LoadPath, px.Response, torch.Tensor, float]:
    """Return polycrystal, load, DAMASK's response, final grain orientations and CPU seconds."""
    with np.load(DATA / f"P_N16_G100_random1_{name}.npz", allow_pickle=False) as data:
        rve = px.Polycrystal(data["grain_id"].astype(np.int64), data["quaternions"])
        path = px.LoadPath.from_damask(json.loads(str(data["loadsteps_json"])))
        time, f, p, end = (
            torch.tensor(data[key]) for key in ("time", "F_avg", "P_avg", "grain_O_end")
        )
        return rve, path, px.Response(time, f, p * 1e-6), end, float(data["cpu_seconds"])


def timed(function: Callable[[], px.Response]) -> tuple[px.Response, float]:
    """Return a result and its CPU time. [s]"""
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def against_damask() -> None:
    print("\nAgainst DAMASK 3.0.2, 16^3 voxels, 100 grains; stress errors over the largest stress")
    print("load     scheme   error mean      max  rotation error   CPU s  DAMASK s  ratio  cuts")
    for name in LOADS:
        rve, path, truth, end, damask = load(name)
        for scheme in ("fourier", "rotated"):
            px.simulate(rve, MATERIAL, px.LoadPath.shear(1e-3), scheme=scheme)
            runs = [
                timed(lambda r=rve, p=path, s=scheme: px.simulate(r, MATERIAL, p, scheme=s))
                for _ in range(3)
            ]
            response, ours = runs[0][0], min(cpu for _, cpu in runs)
            error = px.compare(response, truth, "all")
            assert response.orientations is not None
            between = quaternion_multiply(quaternion_conjugate(response.orientations[-1]), end)
            print(
                f"{name:8s} {scheme:8s} {error.mean:10.1e} {error.maximum:8.1e}"
                f" {float(rotation_angle(between).max().rad2deg()):11.5f} deg {ours:7.2f}"
                f" {damask:9.2f} {damask / ours:6.1f} {response.statistics['cuts']:5.0f}"
            )


def tolerances() -> None:
    print("\nEffect of the tolerance (fourier)")
    print("load         tol  error mean      max   CPU s  law solved  tangents  CG iterations")
    for name in LOADS:
        rve, path, truth, _, _ = load(name)
        for tol in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
            response, cpu = timed(lambda r=rve, p=path, t=tol: px.simulate(r, MATERIAL, p, t))
            error, counts = px.compare(response, truth, "all"), response.statistics
            print(
                f"{name:8s} {tol:7.0e} {error.mean:11.1e} {error.maximum:8.1e} {cpu:7.2f}"
                f" {counts['evaluations']:11.0f} {counts['tangents']:9.0f}"
                f" {counts['krylov_iterations']:14.0f}"
            )


class TimedLaw(CompiledCellLaw):
    """The compiled law with a timer."""

    spent = 0.0

    def evaluate(self, deformation: torch.Tensor, dt: float) -> bool:
        """Solve the law and accumulate its CPU time. [s]"""
        start = time.process_time()
        done = super().evaluate(deformation, dt)
        TimedLaw.spent += time.process_time() - start
        return done

    def linearise(self) -> None:
        """Compute the tangent and accumulate its CPU time. [s]"""
        start = time.process_time()
        super().linearise()
        TimedLaw.spent += time.process_time() - start


def against_the_floor() -> None:
    print("\nRelative to the floor: only the FFTs and law evaluations of the same run")
    print("load      CPU s   law s  FFTs s  ratio to law + FFTs")
    for name in LOADS:
        rve, path, _, _, _ = load(name)
        cell = build_cell(rve, MATERIAL, 1e-4, threads=1)
        cell.law.__class__ = TimedLaw
        TimedLaw.spent = 0.0
        start = time.process_time()
        follow(path, cell)
        total, law, ffts = time.process_time() - start, TimedLaw.spent, _bare_ffts(rve, cell)
        print(f"{name:8s} {total:6.2f} {law:7.2f} {ffts:7.2f} {total / (law + ffts):10.2f}")


def _bare_ffts(rve: px.Polycrystal, cell: PeriodicCell) -> float:
    """Time the FFTs of a cell: nine forward, nine inverse; double for F, single in CG. [s]"""
    total = 0.0
    for dtype, count in (
        (torch.float64, cell.evaluations),
        (torch.float32, cell.krylov_iterations),
    ):
        real = torch.randn(9, *rve.grid, dtype=dtype)
        modes = torch.fft.rfftn(real, dim=(1, 2, 3))

        def pair(modes: torch.Tensor = modes, real: torch.Tensor = real) -> None:
            torch.fft.irfftn(modes, s=rve.grid, dim=(1, 2, 3), norm="forward")
            torch.fft.rfftn(real, dim=(1, 2, 3), norm="forward")

        total += count * best_cpu(pair)[0]
    return total


class MeanTangentReference(cell_module.LinearisedCell):
    """A cell whose reference medium follows the plastic tangent instead of the elastic average."""

    def __init__(self, law, grid, _, free, damping=None) -> None:
        """Set the medium to the symmetric part of the mean tangent."""
        tangent = law.mean_tangent()
        medium = 0.5 * (tangent + tangent.mT)
        green = cell_module.green_of_tangent(grid.k, medium.to(grid.k)).float()
        super().__init__(law, grid, green, free, damping)


def variants() -> None:
    print("\nVariants of Newton's method, tension")
    print(
        "variant                             CPU s  law solved  tangents  CG iterations  error max"
    )
    rve, path, truth, _, _ = load("tension")
    kept = cell_module.SLOW, cell_module.LINEAR_TOLERANCE, cell_module.LinearisedCell
    choices = {
        "as shipped": kept,
        "a new one whenever one step fails": (0.0, *kept[1:]),
        "a tangent with every evaluation": kept,
        "a tangent kept for longer": (0.5, *kept[1:]),
        "linear systems to 1 %": (kept[0], 0.01, kept[2]),
        "linear systems to 20 %": (kept[0], 0.2, kept[2]),
        "mean tangent as reference medium": (*kept[:2], MeanTangentReference),
    }
    px.simulate(rve, MATERIAL, px.LoadPath.uniaxial(2e-3))  # warm-up
    evaluate = PeriodicCell._evaluate

    def evaluate_and_linearise(self: PeriodicCell, dt: float, anticipate: bool = False) -> bool:
        solved = evaluate(self, dt, anticipate)
        self._linearise()
        return solved

    for label, choice in choices.items():
        if label == "a tangent with every evaluation":
            PeriodicCell._evaluate = evaluate_and_linearise
        cell_module.SLOW, cell_module.LINEAR_TOLERANCE, cell_module.LinearisedCell = choice
        response, cpu = timed(lambda: px.simulate(rve, MATERIAL, path))
        PeriodicCell._evaluate = evaluate
        counts = response.statistics
        print(
            f"{label:33s} {cpu:7.2f} {counts['evaluations']:11.0f} {counts['tangents']:9.0f}"
            f" {counts['krylov_iterations']:14.0f}"
            f" {px.compare(response, truth, 'all').maximum:10.1e}"
        )
    cell_module.SLOW, cell_module.LINEAR_TOLERANCE, cell_module.LinearisedCell = kept
    cell = build_cell(rve, MATERIAL, 1e-4)
    skew: list[float] = []

    def note(_: float) -> None:
        assert isinstance(cell.law, CompiledCellLaw)
        a = cell.law._tangent[:, :81].unflatten(1, (9, 9))
        skew.append(float((a - a.transpose(1, 2)).norm() / a.norm()))

    follow(path, cell, note)
    print(f"skew part of the tangents, relative (Frobenius): at most {max(skew):.1e}")


def growth() -> None:
    print(
        "\nGrowth with the number of voxels: shear to 1 %, 10 increments, about 40 voxels per grain"
    )
    print("voxels  grains   CPU s   µs / voxel / increment   CG iterations / increment")
    path = px.LoadPath.shear(0.01, increments=10)
    for voxels in (8, 16, 24, 32):
        rve = voronoi(voxels, voxels**3 // 40)
        response, cpu = timed(lambda r=rve: px.simulate(r, MATERIAL, path))
        share = cpu / (voxels**3 * path.increments)
        krylov = response.statistics["krylov_iterations"] / path.increments
        print(f"{voxels:4d}^3 {rve.grains:7d} {cpu:7.2f} {1e6 * share:17.1f} {krylov:20.1f}")


def networks() -> None:
    print("\nMaterial networks and Taylor relative to this full field, 16^3 voxels, 100 grains")
    print("Stress error mean / max in %; networks of 512 leaves: worst of four; CPU time ratios")
    print("grains               load           Taylor       512 leaves       8 x 128     faster")
    plain = voronoi(16)
    mixed = px.Polycrystal(
        plain.grain_id,
        plain.orientations,
        phase=(torch.arange(100) % 4 == 3).long(),
        phase_names=("matrix", "particle"),
    )
    stiff = px.Material("particle", px.CubicElasticity(c11=166e3, c12=64e3, c44=80e3))
    cases = {
        "aluminium": (plain, MATERIAL),
        "elastic particles": (mixed, {"matrix": MATERIAL, "particle": stiff}),
    }
    loads = {
        "tension": px.LoadPath.uniaxial(0.05, unload=True),
        "shear": px.LoadPath.shear(0.1),
        "plane strain": px.LoadPath.plane_strain(-0.05),
        "cyclic": px.LoadPath.cyclic(0.01),
    }
    warm_up = px.LoadPath.shear(1e-3)
    px.simulate(plain, MATERIAL, warm_up)
    px.MaterialNetwork.from_polycrystal(plain, 128).respond(MATERIAL, warm_up)
    for label, (rve, material) in cases.items():
        for name, path in loads.items():
            truth, cost = timed(lambda r=rve, m=material, p=path: px.simulate(r, m, p))
            taylor = px.compare(px.taylor_response(rve, material, path), truth)
            single = [
                timed(
                    lambda s=seed, r=rve, m=material, p=path: px.MaterialNetwork.from_polycrystal(
                        r, 512, s
                    ).respond(m, p)
                )
                for seed in range(4)
            ]
            errors = [px.compare(response, truth) for response, _ in single]
            many = px.MaterialNetwork.from_polycrystal(rve, 128, 0, ensemble=8)
            ensemble = px.compare(many.respond(material, path), truth)
            worst = max(errors, key=lambda error: error.mean)
            print(
                f"{label:20s} {name:13s}"
                + "".join(
                    f" {100 * e.mean:6.2f} / {100 * e.maximum:5.2f}"
                    for e in (taylor, worst, ensemble)
                )
                + f" {cost / min(cpu for _, cpu in single):8.1f} x"
            )


def large() -> None:
    print("\n45^3 voxels, 810 grains, on all threads available to torch")
    torch.set_num_threads(THREADS)
    rve = voronoi(45, 810)
    start = time.perf_counter()
    px.homogenize(rve, ALUMINIUM)
    print(f"elastic: {time.perf_counter() - start:.1f} s")
    start, cpu = time.perf_counter(), time.process_time()
    response = px.simulate(rve, MATERIAL, px.LoadPath.uniaxial(0.05))
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    counts = response.statistics
    print(
        f"5 % tension: {wall:.0f} s, CPU {cpu:.0f} s, at most {memory:.2f} GB;"
        f" {counts['increments']:.0f} increments, {counts['cuts']:.0f} cuts,"
        f" {counts['evaluations']:.0f} solutions of the law,"
        f" {counts['krylov_iterations']:.0f} CG iterations; P_xx {response.P[-1, 0, 0]:.1f} MPa"
    )


TABLES = {
    "damask": against_damask,
    "tolerance": tolerances,
    "floor": against_the_floor,
    "variants": variants,
    "size": growth,
    "network": networks,
    "large": large,
}
THREADS = torch.get_num_threads()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "table", nargs="?", choices=TABLES, help="table to print (default: all but `large`)"
    )
    chosen = parser.parse_args().table
    for name, table in TABLES.items():
        if name == chosen or (chosen is None and name != "large"):
            torch.set_num_threads(1)
            table()


if __name__ == "__main__":
    main()
