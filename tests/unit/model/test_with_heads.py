"""A pretrained model as users of torch and of the Hugging Face hub know one."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from tiny_stiffness import tiny_rve, tiny_stiffness_model

import polyxtal as px
from polyxtal.model.windows import windows


@pytest.fixture(scope="module")
def model():
    return tiny_stiffness_model()


def test_a_model_is_a_module(model):
    assert isinstance(model, torch.nn.Module)
    count = sum(p.numel() for p in model.parameters())
    assert count == sum(p.numel() for p in model.autoencoder.parameters())
    assert model.parameter_head is None
    assert not model.autoencoder.training
    assert model.to("cpu") is model
    rve = tiny_rve()
    for same in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(same.encode(rve), model.encode(rve))
        assert same.heads.keys() == model.heads.keys()


def test_calling_a_model_encodes_with_gradients(model):
    fields = windows(tiny_rve(), model.config.voxels, model.config.seen)
    latent = model(fields)
    assert torch.equal(latent.detach(), model.encode_fields(fields))
    latent.square().sum().backward()
    gradient = model.autoencoder.encoder.embed.weight.grad
    assert gradient is not None
    assert float(gradient.abs().max()) > 0
    model.zero_grad()


def test_models_go_to_a_folder_and_come_back(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    again = px.FoundationModel.from_pretrained(tmp_path / "m")
    assert type(again) is px.FoundationModel
    crystal, rve = px.CubicElasticity(107.3e3, 60.8e3, 28.3e3), tiny_rve()
    assert torch.equal(again.predict_stiffness(rve, crystal), model.predict_stiffness(rve, crystal))
    assert px.FoundationModel.from_pretrained("polyxtal-small").config.width == 192


def test_models_go_to_the_hub(model, tmp_path, monkeypatch):
    asked = []

    class Hub:
        def create_repo(self, repo, **options):
            asked.append((repo, options))

        def upload_folder(self, *, repo_id, folder_path, commit_message):
            asked.append(repo_id)
            px.load_model(folder_path).save_pretrained(tmp_path)

            class Done:
                commit_url = "https://hub/commit"

            return Done()

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    assert model.push_to_hub("me/mine", private=True) == "https://hub/commit"
    assert asked == [("me/mine", {"private": True, "exist_ok": True}), "me/mine"]
    rve = tiny_rve()
    assert torch.equal(px.load_model(tmp_path).encode(rve), model.encode(rve))

    def refuse(self, repo, **options):
        raise OSError("401 Unauthorized")

    monkeypatch.setattr(Hub, "create_repo", refuse)
    with pytest.raises(OSError, match=r"me/mine: must be .* but: 401 Unauthorized"):
        model.push_to_hub("me/mine")
    with pytest.raises(ValueError, match="`repo` must be an id 'owner/name', but is 'mine'"):
        model.push_to_hub("mine")
