"""Predictions by full fields on coarse grids, from a file to a folder."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import polyxtal as px
from polyxtal.cli.tables import curve_table
from polyxtal.mechanics.ladder.accuracy import FINEST
from polyxtal.viz.curves import draw_responses
from polyxtal.viz.style import new_figure
from polyxtal.workflows.predict.run import PredictionSettings, predict
from polyxtal.workflows.predict.write import write_prediction
from polyxtal.workflows.summary.curve import curve_bounds

ALLOY = px.load_material("AA6022-T4")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Two hundred grains on 10³ voxels: some are lost on a coarse grid."""
    path = tmp_path_factory.mktemp("volume") / "grid.vti"
    px.write(px.tessellate(grid=10, grains=200, seed=0), path, {"crystal": ALLOY})
    load = px.LoadPath.uniaxial(0.01, increments=5).to_damask()
    (path.parent / "load.yaml").write_text(json.dumps(load))
    return path


def settings(file, **options):
    return PredictionSettings(load=str(file.parent / "load.yaml"), taylor=False, **options)


@pytest.fixture(scope="module")
def prediction(file):
    return predict(file, settings(file, accuracy=0.05))


def test_the_default_is_a_full_field_with_its_error(file, prediction):
    assert PredictionSettings().method == "coarse field"
    assert PredictionSettings().accuracy == 0.01
    assert prediction.answer == "full_field"
    rve = px.read(file)
    expected = px.predict(rve, ALLOY, prediction.load, 0.05)
    np.testing.assert_array_equal(prediction.response.P, expected.P)
    assert prediction.error == expected.error <= 0.05
    stiffness = px.homogenize(rve, ALLOY.elasticity).stiffness
    np.testing.assert_allclose(prediction.stiffness["full_field"], stiffness, rtol=1e-4, atol=1.0)
    assert len(prediction.phase) == 200  # all grains, also those without coarse voxels
    assert prediction.orientations.shape[1] == 200


def test_bounds_are_written_beside_the_numbers(prediction, tmp_path):
    write_prediction(prediction, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "stiffness.json").read_text())
    assert content["method"] == "full field on a coarse grid"
    error = content["error"]
    assert error["largest"] == prediction.error
    assert error["grid"] == list(prediction.response.grid)
    assert [rung["grid"] for rung in error["rungs"]][-1] == error["grid"]
    bounds = curve_bounds(prediction.response, prediction.curve)
    assert error["proof_stress"] == bounds.proof_stress
    assert 0 < bounds.proof_stress < 0.1 * prediction.curve.proof_stress
    assert error["stress"] == bounds.stress
    with (tmp_path / "out" / "curve.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    written = [float(row["stress_xx_bound [MPa]"]) for row in rows]
    np.testing.assert_array_equal(written, prediction.response.stress_bound("xx"))
    with (tmp_path / "out" / "orientations.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["grain"]) for row in rows] == list(range(200))
    assert (tmp_path / "out" / "prediction.png").stat().st_size > 10_000


def test_bounds_are_printed_beside_the_numbers(prediction):
    bounds = curve_bounds(prediction.response, prediction.curve)
    table = curve_table({"full field": prediction.curve}, bounds)
    proof, stress, hardening, *_ = table.columns[1].cells
    assert proof == f"{prediction.curve.proof_stress:.1f} ± {bounds.proof_stress:.1f}"
    assert stress == f"{prediction.curve.stress:.1f} ± {bounds.stress:.1f}"
    assert hardening.endswith(f"± {bounds.hardening:.1f}")


def test_the_picture_has_the_band(prediction):
    axes = new_figure(4, 3).subplots()
    draw_responses(axes, {"a": prediction.response}, "xx")
    (band,) = axes.collections
    edges = band.get_paths()[0].vertices[:, 1]
    bound = prediction.response.stress_bound("xx").max()
    assert edges.max() == pytest.approx(float(prediction.response.P[:, 0, 0].max() + bound), 0.02)


def test_a_finer_answer_within_a_time(file):
    given = settings(file, seconds=1e-3)
    assert given.accuracy == FINEST
    with pytest.warns(UserWarning, match="longer than the 0.001 s"):
        answer = predict(file, given)
    assert len(answer.response.rungs) == 1
    reports = []
    predict(file, settings(file), lambda *r: reports.append(r))
    grids = {note for stage, _, total, note in reports if stage == "full field" and total}
    assert "on 5 x 5 x 5 voxels" in grids
    assert len(grids) >= 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"accuracy": 0.01, "leaves": 8}, "`accuracy` must be left out with networks"),
        ({"seconds": 5.0, "model": "any"}, "`seconds` must be left out with networks"),
        ({"accuracy": 0.5}, "must be from 0.0001, the tolerance of the full field, to 0.2"),
        ({"seconds": -1.0}, "`seconds` must be positive"),
    ],
)
def test_settings_that_do_not_fit(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        PredictionSettings(**options)


def test_local_fields_are_written_on_the_grid_of_the_file(file, tmp_path):
    found = predict(file, settings(file, accuracy=0.2, fields="vti"))
    expected = px.predict_fields(px.read(file), ALLOY, found.load)
    np.testing.assert_array_equal(found.fields.equivalent_stress, expected.equivalent_stress)
    write_prediction(found, tmp_path / "out", picture=False)
    assert (tmp_path / "out" / "fields.pvd").is_file()
    write_prediction(found, tmp_path / "out", force=True, picture=False)  # own files only
    with pytest.raises(ValueError, match="`fields` must be 'vti'"):
        settings(file, fields="hdf5")
