"""Models and data sets know the Laue group of their crystals."""

from __future__ import annotations

import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_multiply, random_quaternions
from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.dataset.build import build_sample
from polyxtal.dataset.features import NAMES, feature
from polyxtal.model.config import ModelConfig


def hexagonal(grains: int = 6) -> px.Polycrystal:
    return px.Polycrystal(
        torch.arange(64).reshape(4, 4, 4) % grains,
        random_quaternions(grains, 1),
        phase_names=("Mg",),
        lattices=px.Lattice("hP", 1.6236),
    )


def test_a_cubic_model_refuses_a_hexagonal_sample():
    model = px.load_model("polyxtal-small")
    sentence = r"crystals of Laue group m-3m, but phase 'Mg' is hexagonal \(6/mmm\)"
    magnesium = px.load_material("Mg")
    for ask in (
        lambda rve: model.encode(rve),
        lambda rve: model.encode([rve, rve]),
        lambda rve: model.predict_stiffness(rve, magnesium.elasticity),
        lambda rve: model.predict_network(rve, material=magnesium),
        lambda rve: model.out_of_distribution_score(rve),
    ):
        with pytest.raises(ValueError, match=sentence):
            ask(hexagonal())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("group", LAUE_GROUPS)
def test_features_do_not_see_which_symmetric_copy_is_given(name, group):
    laue = LaueGroup(group)
    q = random_quaternions(20, 3)
    found = feature(name, laue)
    values = found.compute(q)
    assert values.shape == (20, found.channels)
    copies = quaternion_multiply(q[:, None], laue.rotations)
    torch.testing.assert_close(
        found.compute(copies), values[:, None].expand(-1, laue.order, -1), rtol=0, atol=1e-8
    )
    distances = torch.cdist(values, values) + torch.eye(20)
    assert float(distances.min()) > 1e-2  # different crystals differ


def test_a_recipe_draws_textures_of_its_group():
    recipe = px.Recipe(
        count=2, grid=6, grains=5, laue="6/mmm", texture={"kind": "hull", "resolution": 30.0}
    )
    sample = build_sample(recipe, 0)
    assert sample.rve.lattices[0].laue_group.name == "6/mmm"
    assert sample.texture.laue.name == "6/mmm"
    assert recipe.coefficient_count() == len(px.orientation_grid(10.0 * 3, "6/mmm"))
    with pytest.raises(ValueError, match="`laue` must be m-3m with stiffness labels"):
        px.Recipe(
            count=1,
            grid=6,
            grains=5,
            laue="4/mmm",
            texture={"kind": "rolling", "shares": {"cube": 1.0}},
        )


def test_a_model_of_hexagonal_crystals_holds_their_features():
    config = ModelConfig(features="harmonic", laue="6/mmm")
    assert config.channels == 5 + 9 + 2 * 13
    with pytest.raises(ValueError, match="`summary` must be left out unless `laue` is m-3m"):
        ModelConfig(laue="6/mmm", summary=True)
