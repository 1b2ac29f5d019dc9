"""Weights and descriptions that claim what they do not hold."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save, save_file
from tiny_stiffness import PLAIN_SIZES, tiny_stiffness_model

import polyxtal as px
from polyxtal.model.config import PRESETS, ModelConfig
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.parameter_count import parameter_count

TINY = {**PLAIN_SIZES, "features": "harmonic", "decoder": "cross", "offsets": True}


@pytest.fixture
def folder(tmp_path):
    tiny_stiffness_model().save(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "sizes",
    [
        PRESETS["small"],
        {**TINY, "summary": True},
        {**TINY, "decoder": "joint", "target": None, "expansion": 3},
        {**TINY, "features": "quaternion", "target": "harmonic6", "decoder_depth": 3, "depth": 2},
        {**TINY, "offsets": False, "laue": "6/mmm"},
    ],
)
def test_parameters_are_counted_without_the_module(sizes):
    config = ModelConfig(**sizes)
    module = MaskedAutoencoder(config)
    assert parameter_count(config) == sum(p.numel() for p in module.parameters())


def test_sizes_beyond_the_weights_are_refused_before_anything_is_built(folder, monkeypatch):
    path = folder / "config.json"
    about = json.loads(path.read_text())
    about["model"] |= {"width": 4092, "depth": 4096, "expansion": 16, "heads": 6}
    path.write_text(json.dumps(about))
    monkeypatch.setattr("polyxtal.model.checkpoint.MaskedAutoencoder", None)
    with pytest.raises(ValueError, match=r"must hold the 2469\d{9} parameters of config\.json"):
        px.load_model(folder)


@pytest.mark.parametrize(
    ("content", "size", "sentence"),
    [
        (b"", 2**34, r"model\.safetensors: must not exceed \d+ bytes"),
        (b"", 2**30, r"model\.safetensors: must be whole safetensors"),
        (save({"a": torch.zeros(1000)}), 0, r"must hold the \d+ parameters .* but lists 1000"),
    ],
)
def test_a_large_file_of_nothing_is_refused_before_anything_is_built(
    folder, monkeypatch, content, size, sentence
):
    path = folder / "model.safetensors"
    path.write_bytes(content)
    if size:
        with path.open("r+b") as file:
            file.truncate(size)
    monkeypatch.setattr("polyxtal.model.checkpoint.MaskedAutoencoder", None)
    monkeypatch.setattr("polyxtal.model.checkpoint.parameter_count", lambda config: 2000)
    with pytest.raises(ValueError, match=sentence):
        px.load_model(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "stiffness.safetensors"])
@pytest.mark.parametrize(
    ("dtype", "match"),
    [
        (torch.int64, "of 16 to 64 bits, but '.+' is of torch.int64"),
        (torch.bool, "but '.+' is of torch.bool"),
        (torch.complex64, "but '.+' is of torch.complex64"),
        (torch.float8_e4m3fn, "but '.+' is of torch.float8_e4m3fn"),
    ],
)
def test_weights_are_floating_point_numbers(folder, name, dtype, match):
    path = folder / name
    weights = load_file(path)
    save_file({key: value.to(dtype) for key, value in weights.items()}, path)
    with pytest.raises(
        ValueError, match=rf"{name}: (weights must be .*{match}|must hold the \d+ parameters)"
    ):
        px.load_model(folder)


@pytest.mark.parametrize("value", [1e39, -1e300, float("nan")])
def test_weights_are_finite_in_the_precision_in_use(folder, value):
    path = folder / "model.safetensors"
    weights = {key: tensor.double() for key, tensor in load_file(path).items()}
    save_file(weights, path)
    px.load_model(folder)
    weights["encoder.embed.bias"][2] = value
    save_file(weights, path)
    with pytest.raises(
        ValueError,
        match=r"model\.safetensors: weights must be finite in torch\.float32, but some of 'encoder",
    ):
        px.load_model(folder)


def test_messages_of_a_model_stay_short(folder):
    path, long = folder / "config.json", "x" * 5000
    about = json.loads(path.read_text())
    for change in ({"format": long}, {"format_version": [long] * 100}):
        path.write_text(json.dumps(about | change))
        with pytest.raises(ValueError, match="must be a 'polyxtal model' of version 1") as error:
            px.load_model(folder)
        assert len(str(error.value)) < 700
    path.write_text(json.dumps(about))
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, long: torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"weights must be those of config\.json") as error:
        px.load_model(folder)
    assert len(str(error.value)) < 700
