"""How networks follow the full field: predicted ones beside every baseline."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from polyxtal.crystal.material import Material, load_material
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.mechanics.response import Response, compare
from polyxtal.mechanics.taylor import taylor_response
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.curves import standard_paths
from polyxtal.model.inferred_network import ITERATIONS, best_start, untrained_starts
from polyxtal.network.fit import CurveTarget, fit_network
from polyxtal.network.tree import MaterialNetwork
from polyxtal.studies.curve_cases import Case, CaseSettings, full_field_cases

MOST_LEAVES = 4096
UNTRAINED, PREDICTED, FITTED, TAYLOR = "untrained", "predicted", "fitted to the RVE", "Taylor"
COLUMNS = ["estimate", "polycrystal", "load", "seed", "mean", "maximum"]


@dataclass(frozen=True)
class CurveSettings:
    """What is asked for.

    Attributes:
        model: Name or folder of a model with heads for stiffness and curves.
        cases: Polycrystals and loads.
        leaves: Leaves of the networks.
        seeds: Networks of each kind.
        fitted: Fit one network to each polycrystal's own full fields, too: the original network.

    Raises:
        ValueError: if a number is out of range.
    """

    model: str
    cases: CaseSettings = field(default_factory=CaseSettings)
    leaves: int = 32
    seeds: int = 3
    fitted: bool = True

    def __post_init__(self) -> None:
        """Validate before anything is computed."""
        if not 2 <= self.leaves <= MOST_LEAVES:
            raise ValueError(f"Option --leaves must be 2 to {MOST_LEAVES}, but is {self.leaves}.")
        if not 1 <= self.seeds <= 100:
            raise ValueError(f"Option --seeds must be 1 to 100, but is {self.seeds}.")

    @property
    def command(self) -> str:
        """The command that computes the same, without its folder."""
        cases = self.cases
        given = {
            "leaves": self.leaves,
            "seeds": self.seeds,
            "grid": cases.grid,
            "grains": cases.grains,
            "material": cases.material,
            "strain": cases.strain,
            "seed": cases.seed,
        }
        options = [text for name, value in given.items() for text in (f"--{name}", str(value))]
        options += [] if self.fitted else ["--no-fitted"]
        return shlex.join(["polyxtal", "study", "curves", self.model, *options])


class CurveRow(NamedTuple):
    """How far one answer is from the full field, over the history, of its largest stress.

    Attributes:
        estimate: Whose answer.
        polycrystal: Name of the polycrystal.
        load: Name of the load.
        seed: Of the network, 0 where there is none.
        mean: Mean error. [-]
        maximum: Largest error. [-]
    """

    estimate: str
    polycrystal: str
    load: str
    seed: int
    mean: float
    maximum: float


@dataclass(frozen=True, eq=False)
class CurveStudy:
    """What was found.

    Attributes:
        settings: What was asked for.
        rows: All errors.
        curves: Responses of the first seed by case, then by estimate, the full field's first.
        seconds: Wall time of making all networks of a kind, without the full fields that some are
            fitted to and without the curves that are judged; compiling counts with the first. [s]
    """

    settings: CurveSettings
    rows: Sequence[CurveRow]
    curves: Mapping[tuple[str, str], Mapping[str, Response]]
    seconds: Mapping[str, float]


def study_curves(
    settings: CurveSettings,
    folder: Path,
    on_step: Callable[[str, int, int], None] | None = None,
) -> CurveStudy:
    """Compute full fields, kept in the folder, and everything that is compared with them.

    Raises:
        FileNotFoundError: if there is no such model or material.
        FileExistsError: if the folder holds something else.
        ValueError: if the model lacks a head, or the folder holds other cases.
        ConvergenceError: if something does not converge.
    """
    tell = on_step or (lambda what, done, total: None)
    model, material = load_model(settings.model), load_material(settings.cases.material)
    if model.stiffness is None or model.curves is None:
        raise ValueError(
            f"{settings.model}: a model must have heads for stiffness and curves to predict "
            "networks, but lacks one; see `polyxtal finetune`."
        )
    cases = full_field_cases(
        settings.cases, folder, lambda done, total: tell("full fields", done, total)
    )
    rows: list[CurveRow] = []
    curves: dict[tuple[str, str], dict[str, Response]] = {}
    seconds: dict[str, float] = {}
    names = list(dict.fromkeys(case.name for case in cases))
    for place, name in enumerate(names):
        tell("polycrystals", place, len(names))
        mine = [case for case in cases if case.name == name]
        for case in mine:
            curves[name, case.load] = {"full field": case.truth}
            taylor = taylor_response(case.rve, material, case.path)
            rows.append(_row(TAYLOR, case, 0, taylor))
            curves[name, case.load][TAYLOR] = taylor
        for kind, seed, network in _networks(settings, model, material, mine[0], seconds):
            for case in mine:
                found = network.respond(material, case.path)
                rows.append(_row(kind, case, seed, found))
                curves[name, case.load].setdefault(kind, found)
    tell("polycrystals", len(names), len(names))
    return CurveStudy(settings, rows, curves, seconds)


def _networks(
    settings: CurveSettings,
    model: FoundationModel,
    material: Material,
    case: Case,
    seconds: dict[str, float],
) -> list[tuple[str, int, MaterialNetwork]]:
    """Make networks of every kind for one polycrystal."""
    rve, leaves = case.rve, settings.leaves
    made: list[tuple[str, int, MaterialNetwork]] = []

    def make(kind: str, seed: int, build: Callable[[], MaterialNetwork]) -> None:
        started = perf_counter()
        made.append((kind, seed, build()))
        seconds[kind] = seconds.get(kind, 0.0) + perf_counter() - started

    for seed in range(settings.seeds):
        make(UNTRAINED, seed, lambda s=seed: MaterialNetwork.from_polycrystal(rve, leaves, s))
        with warnings.catch_warnings():
            # Some polycrystals are meant to be unlike those of the training.
            warnings.simplefilter("ignore", UserWarning)
            make(
                PREDICTED,
                seed,
                lambda s=seed: model.predict_network(rve, leaves, s, material),
            )
    if settings.fitted:
        paths = standard_paths(reverse=True)
        targets = [CurveTarget(path, simulate(rve, material, path)) for path in paths]

        def fit() -> MaterialNetwork:
            start = best_start(untrained_starts(rve, leaves, 0), material, targets)
            return fit_network(start, material, targets, iterations=ITERATIONS).network

        make(FITTED, 0, fit)
    return made


def _row(estimate: str, case: Case, seed: int, response: Response) -> CurveRow:
    error = compare(response, case.truth)
    return CurveRow(estimate, case.name, case.load, seed, error.mean, error.maximum)


def summary_rows(rows: Sequence[CurveRow]) -> list[dict[str, Any]]:
    """Put errors together by estimate and polycrystal.

    Returns:
        For each, the mean over loads and seeds of the mean error, and the largest mean and the
        largest error of any. [-]
    """
    grouped: dict[tuple[str, str], list[CurveRow]] = {}
    for row in rows:
        grouped.setdefault((row.estimate, row.polycrystal), []).append(row)
        grouped.setdefault((row.estimate, "all"), []).append(row)
    return [
        {
            "estimate": estimate,
            "polycrystal": polycrystal,
            "mean": sum(row.mean for row in some) / len(some),
            "largest mean": max(row.mean for row in some),
            "maximum": max(row.maximum for row in some),
        }
        for (estimate, polycrystal), some in grouped.items()
    ]
