"""Sizes of the paper's reproduction: presets that ship, and those of a YAML file."""

from __future__ import annotations

import pytest
from tiny_paper import tiny_preset

from polyxtal.files.validated import validate_document
from polyxtal.model.checkpoint import find_model
from reproduction.paper.encoders import encoder_models
from reproduction.paper.presets import PaperPreset, read_preset, shipped_presets
from reproduction.paper.steps import Place


@pytest.mark.parametrize("name", shipped_presets())
def test_shipped_presets_are_whole(name):
    preset = read_preset(name)
    assert preset.chosen == 0.4
    first = next(iter(preset.curves.values()))
    assert "unloading" in first.loads
    assert all(part.seed >= 2 for part in preset.curves.values())  # 0 and 1 were looked at before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"models": {"0.5": "x"}}, "`models` or `pretraining` must be given, and not both"),
        ({"chosen": 0.4}, "`chosen` must be one of the shares, but is 0.4"),
        ({"predicting": None}, "`predicting` or `heads` must be given, and not both"),
        ({"curves": {}}, "`curves` must begin with one that has the load 'unloading'"),
        ({"speed": 1}, "field `speed` must be a known one"),
    ],
)
def test_presets_that_contradict_themselves_are_refused(tmp_path, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        validate_document(PaperPreset, tiny_preset(tmp_path) | change, "tiny.yaml")


def test_a_preset_that_is_none_is_refused():
    with pytest.raises(FileNotFoundError, match=r"must be one of .*small.*, or a YAML file"):
        read_preset("huge")


def test_encoders_to_fine_tune_are_where_any_command_finds_them(tmp_path):
    preset = read_preset("small")
    models = encoder_models(Place(preset, tmp_path, "stiffness", lambda *_: None))
    assert list(models) == ["mask-20", "mask-40", "mask-60", "mask-80", "longer"]
    for model in models.values():
        assert (find_model(model) / "config.json").is_file()
