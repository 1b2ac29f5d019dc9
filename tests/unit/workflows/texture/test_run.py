"""`polyxtal texture` from a list of orientations to its files."""

from __future__ import annotations

import json
import math

import pytest
import torch
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.texture.distribution import DiscreteTexture


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    file = tmp_path_factory.mktemp("texture") / "goss.tex"
    drawn = px.rolling_component("goss", halfwidth=0.2).orientations(60, seed=1)
    px.write_texture(DiscreteTexture(drawn), file)
    return file


def test_report_and_file_agree(listed):
    out = listed.parent / "out"
    done = CliRunner().invoke(
        app, ["texture", str(listed), "--out", str(out), "--halfwidth", "10", "--no-picture"]
    )
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text())
    assert report["halfwidth_rule"] == "given"
    assert report["maxima"][0]["name"] == "goss"
    odf = px.read_texture(out / "odf.npz")
    assert isinstance(odf, px.ODF)
    assert odf.index == pytest.approx(report["texture_index"], rel=1e-6)
    goss = px.miller_orientation((0, 1, 1), (1, 0, 0))
    fraction = odf.volume_fraction(goss, math.radians(15))
    assert report["maxima"][0]["fraction"] == pytest.approx(fraction, abs=0.05)
    found = report["components"]["goss"]
    assert found["fraction"] == pytest.approx(fraction, rel=0.01)
    assert found["low"] < found["fraction"] < found["high"]
    assert found["high"] - found["low"] == pytest.approx(3.3 * found["deviation"], rel=0.3)
    assert "scatter of the sample only" in report["bands"]
    assert f"bands: {report['bands']}" in done.output
    fibre = report["fibres"]["<110> || z"]
    assert fibre["fraction"] == pytest.approx(odf.volume_fraction(fibre="<110> || z"), rel=0.01)
    assert set(report["fibres"]) >= {"tau <110> || y", "beta copper-S-brass"}
    assert f"component goss: {100 * found['fraction']:.3g} (" in done.output
    again = px.ODF(px.read_texture(listed).points, halfwidth=math.radians(10))
    torch.testing.assert_close(
        odf.density(goss[None]), again.density(goss[None]), rtol=1e-3, atol=0
    )


def test_a_missing_file_is_told(tmp_path):
    done = CliRunner().invoke(app, ["texture", str(tmp_path / "no.tex")])
    assert done.exit_code == 2
    assert "no.tex" in done.output
