"""`polyxtal calibrate`."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.crystal.load_material import load_material

CONFIG = """
specimen: {{random: true, grains: 27}}
material: AA6022-T4
free:
  slip_resistance_initial: [30, 200]
  hardening_modulus: {{low: 100, high: 5000}}
measurements:
  - {{file: curve.csv, strain: e, stress: s, strain_unit: "%"{more}}}
leaves: 2
starts: 1
accuracy: null
posterior: {posterior}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("calibrate")
    strain = np.linspace(0.0, 0.03, 60)
    stress = 210 * np.tanh(330 * strain) + 1200 * strain
    rows = "".join(f"{100 * e:.5f},{s:.3f}\n" for e, s in zip(strain, stress, strict=True))
    (place / "curve.csv").write_text("e,s\n" + rows, encoding="utf-8")
    return place


def calibrate(folder, *arguments, text=None, more="", posterior="false"):
    config = folder / "alloy.yaml"
    config.write_text(text or CONFIG.format(more=more, posterior=posterior), encoding="utf-8")
    return CliRunner().invoke(app, ["calibrate", str(config), *map(str, arguments)])


def test_a_material_and_its_report_are_written(folder, tmp_path):
    pytest.importorskip("emcee")
    out = tmp_path / "out"
    done = calibrate(folder, "--out", out, posterior="true")
    assert done.exit_code == 0, done.output
    content = json.loads((out / "calibration.json").read_text(encoding="utf-8"))
    value = content["parameters"]["slip_resistance_initial"]["value"]
    assert f"{value:.5g}" in done.stdout
    assert "was not corrected by the full field" in " ".join(done.stdout.split())
    alloy = load_material(out / "material.yaml")
    assert alloy.plasticity.slip_resistance_initial == pytest.approx(value)
    assert alloy.plasticity.stress_exponent == 20.0
    with (out / "curves.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    off = [float(r["fitted stress [MPa]"]) - float(r["measured stress [MPa]"]) for r in rows]
    assert np.sqrt(np.mean(np.square(off))) == pytest.approx(content["tests"][0]["rms"])
    with (out / "samples.csv").open(newline="", encoding="utf-8") as stream:
        samples = np.array([[float(v) for v in row] for row in list(csv.reader(stream))[1:]])
    low, high = (content["parameters"]["slip_resistance_initial"][end] for end in ("low", "high"))
    assert np.quantile(samples[:, 0], 0.05) == pytest.approx(low, rel=1e-6)
    assert low < value < high
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert f"{value:.5g}" in page
    for picture in ("curves.png", "corner.png"):
        assert (out / picture).stat().st_size > 10_000
    assert not list(tmp_path.glob("*.npz"))  # the checkpoint
    again = calibrate(folder, "--out", out)
    assert again.exit_code == 2
    assert "--force" in again.stderr


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("[30, 200]", "[200, 30]"), "must ascend and be finite, but are 200 and 30"),
        (("slip_resistance_initial", "hardness"), "A free parameter must be one of"),
        (("curve.csv", "none.csv"), "none.csv"),
        (
            ("s, strain_unit", "force, strain_unit"),
            r"must be one of its own (e, s), but is 'force'",
        ),
        (("random: true", "rolling: {cube: 2.0}"), "must not be negative nor exceed 1 in all"),
        (("random: true, ", ""), "must be one of file, rolling and random: true"),
        (("leaves: 2", "leaf: 2"), "field `leaf` must be a known one"),
        (("AA6022-T4", "AA6022"), "did you mean 'AA6022-T4'?"),
        (("[30, 200]", "[30]"), "must be [low, high], a mapping with these, or null, but is [30]"),
        (("low: 100, ", ""), "field `free.hardening_modulus.low` must be given, but is not."),
        (("curve.csv", "[]"), "field `measurements.0.file`: must have 1 to 100 entries"),
        (("strain: e", "strain: -1"), "`measurements.0.strain`: must be the name of a column or"),
        (("strain: e", "direction: w"), "`measurements.0.direction`: must be x, y, z or an angle"),
        (('"%"', '"%", rate: -1'), "`measurements.0.rate` must be greater than 0, but is -1."),
        (('strain_unit: "%"', 'strain_unit: "1"'), "it looks like percent"),
        (('strain_unit: "%"', 'strain_unit: "%", stress_unit: GPa'), "it looks like Pa"),
    ],
)
def test_every_mistake_gets_one_sentence(folder, tmp_path, wrong, said):
    text = CONFIG.format(more="", posterior="false").replace(*wrong)
    done = calibrate(folder, "--out", tmp_path / "out", text=text)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_names_with_commas_and_reports_without_pictures(folder, tmp_path):
    out = tmp_path / "out"
    done = calibrate(folder, "--out", out, "--no-picture", more=', name: "a, b"')
    assert done.exit_code == 0, done.output
    with (out / "curves.csv").open(newline="", encoding="utf-8") as stream:
        assert {row["test"] for row in csv.DictReader(stream)} == {"a, b"}
    assert "<img" not in (out / "report.html").read_text(encoding="utf-8")
    assert not list(out.glob("*.png"))
    assert "± 0" not in done.stdout


def test_chains_that_are_not_trusted_are_neither_written_nor_drawn(folder, tmp_path, monkeypatch):
    pytest.importorskip("emcee")
    monkeypatch.setattr("polyxtal.calibration.posterior.TRUSTED", -1.0)
    monkeypatch.setattr("polyxtal.calibration.posterior.ROUNDS", 1)
    drawn = []
    monkeypatch.setattr("matplotlib.axes.Axes.hist", lambda *_, **__: drawn.append(1))
    done = calibrate(folder, "--out", tmp_path / "out", posterior="true")
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "out" / "samples.csv").exists()
    assert not drawn
    assert "no samples are written or drawn" in " ".join(done.stdout.split())


def test_an_interrupted_calibration_says_how_to_go_on(folder, tmp_path, monkeypatch):
    out, kept = tmp_path / "out", tmp_path / "out.checkpoint.npz"

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["polyxtal", "calibrate", "a.yaml", "--force"])
    with monkeypatch.context() as patched:
        patched.setattr("polyxtal.calibration.run.separate_minima", stop)
        done = calibrate(folder, "--out", out, "--force")
    assert done.exit_code == 130
    assert "what is solved is kept; go on with: polyxtal calibrate a.yaml --force" in done.stderr
    before = kept.read_bytes()
    # Another calibration does not take it, --force or not, and leaves it as it is.
    other = CONFIG.format(more="", posterior="false").replace("30, 200", "40, 200")
    refused = calibrate(folder, "--out", out, "--force", text=other)
    assert refused.exit_code == 2
    assert refused.stderr.count(str(kept)) == 1
    assert "must be a checkpoint of this calibration" in refused.stderr
    assert kept.read_bytes() == before
    solved = []
    real = px.calibrate.__globals__["Forward"].solve_all

    def counting(forward, points):
        solved.append(sum(np.asarray(z).tobytes() not in forward.known for z in points))
        return real(forward, points)

    monkeypatch.setattr("polyxtal.calibration.run.Forward.solve_all", counting)
    assert calibrate(folder, "--out", out, "--force").exit_code == 0
    assert sum(solved) == 0
    assert not kept.exists()


def test_the_example_of_the_repository_is_valid():
    from places import ROOT

    from polyxtal.workflows.calibrate.config import read_config
    from polyxtal.workflows.calibrate.run import _measurement

    path = ROOT / "examples" / "calibrate" / "alloy.yaml"
    tests = [_measurement(one, path.parent) for one in read_config(path).measurements]
    assert [one.direction for one in tests] == ["x", "y"]
    assert isinstance(tests[0], px.Measurement)
