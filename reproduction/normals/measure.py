"""Errors of networks fitted from several starts, with few iterations, against full fields.

truth/                                   full fields, see `full_field_cases`
errors/<start>-<polycrystal>-<seed>.csv  rows of one network, see `COLUMNS`
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.crystal.material import Material
from polyxtal.files.atomic import atomic_file
from polyxtal.files.plain import write_csv
from polyxtal.mechanics.mean_field.self_consistent import grain_extents
from polyxtal.mechanics.response import compare
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.head import TOLERANCE, softened
from polyxtal.model.predicted_network import elastic_crystals
from polyxtal.network.fit import CurveTarget, fit_network
from polyxtal.network.tree import MaterialNetwork
from reproduction.curves.cases import Case
from reproduction.normals.linear import linear_comparison
from reproduction.normals.predictor import Inputs
from reproduction.normals.targets import expected_curves
from reproduction.normals.training import Trained

RANDOM, ELASTIC = "random", "linear comparison"
"""Starts without learning: spread normals, and these fitted to predicted stiffnesses."""
ITERATIONS = (0, 2, 6)
ELASTIC_ITERATIONS = 12
COLUMNS = (
    "start",
    "iterations",
    "polycrystal",
    "seed",
    "load",
    "mean",
    "maximum",
    "misfit",
    "start_seconds",
    "fit_seconds",
)


@dataclass(frozen=True)
class Starter:
    """A trained predictor as a start of fits.

    Attributes:
        trained: The predictor.
        encoder: Encoder of its context, or None.
    """

    trained: Trained
    encoder: FoundationModel | None

    @torch.no_grad()
    def start(self, network: MaterialNetwork, rve: Polycrystal) -> MaterialNetwork:
        """Return the network with predicted normals."""
        latent = None
        if self.encoder is not None:
            assert self.trained.centre is not None
            assert self.trained.spread is not None
            both = self.encoder.encode(rve, "both").reshape(2, -1)
            latent = ((both - self.trained.centre) / self.trained.spread)[None]
        extents = grain_extents(rve)
        orientations, weights, normals = network.orientations, network.weights, network.normals
        linear = linear_comparison(network.tree, orientations, weights, normals, extents)
        seen = (orientations, weights, normals, extents, *linear)
        given = Inputs._make([*(part[None].float() for part in seen), latent])
        normals = self.trained.predictor(given)[0].double()
        length = torch.linalg.vector_norm(normals, dim=1, keepdim=True)
        return replace(network, normals=normals / length)


class Row(NamedTuple):
    """Errors of one fitted network under one load, see `COLUMNS`.

    Attributes:
        mean, maximum: Errors of stress, as `compare` finds them. [-]
        misfit: Root-mean-square error of the expected curves. [-]
        start_seconds, fit_seconds: CPU time of the start, and of the iterations. [s]
    """

    start: str
    iterations: int
    polycrystal: str
    seed: int
    load: str
    mean: float
    maximum: float
    misfit: float
    start_seconds: float
    fit_seconds: float


def measure(
    cases: Sequence[Case],
    model: FoundationModel,
    material: Material,
    starters: Mapping[str, Starter],
    leaves: int,
    reference_leaves: int,
    seeds: int,
    folder: Path,
    progress: Progress = no_progress,
) -> list[Row]:
    """Fit networks of every polycrystal from all starts and compare them with the full fields.

    Args:
        cases: Polycrystals, loads and full fields.
        model: Model with heads for stiffness and curves.
        material: Material of the crystals.
        starters: Trained predictors by name.
        leaves, reference_leaves: Leaves of the networks, and of the reference networks.
        seeds: Number of networks of each polycrystal.
        folder: Where rows are kept.
        progress: Called after every network.
    Raises:
        ConvergenceError: if a network does not converge.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(case.name for case in cases))
    curves: dict[str, list[CurveTarget]] = {}
    rows: list[Row] = []
    asked = list(product(range(seeds), names, (RANDOM, ELASTIC, *starters)))
    for done, (seed, name, start) in enumerate(asked):
        file = folder / f"{start}-{name}-{seed}.csv".replace(" ", "-")
        if not file.is_file():
            mine = [case for case in cases if case.name == name]
            rve = mine[0].rve
            if name not in curves:
                curves[name] = expected_curves(rve, model, material, reference_leaves, 0)
            network = MaterialNetwork.from_polycrystal(rve, leaves, seed)
            begin = time.process_time()
            if start == ELASTIC:
                network = _elastic_start(network, rve, model)
            elif start in starters:
                network = starters[start].start(network, rve)
            seconds = time.process_time() - begin
            found = list(_fits(start, network, seconds, curves[name], mine, material, seed))
            with atomic_file(file) as temporary:
                write_csv(temporary, COLUMNS, found)
        rows += read_rows(file)
        progress("networks", done + 1, len(asked))
    return rows


def _elastic_start(
    network: MaterialNetwork, rve: Polycrystal, model: FoundationModel
) -> MaterialNetwork:
    targets = [(crystal, model.predict_stiffness(rve, crystal)) for crystal in elastic_crystals()]
    return fit_network(network, stiffness=targets, iterations=ELASTIC_ITERATIONS).network


def _fits(
    start: str,
    network: MaterialNetwork,
    seconds: float,
    curves: Sequence[CurveTarget],
    cases: Sequence[Case],
    material: Material,
    seed: int,
) -> Iterator[Row]:
    for iterations in ITERATIONS:
        begin = time.process_time()
        soft = softened(material)
        fit = fit_network(network, soft, curves, iterations=iterations, tolerance=TOLERANCE)
        took = time.process_time() - begin if iterations else 0.0
        for case in cases:
            error = compare(fit.network.respond(material, case.path), case.truth)
            yield Row(
                start,
                iterations,
                case.name,
                seed,
                case.load,
                error.mean,
                error.maximum,
                fit.error,
                seconds,
                took,
            )


def read_rows(file: Path) -> list[Row]:
    """Read what `measure` has kept."""
    with file.open(newline="", encoding="utf-8") as stream:
        return [
            Row(
                row["start"],
                int(row["iterations"]),
                row["polycrystal"],
                int(row["seed"]),
                row["load"],
                float(row["mean"]),
                float(row["maximum"]),
                float(row["misfit"]),
                float(row["start_seconds"]),
                float(row["fit_seconds"]),
            )
            for row in csv.DictReader(stream)
        ]


def summary(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a row for each start and number of iterations, errors in percent.

    "mean", "worst" and "largest" are the mean error, the largest mean error of a curve and the
    largest error at any time, over polycrystals, networks and loads; "misfit" is the mean
    root-mean-square error of the expected curves, seconds are CPU seconds of a network. "change"
    is the mean difference from the same networks with random normals, and "change_error" its
    standard error.
    """
    loads = list(dict.fromkeys(row.load for row in rows))
    table: list[dict[str, Any]] = []
    for start, iterations in dict.fromkeys((row.start, row.iterations) for row in rows):
        some = [row for row in rows if (row.start, row.iterations) == (start, iterations)]
        line: dict[str, Any] = {"start": start, "iterations": iterations}
        for load in loads:
            under = [row for row in some if row.load == load]
            line[f"{load} mean"] = 100 * _mean([row.mean for row in under])
            line[f"{load} worst"] = 100 * max(row.mean for row in under)
            line[f"{load} largest"] = 100 * max(row.maximum for row in under)
        line["mean"] = 100 * _mean([row.mean for row in some])
        line["change"], line["change_error"] = _change(rows, start, iterations)
        line["misfit"] = 100 * _mean([row.misfit for row in some])
        line["start_seconds"] = _mean([row.start_seconds for row in some])
        line["fit_seconds"] = _mean([row.fit_seconds for row in some])
        line["networks"] = len(some) // len(loads)
        table.append(line)
    return table


def _change(rows: Sequence[Row], start: str, iterations: int) -> tuple[float, float]:
    """Return the mean difference of errors from random normals [%], and its standard error."""
    by: dict[tuple[str, int], float] = {}
    loads = len({row.load for row in rows})
    for row in rows:
        if row.iterations == iterations and row.start in (start, RANDOM):
            sign = (row.start == start) - (row.start == RANDOM)
            place = (row.polycrystal, row.seed)
            by[place] = by.get(place, 0.0) + 100 * sign * row.mean / loads
    found = torch.tensor([*by.values()], dtype=torch.float64)
    spread = float(found.std() / len(found) ** 0.5) if len(found) > 1 else math.nan
    return float(found.mean()), spread


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
