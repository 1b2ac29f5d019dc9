"""A pretrained model as users of torch and of the Hugging Face hub know one."""

from __future__ import annotations

import copy
import pickle
import shutil
import sys

import pytest
import torch
from tiny_stiffness import tiny_rve, tiny_stiffness_model

import polyxtal as px
from polyxtal.model.checkpoint import save_model
from polyxtal.model.shards import HEADER, weight_files
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


class Hub:
    """A hub on this disk, in the place of `HfApi`."""

    place = None
    asked: list = []  # noqa: RUF012

    def __init__(self, token=None):
        self.asked.append(token)

    def create_repo(self, repo_id, **options):
        self.asked.append(options)

        class Made:
            pass

        Made.repo_id = repo_id
        return Made

    def upload_folder(self, *, repo_id, folder_path, **options):
        self.asked.append(options["commit_message"])
        shutil.copytree(folder_path, self.place / repo_id)
        return f"https://hub/{repo_id}/commit"


def test_models_go_to_the_hub_and_come_back(model, tmp_path, monkeypatch):
    library = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Hub)
    monkeypatch.setattr(Hub, "place", tmp_path)
    monkeypatch.setattr(Hub, "asked", [])
    address = model.push_to_hub("me/mine", private=True, token="secret")
    assert address == "https://hub/me/mine/commit"
    assert Hub.asked == [
        "secret",
        {"private": True, "exist_ok": True},
        "Upload of a polyxtal model",
    ]
    card = (tmp_path / "me/mine/README.md").read_text(encoding="utf-8")
    assert "library_name: polyxtal" in card
    assert "- model_hub_mixin" in card
    assert 'px.load_model("me/mine")' in card
    files = {path.name for path in (tmp_path / "me/mine").iterdir()}
    assert files == {
        "README.md",
        "config.json",
        "model.safetensors",
        "stiffness.json",
        "stiffness.safetensors",
    }

    def snapshot_download(name, *, allow_patterns, revision):
        assert revision == "main"
        found = tmp_path / "cache"
        found.mkdir()
        for file in (tmp_path / name).iterdir():
            if any(file.match(pattern) for pattern in allow_patterns):
                shutil.copy(file, found)
        return found

    monkeypatch.setattr(library, "snapshot_download", snapshot_download)
    again = px.load_model("me/mine", revision="main")
    assert torch.equal(again.encode(tiny_rve()), model.encode(tiny_rve()))
    assert again.heads.keys() == model.heads.keys()
    with pytest.warns(DeprecationWarning, match="use `repo_id`"):
        assert model.push_to_hub(repo="me/other") == "https://hub/me/other/commit"


def test_what_the_hub_refuses_is_said(model, monkeypatch):
    pytest.importorskip("huggingface_hub")

    def refuse(self, **options):
        raise OSError("401 Unauthorized")

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Hub)
    monkeypatch.setattr(Hub, "create_repo", refuse)
    with pytest.raises(OSError, match=r"me/mine'?: must be .* but: 401 Unauthorized"):
        model.push_to_hub("me/mine")
    with pytest.raises(ValueError, match="`repo_id` must be an id 'owner/name', but is 'mine'"):
        model.push_to_hub("mine")


def test_without_the_hubs_library_one_sentence_says_what_to_install(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for ask in (lambda: model.push_to_hub("me/mine"), lambda: px.load_model("me/mine")):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'polyxtal\[hub\]'\.$"):
            ask()


def test_weights_may_be_in_several_files_of_16_bits(model, tmp_path):
    limit = 6_000 + HEADER
    save_model(tmp_path, model.autoencoder, {}, torch.bfloat16, limit)
    files = weight_files(tmp_path / "model.safetensors")
    assert len(files) > 2
    assert files[0].name == f"model-00001-of-{len(files):05d}.safetensors"
    assert all(file.stat().st_size <= limit for file in files)
    again = px.load_model(tmp_path)
    for name, value in model.autoencoder.state_dict().items():
        rounded = value.to(torch.bfloat16).to(torch.float32)
        assert torch.equal(again.autoencoder.state_dict()[name], rounded)
    files[1].rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError, match=f"must hold all {len(files)} files of the weights"):
        px.load_model(tmp_path)
    (tmp_path / "away").rename(files[1])
    shutil.copy(files[0], tmp_path / "model-00009-of-00009.safetensors")
    with pytest.raises(ValueError, match="must hold the weights of one model, but of several"):
        px.load_model(tmp_path)
    files[1].write_bytes(files[1].read_bytes()[:-9])
    (tmp_path / "model-00009-of-00009.safetensors").unlink()
    with pytest.raises(ValueError, match="safetensors"):
        px.load_model(tmp_path)
    model.save(tmp_path)  # in one file again
    assert not list(tmp_path.glob("model-*"))
    assert torch.equal(px.load_model(tmp_path).encode(tiny_rve()), model.encode(tiny_rve()))
    with pytest.raises(ValueError, match="a file of at most 70000 bytes must hold the largest"):
        save_model(tmp_path, model.autoencoder, {}, torch.float32, 70_000)
