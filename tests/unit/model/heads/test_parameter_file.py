"""The paper's network head in files: what is written is read again, and makes networks."""

from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_stiffness import tiny_rve, tiny_stiffness_model

import polyxtal as px
from polyxtal.model.checkpoint import model_files, save_model
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.parameters.head import FittedParameters, ParameterHead
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.network.topology import BinaryTree

ALLOY = px.load_material("AA6022-T4")
CRYSTALS = [(107.3e3, 60.8e3, 28.3e3), (88814.0, 70043.0, 37543.0)]


@pytest.fixture(scope="module")
def model() -> FoundationModel:
    bare = tiny_stiffness_model()
    head = ParameterHead(bare.config.width, depth=3)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        head.linear.weight.normal_(std=0.3, generator=generator)
        head.input_mean.normal_(generator=generator)
        head.input_scale.uniform_(0.5, 2, generator=generator)
    fitted = FittedParameters(head.eval(), fingerprint(bare.autoencoder), {"results": [1, 2]})
    return FoundationModel(bare.autoencoder, {}, bare.stiffness, None, fitted)


def test_a_head_is_read_as_it_was_written(model, tmp_path):
    model.save(tmp_path)
    again = px.load_model(tmp_path)
    for name, value in model.parameter_head.head.state_dict().items():
        assert torch.equal(again.parameter_head.head.state_dict()[name], value)
    assert again.parameter_head.about["results"] == [1, 2]
    assert (again.parameter_head.head.width, again.parameter_head.head.depth) == (
        model.config.width,
        3,
    )
    assert again.to("cpu").parameter_head is again.parameter_head
    assert {"parameters.json", "parameters.safetensors"} < {*model_files()}
    again.save(tmp_path / "second")
    for name in ("parameters.json", "parameters.safetensors"):
        assert (tmp_path / "second" / name).read_bytes() == (tmp_path / name).read_bytes()
    FoundationModel(model.autoencoder, {}).save(tmp_path)
    assert px.load_model(tmp_path).parameter_head is None
    assert not (tmp_path / "parameters.safetensors").exists()


def test_a_decoded_network_is_the_heads(model):
    rve = tiny_rve(3)
    network = model.decode_network(rve)
    with torch.no_grad():
        told = model.parameter_head.head(model.encode(rve)[None])
        constants = torch.tensor(CRYSTALS, dtype=torch.float32)[None]
        expected = told.stiffness(constants, BinaryTree.balanced(8))[0]
    for name in ("weights", "normals"):
        found = getattr(network, name)
        torch.testing.assert_close(found, getattr(told, name)[0].double(), rtol=1e-5, atol=1e-6)
    same = (network.orientations * told.orientations[0].double()).sum(-1).abs()
    torch.testing.assert_close(same, torch.ones_like(same), rtol=1e-6, atol=0)
    for k, crystal in enumerate(CRYSTALS):
        found = network.stiffness(px.CubicElasticity(*crystal))
        error = torch.linalg.matrix_norm(found - expected[k]) / torch.linalg.matrix_norm(found)
        assert float(error) < 1e-5  # the head is in single precision
    other = model.decode_network(tiny_rve(4))
    assert not torch.allclose(other.weights, network.weights)
    response = network.respond(ALLOY, px.LoadPath.uniaxial(strain=0.004, increments=2))
    assert 0 < float(response.P[-1, 0, 0]) < 300
    assert float(response.P[-1, 1, 1].abs()) < 1e-3 * float(response.P[-1, 0, 0])


def test_the_phase_of_a_decoded_network_is_the_polycrystals(model):
    rve = tiny_rve(3)
    named = px.Polycrystal(
        rve.grain_id, rve.orientations, rve.size, torch.ones(rve.grains, dtype=int), ("void", "Al")
    )
    network = model.decode_network(named)
    path = px.LoadPath.uniaxial(strain=0.002, increments=1)
    found, same = network.respond({"Al": ALLOY}, path), model.decode_network(rve)
    torch.testing.assert_close(found.P, same.respond(ALLOY, path).P)
    mixed = torch.arange(rve.grains) % 2
    two = px.Polycrystal(rve.grain_id, rve.orientations, rve.size, mixed, ("a", "b"))
    with pytest.raises(ValueError, match="grains of one phase"):
        model.decode_network(two)
    with pytest.raises(ValueError, match="`polyxtal finetune parameters` fits one"):
        tiny_stiffness_model().decode_network(rve)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sizes": {"width": 24, "depth": 13}}, "must describe a parameters head"),
        ({"sizes": {"width": 24}}, "must describe a parameters head"),
        ({"sizes": {"width": 23, "depth": 3}}, "must be fitted to the encoder beside it"),
        ({"sizes": {"width": 24, "depth": 2}}, "weights must be those of parameters.json"),
        (
            {"sizes": {"width": 24, "depth": 12}},
            "must hold the 614350 parameters",
        ),
        ({"encoder": "another"}, "must be fitted to the encoder beside it"),
        ({"format": "another"}, "must be a 'polyxtal parameter head'"),
    ],
)
def test_wrong_descriptions_are_refused(model, tmp_path, change, complaint):
    model.save(tmp_path)
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=complaint):
        px.load_model(tmp_path)


def test_broken_weights_are_refused(model, tmp_path, monkeypatch):
    model.save(tmp_path)
    path = tmp_path / "parameters.safetensors"
    whole = path.read_bytes()
    weights = {name: value.clone() for name, value in load_file(path).items()}
    for name, value, complaint in (
        ("input_scale", 0.0, "scales must be above 0"),
        ("linear.bias", math.nan, "weights must be finite"),
    ):
        save_file({**weights, name: torch.full_like(weights[name], value)}, path)
        with pytest.raises(ValueError, match=complaint):
            px.load_model(tmp_path)
    path.write_bytes(whole[:-7])
    with pytest.raises(ValueError, match="must be whole safetensors"):
        px.load_model(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="must have its weights there"):
        px.load_model(tmp_path)
    path.write_bytes(whole)
    monkeypatch.setattr("polyxtal.model.heads.parameters.file.MAX_WEIGHTS", 10)
    with pytest.raises(ValueError, match="must not exceed 10 bytes"):
        px.load_model(tmp_path)


def test_numbers_that_are_no_network_are_refused(model):
    head = ParameterHead(model.config.width, depth=1)
    with torch.no_grad():
        head.linear.bias.fill_(-1e30)
    with pytest.raises(ValueError, match="`weights` must be positive"):
        FittedParameters(head, "").network(torch.zeros(model.config.width, dtype=torch.float32))


def test_another_encoder_is_refused(model, tmp_path):
    FoundationModel(model.autoencoder, {}, None, None, model.parameter_head).save(tmp_path)
    save_model(tmp_path, MaskedAutoencoder(model.config, 4))
    with pytest.raises(ValueError, match="the parameters head must be fitted to the encoder"):
        px.load_model(tmp_path)
