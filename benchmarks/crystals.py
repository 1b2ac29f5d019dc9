"""Accuracy and cost for crystals other than fcc, relative to DAMASK's full-field results.

    python benchmarks/crystals.py                                # all tables
    python benchmarks/crystals.py single|field|network|cost

Reference: DAMASK 3.0.2 (tests/verification/data): single crystals, and a 16^3 polycrystal of 100
random grains of ferrite, titanium, magnesium with twinning, dual-phase steel, and aluminium rolled
by 30 %. One thread; CPU seconds (user + system) of this process after compilation, and those of
DAMASK as stored in the files.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import polyxtal as px
from polyxtal.algebra.compiling import compiled
from polyxtal.algebra.rotation import quaternion_conjugate, quaternion_multiply, rotation_angle
from polyxtal.crystal.damask_phase import phase_to_material
from polyxtal.crystal.kernel.records import ACCURATE
from polyxtal.crystal.kernel.solve import solve_point
from polyxtal.crystal.update.compiled import CompiledCrystalPlasticity

DATA = Path(__file__).parents[1] / "tests" / "verification" / "data"
POLYCRYSTALS = ("ferrite_tension", "Ti_tension", "Mg_tension", "DP_tension", "Al_psc30")
SEEDS = 8


class Case:
    """A DAMASK result with its inputs."""

    def __init__(self, name: str) -> None:
        """Read a file of tests/verification/data."""
        with np.load(DATA / f"{name}.npz", allow_pickle=False) as data:
            phases = json.loads(str(data["material_json"]))
            if "lattice" in phases:  # one phase, in an older form
                self.materials = {"Al": px.load_material("AA6022-T4")}
            else:
                self.materials = {n: phase_to_material(p, n) for n, p in phases.items()}
            names = tuple(self.materials)
            self.rve = px.Polycrystal(
                data["grain_id"].astype(np.int64),
                data["quaternions"],
                phase=data.get("phase"),
                phase_names=names,
                lattices=[self.materials[n].lattice for n in names],
            )
            self.path = px.LoadPath.from_damask(json.loads(str(data["loadsteps_json"])))
            times, f, p = (torch.tensor(data[key]) for key in ("time", "F_avg", "P_avg"))
            self.truth = px.Response(times, f, p * 1e-6)
            self.damask = float(data["cpu_seconds"])
            self.end = torch.tensor(data["grain_O_end"])

    def errors(self, response: px.Response) -> px.StressError:
        """Compare the loaded component up to the last increment that DAMASK computed."""
        rows = slice(0, min(len(response.time), len(self.truth.time)))
        part, truth = (
            px.Response(r.time[rows], r.F[rows], r.P[rows]) for r in (response, self.truth)
        )
        return px.compare(part, truth)

    def worst_component(self, response: px.Response) -> float:
        """Return the largest error of any stress component over the largest stress."""
        rows = min(len(response.time), len(self.truth.time))
        truth = self.truth.P[:rows]
        return float((response.P[:rows] - truth).abs().max() / truth.abs().max())


def timed(function: Callable[[], px.Response]) -> tuple[px.Response, float]:
    """Return a result and its CPU time. [s]"""
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def percent(error: px.StressError) -> str:
    return f"{100 * error.mean:6.2f} / {100 * error.maximum:6.2f}"


def single() -> None:
    print("\nSingle crystals: largest error of any stress component, of the largest stress")
    for file in sorted(DATA.glob("B_sx_*.npz")):
        case = Case(file.stem)
        crystal = px.MaterialNetwork.from_polycrystal(case.rve, leaves=1)
        response = crystal.respond(case.materials, case.path)
        print(f"  {file.stem:24s} {case.worst_component(response):.1e}")


def field() -> None:
    print("\nFull field, 16^3 voxels, 100 grains: largest error of any component, and CPU time")
    print(
        f"  {'case':18s} {'error':>9s} {'rotation error':>14s} {'CPU s':>7s} {'DAMASK':>8s} ratio"
    )
    for name in POLYCRYSTALS:
        case = Case(f"B_N16_{name}")
        px.simulate(case.rve, case.materials, px.LoadPath.shear(1e-3, increments=2), threads=1)
        response, cpu = timed(lambda c=case: px.simulate(c.rve, c.materials, c.path, threads=1))
        assert response.orientations is not None
        off = quaternion_multiply(quaternion_conjugate(response.orientations[-1]), case.end)
        angle = float(rotation_angle(off).max().rad2deg())
        print(
            f"  {name:18s} {100 * case.worst_component(response):7.4f} % {angle:10.4f} deg"
            f" {cpu:7.2f} {case.damask:8.1f} {case.damask / cpu:5.0f}"
        )


def coarse(case: Case) -> px.Polycrystal:
    """Return the polycrystal of every second voxel along each axis."""
    rve = case.rve
    return px.Polycrystal(
        rve.grain_id[::2, ::2, ::2].clone(),
        rve.orientations,
        rve.size,
        rve.phase,
        rve.phase_names,
        rve.lattices,
    )


def network() -> None:
    print("\nNetworks and baselines: error mean / max in % of the largest stress, CPU s")
    for name in POLYCRYSTALS:
        print(f"\n  {name}")
        networks_of(Case(f"B_N16_{name}"))


def networks_of(case: Case) -> None:
    rve, materials, path = case.rve, case.materials, case.path

    def row(label: str, answer: Callable[[], px.Response]) -> px.StressError:
        answer()  # compiles, unless cached
        response, cpu = timed(answer)
        error = case.errors(response)
        print(f"    {label:34s} {percent(error)} {cpu:8.2f}")
        return error

    def respond(leaves: int, seed: int, ensemble: int = 1) -> px.Response:
        net = px.MaterialNetwork.from_polycrystal(rve, leaves, seed, ensemble=ensemble)
        return net.respond(materials, path)

    row("Taylor", lambda: px.taylor_response(rve, materials, path))
    try:
        row("Sachs", lambda: px.sachs_response(rve, materials, path))
    except px.ConvergenceError as error:
        print(f"    Sachs                              no result: {error}")
    errors = [row(f"512 leaves, seed {s}", lambda s=s: respond(512, s)) for s in range(SEEDS)]
    mean = sum(error.mean for error in errors) / SEEDS
    worst = max(error.maximum for error in errors)
    print(f"    512 leaves, mean and largest       {100 * mean:6.2f} / {100 * worst:6.2f}")
    row("8 x 128 leaves", lambda: respond(128, 0, 8))
    large = [row(f"2048 leaves, seed {s}", lambda s=s: respond(2048, s)) for s in range(4)]
    mean = sum(error.mean for error in large) / len(large)
    print(
        f"    2048 leaves, mean and largest      {100 * mean:6.2f} / "
        f"{100 * max(error.maximum for error in large):6.2f}"
    )
    small = coarse(case)
    row("full field, every second voxel", lambda: px.simulate(small, materials, path, threads=1))


@compiled
def solve_all(laws, deformation, plastic_start, state_start, dt, stress, state, ws):
    """Solve the law at all points of one phase and return the number of Newton iterations."""
    total = 0
    for point in range(len(deformation)):
        total += solve_point(
            laws[0],
            deformation[point],
            plastic_start[point],
            state_start[point],
            dt,
            ACCURATE,
            stress[point],
            state[point],
            ws,
        )
    return total


def cost() -> None:
    print("\nCost of the law: µs per point and Newton iteration, and relative to fcc")
    print("material    systems  iterations  µs / iteration  ratio")
    reference = 0.0
    for name in ("AA6022-T4", "317L", "Ti", "ferrite", "beta-Sn", "Mg"):
        material = px.load_material(name)
        law = CompiledCrystalPlasticity(material)
        rve = px.tessellate(grid=10, grains=1000, seed=1)
        state = law.initial_state(rve.orientations)
        shear = torch.zeros(3, 3, dtype=torch.float64)
        shear[0, 1] = 1.0
        rule = material.law()
        constants, scratch = rule.record(material.elasticity), rule.workspace()
        best, count = float("inf"), 0
        for step in range(1, 21):
            deformation = torch.eye(3, dtype=torch.float64) + 1e-3 * step * shear
            every = deformation.expand(len(rve.orientations), 3, 3)
            if step > 10:  # all active systems slip by then
                fixed = (every.contiguous().numpy(), state.plastic_inverse.numpy())
                for _ in range(5):
                    guess = state.stress.numpy().copy(), state.internal.numpy().copy()
                    start = time.process_time()
                    used = solve_all(
                        constants, *fixed, state.internal.numpy(), 1.0, *guess, scratch
                    )
                    spent = (time.process_time() - start) / used
                    if spent < best:
                        best, count = spent, used / len(rve.orientations)
            state = law.update(every, state, 1.0).state
        best *= 1e6
        reference = reference or best
        print(
            f"{name:10s} {len(rule.schmid):8d} {count:11.1f} {best:15.3f} {best / reference:6.2f}"
        )


TABLES = {"single": single, "field": field, "network": network, "cost": cost}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", choices=TABLES, help="table to print (default: all)")
    chosen = parser.parse_args().table
    torch.set_num_threads(1)
    for name, table in TABLES.items():
        if chosen in (None, name):
            table()


if __name__ == "__main__":
    main()
