"""The study of curves: cases that are kept, and errors that stand for themselves."""

from __future__ import annotations

import csv
import json
import warnings

import numpy as np
import pytest
import torch
from tiny_stiffness import tiny_stiffness_model
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves import INCREMENTS, CurveHead
from polyxtal.network.typical import typical_networks
from polyxtal.studies import curve_cases
from polyxtal.studies.curve_cases import CaseSettings, full_field_cases
from polyxtal.studies.curves import CurveRow, CurveSettings, study_curves, summary_rows

SMALL = CaseSettings(grid=4, grains=6, strain=0.004)
NAMES = ["S1", "S2", "W1", "W2", "hull 1", "hull 2", "hull 3", "hull 4", "elongated", "five"]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    bare = tiny_stiffness_model(spread=0.0)
    nothing = torch.zeros(2, INCREMENTS, dtype=torch.float64)
    folder = tmp_path_factory.mktemp("model") / "model"
    head = CurveHead(nothing, nothing)
    FoundationModel(bare.autoencoder, {"recipe": "none"}, bare.stiffness, head).save(folder)
    return str(folder)


@pytest.fixture(scope="module")
def finished(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves") / "study"

    def few(rve: px.Polycrystal, seed: int = 0):
        return typical_networks(rve, 4, 1, seed)

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr("polyxtal.model.inferred_network.typical_networks", few)
        patch.setattr("polyxtal.model.inferred_network.ITERATIONS", 1)
        settings = CurveSettings(model, SMALL, leaves=4, seeds=2, fitted=True)
        study = study_curves(settings, folder)
    return folder, settings, study


def test_all_polycrystals_and_loads_are_judged(finished):
    _, _, study = finished
    assert list(dict.fromkeys(row.polycrystal for row in study.rows)) == NAMES
    kinds = {"Taylor": 1, "untrained": 2, "predicted": 2, "fitted to the RVE": 1}
    for kind, seeds in kinds.items():
        mine = [row for row in study.rows if row.estimate == kind]
        assert len(mine) == seeds * 3 * len(NAMES)
        assert {row.load for row in mine} == {"tension", "shear", "cyclic"}
    assert all(0 < row.mean <= row.maximum < 0.5 for row in study.rows)
    assert set(study.seconds) == set(kinds) - {"Taylor"}


def test_full_fields_are_read_again_and_damaged_ones_computed(finished, monkeypatch):
    folder, settings, study = finished
    computed = []
    real = curve_cases.simulate
    monkeypatch.setattr(curve_cases, "simulate", lambda *a: computed.append(a) or real(*a))
    cases = full_field_cases(settings.cases, folder)
    assert not computed
    torch.testing.assert_close(cases[0].truth.P, study.curves["S1", "tension"]["full field"].P)
    place = folder / "truth"
    (place / "hull-2-shear.npz").write_bytes(b"PK no")
    with np.load(place / "S1-shear.npz") as whole:
        parts = dict(whole)
    np.savez(place / "S1-shear.npz", **{**parts, "P": parts["P"] * np.nan})
    np.savez(place / "S2-shear.npz", **{**parts, "time": np.float64(3)})
    again = full_field_cases(settings.cases, folder)
    assert len(computed) == 3
    place = [(case.name, case.load) for case in cases].index(("hull 2", "shear"))
    assert torch.equal(again[place].truth.P, cases[place].truth.P)


def test_other_cases_are_refused(finished, tmp_path):
    folder, *_ = finished
    with pytest.raises(ValueError, match="`grains` is 6 there and 7 here"):
        full_field_cases(CaseSettings(grid=4, grains=7, strain=0.004), folder)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be new, empty or hold such cases"):
        full_field_cases(SMALL, tmp_path)


@pytest.mark.parametrize(
    ("change", "option"),
    [({"grid": 1}, "--grid"), ({"grains": 99}, "--grains"), ({"strain": 0.0}, "--strain")],
)
def test_settings_out_of_range_are_refused(change, option):
    with pytest.raises(ValueError, match=f"Option {option} must"):
        CaseSettings(**{"grid": 4, "grains": 6, "strain": 0.01, **change})


def test_a_model_without_heads_is_refused(tmp_path):
    FoundationModel(tiny_stiffness_model().autoencoder, {}).save(tmp_path / "bare")
    with pytest.raises(ValueError, match="must have heads for stiffness and curves"):
        study_curves(CurveSettings(str(tmp_path / "bare"), SMALL), tmp_path / "study")


def test_the_summary_keeps_the_worst():
    rows = [
        CurveRow("untrained", "S1", "tension", 0, 0.01, 0.02),
        CurveRow("untrained", "S1", "shear", 0, 0.03, 0.05),
        CurveRow("untrained", "five", "shear", 0, 0.02, 0.09),
    ]
    table = {(row["estimate"], row["polycrystal"]): row for row in summary_rows(rows)}
    assert table["untrained", "S1"]["mean"] == pytest.approx(0.02)
    assert table["untrained", "S1"]["largest mean"] == 0.03
    assert table["untrained", "all"]["mean"] == pytest.approx(0.02)
    assert table["untrained", "all"]["maximum"] == 0.09


def test_the_command_line_writes_tables_and_picture(finished, model, monkeypatch):
    folder, settings, study = finished
    asked_for = []
    monkeypatch.setattr(
        "polyxtal.studies.curves.study_curves", lambda given, *_: asked_for.append(given) or study
    )
    asked = ["study", "curves", model, "--out", str(folder), "--grid", "4", "--grains", "6"]
    result = CliRunner().invoke(app, [*asked, "--strain", "0.004", "--leaves", "4", "--seeds", "2"])
    assert result.exit_code == 0, result.output
    assert "largest mean" in result.output
    assert asked_for == [CurveSettings(model, SMALL, leaves=4, seeds=2)]
    assert (folder / "curves.png").stat().st_size > 10_000
    content = json.loads((folder / "curves.json").read_text())
    assert content["command"] == settings.command
    with (folder / "errors.csv").open() as file:
        found = list(csv.DictReader(file))
    assert len(found) == len(study.rows)
    assert float(found[0]["mean"]) == study.rows[0].mean
