"""Cost and accuracy of `predict_stiffness`, relative to full-field homogenisation.

    python benchmarks/predict_stiffness.py [MODEL] [--threads 1]
    python benchmarks/predict_stiffness.py [MODEL] --labels out/stiffness-test

All timings alternate in one process: the best CPU time of a few repetitions, and the median wall
time where stated. First for one RVE at a time, then for 256 new RVEs at once (at 45^3, periodic
shifts of eight). MODEL is a model with a stiffness head (default: `polyxtal-small`); without one,
an untrained one is timed, at the same cost. The full-field solver runs at its default tolerance and
at the loosest one that is at least as accurate as the head; errors are relative to a tolerance of
1e-8. With labels: only errors of the head on 100 labelled RVEs, with the readable and with the fast
form of the physics.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
import warnings

import scipy.fft
import torch

import polyxtal as px
from polyxtal.dataset.store import PolycrystalStore
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.stiffness.basis import StiffnessBasis, stiffness_basis
from polyxtal.model.heads.stiffness.head import StiffnessHead, TensorHead, TensorHeadSizes

CRYSTALS = (
    px.CubicElasticity(107.3e3, 60.8e3, 28.3e3),
    px.CubicElasticity(140010.0, 44445.0, 11945.0),
    px.CubicElasticity(88814.0, 70043.0, 37543.0),
)
TOLERANCES = (0.5, 0.3, 0.1, 0.05, 0.02, 0.01, 5e-3, 2e-3, 1e-3, 1e-4)
BATCH, SOLVED = 256, 16
COMPONENTS = 9


def model_with_head(name: str) -> FoundationModel:
    model = px.load_model(name)
    if model.stiffness is not None:
        return model
    print(f"{name} has no stiffness head: an untrained one is timed.")
    head = TensorHead(TensorHeadSizes(width=model.config.width))
    head.crystal_low.fill_(-10)
    head.crystal_high.fill_(10)
    stiffness = StiffnessHead(head.eval(), fingerprint(model.autoencoder))
    return FoundationModel(model.autoencoder, model.about, stiffness)


def in_turns(*functions, repeats: int = 9) -> tuple[list[float], list[float]]:
    """Run functions alternately; return smallest CPU and median wall time of each. [s]"""
    cpu, wall = [[] for _ in functions], [[] for _ in functions]
    for turn in range(repeats + 1):
        for index, function in enumerate(functions):
            start = time.process_time(), time.perf_counter()
            function()
            if turn:  # the first is a warm-up
                cpu[index].append(time.process_time() - start[0])
                wall[index].append(time.perf_counter() - start[1])
    return [min(times) for times in cpu], [statistics.median(times) for times in wall]


def relative(found: torch.Tensor, truth: torch.Tensor) -> float:
    return float(torch.linalg.norm(found - truth) / torch.linalg.norm(truth))


def copy_of(rve: px.Polycrystal, roll: int = 0) -> px.Polycrystal:
    """Return a polycrystal of the same grains whose derived fields are not cached."""
    return px.Polycrystal(rve.grain_id.roll((roll, 3 * roll), (0, 1)), rve.orientations, rve.size)


@torch.no_grad()
def one_at_a_time(model: FoundationModel, grid: int, grains: int) -> None:
    rve = px.tessellate(grid=grid, grains=grains, seed=0)
    head = model.stiffness.tensor
    components = torch.randn(COMPONENTS, grid, grid, grid).numpy()
    for crystal in CRYSTALS:
        truth = px.homogenize(rve, crystal, tol=1e-8).stiffness
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            error = relative(model.predict_stiffness(rve, crystal), truth)
        loose = next(
            tol
            for tol in TOLERANCES
            if relative(px.homogenize(rve, crystal, tol=tol).stiffness, truth) <= error
        )
        basis = StiffnessBasis(*(part[None] for part in stiffness_basis(rve, crystal)))
        consistent = px.self_consistent_average(rve, crystal)
        new = iter([copy_of(rve) for _ in range(12)])
        cpu, wall = in_turns(
            lambda c=crystal: px.homogenize(rve, c),
            lambda c=crystal, n=new: model.predict_stiffness(next(n), c),
            lambda c=crystal, t=loose: px.homogenize(rve, c, tol=t),
            lambda c=crystal: stiffness_basis(rve, c),
            lambda: scipy.fft.rfftn(components, axes=(1, 2, 3)),
            lambda b=basis: head.stiffness(b, head.crystal_gate(CRYSTALS[0])[None]),
            lambda c=crystal: px.self_consistent_average(rve, c),
        )
        full, whole, loosely, *parts, average = cpu
        shares = " ".join(f"{part / whole:7.0%}" for part in parts)
        print(
            f"{grid}^3 Zener {crystal.zener:5.3f} {1e3 * whole:7.1f} {full / whole:7.1f}"
            f" {wall[0] / wall[1]:7.1f} {loosely / whole:9.1f} {loose:9.0e}"
            f" {full / average:9.1f} {error:9.1e} {relative(consistent, truth):9.1e}"
            f" {relative(px.hill_average(rve, crystal), truth):9.1e} {shares}"
        )


def many(model: FoundationModel, grid: int, grains: int, distinct: int) -> None:
    made = [px.tessellate(grid=grid, grains=grains, seed=seed) for seed in range(distinct)]
    rolled = list(itertools.islice(itertools.product(range(BATCH), made), BATCH))
    for crystal in CRYSTALS:
        batches = iter([[copy_of(rve, roll) for roll, rve in rolled] for _ in range(3)])
        cpu, wall = in_turns(
            lambda c=crystal: px.homogenize([rve for _, rve in rolled[:SOLVED]], c),
            lambda c=crystal, b=batches: model.predict_stiffness(next(b), c),
            repeats=2,
        )
        ratio, ratio_wall = (BATCH / SOLVED * times[0] / times[1] for times in (cpu, wall))
        print(
            f"{grid}^3 Zener {crystal.zener:5.3f} {1e3 * cpu[1] / BATCH:7.1f} {ratio:7.1f}"
            f" {ratio_wall:7.1f}"
        )


@torch.no_grad()
def against_labels(model: FoundationModel, folder: str, count: int = 100) -> None:
    store = PolycrystalStore(folder)
    constants = store.read("constants", 0, count).tolist()
    labels = torch.from_numpy(store.read("stiffness", 0, count)).to(torch.float64)
    print("Mean relative Frobenius error: readable, fast; mean and largest change")
    for k in range(len(store.recipe.labels.constants)):
        rows = []
        for i in range(count):
            rve, crystal = store[i], px.CubicElasticity(*constants[i][k])
            known = stiffness_basis(rve, crystal, compiled=False)
            basis = StiffnessBasis(*(part[None] for part in known))
            gate = model.stiffness.tensor.crystal_gate(crystal)[None]
            slow = model.stiffness.tensor.stiffness(basis, gate)[0]
            fast = model.predict_stiffness(rve, crystal)
            rows.append([relative(x, labels[i, k]) for x in (slow, fast)] + [relative(fast, slow)])
        (slow, fast, change), largest = zip(*rows, strict=True), max(row[2] for row in rows)
        means = [statistics.mean(values) for values in (slow, fast, change)]
        zener = px.CubicElasticity(*constants[0][k]).zener
        print(f"Zener {zener:5.3f}", *(f"{x:10.3e}" for x in (*means, largest)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="polyxtal-small")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--labels", help="labelled data set with grids of the model's size")
    given = parser.parse_args()
    model = model_with_head(given.model)
    torch.set_num_threads(given.threads)
    if given.labels is not None:
        against_labels(model, given.labels)
        return
    print(
        "CPU time of predict_stiffness [ms]; homogenize's time over it: CPU, wall;"
        "\nrelative Frobenius errors; shares of its CPU time (FFTs: nine bare FFTs)"
    )
    print(
        "RVE                     ms     CPU    wall  as-exact tolerance self-cons     error"
        " self-cons      Hill physics    FFTs    head"
    )
    for grid, grains in ((25, 139), (45, 810)):
        one_at_a_time(model, grid, grains)
    print(f"\n{BATCH} new RVEs at once\nRVE                     ms     CPU    wall")
    many(model, 25, 139, BATCH)
    many(model, 45, 810, 8)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
