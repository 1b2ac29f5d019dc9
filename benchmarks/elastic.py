"""Accuracy and speed of the spectral solver relative to DAMASK, bare FFTs and muSpectre.

    python benchmarks/elastic.py                              # all tables
    python benchmarks/elastic.py damask|floor|size|warm|peer  # one of them

One thread. DAMASK's CPU time (user + system) is that stored with its results (13.5 s instead of
16.3 s on an idle machine for E_N32_G100_random1); ours is the best of a few runs after compilation.
The floor is the time of the bare real FFTs of the iterations, five inverse and five forward per
load case, without scaling, and without the five additional forward ones for the first residual of
each case. It is measured alternately with the solver.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.mechanics.elastic.homogenize import ElasticHomogenization, homogenize
from polyxtal.microstructure.polycrystal import Polycrystal

DATA = Path(__file__).parents[1] / "tests" / "verification" / "data"
CASES = ("E_sx_generic", "E_N16_G100_random1", "E_N32_G100_random1", "E_N32_G100_strong1_copper")
ALUMINIUM = CubicElasticity(c11=107.3e3, c12=60.8e3, c44=28.3e3)


def load(case: str) -> tuple[Polycrystal, torch.Tensor, float]:
    """Return polycrystal, DAMASK's stiffness [MPa] and its CPU seconds."""
    with np.load(DATA / f"{case}.npz", allow_pickle=False) as data:
        rve = Polycrystal(data["grain_id"].astype(np.int64), data["quaternions"])
        return rve, torch.as_tensor(data["C_mandel"] * 1e-6), float(data["cpu_seconds"])


def voronoi(voxels: int, grains: int = 100, seed: int = 0) -> Polycrystal:
    """Return a periodic Voronoi polycrystal of random seeds."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(grains, 3, generator=generator, dtype=torch.float64)
    axis = (torch.arange(voxels, dtype=torch.float64) + 0.5) / voxels
    best = torch.full((voxels,) * 3, torch.inf, dtype=torch.float64)
    owner = torch.zeros((voxels,) * 3, dtype=torch.int64)
    for grain, point in enumerate(points):
        gap = [((axis - p + 0.5) % 1 - 0.5) ** 2 for p in point]
        distance = gap[0][:, None, None] + gap[1][:, None] + gap[2]
        nearer = distance < best
        best[nearer], owner[nearer] = distance[nearer], grain
    return Polycrystal(owner, random_quaternions(grains, generator))


def crystal_of_zener(zener: float) -> CubicElasticity:
    """Return a crystal with aluminium's bulk modulus and c44 and another Zener ratio."""
    bulk, c_prime = ALUMINIUM.bulk_modulus, ALUMINIUM.c44 / zener
    return CubicElasticity(bulk + 4 * c_prime / 3, bulk - 2 * c_prime / 3, ALUMINIUM.c44)


def best_cpu(*functions: Callable[[], object], repeats: int = 7) -> list[float]:
    """Return the smallest CPU time of each function, run alternately. [s]"""
    times = [float("inf")] * len(functions)
    for turn in range(repeats + 1):
        for index, function in enumerate(functions):
            start = time.process_time()
            function()
            if turn:  # the first is a warm-up
                times[index] = min(times[index], time.process_time() - start)
    return times


def bare_ffts(
    rve: Polycrystal, result: ElasticHomogenization, dtype: torch.dtype, components: int = 5
) -> Callable[[], None]:
    """Return a function that performs only the real FFTs of the result's iterations."""
    real = torch.randn(components, *rve.grid, dtype=dtype)
    modes = torch.fft.rfftn(real, dim=(1, 2, 3))
    # Every load case has one more forward transform, that of its uniform strain.
    steps = (result.transforms // components - components) // 2

    def run() -> None:
        for _ in range(steps):
            torch.fft.irfftn(modes, s=rve.grid, dim=(1, 2, 3), norm="forward")
            torch.fft.rfftn(real, dim=(1, 2, 3))

    return run


def distance(stiffness: torch.Tensor, reference: torch.Tensor) -> float:
    return float(torch.linalg.norm(stiffness - reference) / torch.linalg.norm(reference))


def against_damask() -> None:
    print("\nAgainst DAMASK 3.0.2: relative Frobenius error, CPU time")
    print("case                        type     tol    error     iter  CPU ms  DAMASK s   ratio")
    for case in CASES:
        rve, reference, damask = load(case)
        for dtype in (torch.float64, torch.float32):
            for tol in (1e-6, 1e-3):
                result = homogenize(rve, ALUMINIUM, tol, dtype=dtype)
                (ours,) = best_cpu(
                    lambda r=rve, d=dtype, t=tol: homogenize(r, ALUMINIUM, t, dtype=d)
                )
                print(
                    f"{case:27s} {str(dtype)[6:]:8s} {tol:.0e}"
                    f"  {distance(result.stiffness, reference):.2e} {result.iterations:4d}"
                    f" {1e3 * ours:8.1f}  {damask:8.2f} {damask / ours:7.0f}"
                )


def against_bare_ffts() -> None:
    print("\nAgainst the bare real FFTs of the same iterations (tol 1e-6)")
    print(
        "case                 Zener  type     iter  solver ms   FFTs ms  ratio   error of float32"
    )
    cases = [("E_N32_G100_random1", load("E_N32_G100_random1")[0], ALUMINIUM)]
    for voxels in (16, 32, 48, 64):
        rve = voronoi(voxels)
        crystals = (ALUMINIUM, crystal_of_zener(4.0))
        cases += [(f"{voxels}^3", rve, crystal) for crystal in crystals]
    for name, rve, crystal in cases:
        types = (torch.float64, torch.float32)
        results = [homogenize(rve, crystal, dtype=dtype) for dtype in types]
        functions: list[Callable[[], object]] = []
        for dtype, result in zip(types, results, strict=True):
            functions.append(lambda c=crystal, r=rve, d=dtype: homogenize(r, c, dtype=d))
            functions.append(bare_ffts(rve, result, dtype))
        spent = best_cpu(*functions, repeats=3 if rve.grid[0] == 64 else 15)
        error = distance(results[1].stiffness, results[0].stiffness)
        for dtype, result, ours, floor in zip(types, results, spent[::2], spent[1::2], strict=True):
            print(
                f"{name:19s} {crystal.zener:6.2f}  {str(dtype)[6:]:8s} {result.iterations:4d}"
                f" {1e3 * ours:10.1f} {1e3 * floor:9.1f} {ours / floor:6.2f}"
                + (f"   {error:.1e}" if dtype == torch.float32 else "")
            )
        print(
            f"{'':19s} float32 / float64: {spent[2] / spent[0]:.2f},"
            f" of the bare FFTs: {spent[3] / spent[1]:.2f}"
        )


def growth() -> None:
    print("\nGrowth with the number of voxels N: CPU time of one iteration of one load case")
    print("voxels      µs   ns / (N log2 N)")
    for voxels in (16, 24, 32, 48, 64):
        rve = voronoi(voxels)
        result = homogenize(rve, ALUMINIUM)
        (ours,) = best_cpu(lambda r=rve: homogenize(r, ALUMINIUM), repeats=3)
        step = ours / (result.transforms / 10)
        count = voxels**3
        print(f"{voxels:4d}^3 {1e6 * step:9.0f} {1e9 * step / (count * np.log2(count)):9.3f}")


def random_crystals(count: int) -> list[CubicElasticity]:
    """Sample random moduli with Zener ratios from 0.1 to 10."""
    draws = torch.rand(count, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    crystals = []
    for bulk, shear, zener in draws.tolist():
        bulk, shear = 30e3 + 270e3 * bulk, 10e3 + 90e3 * shear
        c44 = shear * 100 ** (zener - 0.5)
        crystals.append(CubicElasticity(bulk + 4 * shear / 3, bulk - 2 * shear / 3, c44))
    return crystals


def warm_starts() -> None:
    print("\nA sequence of crystals on one RVE (16^3): warm starts relative to cold starts")
    print("crystals                             tol    FFTs cold      warm  ratio   CPU time")
    rve = voronoi(16)
    for name, crystals in (
        (
            "10 of Zener 0.1 to 10, ascending",
            [crystal_of_zener(z) for z in np.geomspace(0.1, 10, 10)],
        ),
        (
            "30 of Zener 0.1 to 10, ascending",
            [crystal_of_zener(z) for z in np.geomspace(0.1, 10, 30)],
        ),
        ("30 at random", random_crystals(30)),
    ):
        for tol in (1e-6, 1e-3):
            alone = sum(homogenize(rve, crystal, tol).transforms for crystal in crystals)
            together = homogenize(rve, crystals, tol).transforms
            cold, warm = best_cpu(
                lambda c=crystals, t=tol: [homogenize(rve, crystal, t) for crystal in c],
                lambda c=crystals, t=tol: homogenize(rve, c, t),
                repeats=4,
            )
            print(
                f"{name:36s} {tol:.0e} {alone:10d} {together:9d} {together / alone:6.2f}"
                f" {warm / cold:10.2f}"
            )


def against_muspectre() -> None:
    try:
        import muSpectre as msp  # type: ignore[import-not-found]
    except ImportError:
        print("\nmuSpectre is not installed: no comparison with it.")
        return
    print("\nAgainst muSpectre: linear elastic cell, Newton-CG, six load cases, float64")
    for voxels in (15, 31):  # its Fourier scheme supports odd grids only
        rve = voronoi(voxels)
        reference = homogenize(rve, ALUMINIUM).stiffness
        (ours,) = best_cpu(lambda r=rve: homogenize(r, ALUMINIUM))
        start = time.process_time()
        stiffness = _solve_with_muspectre(msp, rve)
        theirs = time.process_time() - start
        print(
            f"{voxels}^3: ours {1e3 * ours:.1f} ms, theirs {1e3 * theirs:.0f} ms, ratio "
            f"{theirs / ours:.0f}; stiffness differs by {distance(stiffness, reference):.1e}"
        )


def _solve_with_muspectre(msp: object, rve: Polycrystal) -> torch.Tensor:
    from polyxtal.algebra.mandel import MANDEL_PAIRS
    from polyxtal.mechanics.bounds.grain_stiffness import stiffness_per_grain

    grains = stiffness_per_grain(rve, ALUMINIUM).numpy()
    scale = np.array([1, 1, 1] + [2**0.5] * 3)
    voigt = grains / np.outer(scale, scale)
    cell = msp.Cell(list(rve.grid), list(rve.size), msp.Formulation.small_strain)  # type: ignore[attr-defined]
    material = msp.material.MaterialLinearElasticGeneric1_3d  # type: ignore[attr-defined]
    # muSpectre's pixels are in column-major order.
    owner = rve.grain_id.numpy().ravel(order="F")
    for grain in range(rve.grains):
        member = material.make(cell, f"grain {grain}", voigt[grain])
        for pixel in np.flatnonzero(owner == grain):
            member.add_pixel(int(pixel))
    cell.initialise()
    solver = msp.solvers.KrylovSolverCG(cell, 1e-6, 1000, msp.Verbosity.Silent)  # type: ignore[attr-defined]
    stiffness = torch.zeros(6, 6, dtype=torch.float64)
    for column, (i, j) in enumerate(MANDEL_PAIRS):
        strain = np.zeros((3, 3))
        strain[i, j] = strain[j, i] = 1e-3 if i == j else 1e-3 * 2**-0.5
        result = msp.solvers.newton_cg(  # type: ignore[attr-defined]
            cell,
            strain,
            solver,
            1e-6,
            1e-6,
            msp.Verbosity.Silent,  # type: ignore[attr-defined]
        )
        stress = result.stress.reshape(3, 3, -1, order="F").mean(-1) / 1e-3
        for row, (k, l) in enumerate(MANDEL_PAIRS):  # noqa: E741
            stiffness[row, column] = stress[k, l] * (1.0 if k == l else 2**0.5)
    return stiffness


TABLES = {
    "damask": against_damask,
    "floor": against_bare_ffts,
    "size": growth,
    "warm": warm_starts,
    "peer": against_muspectre,
}


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
