"""The pretrained models: whole, small, described, better than predictors that learn nothing."""

from __future__ import annotations

import logging
import warnings

import pytest
import torch

import polyxtal as px
from polyxtal.model.checkpoint import SHIPPED
from polyxtal.model.heads.stiffness.file import head_fingerprint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that Lightning imports
    from reproduction.pretrained import MODELS, find_model, open_model
    from reproduction.unseen import evaluate_unseen

pytestmark = pytest.mark.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

NAMES = sorted(folder.name for root in (SHIPPED, MODELS) for folder in root.iterdir())
STUDIED = ("polyxtal-small", "polyxtal-small-quaternion")
SWEEP = {f"polyxtal-small-mask{share}": share / 100 for share in (20, 40, 60, 80)}
LARGEST, TOGETHER = 30e6, 120e6


def test_they_are_small():
    assert set(NAMES) == {*STUDIED, *SWEEP}
    sizes = [sum(file.stat().st_size for file in find_model(name).iterdir()) for name in NAMES]
    assert max(sizes) < LARGEST
    assert sum(sizes) < TOGETHER


@pytest.mark.parametrize("name", NAMES)
def test_they_rebuild_better_than_the_nearest_visible_voxel(name):
    pretrained = open_model(name)
    assert pretrained.identity["steps_done"] == pretrained.config.steps
    judged = evaluate_unseen(pretrained.config, pretrained.model, 4, seed=1)
    trivial = min(judged["nearest visible"]["loss"], judged["mean of visible"]["loss"])
    assert judged["model"]["loss"] < 0.95 * trivial


@pytest.mark.parametrize(("name", "share"), SWEEP.items())
def test_the_sweep_hides_what_its_names_say_and_nothing_else_differs(name, share):
    asked = [
        dict(px.load_model(find_model(one)).about["pretraining"])
        for one in (name, "polyxtal-small-mask40")
    ]
    assert asked[0].pop("mask") == share
    asked[1].pop("mask")
    assert asked[0] == asked[1]


@pytest.mark.parametrize("name", NAMES)
def test_cards_hold_what_was_measured(name):
    model = px.load_model(find_model(name))
    card = (find_model(name) / "README.md").read_text()
    judged = model.about["results"]["reconstruction"]["judged"]
    for row in judged.values():
        assert f"| {row['loss']:.5f} | {row['degrees']:.2f}° |" in card
    if name not in STUDIED:
        return
    scores = model.about["results"]["probe"]["r_squared"]
    for by_count in scores.values():
        for row in by_count.values():
            assert " | ".join(f"{value:.3f}" for value in row.values()) in card


@pytest.mark.parametrize("name", STUDIED)
def test_latent_vectors_do_not_depend_on_the_copy_of_a_crystal(name):
    from polyxtal.algebra.rotation import quaternion_multiply
    from polyxtal.crystal.laue import CUBIC

    rve = px.tessellate(grid=25, grains=100, seed=3)
    copies = quaternion_multiply(rve.orientations, CUBIC.rotations[torch.arange(100) % 24])
    model = px.load_model(find_model(name))
    latent = model.encode(rve)
    assert latent.shape == (model.config.width,)
    again = model.encode(px.Polycrystal(rve.grain_id, copies))
    torch.testing.assert_close(again, latent, rtol=1e-3, atol=1e-3)


def test_fine_texture_and_no_texture_lie_apart():
    model = px.load_model("polyxtal-small")
    sharp = [px.tessellate(25, 100, px.texture_type("S1", seed=s), seed=s) for s in range(3)]
    none = [px.tessellate(25, 100, seed=s) for s in range(3)]
    latent = model.encode([*sharp, *none])
    within = torch.cdist(latent[3:], latent[3:]).max()
    across = torch.cdist(latent[:3], latent[3:]).min()
    assert float(across) > float(within)


def test_the_head_for_curves_was_fitted_with_the_stiffness_head_beside_it():
    model = px.load_model("polyxtal-small")
    assert model.curves.stiffness == head_fingerprint(model.stiffness)


def test_the_small_model_tells_stiffness_far_better_than_hill():
    model = px.load_model("polyxtal-small")
    crystal = px.CubicElasticity(88814.0, 70043.0, 37543.0)  # Zener ratio 4
    rve = px.tessellate(grid=25, grains=100, aspect=(2, 1, 0.7), seed=7)
    truth = px.homogenize(rve, crystal, tol=1e-4).stiffness
    found = model.predict_stiffness(rve, crystal)
    hill = px.hill_average(rve, crystal)
    errors = [float((one - truth).norm() / truth.norm()) for one in (found, hill)]
    assert errors[0] < 0.2 * errors[1]
    assert model.out_of_distribution_score(rve) < 1


@pytest.mark.slow
def test_the_small_model_tells_networks_that_follow_the_full_field():
    model, material = px.load_model("polyxtal-small"), px.load_material("AA6022-T4")
    rve = px.tessellate(grid=20, grains=80, seed=8)
    path = px.LoadPath.uniaxial(0.03)
    truth = px.simulate(rve, material, path)
    error = px.compare(model.predict_network(rve, 32).respond(material, path), truth)
    assert error.mean < 0.01
    untrained = [
        px.compare(
            px.MaterialNetwork.from_polycrystal(rve, 32, seed).respond(material, path), truth
        ).mean
        for seed in range(5)
    ]
    assert error.mean < sum(untrained) / len(untrained)
