"""A model is found by its name; the hub is asked only for what can be on it."""

from __future__ import annotations

import sys

import pytest
from tiny_stiffness import tiny_stiffness_model

import polyxtal as px
from polyxtal.model import checkpoint
from polyxtal.model.checkpoint import SHIPPED, find_model


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """A working folder that holds `out`, in a program that cannot import the hub's library."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()


@pytest.mark.parametrize(
    "name",
    [
        "modle",
        "./modle",
        "../owner/name",
        "~/modle",
        "/owner/name",
        "owner/",
        "owner/name/",
        "a/b/c",
        "out/modle",
        "owner/na me",
        "owner/name.git",
        "owner/a--b",
        "owner/a..b",
        "-owner/name",
        "owner/.name",
        "owner/name-",
        "owner/größe",
        "owner\\name",
        "owner/" + 97 * "n",
        "",
    ],
)
@pytest.mark.usefixtures("no_hub")
def test_the_hub_is_not_asked_for_a_path_or_what_cannot_be_an_id(name):
    with pytest.raises(FileNotFoundError, match="a model must be one of polyxtal-small, a folder"):
        px.load_model(name)


@pytest.mark.parametrize("name", ["owner/name", "Owner_1/n", "o-w.n/na-me_2.0", f"o/{96 * 'n'}"])
def test_the_hub_is_asked_for_an_id(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    said = []

    def download(asked, files, options):
        said.append((files, options))
        return tmp_path / asked

    monkeypatch.setattr(checkpoint, "download", download)
    assert find_model(name, revision="v1") == tmp_path / name
    assert said == [(checkpoint.model_files(), {"revision": "v1"})]
    hub = pytest.importorskip("huggingface_hub.utils")
    hub.validate_repo_id(name)


@pytest.mark.usefixtures("no_hub")
def test_a_folder_is_no_id():
    tiny_stiffness_model().save("owner/name")
    assert find_model("owner/name").samefile("owner/name")
    with pytest.raises(FileNotFoundError, match="where no folder 'owner' exists here"):
        find_model("owner/nmae")


@pytest.mark.parametrize("name", ["polyxtal-smal", "Polyxtal_small", "out/polyxtal-small"])
@pytest.mark.usefixtures("no_hub")
def test_the_closest_shipped_name_is_suggested(name):
    with pytest.raises(FileNotFoundError, match=r"is none \(did you mean 'polyxtal-small'\?\)\.$"):
        find_model(name)
    assert find_model("polyxtal-small") == SHIPPED / "polyxtal-small"
