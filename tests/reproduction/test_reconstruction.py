"""The study of reconstructions: slices, what is hidden in them, and the table."""

from __future__ import annotations

import csv
import json
import logging
import warnings

import pytest
import torch
from tiny_model import SIZES
from typer.testing import CliRunner

from polyxtal.crystal.laue import CUBIC
from polyxtal.model.checkpoint import save_model
from polyxtal.model.mae import Mask, MaskedAutoencoder
from polyxtal.model.tokens import patchify
from reproduction.cli import app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that Lightning imports
    from polyxtal.training.pretrain.config import PretrainConfig
    from polyxtal.training.pretrain.evaluation import evaluate
    from reproduction.pretrained import AT_ONCE, open_model, unseen_batches
    from reproduction.reconstruction.measure import fill, hidden_voxels, layer, reconstruct_slices
    from reproduction.unseen import evaluate_unseen

pytestmark = pytest.mark.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

MODEL = SIZES


@pytest.fixture(scope="module", params=["harmonic", "quaternion"])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reconstruction") / request.param
    config = PretrainConfig(
        model=MODEL | {"features": request.param}, grains=(2, 6), summary=1.0, mask=0.3
    )
    about = {"pretraining": config.model_dump(mode="json"), "steps_done": 0, "rves_seen": 0}
    save_model(folder, MaskedAutoencoder(config.model, 7), about)
    return folder


def invoke(*arguments):
    return CliRunner().invoke(app, ["reconstruction", *map(str, arguments)])


def test_it_writes_what_it_prints(model, tmp_path):
    out = tmp_path / "out"
    options = ("--count", 2, "--judge", 18, "--mask", 0.5, "--seed", 1, "--out", out)
    result = invoke(model, *options)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {
        "reconstruction.json",
        "reconstruction.csv",
        "reconstruction.png",
        "slices.csv",
    }
    pretrained = open_model(model)
    config = pretrained.config.model_copy(update={"mask": 0.5})
    expected = evaluate_unseen(config, pretrained.model, 18, 1)
    content = json.loads((out / "reconstruction.json").read_text())
    assert content["judged"] == expected
    assert content["mask"] == 0.5
    assert f"{expected['model']['degrees']:.2f}" in result.output
    with (out / "reconstruction.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss [-]"]) for row in rows] == [row["loss"] for row in expected.values()]
    with (out / "slices.csv").open() as file:
        assert [row["number"] for row in csv.DictReader(file)] == ["0", "1"]
    assert invoke(model, *options).exit_code == 2


def test_rves_are_judged_alike_in_parts_and_at_once(model):
    pretrained = open_model(model)
    count = AT_ONCE + 3
    batches = list(unseen_batches(pretrained.config, count))
    assert [len(batch["field"]) for batch in batches] == [AT_ONCE, 3]
    whole = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    assert whole["number"].tolist() == list(range(count))
    told = []
    parts = evaluate_unseen(
        pretrained.config, pretrained.model, count, progress=lambda *given: told.append(given)
    )
    assert told == [("RVEs evaluated", done, count) for done in (AT_ONCE, count)]
    for name, row in evaluate(pretrained.config, pretrained.model.autoencoder, whole).items():
        assert parts[name] == pytest.approx(row, rel=1e-5)


def test_slices_show_what_was_hidden(model):
    pretrained = open_model(model)
    (batch,) = unseen_batches(pretrained.config, 3)
    for row, one in enumerate(reconstruct_slices(pretrained, pretrained.config, batch)):
        field = batch["field"][row, :, :, :, one.z]
        assert one.z % 2 == 1
        assert torch.equal(one.boundaries[0], (field[:, 1:] != field[:, :-1]).any(0))
        true = one.orientations["true"]
        for name, degrees in one.degrees.items():
            angle = CUBIC.disorientation(one.orientations[name], true).rad2deg()
            # Single precision of the fields, seen through an arc cosine.
            assert float(angle[~one.hidden].max()) < 0.1
            assert float(angle[one.hidden].mean()) == pytest.approx(degrees, rel=1e-9)
        assert one.degrees["model"] > 1


def test_hidden_voxels_are_those_of_hidden_patches():
    config = PretrainConfig(model=MODEL, grains=(2, 6), summary=1.0)
    mask = Mask(torch.arange(3, 27)[None], torch.arange(3)[None])
    field = torch.rand(1, 4, 6, 6, 6)
    other = fill(field, mask, torch.full((1, 3, 32), -1.0), 2)
    hidden = hidden_voxels(mask, config)
    assert hidden.sum() == 3 * 8
    assert torch.equal((other == -1).all(1), hidden)
    assert torch.equal((other != field).any(1), hidden)
    assert torch.equal(fill(field, mask, patchify(field, 2)[:, :3], 2), field)


def test_the_layer_hides_about_the_share():
    hidden = torch.zeros(6, 6, 6, dtype=torch.bool)
    hidden[:, :, 2:4] = True
    hidden[:3, :, 4:] = True
    # That at z = 1 hides nothing, so it shows nothing.
    assert [layer(hidden, share, 2) for share in (0.1, 0.9, 0.45)] == [5, 3, 5]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--count", "0"], "--count must be 1 to 32"),
        (["--mask", "1"], "--mask must be between 0 and 1"),
        (["--judge", "0"], "--judge must be at least 1"),
    ],
)
def test_wrong_options_are_one_sentence(model, tmp_path, options, sentence):
    result = invoke(model, *options, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert sentence in result.output


def test_a_missing_model_is_one_sentence(tmp_path):
    result = invoke(tmp_path / "nothing", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "must be one of" in result.output
