"""The calibration on the page is that of the stored results."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "concepts" / "ladder.md").read_text(encoding="utf-8")
with (DOCS / "results" / "ladder" / "calibration.csv").open(newline="") as stream:
    ROWS = list(csv.DictReader(stream))
COARSE = [row for row in ROWS if float(row["bound"]) > 0]


def table() -> dict[str, list[str]]:
    rows = PAGE.split("| all |")[0].rsplit("|---|", 1)[1].splitlines()[1:]
    rows += ["| all |" + PAGE.split("| all |")[1].splitlines()[0]]
    cells = ([cell.strip() for cell in row.strip("| ").split("|")] for row in rows if row)
    return {name: values for name, *values in cells}


def chosen(name: str) -> list[dict[str, str]]:
    if name.endswith("%"):
        return [row for row in ROWS if 100 * float(row["accuracy"]) == float(name[:-1])]
    return [
        r for r in COARSE if name == "all" or f": {name};" in r["case"] or r["case"].endswith(name)
    ]


@pytest.mark.parametrize("name", list(table()))
def test_numbers_are_those_of_the_results(name):
    rows = chosen(name)
    part = [row for row in rows if float(row["bound"]) > 0]
    below = [float(row["error"]) <= float(row["bound"]) for row in part]
    at = [float(row["increments within"]) for row in part]
    kept = [float(row["error"]) <= float(row["accuracy"]) for row in rows]
    shares = [f"{100 * sum(values) / len(values):.0f} %" for values in (below, at, kept)]
    costs = [sum(float(r[key]) for r in part) / len(part) for key in ("seconds", "full")]
    count, *given = table()[name]
    assert (int(count), given[:3]) == (len(part), shares)
    assert [float(value) for value in given[3:]] == pytest.approx(costs, abs=0.051)


def test_bounds_hold_as_often_as_they_say():
    assert len({row["case"] for row in ROWS}) == 51
    below = [float(row["error"]) <= float(row["bound"]) for row in COARSE]
    assert sum(below) / len(below) >= 0.88
    at = [float(row["increments within"]) for row in COARSE]
    assert 0.88 <= sum(at) / len(at) <= 0.97
    kept = [float(row["error"]) <= float(row["accuracy"]) for row in ROWS]
    assert sum(kept) / len(kept) >= 0.9
