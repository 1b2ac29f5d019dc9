"""Pretraining on own and on varied volumes, and from a model that knows neither."""

from __future__ import annotations

import logging
import warnings

import pytest
import torch
from pydantic import ValidationError
from tiny_model import SIZES

import polyxtal as px
from polyxtal.model.checkpoint import read_model, save_model
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.training.pretrain.config import PretrainConfig

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that Lightning imports
    from polyxtal.training.pretrain.data import read_own, training_stream, unseen_stream
    from polyxtal.training.pretrain.evaluation import evaluate, numbered_masks, validation_batch
    from polyxtal.training.pretrain.module import initial_model, widened
    from polyxtal.training.pretrain.recorder import load_curve
    from polyxtal.training.pretrain.run import pretrain

pytestmark = pytest.mark.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

UNIFORM = {"texture": {"kind": "uniform"}}
VARIETY = {
    "diameter": [2, 4],
    "second_phase": 0.3,
    "crystals": [UNIFORM, {**UNIFORM, "laue": "6/mmm", "share": 0.5}],
}
TINY = {
    "model": SIZES | {"features": "crystal", "scale": True},
    "variety": VARIETY,
    "steps": 40,
    "batch": 8,
    "warmup": 2,
    "rate": 0.1,
    "validate_every": 20,
    "validation": 16,
    "precision": "32-true",
    "workers": 0,
}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("volumes")
    for seed in range(4):
        px.write(px.tessellate((9, 8, 7), 20, seed=seed), place / f"{seed}.npz")
    return place


def batches(config, own, count=2):
    chosen = {"start": 0, "rank": 0, "world": 1, "device": CPU}
    stream = training_stream(config, 8, own, **chosen)
    return [stream.batch(j) for j in range(count)]


def test_varied_volumes_are_learned_from_and_a_stopped_run_goes_on(tmp_path):
    config = PretrainConfig(**TINY)
    whole = pretrain(config, tmp_path / "a", accelerator="cpu", devices=1)
    for _ in range(2):
        pretrain(config, tmp_path / "b", accelerator="cpu", devices=1, stop_after=0.0)
    resumed = pretrain(config, tmp_path / "b", accelerator="cpu", devices=1)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)
    rows = load_curve(tmp_path / "a")
    assert rows[-1]["validation_loss"] < rows[0]["validation_loss"]
    assert 0 < rows[-1]["validation_degrees"] < 62.8
    assert whole.encoder.scale.embed.weight.abs().max() > 0
    assert read_model(tmp_path / "a" / "model")[0].config == config.model
    table = evaluate(config, whole, validation_batch(config))
    assert all(0 < row["degrees"] < 62.8 and row["loss"] > 0 for row in table.values())


def test_own_volumes_are_learned_from_and_kept_apart(folder, tmp_path):
    model = SIZES | {"features": "harmonic"}
    fields = {k: v for k, v in TINY.items() if k != "variety"}
    config = PretrainConfig(**fields | {"model": model, "data": {"folder": str(folder)}})
    own = read_own(config)
    seen = {round(float(q), 9) for one in own.train for q in one.orientations.abs().sum(-1)}
    other = {round(float(q), 9) for one in own.validation for q in one.orientations.abs().sum(-1)}
    assert not seen & other
    pretrain(config, tmp_path, accelerator="cpu", devices=1)
    rows = load_curve(tmp_path)
    assert rows[-1]["validation_loss"] < rows[0]["validation_loss"]
    assert read_model(tmp_path / "model")[1]["pretraining"]["data"]["folder"] == str(folder)


def test_own_and_generated_volumes_are_mixed_in_the_wanted_share(folder):
    config = PretrainConfig(**TINY | {"data": {"folder": str(folder), "share": 0.25}})
    own = read_own(config)
    mixed = torch.cat([batch["field"] for batch in batches(config, own, 20)])
    alone = PretrainConfig(**TINY | {"data": {"folder": str(folder)}})
    # Own volumes are cubic and of one phase: the last 19 channels are zero.
    cubic = mixed[:, 9:].abs().amax((1, 2, 3, 4)) == 0
    varied = torch.cat([b["field"] for b in batches(PretrainConfig(**TINY), None, 20)])
    share = float((varied[:, 9:].abs().amax((1, 2, 3, 4)) == 0).double().mean())
    assert float(cubic.double().mean()) == pytest.approx(0.25 + 0.75 * share, abs=0.1)
    only = torch.cat([batch["field"] for batch in batches(alone, own)])
    assert float(only[:, 9:].abs().max()) == 0
    unseen = unseen_stream(config, 8, 5, own).batch(0)["field"]
    assert float(unseen[:, 9:].abs().max()) == 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"variety": None}, "`variety` or `data` must be given if `features` is 'crystal'"),
        ({"grains": 9}, "`grains` must be left out beside `variety` or `data`"),
        ({"variety": None, "data": {"folder": "a", "share": 0.5}}, "`variety` must say what"),
        ({"model": SIZES | {"features": "harmonic"}}, "`features` must be 'crystal' for a second"),
        ({"data": {"folder": ""}}, "at least 1 character"),
        ({"data": {"folder": "a", "validation": 1.0}}, "less than 1"),
    ],
)
def test_fields_that_exclude_each_other_are_refused(fields, said):
    with pytest.raises(ValidationError, match=said):
        PretrainConfig(**TINY | fields)


def test_a_model_of_cubic_crystals_may_be_widened(tmp_path):
    old = PretrainConfig(**{**TINY, "variety": None, "model": SIZES | {"features": "harmonic"}})
    model = MaskedAutoencoder(old.model, 3)
    save_model(tmp_path, model, {"pretraining": old.model_dump(mode="json")})
    config = PretrainConfig(**TINY | {"start": str(tmp_path), "seed": 1})
    wider, lineage = initial_model(config)
    assert lineage[0]["pretraining"]["seed"] == 0
    batch = unseen_stream(old, 4, 7).batch(0)
    field = torch.zeros(4, 28, 6, 6, 6)
    field[:, :9] = batch["field"]
    mask = numbered_masks(batch["number"], old)
    with torch.no_grad():
        before, after = model.eval()(batch["field"], mask)[0], wider.eval()(field, mask)[0]
    kept = after.unflatten(-1, (-1, 28))[..., :9].flatten(-2)
    torch.testing.assert_close(kept, before, rtol=1e-5, atol=1e-5)
    deeper = config.model.model_copy(update={"depth": 2})
    assert widened(model, deeper, 0) is None
    narrower = model.config.model_copy(update={"features": "quaternion"})
    assert widened(model, narrower, 0) is None
    assert widened(wider, model.config, 0) is None
