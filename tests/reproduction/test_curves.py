"""The study of curves: cases that are kept, and errors that stand for themselves."""

from __future__ import annotations

import csv
import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_stiffness import tiny_stiffness_model
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.head import plain_curve_head
from polyxtal.network.fit_effort import FitEffort
from reproduction.cli import app
from reproduction.curves import cases as curve_cases
from reproduction.curves.cases import POLYCRYSTALS, CaseSettings, full_field_cases, with_zener
from reproduction.curves.measure import CurveRow, CurveSettings, study_curves, summary_rows

pytestmark = pytest.mark.slow
NAMES = ["S1", "S2", "hull 2"]
LITTLE = FitEffort(1, reference_leaves=4, reference_members=1)
SMALL = CaseSettings(grid=4, grains=6, strain=0.004, names=tuple(NAMES))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    bare = tiny_stiffness_model(spread=0.0)
    folder = tmp_path_factory.mktemp("model") / "model"
    head = plain_curve_head()
    FoundationModel(bare.autoencoder, {"recipe": "none"}, bare.stiffness, head).save(folder)
    return str(folder)


@pytest.fixture(scope="module")
def finished(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves") / "study"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = CurveSettings(model, SMALL, leaves=4, seeds=2, fitted=True, effort=LITTLE)
        study = study_curves(settings, folder)
    return folder, settings, study


def test_all_polycrystals_and_loads_are_judged(finished):
    _, _, study = finished
    assert list(dict.fromkeys(row.polycrystal for row in study.rows)) == NAMES
    kinds = {"Taylor": 1, "Sachs": 1, "coarse field": 1}
    kinds |= {"untrained": 2, "predicted": 2, "fitted to the RVE": 1}
    for kind, seeds in kinds.items():
        mine = [row for row in study.rows if row.estimate == kind]
        assert len(mine) == seeds * 3 * len(NAMES)
        assert {row.load for row in mine} == {"tension", "shear", "cyclic"}
    judged = [row for row in study.rows if row.estimate != "not turned"]
    assert len(judged) == len(study.rows) - 3 * len(NAMES)
    assert all(row.mean <= row.maximum < 0.6 for row in judged)
    # On so few voxels the coarse field is the full field.
    assert all((row.mean > 0) == (row.estimate != "coarse field") for row in judged)
    assert all(0 < row.turned < 0.6 for row in study.rows)
    assert set(study.seconds) == set(kinds) - {"Taylor", "Sachs", "coarse field"}


def test_usually_ten_polycrystals_are_judged_each_the_same_whichever_others_there_are():
    whole = dict(CaseSettings(grid=4, grains=6).polycrystals())
    assert tuple(whole) == POLYCRYSTALS
    assert len(whole) == 10
    (one,) = CaseSettings(grid=4, grains=6, names=("hull 2",)).polycrystals()
    assert torch.equal(one[1].grain_id, whole["hull 2"].grain_id)
    assert torch.equal(one[1].orientations, whole["hull 2"].orientations)


def test_full_fields_are_read_again_and_damaged_ones_computed(finished, monkeypatch):
    folder, settings, study = finished
    computed = []
    real = curve_cases.simulate
    monkeypatch.setattr(curve_cases, "simulate", lambda *a: computed.append(a) or real(*a))
    cases = full_field_cases(settings.cases, folder)
    assert not computed
    torch.testing.assert_close(cases[0].truth.P, study.curves["S1", "tension"]["full field"].P)
    torch.testing.assert_close(cases[0].turned, study.turned["S1", "tension"]["full field"])
    place = folder / "truth"
    (place / "hull-2-shear.npz").write_bytes(b"PK no")
    with open_arrays(place / "S1-shear.npz") as whole:
        parts = {name: whole.read(name) for name in whole.names}
    write_arrays(place / "S1-shear.npz", {**parts, "P": parts["P"] * np.nan})
    write_arrays(place / "S2-shear.npz", {**parts, "time": np.zeros(3)})
    again = full_field_cases(settings.cases, folder)
    assert len(computed) == 3
    place = [(case.name, case.load) for case in cases].index(("hull 2", "shear"))
    assert torch.equal(again[place].truth.P, cases[place].truth.P)


def test_other_cases_are_refused(finished, tmp_path):
    folder, *_ = finished
    with pytest.raises(ValueError, match="`grains` is 6 there and 7 here"):
        full_field_cases(replace(SMALL, grains=7), folder)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be new, empty or hold a set of cases"):
        full_field_cases(SMALL, tmp_path)


def test_answers_are_read_again_and_damaged_ones_computed(finished, monkeypatch):
    folder, settings, study = finished
    (kept,) = folder.glob("answers-*")
    made = []
    real = px.MaterialNetwork.from_polycrystal
    monkeypatch.setattr(
        px.MaterialNetwork, "from_polycrystal", lambda *a: made.append(a) or real(*a)
    )
    again = study_curves(settings, folder)
    assert not made
    assert [row[:4] for row in again.rows] == [row[:4] for row in study.rows]
    numbers = (torch.tensor([row[4:] for row in one.rows]) for one in (again, study))
    torch.testing.assert_close(*numbers, equal_nan=True)
    assert again.seconds == pytest.approx(study.seconds)
    (kept / "S2.npz").write_bytes(b"PK no")
    monkeypatch.setattr(
        "reproduction.curves.measure.compute_answers", lambda *a: made.append(a) or ([], {})
    )
    study_curves(settings, folder)
    assert len(made) == 1
    (kept / "S2.npz").unlink()


def test_more_loads_go_into_the_same_folder_and_other_networks_apart(finished):
    folder, settings, _ = finished

    cases = replace(settings.cases, loads=("plane strain", "tension"), names=("W1",))
    other = CurveSettings(settings.model, cases, leaves=2, seeds=1, fitted=False, effort=LITTLE)
    made = []

    def one(rve: px.Polycrystal, seed: int) -> px.MaterialNetwork:
        made.append(seed)
        return px.MaterialNetwork.from_polycrystal(rve, 2, seed)

    study = study_curves(other, folder, others={"mine": ("first", one)})
    assert {row.load for row in study.rows} == {"plane strain", "tension"}
    assert {row.polycrystal for row in study.rows} == {"W1"}
    mine = [row[2:] for row in study.rows if row.estimate == "mine"]
    assert mine == [row[2:] for row in study.rows if row.estimate == "untrained"]
    study_curves(other, folder, others={"mine": ("first", one)})
    assert made == [0]
    study_curves(other, folder, others={"mine": ("second", one)})
    assert made == [0, 0]


def test_crystals_of_another_zener_ratio_keep_bulk_and_voigt_shear_modulus():
    mine = px.load_material("AA6022-T4").elasticity
    other = with_zener(mine, 4.0)
    assert other.zener == pytest.approx(4.0)
    assert other.bulk_modulus == pytest.approx(mine.bulk_modulus)
    rve = px.tessellate(grid=4, grains=6, seed=0)
    shear = [px.voigt_average(rve, crystal).trace() for crystal in (mine, other)]
    assert shear[0] == pytest.approx(shear[1])  # 3 K + 10 G_V in Mandel, whatever the texture
    assert CaseSettings(zener=4.0).law().elasticity == other
    assert CaseSettings().law().elasticity == mine


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"grid": 1}, "--grid"),
        ({"grains": 99}, "--grains"),
        ({"strain": 0.0}, "--strain"),
        ({"zener": 0.0}, "--zener"),
        ({"loads": ("bending",)}, "--loads"),
        ({"names": ("S1", "S1")}, "--polycrystals"),
        ({"names": ()}, "--polycrystals"),
    ],
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
        CurveRow("untrained", "S1", "tension", 0, 0.01, 0.02, 1.0),
        CurveRow("untrained", "S1", "shear", 0, 0.03, 0.05, 3.0),
        CurveRow("untrained", "five", "shear", 0, 0.02, 0.09, 2.0),
        CurveRow("not turned", "five", "shear", 0, math.nan, math.nan, 2.0),
    ]
    table = {(row["estimate"], row["polycrystal"]): row for row in summary_rows(rows)}
    assert table["untrained", "S1"]["mean"] == pytest.approx(0.02)
    assert table["untrained", "S1"]["largest mean"] == 0.03
    assert table["untrained", "all"]["mean"] == pytest.approx(0.02)
    assert table["untrained", "all"]["maximum"] == 0.09
    assert table["untrained", "S1"]["turned"] == 2.0
    assert ("not turned", "all") not in table


def test_the_command_line_writes_tables_and_picture(finished, model, monkeypatch):
    folder, settings, study = finished
    asked_for = []
    monkeypatch.setattr(
        "reproduction.curves.measure.study_curves",
        lambda given, *_: asked_for.append(given) or study,
    )
    asked = ["curves", model, "--out", str(folder), "--grid", "4", "--grains", "6"]
    asked += ["--polycrystals", ",".join(NAMES), "--strain", "0.004"]
    result = CliRunner().invoke(app, [*asked, "--leaves", "4", "--seeds", "2"])
    assert result.exit_code == 0, result.output
    assert "largest mean" in result.output
    assert asked_for == [CurveSettings(model, SMALL, leaves=4, seeds=2)]
    assert (folder / "curves.png").stat().st_size > 10_000
    content = json.loads((folder / "curves.json").read_text())
    assert content["command"] == settings.command
    with (folder / "errors.csv").open() as file:
        found = list(csv.DictReader(file))
    assert len(found) == len(study.rows)
    assert found[0]["estimate"] == "not turned"
    assert found[0]["mean"] == ""
    assert float(found[0]["turned"]) == study.rows[0].turned
    place = next(k for k, row in enumerate(study.rows) if row.estimate == "predicted")
    assert float(found[place]["mean"]) == study.rows[place].mean
