"""`polyxtal lab`."""

from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app

SMALL = ("--angles", "45", "--section", "8", "--directions", "0", "--levels", "0.002")
SMALL += ("--strain", "0.01", "--material", "AA6022-T4")


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    file = tmp_path_factory.mktemp("lab") / "sheet.npz"
    px.write(px.tessellate(grid=4, grains=10, seed=0), file)
    return file


def lab(*arguments):
    return CliRunner().invoke(app, ["lab", *map(str, arguments)])


def test_numbers_are_printed_and_written(sheet, tmp_path):
    out = tmp_path / "out"
    cards = ("--cards", "abaqus,ls-dyna", "--density", 2700)
    result = lab(sheet, *SMALL, *cards, "--out", out)
    assert result.exit_code == 0, result.output
    for text in ("Tension in the plane", "mean r-value", "equibiaxial", "Taylor", "ears"):
        assert text in result.stdout
    assert not list(tmp_path.glob("*.npz"))  # the checkpoint
    content = json.loads((out / "laboratory.json").read_text(encoding="utf-8"))
    assert [row["angle"] for row in content["r_values"]] == [0, 45, 90]
    r = {row["angle"]: row["value"] for row in content["r_values"]}
    assert all(0 < row["low"] < row["value"] < row["high"] for row in content["r_values"])
    assert "(" in next(line for line in result.stdout.splitlines() if "0°" in line)  # 10 grains
    assert content["mean_r"]["low"] > 0
    assert content["mean_r"]["value"] == pytest.approx((r[0] + 2 * r[45] + r[90]) / 4)
    with (out / "yield_points.csv").open(newline="", encoding="utf-8") as stream:
        points = list(csv.DictReader(stream))
    assert {row["model"] for row in points} == {"full field", "Taylor"}
    tension = next(row for row in points if row["test"] == "uniaxial 0")
    first = content["levels"][0]["yield_stresses"][0]["value"]
    assert float(tension["true_stress_xx [MPa]"]) == pytest.approx(first, abs=0.1)
    with (out / "ears.csv").open(newline="", encoding="utf-8") as stream:
        assert len(list(csv.reader(stream))) == 361
    assert (out / "curve-uniaxial-45.csv").is_file()
    assert (out / "laboratory.png").stat().st_size > 10_000
    assert set(content["fits"]) == {"hill48", "yld2000"}
    assert content["fits"]["yld2000"]["rms_stress"] < 0.05
    assert content["hardening"]["law"] in ("swift", "voce")
    assert "*POTENTIAL" in (out / "card-abaqus.inp").read_text(encoding="ascii")
    assert "*MAT_" in (out / "card-ls-dyna.k").read_text(encoding="ascii")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--angles", "7"), "a step that divides 90 degrees"),
        (("--angles", "0,x"), "numbers divided by commas"),
        (("--angles", "10,20"), "must hold 0"),
        (("--cup", "50"), "two radii"),
        (("--cup", "50,90"), "radius of a blank"),
        (("--accuracy", "a lot"), "--accuracy must be a number such as 5%"),
        (("--threads", "0"), "must be 1 to 1024"),
        (("--fits", "mises"), "must be of hill48"),
        (("--cards", "nastran"), "must be of abaqus"),
        (("--cards", "ls-dyna"), "must be given for cards of LS-DYNA"),
        (("--cards", "abaqus", "--fits", "none"), "needs a fitted yield function"),
        (("--units", "inch"), "must be of mm-t-s"),
        (("--prestrain", "tension:0.1"), "must be such as uniaxial:0.05:x"),
        (("--prestrain", "0.03"), "a DAMASK load file (.yaml), but is '0.03'."),
        (("--prestrain", "uniaxial"), "a DAMASK load file (.yaml), but is 'uniaxial'."),
        (("--prestrain", "missing.yaml"), "missing.yaml"),
    ],
)
def test_wrong_options_get_one_sentence(sheet, tmp_path, arguments, sentence):
    result = lab(sheet, "--material", "AA6022-T4", "--out", tmp_path / "out", *arguments)
    assert result.exit_code != 0
    assert sentence in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_a_damaged_checkpoint_is_named(sheet, tmp_path):
    (tmp_path / "out.checkpoint.npz").write_bytes(b"PK no archive")
    result = lab(sheet, *SMALL, "--out", tmp_path / "out")
    assert result.exit_code == 2
    said = "".join(result.output.split())
    assert "out.checkpoint.npz:mustbeanintactarchive" in said
    assert "deleteit,orpass--force,totestanew." in said


def test_a_prestrain_shows_the_yield_surface_before_it_and_a_finished_run_says_so(
    sheet, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    few = (*SMALL, "--angles", "0,90", "--levels", "0.001", "--strain", "0.006", "--no-taylor")
    command = (sheet, *few, "--fits", "none", "--no-picture", "--out", out)
    result = lab(*command, "--prestrain", "uniaxial:0.01")
    assert result.exit_code == 0, result.output
    assert not list(tmp_path.glob("*.npz"))  # both checkpoints
    with (out / "yield_points.csv").open(newline="", encoding="utf-8") as stream:
        points = list(csv.DictReader(stream))
    points_before = (out / "yield_points.csv").read_text(encoding="utf-8")
    along_x = {row["model"]: row for row in points if row["test"] == "uniaxial 0"}
    assert set(along_x) == {"full field", "before the prestrain"}
    now, once = (
        float(along_x[model]["true_stress_xx [MPa]"])
        for model in ("full field", "before the prestrain")
    )
    assert now > 1.02 * once
    again = lab(*command, "--prestrain", "uniaxial:0.01", "--threads", "1")
    assert again.exit_code == 0
    assert "Finished before" in again.stdout
    other_fits = [part if part != "none" else "hill48" for part in command]
    with monkeypatch.context() as patch:  # no test is made again
        patch.setattr("polyxtal.virtual_lab.run.record", None)
        patch.setattr("polyxtal.virtual_lab.run.predict", None)
        refitted = lab(*other_fits, "--prestrain", "uniaxial:0.01")
    assert refitted.exit_code == 0, refitted.output
    assert "Tests finished before" in refitted.stdout
    assert set(json.loads((out / "laboratory.json").read_text())["fits"]) == {"hill48"}
    assert (out / "yield_points.csv").read_text(encoding="utf-8") == points_before
    assert (out / "tests.initial.npz").is_file()
    other = lab(*command, "--prestrain", "uniaxial:0.02")
    assert other.exit_code != 0
    assert "must be new or empty" in " ".join(other.output.split())
