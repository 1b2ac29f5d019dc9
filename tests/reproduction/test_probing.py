"""The study of probes and the card of a model: what they write, and what they refuse."""

from __future__ import annotations

import csv
import json
import logging
import warnings

import pytest
import torch
from tiny_model import SIZES
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.dataset.recipe import make_recipe
from polyxtal.model.checkpoint import save_model
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.training.finetune.ridge import fit_ridge, r_squared
from reproduction.cli import app
from reproduction.pretrained import open_model
from reproduction.probing.measure import features_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that Lightning imports
    from polyxtal.training.pretrain.config import PretrainConfig

pytestmark = pytest.mark.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

MODEL = SIZES | {"features": "harmonic"}
RECIPE = {
    "count": 80,
    "seed": 5,
    "grid": 6,
    "grains": [2, 6],
    "labels": {"constants": [[88810.0, 70040.0, 37540.0]], "tolerance": 1e-3},
    "part": 40,
}


@pytest.fixture(scope="module")
def pretraining(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe") / "run"
    config = PretrainConfig(model=MODEL, grains=(2, 6), summary=1.0)
    about = {
        "pretraining": config.model_dump(mode="json"),
        "steps_done": 7,
        "rves_seen": 448,
        "seconds": 36.0,
    }
    save_model(folder / "model", MaskedAutoencoder(config.model, 7), about)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe") / "data"
    px.generate(make_recipe(RECIPE), folder, workers=1)
    return folder


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def probed(pretraining, data, tmp_path_factory):
    out = tmp_path_factory.mktemp("probe") / "out"
    options = ["--labels", "20,40", "--test", 30, "--draws", 2, "--out", out]
    answer = invoke("probe", pretraining / "model", data, *options)
    assert answer.exit_code == 0, answer.output
    return out


def test_data_of_another_grid_are_encoded_by_windows(pretraining, tmp_path):
    recipe = RECIPE | {"grid": [9, 7, 6], "count": 40}
    px.generate(make_recipe(recipe), tmp_path / "data", workers=1)
    options = ["--labels", "20", "--test", 20, "--draws", 1, "--out", tmp_path / "out"]
    answer = invoke("probe", pretraining / "model", tmp_path / "data", *options)
    assert answer.exit_code == 0, answer.output
    pretrained, store = open_model(pretraining / "model"), px.open_dataset(tmp_path / "data")
    found = features_of(pretrained, store)["pretrained both"]
    assert torch.equal(found, pretrained.model.encode(store, "both"))


def test_models_of_varied_volumes_are_studied_and_released(tmp_path):
    variety = {
        "diameter": [2, 4],
        "second_phase": 0.5,
        "crystals": [{"texture": {"kind": "types"}}],
    }
    model = SIZES | {"features": "crystal", "scale": True}
    config = PretrainConfig(model=model, variety=variety)
    about = {"pretraining": config.model_dump(mode="json"), "steps_done": 1, "rves_seen": 64}
    save_model(tmp_path / "run/model", MaskedAutoencoder(config.model, 7), about | {"seconds": 3.0})
    study = ["--judge", 40, "--count", 3, "--out", tmp_path / "study"]
    answer = invoke("reconstruction", tmp_path / "run/model", *study)
    assert answer.exit_code == 0, answer.output
    result = json.loads((tmp_path / "study/reconstruction.json").read_text())
    assert 5 < result["judged"]["nearest visible"]["degrees"] < 62.8
    release = ["--reconstruction", tmp_path / "study", "--shard-mib", 1, "--out", tmp_path / "mine"]
    answer = invoke("card", tmp_path / "run", *release)
    assert answer.exit_code == 0, answer.output
    card = (tmp_path / "mine/README.md").read_text(encoding="utf-8")
    assert "| m-3m crystals | 100 %; textures: kind: types" in card
    assert "| mean grain diameter | 2 to 4 voxels |" in card
    assert "| with a second phase | 50 % |" in card
    assert px.load_model(tmp_path / "mine").config == config.model


def test_penalties_are_chosen_for_each_target():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 40, generator=generator, dtype=torch.float64)
    easy = x @ torch.randn(40, 1, generator=generator, dtype=torch.float64)
    noise = torch.randn(60, 1, generator=generator, dtype=torch.float64)
    both = fit_ridge(x, torch.cat([easy, noise], 1))
    assert float(both.penalty[0]) < 1e-3 < 1 < float(both.penalty[1])
    for k, target in enumerate((easy, noise)):
        torch.testing.assert_close(fit_ridge(x, target).predict(x)[:, 0], both.predict(x)[:, k])
    assert float(r_squared(both.predict(x), torch.cat([easy, noise], 1))[0]) > 0.999


def test_ridge_is_that_of_the_normal_equations():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(30, 5, generator=generator, dtype=torch.float64)
    y = torch.randn(30, 1, generator=generator, dtype=torch.float64)
    ridge = fit_ridge(x, y, penalties=[0.3])
    z = (x - x.mean(0)) / x.std(0)
    scale = 0.3 * float(torch.linalg.svdvals(z).square().mean())
    weights = torch.linalg.solve(z.T @ z + scale * torch.eye(5), z.T @ (y - y.mean()))
    torch.testing.assert_close(ridge.weights, weights)


def test_it_writes_every_feature(probed):
    found = json.loads((probed / "probe.json").read_text())
    scores = found["r_squared"]
    assert set(scores) == {
        *(
            f"{name} {pool}"
            for name in ("pretrained", "untrained")
            for pool in ("cls", "mean", "both")
        ),
        "descriptors",
        "mean harmonics",
        "mean harmonics and products",
    }
    groups = {"Zener 4", "log texture index", "log grain size"}
    assert all(set(row) == {"20", "40"} for row in scores.values())
    assert all(set(row["40"]) == groups for row in scores.values())
    # Voigt's average is linear in the mean harmonics, so they tell most of the stiffness.
    assert 0.5 < scores["mean harmonics"]["40"]["Zener 4"] <= 1
    assert scores["descriptors"]["40"]["log grain size"] > 0.5
    with (probed / "probe.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9 * 2 * 5
    mine = [r for r in rows if (r["features"], r["labels"]) == ("mean harmonics", "40")]
    mean = sum(float(r["r_squared"]) for r in mine[:3]) / 3
    assert mean == pytest.approx(scores["mean harmonics"]["40"]["Zener 4"])
    assert (probed / "probe.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--labels", "60", "--test", "30"], "must hold 90 RVEs"),
        (["--labels", "x"], "must be whole numbers"),
        (["--labels", "5"], "must be numbers from 10"),
        (["--test", "3"], "must be at least 10 and 1"),
    ],
)
def test_wrong_requests_are_one_sentence(pretraining, data, tmp_path, options, sentence):
    answer = invoke("probe", pretraining / "model", data, *options, "--out", tmp_path / "out")
    assert answer.exit_code == 2
    assert sentence in " ".join(answer.output.split())
    assert not (tmp_path / "out").exists()


def test_data_that_the_model_may_have_seen_are_refused(pretraining, tmp_path):
    px.generate(make_recipe(RECIPE | {"seed": 0}), tmp_path / "data", workers=1)
    options = ["--labels", "20", "--test", "30", "--out", tmp_path / "out"]
    answer = invoke("probe", pretraining / "model", tmp_path / "data", *options)
    assert answer.exit_code == 2
    assert "must have another seed" in " ".join(answer.output.split())


def test_a_card_says_what_was_measured(pretraining, probed, tmp_path):
    out = tmp_path / "polyxtal-tiny"
    answer = invoke("card", pretraining, "--probe", probed, "--out", out)
    assert answer.exit_code == 0, answer.output
    card = (out / "README.md").read_text()
    assert "# polyxtal-tiny" in card
    assert "448 (none twice)" in card
    score = json.loads((probed / "probe.json").read_text())["r_squared"]
    assert f"{score['pretrained cls']['20']['Zener 4']:.3f}" in card
    model, before = px.load_model(out), px.load_model(pretraining / "model")
    rve = px.tessellate(grid=6, grains=4, seed=0)
    torch.testing.assert_close(model.encode(rve), before.encode(rve), rtol=0.02, atol=0.02)
    half = (out / "model.safetensors").stat().st_size
    assert half < 0.55 * (pretraining / "model" / "model.safetensors").stat().st_size
    assert model.about["results"]["probe"]["r_squared"] == score


def test_a_card_takes_no_results_of_other_weights(pretraining, probed, tmp_path):
    other = tmp_path / "run"
    config = PretrainConfig(model=MODEL, grains=(2, 6), summary=1.0)
    about = {"pretraining": config.model_dump(mode="json"), "steps_done": 7, "rves_seen": 448}
    save_model(other / "model", MaskedAutoencoder(config.model, 8), about)
    answer = invoke("card", other, "--probe", probed, "--out", tmp_path / "out")
    assert answer.exit_code == 2
    assert "must be a study of these weights" in " ".join(answer.output.split())
    assert not (tmp_path / "out").exists()
