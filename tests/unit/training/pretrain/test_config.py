"""Defaults of a pretraining follow what is given."""

from __future__ import annotations

import pytest

from polyxtal.training.pretrain.config import PretrainConfig, read_pretrain_config


@pytest.mark.parametrize(("preset", "weight"), [("small", 0.02), ("base", 0.02), ("paper", 0.0)])
def test_three_lines_are_a_configuration(tmp_path, preset, weight):
    path = tmp_path / "three.yaml"
    path.write_text(f"model: {preset}\nsteps: 200\nbatch: 16\n")
    config = read_pretrain_config(path)
    assert (config.summary, config.warmup) == (weight, 20)
    assert PretrainConfig.model_validate(config.model_dump(mode="json")) == config


def test_the_defaults_of_the_weight_and_the_warm_up():
    assert PretrainConfig().summary == 0.0
    assert PretrainConfig().warmup == PretrainConfig(steps=5000).warmup == 500
    assert PretrainConfig(steps=1).warmup == 0
    assert PretrainConfig(model={"preset": "small", "summary": False}).summary == 0.0
    assert PretrainConfig(model=PretrainConfig(model="small").model).summary == 0.02
    assert PretrainConfig(model="small", summary=0.1).summary == 0.1
    with pytest.raises(ValueError, match="exactly if the model has `summary: true`"):
        PretrainConfig(model="small", summary=0.0)


def test_presets_for_other_crystals_describe_nothing():
    config = PretrainConfig(model={"preset": "small", "laue": "6/mmm"})
    assert (config.model.summary, config.summary) == (False, 0.0)
    with pytest.raises(ValueError, match="`summary` must be left out unless `laue` is m-3m"):
        PretrainConfig(model={"preset": "small", "laue": "6/mmm", "summary": True})


def test_a_folder_alone_is_data_of_ones_own(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("model: small\nsteps: 20\ndata: my volumes\n", encoding="utf-8")
    spelled = tmp_path / "spelled.yaml"
    spelled.write_text("model: small\nsteps: 20\ndata: {folder: my volumes}\n", encoding="utf-8")
    assert read_pretrain_config(path) == read_pretrain_config(spelled)
    path.write_text("model: small\nsteps: 20\ndata: ''\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"field `data\.folder` must"):
        read_pretrain_config(path)
