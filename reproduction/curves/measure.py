"""Errors of predicted networks, and of every baseline, against the full field.

truth/                             full fields, see `curve_cases`
answers-<stamp>/<polycrystal>.npz  responses of all estimates, kept once they are complete
"""

from __future__ import annotations

import hashlib
import json
import math
import shlex
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.crystal.material import Material
from polyxtal.mechanics.mean_field.grain_rotation import mean_disorientation
from polyxtal.mechanics.response import Response, compare
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.network.fit_effort import EFFORT, FitEffort
from polyxtal.network.tree import MaterialNetwork
from reproduction.curves.answers import Maker, compute_answers, read_answers, write_answers
from reproduction.curves.cases import CaseSettings, full_field_cases
from reproduction.pretrained import find_model

MOST_LEAVES = 4096
TRUTH = "full field"
UNTRAINED, PREDICTED = "untrained", "predicted"
STILL = "not turned"
"""Estimate in which no grain rotates; it has no stress."""
COLUMNS = ["estimate", "polycrystal", "load", "seed", "mean", "maximum", "turned"]


@dataclass(frozen=True)
class CurveSettings:
    """Settings of the study.

    Attributes:
        model: Name or folder of a model with heads for stiffness and curves.
        cases: Polycrystals and loads.
        leaves: Number of leaves of the networks (default: 32).
        seeds: Number of networks of each kind (default: 3).
        fitted: Also fit one network, as originally proposed, to each polycrystal's own full fields
            (default: true).
        effort: Effort spent on fitting a network.

    Raises:
        ValueError: if a number is out of range.
    """

    model: str
    cases: CaseSettings = field(default_factory=CaseSettings)
    leaves: int = 32
    seeds: int = 3
    fitted: bool = True
    effort: FitEffort = EFFORT

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
    """Errors of one response relative to the largest stress of the full field.

    Attributes:
        estimate: Name of the estimate.
        polycrystal: Name of the polycrystal.
        load: Name of the load.
        seed: Random seed of the network; 0 where there is none.
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


@dataclass(frozen=True, eq=False)
class CurveStudy:
    """Results of the study.

    Attributes:
        settings: Settings of the study.
        rows: All errors.
        curves: Responses of the first seed by case, then by estimate, the full field's first.
        turned: Orientations of the grains at the end, likewise. [-]
        seconds: Wall time of making all networks of a kind, without the full fields that some are
            fitted to and without the evaluated curves; the first includes compilation. [s]
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
    """Compute the full fields and all estimates, both kept in the folder, and compare them.

    Args:
        settings: Settings of the study.
        folder: Output folder, new or of the same cases.
        progress: Called after each full field and each polycrystal.
        others: Further networks to evaluate, by name: an identifier, and how they are made.
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
        found = read_answers(file, mine)
        if found is None:
            leaves = settings.leaves if settings.fitted else None
            found = compute_answers(
                makers, material, [*mine.values()], settings.seeds, leaves, settings.effort
            )
            write_answers(file, *found)
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
    """Return a digest of what the responses depend on beside the cases: settings and model."""
    asked = asdict(settings) | {"others": {name: one for name, (one, _) in others.items()}}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode())
    for file in sorted(find_model(settings.model).iterdir()):
        if file.suffix in (".json", ".safetensors"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _makers(
    settings: CurveSettings, model: FoundationModel, material: Material
) -> dict[str, Maker]:
    """Return how networks of every kind but the fitted one are made."""

    def predict(rve: Polycrystal, seed: int) -> MaterialNetwork:
        with warnings.catch_warnings():
            # Some polycrystals are meant to be unlike those of the training.
            warnings.simplefilter("ignore", UserWarning)
            return model.predict_network(
                rve, settings.leaves, seed, material, effort=settings.effort
            )

    return {
        UNTRAINED: lambda rve, seed: MaterialNetwork.from_polycrystal(rve, settings.leaves, seed),
        PREDICTED: predict,
    }


def summary_rows(rows: Sequence[CurveRow]) -> list[dict[str, Any]]:
    """Summarise errors by estimate and polycrystal.

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
