"""How networks follow the full field: predicted ones beside every baseline.

truth/                             full fields, see `curve_cases`
answers-<stamp>/<polycrystal>.npz  what all estimates answer for it, kept as soon as it is whole
"""

from __future__ import annotations

import hashlib
import json
import math
import shlex
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.crystal.material import Material
from polyxtal.files.atomic import atomic_file
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.mechanics.mean_field.grain_rotation import mean_disorientation, turned_grains
from polyxtal.mechanics.mean_field.sachs import sachs_response
from polyxtal.mechanics.mean_field.taylor import taylor_response
from polyxtal.mechanics.response import Response, compare
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.curves.head import standard_paths
from polyxtal.model.predicted_network import ITERATIONS, best_start, untrained_starts
from polyxtal.network.fit import CurveTarget, fit_network
from polyxtal.network.tree import MaterialNetwork
from reproduction.curves.cases import UNREADABLE, Case, CaseSettings, full_field_cases
from reproduction.pretrained import find_model

MOST_LEAVES = 4096
TRUTH = "full field"
UNTRAINED, PREDICTED, FITTED = "untrained", "predicted", "fitted to the RVE"
TAYLOR, SACHS, STILL = "Taylor", "Sachs", "not turned"
"""The last turns no grain at all, and has no stress."""
COLUMNS = ["estimate", "polycrystal", "load", "seed", "mean", "maximum", "turned"]
MAX_ANSWERS = 1 << 28
Maker = Callable[[Polycrystal, int], MaterialNetwork]
"""Makes a network for a polycrystal and a seed."""


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
        cases, usual = self.cases, CaseSettings()
        given: dict[str, Any] = {
            "leaves": self.leaves,
            "seeds": self.seeds,
            "grid": cases.grid,
            "grains": cases.grains,
            "material": cases.material,
            "strain": cases.strain,
            "seed": cases.seed,
        }
        if cases.zener is not None:
            given["zener"] = cases.zener
        if cases.loads != usual.loads:
            given["loads"] = ",".join(cases.loads)
        if cases.names != usual.names:
            given["polycrystals"] = ",".join(cases.names)
        options = [text for name, value in given.items() for text in (f"--{name}", str(value))]
        options += [] if self.fitted else ["--no-fitted"]
        return shlex.join(["python", "-m", "reproduction", "curves", self.model, *options])


class CurveRow(NamedTuple):
    """How far one answer is from the full field, over the history, of its largest stress.

    Attributes:
        estimate: Whose answer.
        polycrystal: Name of the polycrystal.
        load: Name of the load.
        seed: Of the network, 0 where there is none.
        mean: Mean error in stress; NaN where there is no stress. [-]
        maximum: Largest error in stress. [-]
        turned: Mean disorientation of the grains at the end from the full field's. [degrees]
    """

    estimate: str
    polycrystal: str
    load: str
    seed: int
    mean: float
    maximum: float
    turned: float


class Answer(NamedTuple):
    """One estimate's response to one load.

    Attributes:
        estimate: Whose.
        load: Name of the load.
        seed: Of the network.
        response: Time, F, P.
        turned: Grains at the end. [-]
    """

    estimate: str
    load: str
    seed: int
    response: Response
    turned: Tensor


@dataclass(frozen=True, eq=False)
class CurveStudy:
    """What was found.

    Attributes:
        settings: What was asked for.
        rows: All errors.
        curves: Responses of the first seed by case, then by estimate, the full field's first.
        turned: How the grains lie at the end, likewise. [-]
        seconds: Wall time of making all networks of a kind, without the full fields that some are
            fitted to and without the curves that are judged; compiling counts with the first. [s]
    """

    settings: CurveSettings
    rows: Sequence[CurveRow]
    curves: Mapping[tuple[str, str], Mapping[str, Response]]
    turned: Mapping[tuple[str, str], Mapping[str, Tensor]]
    seconds: Mapping[str, float]


def study_curves(
    settings: CurveSettings,
    folder: Path,
    progress: Progress = no_progress,
    others: Mapping[str, tuple[str, Maker]] | None = None,
) -> CurveStudy:
    """Compute full fields and all answers, both kept in the folder, and compare them.

    Args:
        settings: What is asked for.
        folder: New, or of the same cases.
        progress: Called after each full field and each polycrystal.
        others: More networks to judge by name, each with what identifies it and how it is made.
    Raises:
        FileNotFoundError: if there is no such model or material.
        FileExistsError: if the folder holds something else.
        ValueError: if the model lacks a head, or the folder holds other cases.
        ConvergenceError: if something but Sachs's model does not converge; that one is left out
            where it does not.
    """
    model, material = load_model(find_model(settings.model)), settings.cases.law()
    if model.stiffness is None or model.curves is None:
        raise ValueError(
            f"{settings.model}: a model must have heads for stiffness and curves to predict "
            "networks, but lacks one; see `polyxtal finetune`."
        )
    makers = _makers(settings, model, material)
    makers |= {name: make for name, (_, make) in (others or {}).items()}
    place = folder / f"answers-{_stamp(settings, others or {})}"
    cases = full_field_cases(settings.cases, folder, progress)
    rows: list[CurveRow] = []
    curves: dict[tuple[str, str], dict[str, Response]] = {}
    turned: dict[tuple[str, str], dict[str, Tensor]] = {}
    seconds: dict[str, float] = {}
    names = list(dict.fromkeys(case.name for case in cases))
    for number, name in enumerate(names):
        progress("polycrystals", number, len(names))
        mine = {case.load: case for case in cases if case.name == name}
        file = place / f"{name}.npz".replace(" ", "-")
        found = _read(file, mine)
        if found is None:
            found = _answers(settings, makers, material, list(mine.values()))
            _write(file, *found)
        for load, case in mine.items():
            still = mean_disorientation(case.rve, case.rve.orientations, case.turned)
            rows.append(CurveRow(STILL, name, load, 0, math.nan, math.nan, still))
            curves[name, load] = {TRUTH: case.truth}
            turned[name, load] = {TRUTH: case.turned}
        answers, took = found
        for answer in answers:
            case = mine[answer.load]
            error = compare(answer.response, case.truth)
            angle = mean_disorientation(case.rve, answer.turned, case.turned)
            rows.append(
                CurveRow(
                    answer.estimate,
                    name,
                    answer.load,
                    answer.seed,
                    error.mean,
                    error.maximum,
                    angle,
                )
            )
            curves[name, answer.load].setdefault(answer.estimate, answer.response)
            turned[name, answer.load].setdefault(answer.estimate, answer.turned)
        for kind, value in took.items():
            seconds[kind] = seconds.get(kind, 0.0) + value
    progress("polycrystals", len(names), len(names))
    return CurveStudy(settings, rows, curves, turned, seconds)


def _stamp(settings: CurveSettings, others: Mapping[str, tuple[str, Maker]]) -> str:
    """Name what answers depend on, beside the cases: the model's files, and all that is asked."""
    asked = asdict(settings) | {"others": {name: one for name, (one, _) in others.items()}}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode())
    for file in sorted(find_model(settings.model).iterdir()):
        if file.suffix in (".json", ".safetensors"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _makers(
    settings: CurveSettings, model: FoundationModel, material: Material
) -> dict[str, Maker]:
    """Say how networks of every kind but the fitted one are made."""

    def predict(rve: Polycrystal, seed: int) -> MaterialNetwork:
        with warnings.catch_warnings():
            # Some polycrystals are meant to be unlike those of the training.
            warnings.simplefilter("ignore", UserWarning)
            return model.predict_network(rve, settings.leaves, seed, material)

    return {
        UNTRAINED: lambda rve, seed: MaterialNetwork.from_polycrystal(rve, settings.leaves, seed),
        PREDICTED: predict,
    }


def _answers(
    settings: CurveSettings, makers: Mapping[str, Maker], material: Material, cases: Sequence[Case]
) -> tuple[list[Answer], dict[str, float]]:
    """Let all estimates answer for one polycrystal; return how long making networks took, too."""
    rve = cases[0].rve
    found: list[Answer] = []
    seconds: dict[str, float] = {}

    def keep(kind: str, case: Case, seed: int, response: Response) -> None:
        plain = Response(response.time, response.F, response.P)
        found.append(Answer(kind, case.load, seed, plain, turned_grains(rve, response)))

    def judge(kind: str, seed: int, make: Callable[[], MaterialNetwork]) -> None:
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
    for seed in range(settings.seeds):
        for kind, make in makers.items():
            judge(kind, seed, lambda make=make, seed=seed: make(rve, seed))
    if settings.fitted:
        paths = standard_paths(reverse=True)
        targets = [CurveTarget(path, simulate(rve, material, path)) for path in paths]

        def fit() -> MaterialNetwork:
            start = best_start(untrained_starts(rve, settings.leaves, 0), material, targets)
            return fit_network(start, material, targets, iterations=ITERATIONS).network

        judge(FITTED, 0, fit)
    return found, seconds


def _write(file: Path, answers: Sequence[Answer], seconds: Mapping[str, float]) -> None:
    arrays: dict[str, Any] = {}
    for k, answer in enumerate(answers):
        arrays |= {f"F{k}": answer.response.F, f"P{k}": answer.response.P}
        arrays |= {f"turned{k}": answer.turned}
    about = {
        "answers": [[answer.estimate, answer.load, answer.seed] for answer in answers],
        "seconds": dict(seconds),
    }
    file.parent.mkdir(exist_ok=True)
    with atomic_file(file) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, about=np.array(json.dumps(about)), **arrays)


def _read(file: Path, cases: Mapping[str, Case]) -> tuple[list[Answer], dict[str, float]] | None:
    if not file.is_file() or file.stat().st_size > MAX_ANSWERS:
        return None
    found = []
    try:
        with np.load(file, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            seconds = {str(kind): float(value) for kind, value in about["seconds"].items()}
            for k, (estimate, load, seed) in enumerate(about["answers"]):
                case = cases[load]
                f, p, turned = (
                    torch.from_numpy(np.asarray(stored[f"{name}{k}"], dtype=np.float64))
                    for name in ("F", "P", "turned")
                )
                if turned.shape != case.turned.shape or not torch.isfinite(p).all():
                    return None
                response = Response(case.truth.time, f, p)
                found.append(Answer(estimate, load, int(seed), response, turned))
    except UNREADABLE:
        return None  # damaged: computed anew
    return found, seconds


def summary_rows(rows: Sequence[CurveRow]) -> list[dict[str, Any]]:
    """Put errors together by estimate and polycrystal.

    Returns:
        For each, the mean over loads and seeds of the mean error, the largest mean and the largest
        error of any [-], and the mean over loads and seeds of the grains' disorientation [degrees].
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
            "turned": sum(row.turned for row in some) / len(some),
        }
        for (estimate, polycrystal), some in grouped.items()
        if estimate != STILL
    ]
