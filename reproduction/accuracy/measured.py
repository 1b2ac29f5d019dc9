"""The stored results of `benchmarks/methods.py` and `benchmarks/ladder.py calibration`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FAMILIES = {
    "fcc": {"Al_tension": "AA6022-T4, tension", "Al_psc30": "AA6022-T4, rolled by 30 %"},
    "bcc": {"ferrite_tension": "ferrite, tension"},
    "hcp": {"Ti_tension": "titanium, tension", "Mg_tension": "magnesium with twins, tension"},
    "two phases": {"DP_tension": "dual-phase steel, tension"},
}
"""Names of cases by crystal family, each with a title."""


@dataclass(frozen=True)
class Measured:
    """One method in one case, against DAMASK.

    Attributes:
        case: Name of the case.
        method: Name of the method.
        mean: Mean error over the history of the loaded stress. [% of the largest]
        maximum: Largest error. [%]
        rotation: Mean error of the grains' final orientations. [degrees]
        seconds: CPU time. [s]
        bound: Largest bound of the error, None where the method has none. [%]
    """

    case: str
    method: str
    mean: float
    maximum: float
    rotation: float
    seconds: float
    bound: float | None


def read_measured(file: Path) -> list[Measured]:
    """Read `methods.csv`."""
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [
        Measured(
            case=row["case"],
            method=row["method"],
            mean=float(row["mean"]),
            maximum=float(row["maximum"]),
            rotation=float(row["rotation"]),
            seconds=float(row["seconds"]),
            bound=float(row["bound"]) if row["bound"] else None,
        )
        for row in rows
    ]


@dataclass(frozen=True)
class Kept:
    """How often the bounds of `predict` hold.

    Attributes:
        cases: Number of polycrystals.
        answers: Number of answers with a bound.
        below_bound: Share of answers whose largest error lies below its bound.
        below_accuracy: Share of all answers whose error lies below the accuracy asked for.
    """

    cases: int
    answers: int
    below_bound: float
    below_accuracy: float


def read_kept(file: Path) -> Kept:
    """Read `calibration.csv`."""
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    coarse = [row for row in rows if float(row["bound"]) > 0]
    below = [float(row["error"]) <= float(row["bound"]) for row in coarse]
    kept = [float(row["error"]) <= float(row["accuracy"]) for row in rows]
    cases = len({row["case"] for row in rows})
    return Kept(cases, len(coarse), sum(below) / len(below), sum(kept) / len(kept))
