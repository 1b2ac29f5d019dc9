"""The page on accuracy and the README's table hold the numbers of the stored results."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from places import ROOT
from typer.testing import CliRunner

from reproduction.accuracy.chart import BOTTOM, LEFT, RIGHT, TOP, across, down
from reproduction.accuracy.measured import FAMILIES, read_measured
from reproduction.accuracy.write import PAGE, PICTURES, README, RESULTS, stale, write_accuracy
from reproduction.cli import app

STORED = ROOT / RESULTS / "methods.csv"


@pytest.fixture
def copy(tmp_path):
    """Copy what the page is made of."""
    for name in (README, PAGE, *(RESULTS / f"{n}.csv" for n in ("methods", "calibration"))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / PICTURES, tmp_path / PICTURES)
    return tmp_path


def change(folder: Path, case: str, method: str, **numbers: str) -> None:
    """Change numbers of one row of methods.csv."""
    with STORED.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    row = next(row for row in rows if (row["case"], row["method"]) == (case, method))
    row |= numbers
    with (folder / RESULTS / "methods.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_pages_and_chart_are_those_of_the_results():
    assert stale(ROOT) == [], "run `python -m reproduction accuracy`"


def test_every_case_of_the_results_is_shown():
    shown = {case for cases in FAMILIES.values() for case in cases}
    assert {row.case for row in read_measured(STORED)} == shown
    assert {path.stem for path in (ROOT / PICTURES).glob("*.svg")} == shown
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert all(f"results/accuracy/{case}.svg" in page for case in shown)


def test_another_number_would_be_found_and_written(copy):
    assert stale(copy) == []
    change(copy, "Al_tension", "Taylor", mean="33.3333", seconds="77.7")
    assert stale(copy) == [README, PAGE, PICTURES / "Al_tension.svg"]
    refused = CliRunner().invoke(app, ["accuracy", "--root", str(copy), "--check"])
    assert refused.exit_code == 2
    assert "must hold the numbers of the stored results" in refused.output
    assert write_accuracy(copy) == [README, PAGE, PICTURES / "Al_tension.svg"]
    assert "| Taylor model | 33.33 %, 78 s |" in (copy / README).read_text(encoding="utf-8")
    picture = (copy / PICTURES / "Al_tension.svg").read_text(encoding="utf-8")
    assert "<title>Taylor: 33.33 %, 77.7 s</title>" in picture
    accepted = CliRunner().invoke(app, ["accuracy", "--root", str(copy), "--check"])
    assert accepted.exit_code == 0
    assert "All pages agree" in accepted.output


def test_a_page_without_marks_is_refused(copy):
    (copy / PAGE).write_text("No tables.")
    with pytest.raises(ValueError, match="must hold '<!-- accuracy: begin -->'"):
        stale(copy)


def test_points_lie_within_the_axes():
    for row in read_measured(STORED):
        if row.method != "DAMASK":
            assert LEFT <= across(row.seconds) <= RIGHT, row
            assert TOP <= down(row.mean) <= BOTTOM, row
    assert across(100.0) - across(10.0) == pytest.approx(across(10.0) - across(1.0))
    assert down(1.0) > down(10.0)
