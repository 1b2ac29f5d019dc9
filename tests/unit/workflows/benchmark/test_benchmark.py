"""The benchmark of encoders: what it accepts, what it says, and how it goes on."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from places import ROOT
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.workflows.benchmark import run as module
from polyxtal.workflows.benchmark.encoders import open_encoder, untrained_encoder, with_answers
from polyxtal.workflows.benchmark.local import decoded_blocks, filled, hidden_blocks
from polyxtal.workflows.benchmark.run import TABLE, benchmark
from polyxtal.workflows.benchmark.scores import (
    block_means,
    blocks_of,
    surroundings,
    tokens_at_blocks,
    unblocked,
)
from polyxtal.workflows.benchmark.settings import PRESETS, Preset, Split

FEW = Preset(10, (6, 8), (10,), Split(10, 4), Split(4, 2), Split(3, 2), Split(3, 2), Split(2, 1), 1)


def means(polycrystals):
    """Encode by the mean of the quaternions; a token for each half along x."""
    volumes = [rve.orientations[rve.grain_id].float() for rve in polycrystals]
    vectors = torch.stack([volume.mean((0, 1, 2)) for volume in volumes])
    halves = [volume.reshape(2, 5, 10, 10, 4).mean((1, 2, 3)) for volume in volumes]
    return vectors.numpy(), torch.stack(halves)[:, :, None, None].numpy()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "tiny", FEW)
        rows = benchmark(means, folder, "tiny")
        yield folder, rows


def score(rows, task, estimate, target=None):
    return next(
        row.value
        for row in rows
        if (row.task, row.estimate) == (task, estimate) and target in (None, row.target)
    )


def test_every_task_has_the_encoder_and_its_baselines(found):
    folder, rows = found
    by_task = {
        task: {r.estimate for r in rows if r.task == task} for task in {r.task for r in rows}
    }
    assert set(by_task) == {"rebuild", "probe", "stiffness", "network", "local fields"}
    assert {"encoder", "untrained encoder", "nearest visible"} <= by_task["rebuild"]
    assert {"encoder", "ridge on harmonics and products"} <= by_task["probe"]
    assert {"encoder", "Voigt", "Reuss", "Hill", "self-consistent"} <= by_task["stiffness"]
    assert {"network, encoder", "Taylor", "coarse field"} <= by_task["network"]
    assert {"encoder", "untrained encoder", "Taylor", "coarse field"} <= by_task["local fields"]
    with (folder / TABLE).open() as stream:
        assert [float(row["value"]) for row in csv.DictReader(stream)] == [r.value for r in rows]


def test_physics_is_ordered_as_it_must_be(found):
    _, rows = found
    for crystal in ("Zener 0.25", "Zener 4"):
        errors = [
            score(rows, "stiffness", name, crystal)
            for name in ("self-consistent, arrangement", "Hill", "Voigt")
        ]
        assert errors[0] < errors[1] < errors[2]
    assert score(rows, "network", "coarse field") < score(rows, "network", "Taylor")
    assert score(rows, "rebuild", "nearest visible") > score(rows, "rebuild", "mean of visible")


def test_a_second_run_reads_what_the_first_computed(found, monkeypatch):
    folder, rows = found
    monkeypatch.setattr(module, "simple_features", None)
    monkeypatch.setattr("polyxtal.workflows.benchmark.whole.homogenize", None)
    monkeypatch.setattr("polyxtal.workflows.benchmark.local.predict_fields", None)
    assert benchmark(means, folder, "tiny") == rows
    damaged = next((folder / "labels" / "stiffness").iterdir())
    whole = damaged.read_bytes()
    damaged.write_bytes(b"")
    with pytest.raises(TypeError):  # computed again
        benchmark(means, folder, "tiny")
    damaged.write_bytes(whole)
    with pytest.raises(ValueError, match="`seed` is 0 there and 1 here"):
        benchmark(means, folder, "tiny", seed=1)


def test_an_encoder_may_be_a_function_of_a_module_or_a_model(tmp_path, monkeypatch):
    (tmp_path / "my_encoder.py").write_text(
        "import torch\ndef zeros(rves):\n    return torch.zeros(len(rves), 2)\n"
    )
    monkeypatch.chdir(tmp_path)
    rve = px.tessellate(grid=10, grains=5, seed=0)
    mine = open_encoder("my_encoder:zeros")
    assert mine.encode([rve, rve]).vectors.shape == (2, 2)
    assert mine.encode([rve]).tokens is None
    model = open_encoder("polyxtal-small")
    encoded = model.encode([rve])
    assert encoded.tokens.shape == (1, 2, 2, 2, 192)
    torch.testing.assert_close(encoded.vectors[0], px.load_model("polyxtal-small").encode(rve))
    assert untrained_encoder(mine).identity == untrained_encoder(model).identity
    assert model.identity != untrained_encoder(model).identity
    with pytest.raises(ValueError, match="has no function 'ones'"):
        open_encoder("my_encoder:ones")
    with pytest.raises(ValueError, match="cannot be imported"):
        open_encoder("no_such_module_at_all:encode")
    with pytest.raises(FileNotFoundError):
        open_encoder("no-such-model")


def test_the_encoder_of_the_documentation_is_one():
    page = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    rves = [px.tessellate(grid=10, grains=5, seed=seed) for seed in (0, 1)]
    found = open_encoder(names["encode"]).encode(rves)
    assert found.vectors.shape == (2, 9)
    assert found.tokens.shape == (2, 2, 2, 2, 9)
    torch.testing.assert_close(found.tokens.mean((1, 2, 3)), found.vectors)


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (np.zeros(3), r"must return vectors of shape \(1, d\)"),
        (np.zeros((2, 3)), r"must return vectors of shape \(1, d\)"),
        (np.full((1, 3), np.nan), "must return finite numbers"),
        ((np.zeros((1, 3)), np.zeros((1, 8, 3))), r"must return tokens of shape \(1, tx"),
    ],
)
def test_what_is_no_encoding_is_refused(returned, sentence):
    rve = px.tessellate(grid=5, grains=2, seed=0)
    with pytest.raises(ValueError, match=sentence):
        open_encoder(lambda polycrystals: returned).encode([rve])


def test_what_an_encoder_raises_is_said_with_its_task(found, tmp_path, monkeypatch):
    folder = found[0]
    monkeypatch.setitem(PRESETS, "tiny", FEW)
    (tmp_path / "fails.py").write_text(
        "import torch\n"
        "calls = []\n"
        "def always(rves):\n"
        "    raise KeyError('grain')\n"
        "def later(rves):\n"
        "    calls.append(0)\n"
        "    assert len(calls) < 2\n"
        "    return torch.zeros(len(rves), 2)\n"
        "def text(rves):\n"
        "    return 'vectors'\n"
    )
    monkeypatch.chdir(tmp_path)
    for name, sentence in (
        (
            "always",
            "fails:always: must encode a list of 8 polycrystals of 10 x 10 x 10 voxels, but "
            "raised KeyError: 'grain'",
        ),
        (
            "later",
            "Task rebuild: fails:later: must encode a list of 5 polycrystals of 10 x 10 x 10 "
            "voxels, but raised AssertionError",
        ),
        ("text", "fails:text: must return arrays of numbers, but returns str."),
    ):
        command = ["benchmark", f"fails:{name}", "--preset", "tiny", "--out", str(folder)]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 2
        assert done.stderr.startswith(f"Error: {sentence}"), done.stderr


def test_an_encoder_whose_weights_changed_is_encoded_again(tmp_path):
    weights = tmp_path / "weights.txt"

    def scaled(rves):
        return float(weights.read_text()) * torch.ones(len(rves), 2)

    rves = [px.tessellate(grid=5, grains=3, seed=0)]
    identities = []
    for value in ("1", "2", "1"):
        weights.write_text(value)
        identities.append(with_answers(open_encoder(scaled), rves).identity)
    assert identities[0] == identities[2] != identities[1]
    model = open_encoder("polyxtal-small")
    assert with_answers(model, rves) is model


def test_a_benchmark_with_changed_weights_is_not_read_from_the_first(found, monkeypatch):
    folder = found[0]
    monkeypatch.setitem(PRESETS, "tiny", FEW)
    factor = 1.0

    def weighted(rves):
        vectors, tokens = means(rves)
        return factor * vectors**2, tokens

    before = benchmark(weighted, folder, "tiny")
    factor = 0.0
    after = benchmark(weighted, folder, "tiny")
    of = [score(some, "stiffness", "encoder") for some in (before, after)]
    assert of[0] != of[1]


def test_hidden_blocks_are_filled_from_the_nearest_voxels():
    rve = px.tessellate(grid=15, grains=20, seed=0)
    hidden = hidden_blocks(rve, 3, 0)
    assert int(hidden.sum()) == round(0.4 * 27)
    assert not torch.equal(hidden, hidden_blocks(rve, 4, 0))
    guess = filled(rve, hidden)
    marks = unblocked(hidden[:, None].expand(-1, 125), rve.grid)
    assert torch.equal(guess.grain_id[~marks], rve.grain_id[~marks])
    visible = set(rve.grain_id[~marks].tolist())
    assert set(guess.grain_id.reshape(-1).tolist()) == visible
    changed = (guess.grain_id != rve.grain_id)[marks].float().mean()
    assert 0 < float(changed) < 0.7


def test_blocks_and_tokens_keep_their_places():
    field = torch.arange(1000.0).reshape(10, 10, 10)
    blocks = blocks_of(field)
    torch.testing.assert_close(unblocked(blocks, (10, 10, 10)), field)
    torch.testing.assert_close(blocks.mean(1), block_means(field).flatten())
    tokens = torch.arange(8.0).reshape(2, 2, 2, 1)
    torch.testing.assert_close(tokens_at_blocks(tokens, (10, 10, 10))[:, 0], torch.arange(8.0))
    whole = torch.ones(1, 1, 1, 3)
    torch.testing.assert_close(tokens_at_blocks(whole, (10, 10, 10)), torch.ones(8, 3))
    rve = px.tessellate(grid=15, grains=20, seed=0)
    own = surroundings(rve)[:, 13 * 9 : 14 * 9]
    assert surroundings(rve).shape == (27, 243)
    expected = block_means(rve.orientations[rve.grain_id].float())
    assert own.shape[0] == expected.flatten(0, 2).shape[0]


def test_a_masked_autoencoder_also_decodes_by_itself():
    model = open_encoder("polyxtal-small")
    rve = px.tessellate(grid=25, grains=139, seed=0)
    hidden = hidden_blocks(rve, 0, 0)
    found = decoded_blocks(model, rve, hidden)
    table = block_means(
        px.load_model("polyxtal-small").config.seen.compute(rve.orientations)[rve.grain_id]
    )
    true = table.flatten(0, 2)[hidden].float()
    mean = true.mean(0)
    assert float((found - true).square().mean()) < 0.6 * float((mean - true).square().mean())
    assert decoded_blocks(model, px.tessellate(grid=10, grains=5, seed=0), hidden[:8]) is None
    assert decoded_blocks(open_encoder(means), rve, hidden) is None


def test_presets_are_checked():
    with pytest.raises(ValueError, match="must be one of tiny, small"):
        benchmark(means, "out", "large")


def test_another_encoder_there_costs_its_own_features_only(found, tmp_path, monkeypatch):
    (tmp_path / "vectors_only.py").write_text(
        "import torch\n"
        "def volumes(rves):\n"
        "    return torch.stack([rve.volume_fractions.topk(2).values for rve in rves])\n"
    )
    monkeypatch.setitem(PRESETS, "tiny", FEW)
    monkeypatch.setattr("polyxtal.workflows.benchmark.whole.homogenize", None)
    monkeypatch.chdir(tmp_path)
    command = ["benchmark", "vectors_only:volumes", "--preset", "tiny", "--out", str(found[0])]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    for text in ("log texture strength", "Zener 0.25", "hottest 1 %", "nearest visible"):
        assert text in done.output
    table = (found[0] / TABLE).read_text()
    assert "stiffness,Zener 4,4,encoder," in table
    assert "local fields,von Mises stress,2,encoder," not in table  # it has no tokens
    assert CliRunner().invoke(app, ["benchmark", "nothing-here", "--out", "out"]).exit_code == 2
