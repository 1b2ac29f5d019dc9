"""Fine-tuning to stiffness: heads learn, turns change nothing, and a stopped run goes on."""

from __future__ import annotations

import csv
import json
import warnings
from shutil import rmtree

import pytest
import torch
import yaml
from places import EXAMPLES
from tiny_stiffness import EDGE, tiny_stiffness_model
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.cli import app
from polyxtal.dataset.recipe import make_recipe
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.stiffness.head import TensorHeadSizes
from polyxtal.training.finetune.baselines import averages, score_tensors
from polyxtal.training.finetune.config import HeadConfig, StiffnessConfig, read_stiffness_config
from polyxtal.training.finetune.encoders import Split
from polyxtal.training.finetune.fit import CHECKPOINT, HeadFit
from polyxtal.training.finetune.stiffness import finetune_stiffness
from polyxtal.training.finetune.stiffness_data import encode_copies, load_stiffness_data
from polyxtal.training.finetune.tasks import NormalTask, TensorTask

CONSTANTS = [[107300.0, 60800.0, 28300.0], [88814.0, 70043.0, 37543.0]]
RECIPE = {
    "count": 24,
    "seed": 1,
    "grid": EDGE,
    "grains": [3, 6],
    "texture": {"kind": "hull", "resolution": 30},
    "labels": {"constants": CONSTANTS, "sampled": {"count": 1}, "tolerance": 1e-4},
    "part": 8,
}
HEADS = {
    "tensor": {"kind": "tensor", "epochs": 5},
    "normal": {"kind": "normal", "epochs": 4},
    "scratch": {
        "kind": "normal",
        "freeze": False,
        "encoder": "untrained",
        "ridge": False,
        "epochs": 2,
        "batch": 8,
        "encoder_rate": 1.0,
    },
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A model without a head, a training set and a test set."""
    place = tmp_path_factory.mktemp("stiffness")
    full = tiny_stiffness_model()
    FoundationModel(full.autoencoder, {"recipe": "none"}).save(place / "model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        px.generate(make_recipe(RECIPE), place / "data", workers=1)
        px.generate(make_recipe({**RECIPE, "seed": 2, "count": 8}), place / "test", workers=1)
    return place


@pytest.fixture(scope="module")
def data(folders):
    return load_stiffness_data(px.open_dataset(folders / "data"), folders / "kept")


def config(folders, **changes):
    return StiffnessConfig(
        **{
            "model": str(folders / "model"),
            "data": str(folders / "data"),
            "test": str(folders / "test"),
            "copies": 2,
            "seeds": 2,
            "heads": HEADS,
            "components": 4,
            "hidden": 3,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def finished(folders):
    rows = finetune_stiffness(config(folders), folders / "run")
    return folders / "run", rows


def test_one_table_with_all(finished):
    folder, rows = finished
    names = list(dict.fromkeys(row["estimate"] for row in rows))
    assert names[:3] == ["Voigt", "Reuss", "Hill"]
    assert names[-3:] == ["head tensor", "head normal", "head scratch"]
    assert {row["crystal"] for row in rows} == {"Zener 1.217", "Zener 4"}
    errors = {(row["estimate"], row["crystal"]): (row["error"], row["over_hill"]) for row in rows}
    for crystal in ("Zener 1.217", "Zener 4"):
        assert errors["Hill", crystal][1] == 1
        assert errors["Hill", crystal] < errors["Voigt", crystal]
        assert errors["head tensor", crystal][1] < 0.5
        assert errors["self-consistent, arrangement", crystal][1] < 0.5
        assert errors["head normal", crystal] == (None, None)
    with (folder / "table.csv").open() as file:
        written = list(csv.DictReader(file))
    assert len(written) == len(rows)
    assert float(written[0]["error"]) == rows[0]["error"]
    asked = json.loads((folder / "results.json").read_text())["asked"]
    assert asked["contents"]["test"]["rves"] == 8
    assert asked["copies"] == 2


def test_the_model_is_written_with_the_head_that_validated_best(finished):
    folder, _ = finished
    model = px.load_model(folder / "model")
    results = [
        json.loads((folder / "heads" / "tensor" / f"seed-{k}" / "result.json").read_text())
        for k in (0, 1)
    ]
    best = min((result["validation"], k) for k, result in enumerate(results))[1]
    assert model.stiffness.about["seed"] == best
    assert model.stiffness.about["results"][0]["estimate"] == "head tensor"
    store = px.open_dataset(folder.parent / "test")
    truth = torch.from_numpy(store.read("stiffness")[:, 1]).double()
    crystal = px.CubicElasticity(*CONSTANTS[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.predict_stiffness(list(store), crystal)
    relative = torch.linalg.matrix_norm(found - truth) / torch.linalg.matrix_norm(truth)
    assert float(relative.mean()) == pytest.approx(results[best]["scores"][1]["error"], rel=1e-4)


def test_finished_seeds_are_not_fitted_again(finished, monkeypatch):
    folder, rows = finished

    def refuse(*_):
        raise AssertionError("fitted again")

    monkeypatch.setattr(HeadFit, "run", refuse)
    assert finetune_stiffness(config(folder.parent), folder) == rows
    (folder / "heads" / "normal" / "seed-1" / "result.json").write_text("{")
    with pytest.raises(AssertionError, match="fitted again"):
        finetune_stiffness(config(folder.parent), folder)


def test_another_data_set_at_the_same_path_is_refused(finished):
    folder, _ = finished
    place = folder.parent
    for name, change in (("data", {"grains": [4, 6]}), ("test", {"seed": 3, "count": 8})):
        (place / name).rename(place / "aside")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            px.generate(make_recipe({**RECIPE, **change}), place / name, workers=1)
        sentence = rf"but `contents\.{name}\.{next(iter(change))}` is"
        with pytest.raises(ValueError, match=sentence):
            finetune_stiffness(config(place), folder)
        rmtree(place / name)
        (place / "aside").rename(place / name)


class Stop(Exception):
    pass


@pytest.mark.parametrize("kind", ["normal", "tensor"])
def test_a_stopped_fit_goes_on_as_if_nothing_had_happened(folders, data, tmp_path, kind):
    model = px.load_model(folders / "model")
    numbers = torch.arange(24)
    head = HeadConfig(**{**HEADS[kind], "freeze": kind == "tensor", "epochs": 4})

    def fitter():
        task = (
            NormalTask(data, 24)
            if kind == "normal"
            else TensorTask(data, TensorHeadSizes(width=24, components=4), 0)
        )
        encoded = encode_copies(model, data, numbers)
        return HeadFit(head, task, model, data, Split(numbers[6:], numbers[:6]), encoded, 0)

    whole = fitter()
    whole.run(tmp_path / "whole")

    def stop(stage, epoch, epochs, note):
        if epoch == 2:
            raise Stop

    with pytest.raises(Stop):
        fitter().run(tmp_path / "parts", stop)
    again = fitter()
    seen = []
    again.run(tmp_path / "parts", lambda stage, epoch, epochs, note: seen.append(epoch))
    assert seen == [3, 4]
    assert again.rows == whole.rows
    for name, value in whole.parts.state_dict().items():
        assert torch.equal(value, again.parts.state_dict()[name])
    (tmp_path / "parts" / CHECKPOINT).write_bytes(b"not whole")
    with pytest.raises(ValueError, match="must be an intact checkpoint"):
        fitter().run(tmp_path / "parts")


@torch.no_grad()
def test_heads_start_from_a_ridge_and_learn(folders, data):
    model = px.load_model(folders / "model")
    numbers = torch.arange(24)
    latent, turns = encode_copies(model, data, numbers, 2)
    assert latent.shape == (24, 3, 24)
    task = NormalTask(data, 24)
    zero = torch.zeros_like(turns[:, 0])
    task.head.target_mean.copy_(task._targets(zero, numbers).mean(0))
    task.head.target_scale.copy_(task._targets(zero, numbers).std(0))
    blank = float(task.loss(latent[:, 0], zero, numbers))
    task.begin(latent, turns, numbers, latent[:, 0], numbers)
    assert float(task.loss(latent[:, 0], zero, numbers)) < 0.7 * blank
    scratch = NormalTask(data, 24, ridge=False)
    scratch.begin(latent, turns, numbers, latent[:, 0], numbers)
    assert float(scratch.loss(latent[:, 0], zero, numbers)) == pytest.approx(23 / 24, rel=1e-5)
    tensor = TensorTask(data, TensorHeadSizes(width=24, components=4), 0)
    plain = float(tensor.loss(latent[:, 0], zero, numbers))
    tensor.begin(latent, turns, numbers, latent[:, 0], numbers)
    assert float(tensor.loss(latent[:, 0], zero, numbers)) < plain
    low, high = tensor.head.crystal_low, tensor.head.crystal_high
    assert float(low[0]) < 0.2 < 1.38 < float(high[0])


def test_labels_turn_with_the_field(data):
    # A turned copy's targets are what its own stiffness has on the diagonal.
    task = NormalTask(data, 24)
    numbers = torch.arange(6)
    still = task._targets(torch.zeros(6, dtype=torch.int64), numbers).unflatten(1, (2, 3))
    turns = torch.tensor([1, 2, 3, 4, 5, 13])
    turned = task._targets(turns, numbers).unflatten(1, (2, 3))
    torch.testing.assert_close(turned.sort(-1).values, still.sort(-1).values)
    assert not torch.allclose(turned, still)


def test_an_encoder_learns_at_lower_rates_below(folders, data):
    model = px.load_model(folders / "model")
    numbers = torch.arange(24)
    head = HeadConfig(kind="normal", freeze=False, rate=1e-3, encoder_rate=0.5, layer_decay=0.25)
    split = Split(numbers[6:], numbers[:6])
    fit = HeadFit(
        head, NormalTask(data, 24), model, data, split, encode_copies(model, data, numbers), 0
    )
    rates = sorted({round(group["lr"], 12) for group in fit.parameter_groups()})
    assert rates == [0.000125, 0.0005, 0.001]  # patches' embedding, the one block, the head
    counted = sum(len(group["params"]) for group in fit.parameter_groups())
    assert counted == len([*fit.parts.parameters()])


def test_every_epoch_has_moves_of_its_own(folders, data, tmp_path):
    model = px.load_model(folders / "model")
    numbers = torch.arange(24)
    head = HeadConfig(kind="normal", freeze=False, rate=1e-30, epochs=2)
    split = Split(numbers[6:], numbers[:6])
    encoded = encode_copies(model, data, numbers)
    fit, again = (
        HeadFit(head, NormalTask(data, 24), model, data, split, encoded, 0) for _ in range(2)
    )
    fit.run(tmp_path / "a")
    again.run(tmp_path / "b")
    first, second = (row["loss"] for row in fit.rows)
    assert [row["loss"] for row in again.rows] == pytest.approx([first, second], rel=1e-6)
    assert abs(second - first) > 1e-4 * first


def test_a_loss_that_is_not_finite_is_an_error(folders, data, tmp_path, monkeypatch):
    model = px.load_model(folders / "model")
    numbers = torch.arange(24)
    split = Split(numbers[6:], numbers[:6])
    fit = HeadFit(
        HeadConfig(kind="normal"), NormalTask(data, 24), model, data, split,
        encode_copies(model, data, numbers), 0,
    )  # fmt: skip
    monkeypatch.setattr(fit, "validation_loss", lambda: float("nan"))
    with pytest.raises(ConvergenceError, match="the loss must stay finite"):
        fit.run(tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()


def test_the_averages_are_those_of_the_package(data, folders):
    crystals = [px.CubicElasticity(*constants) for constants in CONSTANTS]
    found = averages(data, crystals)
    rve = px.open_dataset(folders / "data")[3]
    round_ = torch.ones(3, dtype=torch.float64)
    for k, crystal in enumerate(crystals):
        torch.testing.assert_close(found["Hill"][3, k], px.hill_average(rve, crystal))
        spheres = px.self_consistent_average(rve, crystal, round_)
        torch.testing.assert_close(
            found["self-consistent, spheres"][3, k], spheres, rtol=0, atol=0.5
        )
    truth = data.stiffness[:, :2]
    scores = score_tensors(truth, truth)
    assert [s.error for s in scores] == [0, 0]
    assert scores[0].r_squared == (1, 1, 1)


def test_what_does_not_fit_is_one_sentence(folders, finished, tmp_path):
    with pytest.raises(ValueError, match="go on with what it was begun with, but `copies`"):
        finetune_stiffness(config(folders, copies=3), finished[0])
    with pytest.raises(ValueError, match="must be of another seed than the training's"):
        finetune_stiffness(config(folders, test=str(folders / "data")), tmp_path / "a")
    with pytest.raises(ValueError, match="as many RVEs as `labels` says, but has 24 and not 100"):
        finetune_stiffness(config(folders, labels=100), tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine.txt").write_text("")
    with pytest.raises(FileExistsError, match="must be new, empty or hold a fine-tuning"):
        finetune_stiffness(config(folders), tmp_path / "c")
    with pytest.raises(ValueError, match="must have the model's 25³ voxels"):
        finetune_stiffness(config(folders, model="polyxtal-small"), tmp_path / "d")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": {"a/b": {"kind": "tensor"}}}, "names of letters"),
        ({"heads": {"a": {"kind": "tensor", "latent": True}}}, "`heads.a.latent` must be a known"),
        ({"heads": {"a": {"kind": "tensor", "freeze": False}}}, "`freeze` must be true"),
        ({"heads": {"a": {"kind": "other"}}}, "heads.a.kind"),
        ({"more": 1}, "`more` must be a known one"),
    ],
)
def test_wrong_configurations_are_one_sentence(tmp_path, changes, message):
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump({"data": "a", "test": "b", **changes}))
    with pytest.raises(ValueError, match=message):
        read_stiffness_config(path)


def test_examples_are_valid():

    examples = EXAMPLES
    for path in (examples / "finetune").glob("stiffness*.yaml"):
        assert read_stiffness_config(path).seeds >= 3
    for name in ("stiffness25", "stiffness25-test"):
        assert px.read_recipe(examples / "recipes" / f"{name}.yaml").labels.count > 3


def test_the_command_line(folders, tmp_path):
    path = tmp_path / "asked.yaml"
    asked = config(folders, seeds=1, heads={"tensor": {"kind": "tensor", "epochs": 1}})
    path.write_text(yaml.safe_dump(asked.model_dump(mode="json")))
    result = CliRunner().invoke(
        app, ["finetune", "stiffness", str(path), "--out", str(tmp_path / "o")]
    )
    assert result.exit_code == 0, result.output
    assert "head tensor" in result.output
    assert (tmp_path / "o" / "model" / "stiffness.json").is_file()
    path.write_text("data: nowhere\ntest: nowhere\n")
    wrong = CliRunner().invoke(
        app, ["finetune", "stiffness", str(path), "--out", str(tmp_path / "p")]
    )
    assert wrong.exit_code == 2
    assert "must be a data set" in wrong.output
