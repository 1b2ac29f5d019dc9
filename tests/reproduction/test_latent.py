"""The study of latent vectors: maps, how well they order, and what is written."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import sys

import pytest
import torch
from tiny_model import SIZES
from typer.testing import CliRunner

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.model.checkpoint import save_model
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.texture.distribution import UniformTexture
from polyxtal.training.pretrain.config import PretrainConfig
from reproduction.cli import app
from reproduction.latent.embedding import embed, neighbour_r_squared, principal_components
from reproduction.latent.measure import LatentSettings, index_of, map_latents, measure_latents
from reproduction.latent.write import draw_latent
from reproduction.pretrained import open_model, unseen_batches

TINY = {
    "model": SIZES | {"features": "harmonic"},
    "grains": [2, 6],
    "summary": 1.0,
}
ALUMINIUM = CubicElasticity(107.3e3, 60.8e3, 28.3e3)


def make(folder, seed=7, **changes):
    """Save a model that differs from what its pretraining began with."""
    config = PretrainConfig(**TINY | changes)
    about = {"pretraining": config.model_dump(mode="json"), "steps_done": 0, "rves_seen": 0}
    save_model(folder, MaskedAutoencoder(config.model, seed), about)
    return folder


@pytest.fixture(scope="module", params=["harmonic", "quaternion"])
def model(request, tmp_path_factory):
    changes = {"model": TINY["model"] | {"features": request.param}}
    return make(tmp_path_factory.mktemp("latent") / request.param, **changes)


def invoke(*arguments):
    return CliRunner().invoke(app, ["latent", *map(str, arguments)])


def test_table_and_summary_hold_what_was_measured(model, tmp_path):
    out = tmp_path / "out"
    result = invoke(model, "--count", 20, "--method", "pca", "--seed", 3, "--out", out)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {"latent.csv", "latent.json", "latent.png"}
    latents = measure_latents(LatentSettings(str(model), ALUMINIUM, 20, "pca", 3))
    study = map_latents(latents)
    with (out / "latent.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["number"]) for row in rows] == list(range(20))
    assert [float(row["c11 [MPa]"]) for row in rows] == latents.c11.tolist()
    assert [float(row["texture_index"]) for row in rows] == latents.texture_index.tolist()
    places = [[float(row["x"]), float(row["y"])] for row in rows]
    assert places == study.maps["pretrained"].tolist()
    content = json.loads((out / "latent.json").read_text())
    assert content["r_squared"]["untrained"]["map"]["c11"] == study.scores["untrained"]["map"][0]
    assert content["command"].startswith(
        f"python -m reproduction latent {model} --count 20 --method pca"
    )
    again = invoke(model, "--count", 20, "--method", "pca", "--seed", 3, "--out", out)
    assert again.exit_code == 2
    assert "--force" in again.output
    forced = invoke(model, "--count", 21, "--method", "pca", "--out", out, "--force")
    assert forced.exit_code == 0, forced.output
    assert len((out / "latent.csv").read_text().splitlines()) == 22


def test_vectors_are_of_unseen_rves_and_the_untrained_encoder_is_the_first_one(model):
    latents = measure_latents(LatentSettings(str(model), ALUMINIUM, 20, "pca", 3))
    pretrained = open_model(model)
    fields = torch.cat([batch["field"] for batch in unseen_batches(pretrained.config, 20, 3)])
    expected = pretrained.model.encode_fields(fields)
    assert torch.allclose(latents.vectors["pretrained"], expected, atol=1e-5)
    config = pretrained.config
    first_model = FoundationModel(MaskedAutoencoder(config.model, config.seed), {})
    first = first_model.encode_fields(fields)
    assert torch.allclose(latents.vectors["untrained"], first, atol=1e-5)
    assert not torch.allclose(latents.vectors["pretrained"], first, atol=1e-2)
    other = torch.cat([batch["field"] for batch in unseen_batches(pretrained.config, 20, 4)])
    assert not torch.equal(fields, other)


def test_neighbours_tell_what_lies_in_order_and_nothing_else():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(400, 2, generator=generator)
    targets = torch.stack([points[:, 0], torch.rand(400, generator=generator)], -1)
    smooth, noise = neighbour_r_squared(points, targets).tolist()
    assert smooth > 0.97
    assert noise < 0.1
    alone = neighbour_r_squared(torch.tensor([[0.0], [1.0], [5.0]]), torch.eye(3), neighbours=1)
    assert alone.tolist() == pytest.approx([-2.0, -3.5, -0.5])


def test_principal_components_find_the_plane_that_points_lie_in():
    generator = torch.Generator().manual_seed(1)
    inner = torch.randn(50, 2, generator=generator, dtype=torch.float64) * torch.tensor([3.0, 1.0])
    turn = torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64)).Q
    found = principal_components(inner @ turn[:2] + 4)
    assert torch.allclose(torch.cdist(found, found), torch.cdist(inner, inner), atol=1e-6)
    assert found[:, 0].var() > found[:, 1].var()


def test_other_textures_have_an_index_and_a_picture(tmp_path):
    assert index_of(UniformTexture()) == pytest.approx(1.0, abs=1e-6)
    model = make(tmp_path / "m", texture={"kind": "uniform"})
    study = map_latents(measure_latents(LatentSettings(str(model), ALUMINIUM, 20, "pca")))
    assert math.isfinite(study.scores["pretrained"]["map"][0])
    draw_latent(study).savefig(tmp_path / "picture.png")


def test_without_umap_one_sentence_says_what_to_do(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    result = invoke(model, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "pip install 'polyxtal[reproduction]'" in result.output
    assert "--method pca" in result.output


@pytest.mark.skipif(importlib.util.find_spec("umap") is None, reason="umap-learn is not installed")
def test_umap_keeps_near_points_near_and_repeats_itself():
    generator = torch.Generator().manual_seed(2)
    groups = torch.arange(90) % 3
    points = 20.0 * torch.eye(3)[groups] + torch.randn(90, 3, generator=generator)
    found = embed(points, "umap", 5)
    assert torch.equal(found, embed(points, "umap", 5))
    assert neighbour_r_squared(found, torch.eye(3)[groups]).min() > 0.95


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--count", "19"], "--count must be at least 20"),
        (["--method", "tsne"], "--method must be one of umap, pca"),
        (["--method", "pca", "--seed", "-1"], "--seed must be from 0"),
        (["--method", "pca", "--elastic", "1,2"], "must be three numbers"),
    ],
)
def test_wrong_options_are_one_sentence(model, tmp_path, options, sentence):
    result = invoke(model, *options, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert sentence in result.output
    assert not (tmp_path / "out").exists()


def test_a_model_must_say_what_it_was_trained_on(tmp_path):
    save_model(tmp_path / "m", MaskedAutoencoder(PretrainConfig(**TINY).model))
    result = invoke(tmp_path / "m", "--method", "pca", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "must say in `pretraining`" in result.output
