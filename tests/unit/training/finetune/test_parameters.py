"""The paper's network heads: parameters of a network from [CLS], through its homogenisation."""

from __future__ import annotations

import json
import math
import warnings
from shutil import rmtree

import pytest
import torch
from tiny_stiffness import EDGE, tiny_stiffness_model
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.randomness import generator_of
from polyxtal.cli import app
from polyxtal.dataset.recipe import make_recipe
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.head import CurveHead, plain_curve_head
from polyxtal.model.heads.parameters.head import ParameterHead, _quaternion, _rotation_vector
from polyxtal.network.topology import BinaryTree
from polyxtal.training.finetune.encoders import split_rves
from polyxtal.training.finetune.parameter_task import ParameterConfig, ParameterTask, relative_error
from polyxtal.training.finetune.parameters import SPLIT, finetune_parameters

CRYSTALS = torch.tensor([[107.3e3, 60.8e3, 28.3e3], [168.4e3, 121.4e3, 75.4e3]])
RECIPE = {
    "count": 10,
    "seed": 1,
    "grid": EDGE,
    "grains": [3, 6],
    "texture": {"kind": "types"},
    "labels": {"sampled": {"count": 3}, "tolerance": 1e-4},
    "part": 5,
}
FITS = {
    "learned": {"freeze": False, "epochs": 6, "batch": 4, "rate": 0.01},
    "scratch": {"freeze": False, "encoder": "untrained", "epochs": 2, "batch": 4},
}


def wild_head(depth: int = 3) -> ParameterHead:
    head = ParameterHead(12, depth)
    with torch.no_grad():
        head.linear.weight.normal_(std=0.3, generator=torch.Generator().manual_seed(0))
    return head


def test_a_head_tells_all_parameters_of_a_network():
    for depth, count in ((1, 10), (3, 46), (7, 766)):
        assert ParameterHead(12, depth).linear.out_features == count == 6 * 2**depth - 2


def test_the_stiffness_of_a_batch_is_that_of_each_network():
    head = wild_head()
    with torch.no_grad():
        told = head(torch.randn(5, 12, generator=torch.Generator().manual_seed(1)))
        tree = BinaryTree.balanced(8)
        found = told.stiffness(CRYSTALS.expand(5, 2, 3), tree)
    for k in range(5):
        network = type(told)(*(part[k] for part in told)).network()
        for j, constants in enumerate(CRYSTALS.tolist()):
            exact = network.stiffness(px.CubicElasticity(*constants))
            assert float(relative_error(found[k, j].double(), exact)) < 1e-5


def test_networks_begin_alike_and_valid():
    head = ParameterHead(12, 4, seed=3)
    told = head(torch.randn(4, 12))
    for part in told:
        assert torch.equal(part[0], part[3])
    torch.testing.assert_close(told.weights.sum(-1), torch.ones(4))
    torch.testing.assert_close(told.weights[0], torch.full((16,), 1 / 16))
    torch.testing.assert_close(
        torch.linalg.vector_norm(told.orientations, dim=-1), torch.ones(4, 16)
    )
    torch.testing.assert_close(torch.linalg.vector_norm(told.normals, dim=-1), torch.ones(4, 15))
    other = ParameterHead(12, 4, seed=4)
    assert not torch.equal(head.linear.bias, other.linear.bias)


def test_rotation_vectors_are_orientations_and_smooth_at_zero():
    q = px.tessellate(grid=4, grains=5, seed=0).orientations
    back = _quaternion(_rotation_vector(q))
    torch.testing.assert_close(
        (back * q).sum(-1).abs(), torch.ones(5, dtype=q.dtype), rtol=1e-9, atol=0
    )
    zero = torch.zeros(1, 3, requires_grad=True)
    _quaternion(zero).sum().backward()
    assert zero.grad is not None
    torch.testing.assert_close(zero.grad, torch.full((1, 3), 0.5))
    half = _quaternion(torch.tensor([[0.0, 0.0, math.pi]]))
    torch.testing.assert_close(half, torch.tensor([[0.0, 0, 0, 1]]), rtol=0, atol=1e-6)


def test_turned_polycrystals_are_judged_by_turned_labels():
    head = wild_head()
    labels = torch.stack([px.CubicElasticity(*c).stiffness() for c in CRYSTALS.tolist()])
    q = torch.tensor([0.9, 0.3, 0.2, 0.1], dtype=torch.float64)
    turned = torch.stack(
        [px.CubicElasticity(*c).stiffness(q / q.norm()) for c in CRYSTALS.tolist()]
    )
    task = ParameterTask(head, torch.stack([labels, turned]), CRYSTALS.double().expand(2, 2, 3), 9)
    latent = torch.randn(2, 12, generator=torch.Generator().manual_seed(2))
    numbers = torch.tensor([0, 1])
    head.eval()
    plain = task.loss(latent, torch.zeros(2, dtype=torch.int64), numbers)
    torch.testing.assert_close(task.loss(latent, torch.zeros(0, dtype=torch.int64), numbers), plain)
    # A cube's turn changes nothing for a crystal along the axes, but for one that is oblique.
    moved = task.loss(latent, torch.tensor([7, 0]), numbers)
    torch.testing.assert_close(moved, plain)
    other = task.loss(latent, torch.tensor([0, 7]), numbers)
    assert float((other - plain).detach().abs()) > 1e-4


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    place = tmp_path_factory.mktemp("parameters")
    FoundationModel(tiny_stiffness_model().autoencoder, {"recipe": "none"}).save(place / "model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        px.generate(make_recipe(RECIPE), place / "data", workers=1)
    config = ParameterConfig.model_validate(
        {
            "model": str(place / "model"),
            "data": str(place / "data"),
            "depth": 2,
            "seeds": 2,
            "heads": FITS,
        }
    )
    return place, config, finetune_parameters(config, place / "run")


def test_heads_stand_beside_hill_and_untrained_networks(finished):
    place, _, rows = finished
    names = [row["estimate"] for row in rows]
    assert names == ["Hill", "untrained networks", "head learned", "head scratch"]
    assert [row["training"] is None for row in rows] == [True, True, False, False]
    assert all(0 < row["validation"] <= row["worst"] < 1 for row in rows)
    curve = (place / "run" / "heads" / "learned" / "seed-0" / "curve.csv").read_text().splitlines()
    first, last = (float(line.split(",")[1]) for line in (curve[1], curve[-1]))
    assert last < first
    assert (place / "run" / "table.csv").read_text().startswith("estimate,rves,training,validation")
    assert [row["rves"] for row in rows] == [2] * 4
    results = json.loads((place / "run" / "results.json").read_text())
    assert results["rows"] == rows
    assert results["asked"]["depth"] == 2
    assert results["asked"]["contents"]["data"]["rves"] == 10


@pytest.mark.parametrize("name", ["learned", "scratch"])
def test_a_fitted_head_is_loaded_and_errs_as_was_measured(finished, name):
    place, config, _ = finished
    kept = place / "run" / "heads" / name / "seed-1"
    model, store = px.load_model(kept / "model"), px.open_dataset(place / "data")
    assert model.config == px.load_model(place / "model").config
    assert model.parameter_head.about["seed"] == 1
    errors = []
    for number in split_rves(10, config.validation, 1, SPLIT).validation.tolist():
        network = model.decode_network(store[number])
        assert network.leaves == 4
        rows = [store.read(array, number, number + 1)[0] for array in ("constants", "stiffness")]
        for constants, truth in zip(*rows, strict=True):
            found = network.stiffness(px.CubicElasticity(*constants.tolist()))
            errors.append(float(relative_error(found, torch.from_numpy(truth).double())))
    _, validation, worst = json.loads((kept / "result.json").read_text())["errors"]
    assert sum(errors) / len(errors) == pytest.approx(validation, rel=1e-4)
    assert max(errors) == pytest.approx(worst, rel=1e-4)


def test_finished_heads_are_not_fitted_again(finished, monkeypatch):
    place, config, rows = finished

    def never(*_, **__):
        raise AssertionError("fitted again")

    monkeypatch.setattr("polyxtal.training.finetune.parameters.HeadFit", never)
    assert finetune_parameters(config, place / "run") == rows
    whole = place / "run" / "heads" / "learned" / "seed-0" / "model" / "parameters.json"
    content = whole.read_text()
    whole.unlink()
    with pytest.raises(AssertionError, match="fitted again"):
        finetune_parameters(config, place / "run")
    whole.write_text(content)
    damaged = place / "run" / "heads" / "scratch" / "seed-1" / "result.json"
    damaged.write_text("{")
    with pytest.raises(AssertionError, match="fitted again"):
        finetune_parameters(config, place / "run")


def test_what_does_not_fit_is_refused(finished, tmp_path):
    place, config, _ = finished
    with pytest.raises(ValueError, match="but `depth` is 2 there and 3 here"):
        finetune_parameters(config.model_copy(update={"depth": 3}), place / "run")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be new, empty or hold a fine-tuning"):
        finetune_parameters(config, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        px.generate(make_recipe({**RECIPE, "grid": 4}), place / "small", workers=1)
    with pytest.raises(ValueError, match="the model's 6³ voxels"):
        finetune_parameters(
            config.model_copy(update={"data": str(place / "small")}), tmp_path / "n"
        )


def test_another_data_set_at_the_same_path_is_refused(finished):
    place, config, _ = finished
    (place / "data").rename(place / "aside")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        px.generate(make_recipe({**RECIPE, "seed": 7}), place / "data", workers=1)
    with pytest.raises(ValueError, match=r"but `contents\.data\.seed` is 1 there and 7 here"):
        finetune_parameters(config, place / "run")
    rmtree(place / "data")
    (place / "aside").rename(place / "data")
    other = tiny_stiffness_model().autoencoder
    with torch.no_grad():
        other.encoder.embed.weight.mul_(1.1)
    FoundationModel(other, {}).save(place / "other")
    (place / "model").rename(place / "aside")
    (place / "other").rename(place / "model")
    with pytest.raises(ValueError, match=r"but `contents\.model\.encoder` is"):
        finetune_parameters(config, place / "run")
    (place / "model").rename(place / "other")
    (place / "aside").rename(place / "model")


def test_predicted_networks_stand_beside(finished, tmp_path, monkeypatch):
    _, config, _ = finished
    asked = config.model_copy(update={"predicted": 1, "heads": {}})
    with pytest.raises(ValueError, match="leave `predicted` out"):
        finetune_parameters(asked, tmp_path / "bare")
    full = tiny_stiffness_model(spread=0.0)
    head = plain_curve_head()
    nothing = head.slope
    FoundationModel(full.autoencoder, {}, full.stiffness, head).save(tmp_path / "model")
    asked = asked.model_copy(update={"model": str(tmp_path / "model"), "seeds": 1})
    calls = []

    def predict(self, rve, leaves, seed, effort):
        calls.append((leaves, seed))
        return px.MaterialNetwork.from_polycrystal(rve, leaves, 5)

    monkeypatch.setattr(FoundationModel, "predict_network", predict)
    rows = finetune_parameters(asked, tmp_path / "run")
    table = {row.pop("estimate"): row for row in rows}
    baselines = ("Hill", "untrained networks")
    same = tuple(f"{name}, same RVEs" for name in baselines)
    assert tuple(table) == (*baselines, *same, "predicted networks")
    assert [row["rves"] for row in table.values()] == [2, 2, 1, 1, 1]
    predicted = table["predicted networks"]
    assert 0 < predicted["validation"] <= predicted["worst"] < 1
    assert predicted["training"] is None
    store = px.open_dataset(config.data)
    number = int(split_rves(10, config.validation, 0, SPLIT).validation[0])
    truth = torch.from_numpy(store.read("stiffness", number, number + 1)[0]).double()
    crystals = [
        px.CubicElasticity(*c) for c in store.read("constants", number, number + 1)[0].tolist()
    ]
    network = px.MaterialNetwork.from_polycrystal(store[number], 4, 0)
    for name, told in (
        (same[0], [px.hill_average(store[number], crystal) for crystal in crystals]),
        (same[1], [network.stiffness(crystal) for crystal in crystals]),
    ):
        errors = relative_error(torch.stack(told), truth)
        assert table[name]["validation"] == pytest.approx(float(errors.mean()), rel=1e-9)
        assert table[name]["worst"] == pytest.approx(float(errors.max()), rel=1e-9)
        # The mean over two RVEs is no other's.
        assert table[name]["validation"] != table[name.partition(",")[0]]["validation"]
    again = finetune_parameters(asked, tmp_path / "run")
    assert {row.pop("estimate"): row for row in again} == table
    assert calls == [(4, 0)]
    every = asked.model_copy(update={"predicted": 2})
    names = [row["estimate"] for row in finetune_parameters(every, tmp_path / "every")]
    assert names == [*baselines, "predicted networks"]
    # Predicted networks are those of the heads that the folder was begun with.
    stiffer = CurveHead(nothing, nothing + 0.1)
    FoundationModel(full.autoencoder, {}, full.stiffness, stiffer).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"but `contents\.model\.slope` is"):
        finetune_parameters(asked, tmp_path / "run")


def test_names_of_heads_lead_nowhere_else(finished):
    _, config, _ = finished
    for name in ("../evil", "/abs", ".hidden", ""):
        with pytest.raises(ValueError, match="names of letters"):
            ParameterConfig.model_validate({**config.model_dump(), "heads": {name: {}}})


def test_a_step_sees_the_same_crystals_again():
    head = wild_head().train()
    labels = torch.stack([px.CubicElasticity(*c).stiffness() for c in CRYSTALS.tolist()])
    task = ParameterTask(head, labels.expand(4, 2, 6, 6), CRYSTALS.double().expand(4, 2, 3), 1)
    latent = torch.randn(2, 12, generator=torch.Generator().manual_seed(2))
    turns = torch.zeros(2, dtype=torch.int64)
    losses = [
        [float(task.loss(latent, turns, torch.tensor([i, j])).detach()) for _ in range(2)]
        for i in range(4)
        for j in range(4)
    ]
    assert all(first == second for first, second in losses)
    assert len({round(first, 9) for first, _ in losses}) == 2  # either crystal, by the batch


def test_the_command_line_prints_the_table(finished, tmp_path):
    place, config, _ = finished
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(config.model_dump(mode="json")))
    asked = ["finetune", "parameters", str(path), "--out", str(place / "run")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert "untrained networks" in result.output


def test_splits_are_drawn_by_seed_and_stream_and_leave_two_to_learn_from():
    drawn = [split_rves(10, 0.3, seed, stream) for seed, stream in ((0, 7), (0, 7), (1, 7), (0, 8))]
    for split in drawn:
        assert (len(split.train), len(split.validation)) == (7, 3)
        assert sorted(torch.cat(split).tolist()) == [*range(10)]
    chosen = [split.validation.tolist() for split in drawn]
    assert chosen[0] == chosen[1]
    assert chosen[2] != chosen[0] != chosen[3]
    # The stream and order that measured figures rest on.
    order = torch.randperm(10, generator=generator_of(1, 0, 7)).tolist()
    assert chosen[2] == order[:3]
    assert len(split_rves(10, 1e-3, 0, 7).validation) == 1
    with pytest.raises(ValueError, match="`validation` leaves 1"):
        split_rves(10, 0.9, 0, 7)
