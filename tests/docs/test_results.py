"""The stored results: of the shipped preset, traceable, and equal to those on the pages."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from reproduction.paper.comparison import COMPARISON, digits
from reproduction.paper.presets import read_preset
from reproduction.paper.readme_table import agrees, results_table
from reproduction.paper.run import paper_steps

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
KEPT = sorted(path.parent.name for path in RESULTS.glob("*/study.json"))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_results_of_the_small_preset_are_kept():
    assert "small" in KEPT


def test_the_table_of_the_page_is_that_of_the_results():
    page = RESULTS / "index.md"
    assert agrees(RESULTS / "small", page), "see `python -m reproduction table --help`"


@pytest.mark.parametrize("name", KEPT)
def test_results_are_of_the_preset_as_it_ships(name):
    about = json.loads((RESULTS / name / "study.json").read_text())
    preset = read_preset(name)
    # Validated as a preset, so that settings added later have their defaults.
    assert type(preset).model_validate(about["preset"]) == preset
    assert about["command"] == f"python -m reproduction paper --preset {name} --out DIR"
    assert about["unfinished"] == []
    assert list(about["steps"]) == [step.name for step in paper_steps(preset)]


@pytest.mark.parametrize("name", KEPT)
def test_every_number_of_the_comparison_stands_in_its_source_and_in_the_report(name):
    folder = RESULTS / name
    report = (folder / "report.html").read_text(encoding="utf-8")
    rows = read(folder / COMPARISON)
    assert len(rows) > 20
    for row in rows:
        source = read(folder / row["source"])
        cells = {value for line in source for value in line.values()}
        scale = 100.0 if row["unit"] == "%" else 1.0
        for number in filter(None, (row["ours"], row["baseline"])):
            assert number in cells
            assert digits(scale * float(number), 3) in report


@pytest.mark.parametrize("name", KEPT)
def test_the_small_preset_stays_within_three_hours(name):
    about = json.loads((RESULTS / name / "study.json").read_text())
    if name == "small":
        assert sum(step["seconds"] for step in about["steps"].values()) < 3 * 3600


def test_a_table_of_other_results_would_be_found(tmp_path):
    table = results_table(RESULTS / "small")
    number = read(RESULTS / "small" / COMPARISON)[0]["ours"]
    other = tmp_path / COMPARISON
    text = (RESULTS / "small" / COMPARISON).read_text(encoding="utf-8")
    other.write_text(text.replace(number, "0.5"), encoding="utf-8")
    assert results_table(tmp_path) != table
