"""The head of one's own labels in files, and its warning."""

from __future__ import annotations

import json
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_stiffness import tiny_rve, tiny_stiffness_model

import polyxtal as px
from polyxtal.model.checkpoint import model_files, save_model
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.property.head import FittedProperties, Label, PropertyHead
from polyxtal.model.mae import MaskedAutoencoder

LABELS = Label(name="yield stress", unit="MPa"), Label(name="size")


@pytest.fixture(scope="module")
def model() -> px.FoundationModel:
    bare = tiny_stiffness_model()
    head = PropertyHead(bare.config.width, len(LABELS))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        head.linear.weight.normal_(generator=generator)
        head.target_mean.copy_(torch.tensor([150.0, 3.0]))
        head.target_scale.copy_(torch.tensor([10.0, 0.1]))
    known = bare.encode([tiny_rve(seed) for seed in range(24)])
    head.input_mean.copy_(known.mean(0))
    head.out_of_distribution.fit(known[:16], known[16:])
    about = {"results": [1, 2]}
    fitted = FittedProperties(head.eval(), LABELS, fingerprint(bare.autoencoder), about)
    return px.FoundationModel(bare.autoencoder, {}, bare.stiffness, fitted)


def test_a_prediction_is_the_map_of_the_latent_vector(model):
    rves = [tiny_rve(seed) for seed in range(3)]
    found = model.predict_property(rves)
    assert list(found) == ["yield stress", "size"]
    head, latent = model.property_head.head, model.encode(rves)
    weight, bias = head.linear.weight.detach(), head.linear.bias.detach()
    expected = 150 + 10 * ((latent - head.input_mean) @ weight.mT + bias)[:, 0]
    torch.testing.assert_close(found["yield stress"].float(), expected)
    assert found["size"].dtype == torch.float64
    one = model.predict_property(rves[1])
    assert one["size"].shape == ()
    torch.testing.assert_close(one["size"], found["size"][1], rtol=1e-5, atol=1e-5)


def test_unlike_polycrystals_are_predicted_with_a_warning(model):
    like = model.encode([tiny_rve(1)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict_property(tiny_rve(1))
    with pytest.warns(UserWarning, match="1 of 2 polycrystals are unlike those that the property"):
        model.property_head.predict(torch.cat([like, 9 * like]))


def test_a_head_is_read_as_it_was_written(model, tmp_path):
    model.save(tmp_path)
    again = px.load_model(tmp_path)
    assert again.property_head.labels == LABELS
    assert [str(label) for label in again.property_head.labels] == ["yield stress [MPa]", "size"]
    assert again.property_head.about["results"] == [1, 2]
    rve = tiny_rve(2)
    assert again.predict_property(rve) == model.predict_property(rve)
    assert {"property.json", "property.safetensors"} < {*model_files()}
    with pytest.raises(ValueError, match="`polyxtal finetune property` fits one"):
        tiny_stiffness_model().predict_property(rve)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sizes": {"width": 24, "labels": []}}, "must describe a property head"),
        ({"sizes": {"width": 24, "labels": [{"name": "a" * 999}]}}, "must describe a property"),
        ({"sizes": {"width": 24, "labels": [{"name": "a"}]}}, "must be those of property.json"),
        ({"encoder": "another"}, "must be fitted to the encoder beside it"),
        ({"format": "another"}, "must be a 'polyxtal property head'"),
    ],
)
def test_wrong_descriptions_are_refused(model, tmp_path, change, complaint):
    model.save(tmp_path)
    path = tmp_path / "property.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=complaint):
        px.load_model(tmp_path)


def test_broken_weights_and_other_encoders_are_refused(model, tmp_path):
    model.save(tmp_path)
    path = tmp_path / "property.safetensors"
    whole, weights = path.read_bytes(), load_file(path)
    save_file({**weights, "input_scale": torch.zeros_like(weights["input_scale"])}, path)
    with pytest.raises(ValueError, match="scales must be above 0"):
        px.load_model(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="must have its weights there"):
        px.load_model(tmp_path)
    path.write_bytes(whole)
    (tmp_path / "stiffness.json").unlink()
    save_model(tmp_path, MaskedAutoencoder(model.config, 4))
    with pytest.raises(ValueError, match="the property head must be fitted to the encoder"):
        px.load_model(tmp_path)
