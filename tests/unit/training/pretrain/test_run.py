"""Pretraining: it learns, goes on as if nothing had happened, and many processes are as one."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import time
import warnings

import pytest
import torch
import yaml
from tiny_model import SIZES
from typer.testing import CliRunner

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.cli import app
from polyxtal.dataset.stream import PolycrystalStream
from polyxtal.files.run_folder import RunFolder
from polyxtal.model.checkpoint import find_model, read_model, save_model
from polyxtal.training.pretrain.config import PretrainConfig, read_pretrain_config

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that Lightning imports
    from polyxtal.training.pretrain.evaluation import (
        VALIDATION_SEED,
        evaluate,
        numbered_masks,
        validation_batch,
    )
    from polyxtal.training.pretrain.module import initial_model, seeds_of
    from polyxtal.training.pretrain.recorder import load_curve
    from polyxtal.training.pretrain.run import is_finished, pretrain

pytestmark = pytest.mark.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

TINY = {
    "model": SIZES | {"features": "harmonic"},
    "grains": [2, 6],
    "summary": 0.05,
    "steps": 100,
    "batch": 8,
    "warmup": 5,
    "rate": 0.1,
    "validate_every": 50,
    "validation": 16,
    "precision": "32-true",
    "workers": 0,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrain") / "run"
    model = pretrain(PretrainConfig(**TINY), folder, accelerator="cpu", devices=1)
    return folder, model


def curve(folder):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in load_curve(folder)]


def test_it_learns(finished):
    rows = curve(finished[0])
    assert [row["step"] for row in rows] == [50, 100]
    assert rows[-1]["rves"] == 800
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["validation_loss"] < rows[0]["validation_loss"]
    assert 0 < rows[-1]["validation_degrees"] < 62.8


def test_the_model_on_disk_is_the_trained_one(finished):
    folder, model = finished
    loaded, about = read_model(folder / "model")
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    assert about["steps_done"] == 100
    assert about["pretraining"]["seed"] == 0
    assert sorted(path.name for path in (folder / "model").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(finished, tmp_path, accumulate):
    config = PretrainConfig(**TINY | {"accumulate": accumulate})
    stops = 0
    while not (tmp_path / "model" / "config.json").is_file() or stops < 3:
        pretrain(config, tmp_path, accelerator="cpu", devices=1, stop_after=0.0 if stops else 0.1)
        stops += 1
    model = pretrain(config, tmp_path, accelerator="cpu", devices=1)
    for row, other in zip(curve(tmp_path), curve(finished[0]), strict=True):
        assert row == pytest.approx(other, rel=1e-5 if accumulate == 2 else 1e-12)
    if accumulate == 1:  # else Adam blows up the noise of gradients that are zero
        for name, value in finished[1].state_dict().items():
            assert torch.equal(model.state_dict()[name], value)


def test_a_stopped_run_with_muon_goes_on_as_if_nothing_had_happened(tmp_path):
    config = PretrainConfig(**TINY | {"optimiser": "muon", "steps": 20, "validate_every": 10})
    whole = pretrain(config, tmp_path / "a", accelerator="cpu", devices=1)
    for _ in range(3):
        pretrain(config, tmp_path / "b", accelerator="cpu", devices=1, stop_after=0.0)
    model = pretrain(config, tmp_path / "b", accelerator="cpu", devices=1)
    assert curve(tmp_path / "a") == curve(tmp_path / "b")
    for name, value in whole.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


def test_a_run_may_start_from_a_model(finished, tmp_path):
    folder, model = finished
    config = PretrainConfig(**TINY | {"start": str(folder / "model"), "seed": 9})
    begun, lineage = initial_model(config)
    assert seeds_of(lineage) == {0}
    for name, value in model.state_dict().items():
        assert torch.equal(begun.state_dict()[name], value)
    assert begun.training
    wider = PretrainConfig(**TINY | {"start": str(folder / "model"), "model": "small"})
    with pytest.raises(ValueError, match="the model to start from must have the sizes"):
        initial_model(wider)
    with pytest.raises(ValueError, match="must have seen other RVEs, but its `seed` was 0, too"):
        initial_model(PretrainConfig(**TINY | {"start": str(folder / "model")}))
    with pytest.raises(FileNotFoundError):
        initial_model(PretrainConfig(**TINY | {"start": str(tmp_path / "none")}))


def test_quaternions_may_be_rebuilt_as_harmonics():
    sizes = TINY["model"] | {"features": "quaternion", "target": "harmonic"}
    config = PretrainConfig(**TINY | {"model": sizes})
    model = initial_model(config)[0].eval()
    batch = validation_batch(config, 8)
    mask = numbered_masks(batch["number"], config)
    rebuilt, truth, _ = model(batch["field"], mask)
    assert rebuilt.shape == truth.shape == (8, 11, 8 * 9)
    again = PolycrystalStream(
        config.recipe(VALIDATION_SEED), 8, "quaternion", target="harmonic", at_once=False
    ).batch(0)
    given = model(batch["field"], mask, again["target"])[1]
    torch.testing.assert_close(truth, given, rtol=0, atol=1e-5)
    table = evaluate(config, model, batch)
    other = PretrainConfig(**TINY)
    same = evaluate(other, initial_model(other)[0], validation_batch(other, 8))
    for name in ("nearest visible", "mean of visible"):
        assert table[name] == pytest.approx(same[name], rel=1e-4)


@pytest.mark.slow
def test_two_processes_are_as_one(finished, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(TINY))
    command = [sys.executable, "-m", "polyxtal", "pretrain", "config.yaml", "--out", "run"]
    options = ["--accelerator", "cpu", "--devices", "2", "--strategy", "ddp"]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    for row, other in zip(curve(tmp_path / "run"), curve(finished[0]), strict=True):
        assert row == pytest.approx(other, rel=1e-5)


def test_masks_belong_to_rves():
    config = PretrainConfig(**TINY)
    one = numbered_masks(torch.tensor([5, 9]), config)
    other = numbered_masks(torch.tensor([9, 5, 5]), config)
    assert torch.equal(one.hidden[1], other.hidden[0])
    assert torch.equal(one.hidden[0], other.hidden[2])
    assert not torch.equal(one.hidden[0], one.hidden[1])


def test_a_model_is_judged_beside_the_trivial_predictors(finished):
    config = PretrainConfig(**TINY)
    table = evaluate(config, finished[1], validation_batch(config, 16))
    assert set(table) == {"model", "model, snapped", "mean of visible", "nearest visible"}
    assert table["model"]["loss"] == pytest.approx(
        curve(finished[0])[-1]["validation_loss"], rel=1e-5
    )
    assert all(0 < row["degrees"] < 62.8 for row in table.values())


def test_another_pretraining_is_refused(finished):
    folder, _ = finished
    with pytest.raises(ValueError, match=r"`mask` is 0\.4 there and 0.5 here"):
        pretrain(PretrainConfig(**TINY | {"mask": 0.5}), folder, accelerator="cpu", devices=1)
    with pytest.raises(FileExistsError, match="must be new, empty or hold a pretraining"):
        pretrain(PretrainConfig(**TINY), folder / "model", accelerator="cpu", devices=1)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"loss": "distance"}, "`loss`"),
        ({"accumulate": 3}, "`accumulate` must divide `batch`"),
        ({"warmup": 100}, "`warmup` must be less than `steps`"),
        ({"mask": 1.5}, "`mask`"),
        ({"model": "huge"}, "must be one of small, base, paper"),
        ({"texture": {"kind": "none"}}, "`texture.kind` must be of"),
        ({"grains": 1000}, "`grains` must be"),
        ({"layers": 3}, "`layers` must be a known one"),
        ({"summary": 0.0}, "`summary` must be above 0 exactly if the model has"),
        ({"optimiser": "sgd"}, "`optimiser` must be"),
        ({"decay": float("inf")}, "`decay` must be"),
        ({"model": {"preset": "small", "voxels": 5, "patch": 5}}, "at least two patches"),
        ({"model": {"preset": "small", "layers": 3}}, "`model.layers` must be a known one"),
        ({"model": {"preset": ["small"]}}, "`preset` must be a name"),
        ({"model": {"preset": "small", "voxels": 1000, "patch": 10}}, "at most 4096 patches"),
    ],
)
def test_wrong_configurations_are_one_sentence(tmp_path, changes, sentence):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(TINY | changes))
    with pytest.raises(ValueError, match=sentence) as raised:
        read_pretrain_config(path)
    assert str(raised.value).startswith(str(path))
    answer = CliRunner().invoke(app, ["pretrain", str(path), "--out", str(tmp_path / "run")])
    assert answer.exit_code == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "options", "sentence"),
    [
        ({}, {"strategy": "fsdp"}, "`strategy` must be one of auto, ddp, but is 'fsdp'"),
        ({}, {"devices": 0}, "Lightning can not run this"),
        ({"batch": 7}, {"devices": 2, "strategy": "ddp"}, "must be shared out evenly"),
        ({"validation": 1}, {"devices": 2, "strategy": "ddp"}, "each of the 2 processes an RVE"),
    ],
)
def test_what_can_not_run_claims_no_folder(tmp_path, changes, options, sentence):
    config = PretrainConfig(**TINY | changes)
    with pytest.raises(ValueError, match=sentence):
        pretrain(config, tmp_path / "run", **{"accelerator": "cpu", "devices": 1} | options)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_its_checkpoint(tmp_path):
    config = PretrainConfig(**TINY | {"rate": 1e30, "clip": 1e30, "save_every": 1e-3})
    with pytest.raises(ConvergenceError, match="must stay finite"):
        pretrain(config, tmp_path / "run", accelerator="cpu", devices=1)
    checkpoint = tmp_path / "run" / "last.ckpt"
    if checkpoint.is_file():
        kept = torch.load(checkpoint, weights_only=True)["state_dict"]
        assert all(bool(value.isfinite().all()) for value in kept.values())


@pytest.mark.parametrize("content", [b"", b"hello world", b"\x80" * 300])
def test_damaged_checkpoints_are_refused(finished, tmp_path, content):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    (folder / "last.ckpt").write_bytes(content)
    with pytest.raises(ValueError, match="must be an intact checkpoint"):
        pretrain(PretrainConfig(**TINY), folder, accelerator="cpu", devices=1)


def test_a_run_stopped_at_a_validation_keeps_it(tmp_path):
    config = PretrainConfig(**TINY | {"steps": 40, "validate_every": 20, "save_every": 1e6})
    whole = tmp_path / "whole"
    pretrain(config, whole, accelerator="cpu", devices=1)
    parts = tmp_path / "parts"

    class Stop(Exception):
        pass

    def stop(stage, step, total, note=""):
        if step == 22:
            raise Stop

    often = config.model_copy(update={"save_every": 1e-9})
    with pytest.raises(Stop):
        pretrain(often, parts, accelerator="cpu", devices=1, progress=stop)
    pretrain(often, parts, accelerator="cpu", devices=1)
    assert [row["step"] for row in curve(parts)] == [20, 40]
    assert curve(parts) == curve(whole)
    shutil.rmtree(whole / "model")
    pretrain(config, whole, accelerator="cpu", devices=1)
    assert (whole / "model" / "config.json").is_file()


def test_damaged_models_are_refused(finished, tmp_path):
    _, model = finished
    save_model(tmp_path / "m", model)
    assert find_model(tmp_path / "m") == tmp_path / "m"
    weights, config = tmp_path / "m" / "model.safetensors", tmp_path / "m" / "config.json"
    whole, text = weights.read_bytes(), config.read_text()
    for content in (b"", whole[:100], whole[:-4], b"\xff" * 200):
        weights.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"must (be whole safetensors|hold the \d+ parameters)"
        ):
            read_model(tmp_path / "m")
    weights.write_bytes(whole)
    about = json.loads(text)
    for change, sentence in (
        ({"format": "other"}, "must be a 'polyxtal model'"),
        ({"model": {"width": 5}}, "must describe a model"),
        ({"model": about["model"] | {"width": 48}}, r"must hold the \d+ parameters of config"),
    ):
        config.write_text(json.dumps(about | change))
        with pytest.raises(ValueError, match=sentence):
            read_model(tmp_path / "m")
    config.write_text("[")
    with pytest.raises(ValueError, match="must be a model's description"):
        read_model(tmp_path / "m")
    with pytest.raises(FileNotFoundError, match="must be one of"):
        find_model(tmp_path / "nothing")


def test_a_run_that_is_older_than_a_field_goes_on(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    path = folder / "pretraining.json"
    earlier = json.loads(path.read_text())
    del earlier["start"], earlier["model"]["target"], earlier["sha256"]  # nor had it a checksum
    path.write_text(json.dumps(earlier))
    pretrain(PretrainConfig(**TINY), folder, accelerator="cpu", devices=1)
    assert curve(folder) == curve(finished[0])


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(finished, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(TINY | {"save_every": 0.05}))
    command = [sys.executable, "-m", "polyxtal", "pretrain", "config.yaml", "--out", "run"]
    options = ["--accelerator", "cpu"]
    killed = subprocess.Popen(
        [*command, *options], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    checkpoint = tmp_path / "run" / "last.ckpt"
    until = time.monotonic() + 240
    while not checkpoint.is_file() and time.monotonic() < until and killed.poll() is None:
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() == -9, "it should have been killed before it was done"
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "elapsed" not in line] == []
    assert curve(tmp_path / "run") == [pytest.approx(row, rel=1e-5) for row in curve(finished[0])]


def test_each_stop_at_a_validation_is_saved(tmp_path):
    config = PretrainConfig(**TINY | {"steps": 6, "warmup": 2, "validate_every": 1})
    for done in (1, 2, 3):
        pretrain(config, tmp_path, accelerator="cpu", devices=1, stop_after=0.0)
        assert [row["step"] for row in curve(tmp_path)] == list(range(1, done + 1))
        assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == done


def test_a_finished_run_keeps_its_results_and_one_process_works_on_it(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    config, about = PretrainConfig(**TINY), folder / "model" / "config.json"
    before = json.loads(about.read_text())
    assert set(before["measured"]) == {"loss", "validation_loss", "validation_degrees"}
    pretrain(config, folder, accelerator="cpu", devices=1)
    after = json.loads(about.read_text())
    assert after["measured"] == before["measured"]
    assert is_finished(config, folder)
    assert not is_finished(config, tmp_path / "other")
    with (
        RunFolder(folder, "pretraining.json", "a pretraining").lock(),
        pytest.raises(BlockingIOError, match="only one process at a time may work"),
    ):
        pretrain(config, folder, accelerator="cpu", devices=1)
    (folder / "last.ckpt").rename(folder / "last.previous.ckpt")
    (folder / "last.ckpt").write_bytes(b"PK damaged")
    with pytest.raises(ValueError, match=r"rename last\.previous\.ckpt to last\.ckpt"):
        pretrain(config, folder, accelerator="cpu", devices=1)
