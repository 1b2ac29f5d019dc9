"""How fast and how far off `predict_stiffness` is, over full-field homogenisation of the same RVE.

    python benchmarks/predict_stiffness.py [MODEL]

One thread, CPU time, best of a few runs in turns; one RVE at a time, then 256 of 25^3. MODEL is a
model with a stiffness head; without one the head of `polyxtal-small`, or, if that has none, an
untrained one, which takes as long. The full-field solver runs at its default tolerance and at the
loosest that is not further off than the head; errors are against a tolerance of 1e-8.
"""

from __future__ import annotations

import argparse
import time
import warnings

import torch

import polyxtal as px
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.basis import StiffnessBasis, stiffness_basis
from polyxtal.model.heads.files import StiffnessHead, fingerprint
from polyxtal.model.heads.tensor import TensorHead, TensorHeadSizes

CRYSTALS = (
    px.CubicElasticity(107.3e3, 60.8e3, 28.3e3),
    px.CubicElasticity(140010.0, 44445.0, 11945.0),
    px.CubicElasticity(88814.0, 70043.0, 37543.0),
)
TOLERANCES = (0.5, 0.3, 0.1, 0.05, 0.02, 0.01, 5e-3, 2e-3, 1e-3, 1e-4)
BATCH = 256


def model_with_head(name: str) -> FoundationModel:
    model = px.load_model(name)
    if model.stiffness is not None:
        return model
    print(f"{name} has no stiffness head: an untrained one is timed.")
    head = TensorHead(TensorHeadSizes(width=model.config.width))
    head.crystal_low.fill_(-10)
    head.crystal_high.fill_(10)
    head.familiarity.fit(torch.randn(64, model.config.width), torch.randn(64, model.config.width))
    head.familiarity.threshold.fill_(1e9)
    stiffness = StiffnessHead(head.eval(), fingerprint(model.autoencoder))
    return FoundationModel(model.autoencoder, model.about, stiffness)


def best_cpu(*functions, repeats: int = 7) -> list[float]:
    """Return the smallest CPU time of each function, run in turns. [s]"""
    times = [float("inf")] * len(functions)
    for turn in range(repeats + 1):
        for index, function in enumerate(functions):
            start = time.process_time()
            function()
            if turn:  # the first warms up
                times[index] = min(times[index], time.process_time() - start)
    return times


def relative(found: torch.Tensor, truth: torch.Tensor) -> float:
    return float(torch.linalg.norm(found - truth) / torch.linalg.norm(truth))


@torch.no_grad()
def one_at_a_time(model: FoundationModel, grid: int, grains: int) -> None:
    rve = px.tessellate(grid=grid, grains=grains, seed=0)
    head = model.stiffness.tensor
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
        latent = model._glance(rve)
        consistent = px.self_consistent_average(rve, crystal)
        full, loosely, whole, encode, known, weigh, average = best_cpu(
            lambda c=crystal: px.homogenize(rve, c),
            lambda c=crystal, t=loose: px.homogenize(rve, c, tol=t),
            lambda c=crystal: model.predict_stiffness(rve, c),
            lambda: model._glance(rve),
            lambda c=crystal: stiffness_basis(rve, c),
            lambda b=basis, z=latent: head.stiffness(b, z, head.gate(CRYSTALS[0], z)),
            lambda c=crystal: px.self_consistent_average(rve, c),
        )
        print(
            f"{grid}^3 Zener {crystal.zener:5.3f} {full / whole:7.1f} {loosely / whole:9.1f}"
            f" {loose:9.0e} {full / average:9.1f} {error:9.1e} {relative(consistent, truth):9.1e}"
            f" {relative(px.hill_average(rve, crystal), truth):9.1e}"
            f" {encode / whole:8.0%} {known / whole:8.0%} {weigh / whole:8.0%}"
        )


def many(model: FoundationModel) -> None:
    rves = [px.tessellate(grid=25, grains=139, seed=seed) for seed in range(BATCH)]
    for crystal in CRYSTALS:
        whole, full = best_cpu(
            lambda c=crystal: model.predict_stiffness(rves, c),
            lambda c=crystal: px.homogenize(rves[:32], c),
            repeats=2,
        )
        print(f"25^3 Zener {crystal.zener:5.3f} {full / 32 * BATCH / whole:7.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="polyxtal-small")
    model = model_with_head(parser.parse_args().model)
    torch.set_num_threads(1)
    print(
        "Time of homogenize over predict_stiffness; relative Frobenius errors; shares of its time"
    )
    print(
        "RVE                default as-exact tolerance self-cons     error self-cons      Hill"
        "  encoder  physics     head"
    )
    for grid, grains in ((25, 139), (45, 810)):
        one_at_a_time(model, grid, grains)
    print(f"\n{BATCH} RVEs at once, over homogenize, one by one")
    many(model)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
