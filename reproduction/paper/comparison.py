"""Three columns: what the paper says, what came out here, and the best that learns nothing.

Every number is read from the tables that the steps wrote, which a row names as its source.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from reproduction.curves.measure import PREDICTED
from reproduction.paper.curves import INFERRED, TABLE2
from reproduction.paper.encoders import SCRATCH
from reproduction.paper.presets import PaperPreset
from reproduction.paper.published import LARGEST_ERROR, MEAN_ERROR, NETWORK_ERROR, R_SQUARED
from reproduction.paper.steps import write_table

COMPARISON = "comparison.csv"
COLUMNS = ("where", "what", "case", "paper", "ours", "baseline", "best baseline", "unit", "source")
PERCENT, PLAIN = "%", "-"


class Row(NamedTuple):
    """One number three times.

    Attributes:
        where: In the paper.
        what: Is compared.
        case: Of which polycrystal, crystal or share of hidden patches; empty if there is but one.
        paper: As the paper says it, "above 0.8" among it; empty if the text has no number.
        ours: Measured here.
        baseline: The best of those that learn nothing; None if there is none.
        best: Its name.
        unit: "%" for shares, which are stored as fractions, or "-".
        source: The table.
    """

    where: str
    what: str
    case: str
    paper: str
    ours: float
    baseline: float | None
    best: str
    unit: str
    source: str


@dataclass(frozen=True)
class Best:
    """The best of several values."""

    value: float
    name: str


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a table that a step wrote; none if the step is not finished."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_comparison(preset: PaperPreset, results: Path) -> list[Row]:
    """Write the comparison of all that is there."""
    rows = [
        *_pretraining(results),
        *_latent(results),
        *_stiffness(preset, results),
        *_parameters(preset, results),
        *_curves(preset, results),
    ]
    write_table(results / COMPARISON, COLUMNS, rows)
    return rows


def _pretraining(results: Path) -> Iterator[Row]:
    source = "pretraining/rebuilt.csv"
    for row in read_table(results / source):
        trivial = {
            name: float(row[f"{name} loss"]) for name in ("mean of visible", "nearest visible")
        }
        best = _least(trivial)
        case = f"{100 * float(row['ratio']):g} % hidden"
        ours = float(row["model loss"])
        what = "squared error of hidden patches"
        yield Row("Fig. 4", what, case, "", ours, best.value, best.name, PLAIN, source)


def _latent(results: Path) -> Iterator[Row]:
    source = "latent/neighbours.csv"
    rows = [row for row in read_table(results / source) if row["on"] == "vectors"]
    for what in ("C11", "log texture index"):
        scores = {row["vectors"]: float(row[what]) for row in rows}
        if not scores:
            continue
        ours = scores.pop("pretrained")
        best = _most(scores)
        title = "R² of nearest-neighbour regression on [CLS]"
        yield Row("Fig. 5", title, what, "", ours, best.value, best.name, PLAIN, source)


def _stiffness(preset: PaperPreset, results: Path) -> Iterator[Row]:
    source = "stiffness/r_squared.csv"
    rows = read_table(results / source)
    chosen = f"mask-{100 * preset.chosen:g}"
    for head, name in ((chosen, "pretrained, above"), (SCRATCH, "from scratch, below")):
        for crystal in dict.fromkeys(row["crystal"] for row in rows):
            least = {r["estimate"]: float(r["least"]) for r in rows if r["crystal"] == crystal}
            best = _most({k: v for k, v in least.items() if not k.startswith("head ")})
            # The paper has one crystal, the aluminium that comes first here.
            first = crystal == rows[0]["crystal"]
            paper = f"{name.partition(', ')[2]} {R_SQUARED.values[name]:g}" if first else ""
            what = f"R² of C11, C22, C33, the worst, {name.partition(',')[0]}"
            ours = least[f"head {head}"]
            yield Row("Fig. 7", what, crystal, paper, ours, best.value, best.name, PLAIN, source)


def _parameters(preset: PaperPreset, results: Path) -> Iterator[Row]:
    source = "parameters/errors.csv"
    errors = {row["estimate"]: float(row["validation"]) for row in read_table(results / source)}
    if not errors:
        return
    baselines = ("Hill", "untrained networks")
    named = {
        f"head mask-{100 * preset.chosen:g}": "pretrained",
        f"head {SCRATCH}": "from scratch",
        "predicted networks": "",
    }
    for estimate, name in named.items():
        if estimate not in errors:
            continue
        paper = f"{100 * NETWORK_ERROR.values[name]:g}" if name else ""
        how = f"inferred networks, {name}" if name else "predicted networks"
        what = f"error in stiffness of {how}"
        ours = errors[estimate]
        same = "" if name or "Hill, same RVEs" not in errors else ", same RVEs"
        best = _least({one: errors[f"{one}{same}"] for one in baselines})
        yield Row("Fig. 9", what, "", paper, ours, best.value, best.name, PERCENT, source)


def _curves(preset: PaperPreset, results: Path) -> Iterator[Row]:
    first = next(iter(preset.curves))
    source = f"{first}/{TABLE2}"
    rows = read_table(results / source)
    for estimate, how in ((PREDICTED, "predicted"), (INFERRED, "inferred from [CLS]")):
        for published, column, title in (
            (MEAN_ERROR, "worst mean", "mean error in stress"),
            (LARGEST_ERROR, "worst largest", "largest error in stress"),
        ):
            for name, value in published.values.items():
                found = {r["estimate"]: float(r[column]) for r in rows if r["polycrystal"] == name}
                if estimate not in found:
                    continue
                best = _least({k: v for k, v in found.items() if k not in (PREDICTED, INFERRED)})
                yield Row(
                    published.where,
                    f"{title}, {how}, worst network",
                    name,
                    f"{100 * value:g}",
                    found[estimate],
                    best.value,
                    best.name,
                    PERCENT,
                    source,
                )


def _least(values: dict[str, float]) -> Best:
    name = min(values, key=lambda one: values[one])
    return Best(values[name], name)


def _most(values: dict[str, float]) -> Best:
    name = max(values, key=lambda one: values[one])
    return Best(values[name], name)


def digits(value: float, count: int) -> str:
    """Format a number; one near 1, as R² is, with the digits in which it differs from 1."""
    if not 0.99 < value < 1:
        return f"{value:.{count}g}"
    nines = 2
    while 1 - value < 10.0**-nines and nines < 12:
        nines += 1
    return f"{value:.{nines + count - 3}f}"


def shown(row: Mapping[str, str]) -> dict[str, str]:
    """Format the numbers of a row as it is read from its file, to three digits."""
    scale = 100.0 if row["unit"] == PERCENT else 1.0

    def number(text: str) -> str:
        return digits(scale * float(text), 3) if text else ""

    return {**row, "ours": number(row["ours"]), "baseline": number(row["baseline"])}
