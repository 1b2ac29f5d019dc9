"""The masking study: a sweep that goes on after any stop, and pretrainings that are compared."""

from __future__ import annotations

import csv
import json
import logging
import warnings

import pytest
import yaml
from tiny_model import SIZES
from typer.testing import CliRunner

from reproduction.cli import app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that Lightning imports
    from polyxtal.training.pretrain.config import PretrainConfig, read_pretrain_config
    from polyxtal.training.pretrain.recorder import load_curve
    from polyxtal.training.pretrain.run import pretrain
    from reproduction.masking.measure import other_differences, read_runs
    from reproduction.masking.sweep import parse_ratios, sweep, sweep_configs
    from reproduction.unseen import evaluate_unseen

pytestmark = pytest.mark.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

TINY = {
    "model": SIZES | {"features": "quaternion"},
    "grains": [2, 6],
    "summary": 1.0,
    "steps": 20,
    "batch": 8,
    "warmup": 5,
    "rate": 0.1,
    "validate_every": 10,
    "validation": 8,
    "precision": "32-true",
    "workers": 0,
}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("masking") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture(scope="module")
def swept(config):
    out = config.parent / "sweep"
    result = invoke(config, "--ratios", "0.6,0.2", "--judge", 4, "--out", out)
    assert result.exit_code == 0, result.output
    return out


def invoke(*arguments):
    options = [] if "--from" in arguments else ["--accelerator", "cpu"]
    return CliRunner().invoke(app, ["masking", *map(str, arguments), *options])


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_each_model_differs_in_the_share_alone(config, swept):
    assert sorted(path.name for path in swept.iterdir()) == [
        "curves.csv",
        "mask-20",
        "mask-60",
        "masking.json",
        "masking.png",
        "summary.csv",
    ]
    asked = read_pretrain_config(config)
    runs = read_runs([swept / "mask-60", swept / "mask-20"])
    for run, mask in zip(runs, (0.2, 0.6), strict=True):
        assert run.pretrained.config == asked.model_copy(update={"mask": mask})
    assert other_differences(runs) == []


def test_tables_hold_the_pretrainings_own_numbers(swept):
    rows = table(swept / "summary.csv")
    curves = table(swept / "curves.csv")
    for row, run in zip(rows, read_runs([swept / "mask-20", swept / "mask-60"]), strict=True):
        last = load_curve(run.folder)[-1]
        assert float(row["ratio"]) == run.ratio
        assert float(row["validation_loss"]) == last["validation_loss"]
        judged = evaluate_unseen(run.pretrained.config, run.pretrained.model, 4)
        for name in ("model", "mean of visible", "nearest visible"):
            assert float(row[f"{name} degrees"]) == judged[name]["degrees"]
        own = [part for part in curves if float(part["ratio"]) == run.ratio]
        assert [int(part["rves"]) for part in own] == [80, 160]
        assert float(own[-1]["validation_loss"]) == last["validation_loss"]
    content = json.loads((swept / "masking.json").read_text())
    assert [run["pretraining"]["mask"] for run in content["runs"]] == [0.2, 0.6]


def test_a_finished_sweep_is_left_alone_and_can_be_extended(config, swept):
    before = {p: p.stat().st_mtime_ns for p in swept.glob("mask-*/**/*") if p.is_file()}
    configs = sweep_configs(config, (0.2, 0.6))
    told = []
    sweep(configs, swept, accelerator="cpu", progress=lambda *what: told.append(what))
    assert told == [("steps", 20, 40, "mask-20"), ("steps", 40, 40, "mask-60")]
    after = {p: p.stat().st_mtime_ns for p in swept.glob("mask-*/**/*") if p.is_file()}
    assert after == before


def test_a_stopped_sweep_goes_on_to_the_same_end(config, swept, tmp_path):
    arguments = (config, "--ratios", "0.2,0.6", "--judge", 4, "--out", tmp_path / "s")
    stops = 0
    while not (tmp_path / "s" / "masking.json").is_file():
        result = invoke(*arguments, "--stop-after", 0.1 * 2**stops)
        assert result.exit_code == 0, result.output
        stops += "Stopped with" in result.output
        assert stops < 12
    assert stops > 0
    drop = ("seconds",)
    for one, other in zip(
        table(tmp_path / "s" / "summary.csv"), table(swept / "summary.csv"), strict=True
    ):
        for name in one:
            if name not in drop:
                assert float(one[name]) == pytest.approx(float(other[name]), rel=1e-9)


def test_another_configuration_is_refused(config, swept):
    result = invoke(config, "--ratios", "0.2", "--steps", 15, "--out", swept)
    assert result.exit_code == 2
    assert "`steps` is 20 there and 15 here" in result.output


def test_pretrainings_that_are_there_are_compared(swept, tmp_path):
    folders = f"{swept / 'mask-20'},{swept / 'mask-60'}"
    result = invoke("--from", folders, "--judge", 4, "--out", tmp_path / "c")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "c" / "summary.csv").read_text() == (swept / "summary.csv").read_text()
    again = invoke("--from", folders, "--judge", 4, "--out", tmp_path / "c")
    assert again.exit_code == 2
    assert "--force" in again.output
    forced = invoke("--from", folders, "--judge", 5, "--out", tmp_path / "c", "--force")
    assert forced.exit_code == 0, forced.output
    # Never over the pretrainings themselves.
    assert invoke("--from", folders, "--out", swept, "--force").exit_code == 2


def test_pretrainings_that_can_not_be_compared_are_refused(swept, tmp_path):
    shorter = TINY | {"steps": 10, "validate_every": 10, "mask": 0.4}
    pretrain(PretrainConfig(**shorter), tmp_path / "a", accelerator="cpu", devices=1)
    assert other_differences(read_runs([swept / "mask-20", tmp_path / "a"])) == ["steps"]
    harmonic = shorter | {"model": TINY["model"] | {"features": "harmonic"}}
    pretrain(PretrainConfig(**harmonic), tmp_path / "b", accelerator="cpu", devices=1)
    with pytest.raises(ValueError, match="plain of harmonic and plain of quaternion"):
        read_runs([swept / "mask-20", tmp_path / "b"])
    with pytest.raises(ValueError, match="must hide different shares"):
        read_runs([swept / "mask-20", swept / "mask-20"])
    with pytest.raises(FileNotFoundError, match="must hold a pretraining"):
        read_runs([tmp_path])


def test_shares_are_put_in_order():
    assert parse_ratios("0.9,0.2,.5") == (0.2, 0.5, 0.9)


def test_options_of_a_sweep_do_not_go_with_pretrainings_that_are_there(tmp_path):
    result = invoke("--from", "a,b", "--ratios", "0.2", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "must be left out with --from" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--ratios", "0.2,x"], "must be numbers such as"),
        (["--ratios", "0.2,1.2"], "between 0 and 1"),
        (["--ratios", "0.2,0.2"], "different numbers"),
        (["--steps", "5"], "`warmup` must be less than `steps`"),
        (["--from", "a"], "Either CONFIG or --from"),
        (["--force"], "must be left out with CONFIG"),
        (["--judge", "0"], "must be at least 1 and 0"),
    ],
)
def test_wrong_options_are_one_sentence(config, tmp_path, options, sentence):
    result = invoke(config, *options, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert sentence in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(config, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    result = invoke(config, "--out", tmp_path)
    assert result.exit_code == 2
    assert "holds 'notes.txt'" in result.output
