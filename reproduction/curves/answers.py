"""Responses of all estimates to a polycrystal's loads, kept once they are complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.material import Material
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.mechanics.ladder.accuracy import COARSEST
from polyxtal.mechanics.ladder.predict import predict
from polyxtal.mechanics.mean_field.grain_rotation import turned_grains
from polyxtal.mechanics.mean_field.sachs import sachs_response
from polyxtal.mechanics.mean_field.taylor import taylor_response
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.heads.curves.head import standard_paths
from polyxtal.network.fit import CurveTarget, fit_network
from polyxtal.network.fit_effort import FitEffort
from polyxtal.network.tree import MaterialNetwork
from reproduction.curves.cases import Case

FITTED, TAYLOR, SACHS = "fitted to the RVE", "Taylor", "Sachs"
COARSE = "coarse field"
"""A full field on the coarsest grid of `predict`, 5³ voxels of a cube."""
MAX_ANSWERS = 1 << 28
Maker = Callable[[Polycrystal, int], MaterialNetwork]
"""Makes a network for a polycrystal and a seed."""


class Answer(NamedTuple):
    """One estimate's response to one load.

    Attributes:
        estimate: Name of the estimate.
        load: Name of the load.
        seed: Random seed of the network; 0 where there is none.
        response: Time, F and P.
        turned: Orientations of the grains at the end. (grains, 4) [-]
    """

    estimate: str
    load: str
    seed: int
    response: Response
    turned: Tensor


def compute_answers(
    makers: Mapping[str, Maker],
    material: Material,
    cases: Sequence[Case],
    seeds: int,
    leaves: int | None,
    effort: FitEffort,
) -> tuple[list[Answer], dict[str, float]]:
    """Compute the responses of all estimates to the loads on one polycrystal.

    Args:
        makers: How networks are made, by kind.
        material: Material of all grains.
        cases: The loads on the polycrystal.
        seeds: Number of networks of each kind.
        leaves: Leaves of a network fitted to the polycrystal's own full fields; None for none.
        effort: Effort spent on that fit.
    Returns:
        The responses, and the time that making the networks of each kind took. [s]
    """
    rve = cases[0].rve
    found: list[Answer] = []
    seconds: dict[str, float] = {}

    def keep(kind: str, case: Case, seed: int, response: Response) -> None:
        plain = Response(response.time, response.F, response.P)
        found.append(Answer(kind, case.load, seed, plain, turned_grains(rve, response)))

    def respond(kind: str, seed: int, make: Callable[[], MaterialNetwork]) -> None:
        started = perf_counter()
        network = make()
        seconds[kind] = seconds.get(kind, 0.0) + perf_counter() - started
        for case in cases:
            keep(kind, case, seed, network.respond(material, case.path))

    for case in cases:
        keep(TAYLOR, case, 0, taylor_response(rve, material, case.path))
        # With no neighbour to hold it back, a soft grain may take all strain and find no balance.
        with suppress(ConvergenceError):
            keep(SACHS, case, 0, sachs_response(rve, material, case.path))
        keep(COARSE, case, 0, predict(rve, material, case.path, COARSEST))
    for seed in range(seeds):
        for kind, make in makers.items():
            respond(kind, seed, lambda make=make, seed=seed: make(rve, seed))
    if leaves is not None:
        targets = [CurveTarget(path, simulate(rve, material, path)) for path in standard_paths()]

        def fit() -> MaterialNetwork:
            start = MaterialNetwork.from_polycrystal(rve, leaves)
            return fit_network(start, material, targets, iterations=effort.iterations).network

        respond(FITTED, 0, fit)
    return found, seconds


def write_answers(file: Path, answers: Sequence[Answer], seconds: Mapping[str, float]) -> None:
    """Write responses and times as a NumPy archive."""
    arrays: dict[str, Any] = {}
    for k, answer in enumerate(answers):
        arrays |= {f"F{k}": answer.response.F, f"P{k}": answer.response.P}
        arrays |= {f"turned{k}": answer.turned}
    about = {
        "answers": [[answer.estimate, answer.load, answer.seed] for answer in answers],
        "seconds": dict(seconds),
    }
    file.parent.mkdir(exist_ok=True)
    with atomic_file(file) as temporary:
        write_arrays(temporary, arrays, about)


def read_answers(
    file: Path, cases: Mapping[str, Case]
) -> tuple[list[Answer], dict[str, float]] | None:
    """Read responses and times again; None if they are missing or damaged.

    Args:
        file: NumPy archive.
        cases: The loads on the polycrystal, by name.
    """
    if not file.is_file():
        return None
    found = []
    try:
        with open_arrays(file, MAX_ANSWERS) as stored:
            about = stored.about
            seconds = {str(kind): float(value) for kind, value in about["seconds"].items()}
            for k, (estimate, load, seed) in enumerate(about["answers"]):
                case = cases[load]
                f, p, turned = (
                    torch.from_numpy(stored.read(f"{name}{k}")) for name in ("F", "P", "turned")
                )
                if turned.shape != case.turned.shape or not torch.isfinite(p).all():
                    return None
                response = Response(case.truth.time, f, p)
                found.append(Answer(estimate, load, int(seed), response, turned))
    except (ValueError, TypeError):
        return None  # damaged: computed again
    return found, seconds
