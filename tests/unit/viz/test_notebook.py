"""Objects in a notebook: short texts, summaries with a thumbnail, copies and pickles."""

from __future__ import annotations

import base64
import copy
import pickle
import re
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
import torch
from matplotlib.collections import QuadMesh
from PIL import Image

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.mechanics.loading.step import load_matrix
from polyxtal.network.topology import BinaryTree
from polyxtal.viz.loading import prescribed_history, step_label
from polyxtal.viz.notebook import object_to_html, polycrystal_view
from polyxtal.viz.sketches import draw_tree
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture import ipf_colors


@pytest.fixture(scope="module")
def rve() -> px.Polycrystal:
    return px.tessellate(grid=6, grains=9, seed=0)


@pytest.fixture(scope="module")
def shown(rve) -> dict[str, object]:
    """One object of each kind that a notebook shows."""
    alloy = px.load_material("AA6022-T4")
    path = px.LoadPath.uniaxial(0.01, increments=3, unload=True)
    model = px.load_model("polyxtal-small")
    whole = px.tessellate(grid=25, grains=30, seed=0)
    model.predict_stiffness(whole, alloy.elasticity)  # fills what a process keeps for itself
    tension = px.LoadPath.uniaxial(0.002, increments=2)
    return {
        "Polycrystal": rve,
        "MaterialNetwork": px.MaterialNetwork.from_polycrystal(rve, 8),
        "NetworkEnsemble": px.MaterialNetwork.from_polycrystal(rve, 8, ensemble=2),
        "Response": px.taylor_response(rve, alloy, tension),
        "FullFieldResponse": px.simulate(px.tessellate(grid=3, grains=2), alloy, tension),
        "LoadPath": path,
        "Material": alloy,
        "FoundationModel": model,
    }


KINDS = (
    "Polycrystal", "MaterialNetwork", "NetworkEnsemble", "Response", "FullFieldResponse",
    "LoadPath", "Material", "FoundationModel",
)  # fmt: skip


class Page(HTMLParser):
    """Collects what is on a page and that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.images: list[dict[str, str | None]] = []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def page_of(shown: object) -> Page:
    page = Page()
    page.feed(shown._repr_html_())  # type: ignore[attr-defined]
    assert not page.open
    return page


def picture(page: Page) -> np.ndarray:
    (image,) = page.images
    kind, data = str(image["src"]).split(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(BytesIO(base64.b64decode(data))).convert("RGB"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_is_one_short_line(shown, kind):
    text = repr(shown[kind])
    assert text.startswith(f"{kind}(")
    assert "\n" not in text
    assert "tensor" not in text
    assert len(text) < 160


def test_texts_say_what_matters(shown):
    assert repr(shown["MaterialNetwork"]) == "MaterialNetwork(leaves=8, phases=('crystal',))"
    assert repr(shown["NetworkEnsemble"]) == "NetworkEnsemble(members=2, leaves=16)"
    assert repr(shown["LoadPath"]) == "LoadPath(steps=2, increments=28, duration=15 s)"
    response = shown["Response"]
    assert repr(response) == (
        f"Response(increments=2, time=2 s, strain_xx=0.002, "
        f"stress_xx={float(response.stress('xx')[-1]):.4g} MPa, crystals=9)"
    )
    fields = shown["FullFieldResponse"].fields
    assert repr(fields) == "LocalFields(grid=(3, 3, 3), internal=('slip_resistance', 'slip'))"


@pytest.mark.parametrize("kind", KINDS)
def test_the_summary_has_a_table_and_a_small_picture(shown, kind):
    html = shown[kind]._repr_html_()
    assert len(html) < 80_000
    page = page_of(shown[kind])
    assert page.words[0] == kind
    assert page.images[0]["alt"] == kind
    pixels = picture(page)
    assert pixels.shape == (216, 264, 3)
    assert (pixels != 255).any(-1).mean() > 0.02  # something is drawn


def test_summaries_hold_the_numbers(shown, rve):
    def table(kind: str) -> str:
        return " | ".join(page_of(shown[kind]).words)

    assert "grid | 6 × 6 × 6 | size | 6 × 6 × 6 µm | grains | 9 | phase | crystal" in table(
        "Polycrystal"
    )
    assert "c11 = 107.3, c12 = 60.8, c44 = 28.3 GPa" in table("Material")
    assert "PhenoPowerlaw, 12 slip systems" in table("Material")
    assert "leaves | 8 | levels | 3" in table("MaterialNetwork")
    assert "heads | stiffness, curves" in table("FoundationModel")
    assert "step 2 | 5 s: P xx, yy, zz = 0 MPa" in table("LoadPath")
    stress = float(shown["Response"].stress("xx")[-1])
    assert f"stress xx | {stress:.4g} MPa | " in table("Response")


def test_a_response_that_unloads_shows_its_end_and_its_peak():
    P = torch.zeros(3, 3, 3, dtype=torch.float64)
    P[:, 0, 0] = torch.tensor([0.0, -250.0, 1e-9])
    F = torch.eye(3, dtype=torch.float64).repeat(3, 1, 1)
    F[:, 0, 0] = torch.tensor([1.0, 0.98, 0.985])
    words = page_of(px.Response(torch.arange(3.0, dtype=torch.float64), F, P)).words
    assert "0 MPa at the end, peak -250 MPa" in words
    assert "-0.015 at the end, peak -0.02" in words


def test_names_from_files_cannot_bring_markup_along():
    name = "<script>alert(1)</script>"
    rve = px.Polycrystal([[[0]]], [[1, 0, 0, 0]], phase_names=(name,))
    crystal = px.Material(name, px.CubicElasticity(168.4e3, 121.4e3, 75.4e3))
    for shown in (rve, crystal, px.MaterialNetwork.from_polycrystal(rve, 2)):
        assert "<script>" not in shown._repr_html_()
        assert any(name in word for word in page_of(shown).words)


def test_empty_grains_many_phases_and_one_voxel_are_shown():
    rve = px.Polycrystal(
        [[[0]]], [[1, 0, 0, 0]] * 9, (25e6, 1e-3, 1e-3), range(9), [f"p{k}" for k in range(9)]
    )
    words = page_of(rve).words
    assert "9, 1 with voxels" in words
    assert "3 more" in words
    assert "25 × 1e-09 × 1e-09 (relative lengths)" in words


def test_the_thumbnail_of_a_large_polycrystal_leaves_voxels_out():
    ids = torch.arange(130 * 20).reshape(130, 20, 1) % 1000
    q = torch.randn(1000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rve = px.Polycrystal(ids, q / q.norm(dim=1, keepdim=True))
    view = polycrystal_view(rve)
    assert view.rows[0] == ("grid", "130 × 20 × 1")
    meshes = [c for c in view.thumbnail.axes[0].collections if isinstance(c, QuadMesh)]
    assert [np.asarray(mesh.get_array()).shape[:2] for mesh in meshes] == [
        (20, 1),
        (44, 1),
        (44, 20),
    ]


def test_a_tree_stands_on_its_leaves():
    """Leaves 1 and 2 joined, then 0 with them: widths and lines follow the weights."""
    q = random_quaternions(3, 1)
    weights = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    tree = BinaryTree(np.array([1, 0]), np.array([2, 3]))
    normals = torch.tensor([[0.0, 0, 1]] * 2, dtype=torch.float64)
    network = px.MaterialNetwork(tree, q, weights, normals, torch.zeros(3, dtype=torch.int64))
    axes = draw_tree(new_figure().add_subplot(), network)
    (lines,) = axes.collections
    assert [line.round(9).tolist() for line in lines.get_segments()] == [
        [[0.6, 0], [0.6, 1], [0.85, 1], [0.85, 0]],
        [[0.25, 0], [0.25, 2], [0.75, 2], [0.75, 1]],
    ]
    strip = np.asarray(axes.images[0].get_array())[0]
    for column, leaf in ((0, 0), (299, 0), (300, 1), (419, 1), (420, 2), (599, 2)):
        np.testing.assert_allclose(strip[column], ipf_colors(q[leaf]))


def test_a_large_network_is_shown_and_so_is_one_leaf(rve):
    for leaves in (1, 3000):
        network = px.MaterialNetwork.from_polycrystal(rve, leaves)
        pixels = picture(page_of(network))
        assert (pixels != 255).any()


@pytest.mark.parametrize("laue", ["hP", "tP", "oP", None])
def test_crystals_of_any_symmetry_are_shown(laue):
    zinc = px.Elasticity.hexagonal(163.7e3, 36.4e3, 53.0e3, c33=63.5e3, c44=38.8e3)
    words = page_of(px.Material("a", zinc)).words
    assert any(
        "c11 = 163.7, c12 = 36.4, c13 = 53, c33 = 63.5, c44 = 38.8, c66 = 63.65" in w for w in words
    )
    page_of(px.Polycrystal([[[0]]], [[1, 0, 0, 0]], lattices=laue))


def test_other_objects_have_no_view():
    with pytest.raises(TypeError, match="must have a view to be shown"):
        object_to_html(3)


# Load paths


def test_steps_are_written_out():
    shear, rolling = px.LoadPath.shear(0.01, increments=1), px.LoadPath.plane_strain(increments=1)
    assert step_label(shear.steps[0]) == "10 s: dot_F xy = 0.001/s"
    assert step_label(rolling.steps[0]) == "50 s: dot_F zz = -0.001/s; P xx = 0 MPa"
    hold = px.LoadStep(2.0, 1, ((0.0,) * 3,) * 3)
    assert step_label(hold) == "2 s: hold"
    target = px.LoadStep(2.0, 1, ((1.1, 0, 0), (0, 1, 0), (0, 0, 1)), "F")
    assert step_label(target) == "2 s: F xx = 1.1"


def test_prescribed_history_follows_rates_and_targets():
    target = px.LoadStep(5.0, 1, ((1.2, 0, 0), (0, 1, 0), (0, 0, 1)), "F")
    release = px.LoadPath.uniaxial(0.05, 1e-2, increments=1, unload=True)
    path = px.LoadPath((*release.steps, target))
    seconds, F, P = prescribed_history(path)
    assert seconds[-1] == pytest.approx(sum(step.duration for step in path))
    at = np.searchsorted(seconds, path.steps[0].duration - 1e-9)
    assert F[at, 0, 0] == pytest.approx(1.05)
    assert np.isnan(F[at, 1, 1])
    assert P[at, 1, 1] == 0
    assert np.isnan(F[at + 5, 0, 0])  # under stress control
    assert F[-1, 0, 0] == pytest.approx(1.2)
    spin = px.LoadStep(1.0, 1, ((0.5, 0, 0), (0, 0, 0), (0, 0, 0)), "L")
    _, F, _ = prescribed_history(px.LoadPath((spin,)))
    assert F[-1, 0, 0] == pytest.approx(np.exp(0.5), rel=0.02)
    free = np.where(np.eye(3) > 0, np.nan, 0.0)
    stress = np.where(np.eye(3) > 0, np.diag([7.0, 0.0, 0.0]), np.nan)
    stress_only = px.LoadStep(1.0, 1, load_matrix(free), stress=load_matrix(stress))
    html = px.LoadPath((stress_only,))._repr_html_()
    assert "P xx = 7 MPa; P yy, zz = 0 MPa" in re.sub('base64,[^"]*', "", html)


# Copies


def tensors(value: object, path: str = "") -> dict[str, torch.Tensor]:
    """Collect the tensors of an object by where they are."""
    if isinstance(value, torch.Tensor):
        return {path: value}
    if isinstance(value, torch.nn.Module):
        return {f"{path}.{k}": v for k, v in value.state_dict().items()}
    if isinstance(value, tuple | list):
        parts = dict(enumerate(value))
    elif isinstance(value, dict):
        parts = value
    else:
        parts = getattr(value, "__dict__", {})
    return {
        k: v for name, part in parts.items() for k, v in tensors(part, f"{path}.{name}").items()
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_objects_can_be_copied_and_pickled(shown, kind, again):
    one = shown[kind]
    other = again(one)
    assert repr(other) == repr(one)
    assert other is not one or kind in ("LoadPath", "Material")
    ours, theirs = tensors(one), tensors(other)
    ours = {k: v for k, v in ours.items() if not k.startswith("._look")}
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(theirs[name], value, rtol=0, atol=0, equal_nan=True)
        assert theirs[name].data_ptr() != value.data_ptr() or not value.numel()


def test_a_copied_model_predicts_the_same(shown):
    model = shown["FoundationModel"]
    other = pickle.loads(pickle.dumps(model))
    rve, crystal = px.tessellate(grid=25, grains=30, seed=4), px.CubicElasticity(107e3, 60e3, 28e3)
    ours, theirs = (m.predict_stiffness(rve, crystal) for m in (model, other))
    torch.testing.assert_close(theirs, ours)
