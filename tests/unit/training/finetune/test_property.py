"""Labels of one's own: it learns what the encoder knows, beside all baselines, and resumes."""

from __future__ import annotations

import csv
import warnings

import pytest
import torch
from tiny_stiffness import tiny_rve, tiny_stiffness_model
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.dataset.features import feature

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that Lightning imports
    from polyxtal.training.finetune.property import (
        HEAD,
        UNTRAINED,
        PropertyConfig,
        finetune_property,
    )

pytestmark = pytest.mark.filterwarnings("ignore")
COUNT = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Volumes whose first label is a function of the texture, the second of the latent vector."""
    folder = tmp_path_factory.mktemp("property")
    model = tiny_stiffness_model()
    model.save(folder / "model")
    lines = ["file,texture,size of [CLS] [MPa]"]
    weights = torch.linspace(-1, 1, model.config.width)
    for k in range(COUNT):
        rve = tiny_rve(k)
        px.write(rve, folder / f"{k}.npz")
        mean = rve.volume_fractions @ feature("harmonic").compute(rve.orientations)
        hidden = 200 + float(model.encode(rve) @ weights)
        lines.append(f"{k}.npz,{float(mean[0])!r},{hidden!r}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def config(place):
    return PropertyConfig(
        labels=str(place / "labels.csv"), model=str(place / "model"), epochs=6, patience=3
    )


@pytest.fixture(scope="module")
def found(place, config):
    return finetune_property(config, place / "run")


def share(result, label, estimate):
    [row] = [r for r in result.rows if (r["label"], r["estimate"]) == (label, estimate)]
    return row["r_squared"]


def test_every_estimate_knows_what_it_sees(found):
    assert share(found, "texture", "ridge on harmonics") > 0.9999
    assert share(found, "size of [CLS]", HEAD) > 0.99
    assert share(found, "size of [CLS]", HEAD) > share(found, "size of [CLS]", UNTRAINED)
    for label in ("texture", "size of [CLS]"):
        assert share(found, label, "mean of training labels") <= 0
    assert len(found.rows) == 2 * 5
    assert [found.parts.count(part) for part in ("train", "validation", "test")] == [42, 9, 9]


def test_errors_are_those_of_the_test_volumes(found):
    unseen = [i for i, part in enumerate(found.parts) if part == "test"]
    error = (found.predicted - found.table.values)[unseen, 1]
    [row] = [r for r in found.rows if (r["unit"], r["estimate"]) == ("MPa", HEAD)]
    assert row["mean_absolute"] == pytest.approx(float(error.abs().mean()))
    assert row["root_mean_square"] == pytest.approx(float(error.square().mean().sqrt()))


def test_the_model_predicts_what_the_table_says_and_keeps_its_heads(place, found):
    model = px.load_model(place / "run" / "model")
    assert set(model.heads) == {"stiffness", "property"}
    rves = [px.read(file) for file in found.table.places()]
    predicted = model.predict_property(rves)
    expected = found.predicted[:, 1].double()
    torch.testing.assert_close(predicted["size of [CLS]"], expected, rtol=1e-4, atol=1e-3)
    assert model.property_head.about["volumes"] == {"train": 42, "validation": 9, "test": 9}
    with (place / "run" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == found.parts
    assert float(rows[3]["predicted size of [CLS] [MPa]"]) == pytest.approx(float(expected[3]))


def test_a_finished_run_is_read_and_an_interrupted_one_goes_on(place, config, found, tmp_path):
    again = finetune_property(config, place / "run")
    assert again.rows == found.rows
    for calls in (COUNT // 2, COUNT - 16 + 2):  # among the volumes, and in the first fit
        with pytest.raises(RuntimeError, match="pulled the plug"):
            finetune_property(config, tmp_path / "run", interrupt_after(calls))
    assert len(list((tmp_path / "run" / "features").iterdir())) == 4
    assert (tmp_path / "run" / "fits" / "head" / "last.ckpt").is_file()
    assert finetune_property(config, tmp_path / "run").rows == found.rows
    with pytest.raises(ValueError, match="seed"):
        finetune_property(config.model_copy(update={"seed": 1}), place / "run")
    table = place / "labels.csv"
    kept = table.read_text()
    table.write_text(kept.rstrip() + "e1\n")
    try:
        with pytest.raises(ValueError, match="contents"):
            finetune_property(config, place / "run")
    finally:
        table.write_text(kept)


def interrupt_after(calls):
    left = [calls]

    def progress(*_):
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("pulled the plug")

    return progress


def test_the_command_writes_a_figure_and_says_who_is_best(place, config, tmp_path):
    run = ["finetune", "property", config.labels, "--model", config.model, "--out"]
    done = CliRunner().invoke(app, [*run, str(tmp_path / "out"), "--epochs", "3"])
    assert done.exit_code == 0, done.output
    assert "texture: lowest error by ridge on harmonics" in done.output
    assert "size of [CLS] [MPa]" in done.output
    assert (tmp_path / "out" / "predicted.png").read_bytes()[:4] == b"\x89PNG"
    failed = CliRunner().invoke(app, [*run, str(tmp_path / "new"), "--test", "1.5"])
    assert failed.exit_code == 2
    assert "Option --test must be between 0 and 1, but is 1.5" in failed.output
