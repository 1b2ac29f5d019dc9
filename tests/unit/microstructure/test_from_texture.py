"""Polycrystals of a texture alone: what they keep, and that neighbours are independent."""

from __future__ import annotations

import pytest
import torch

import polyxtal as px
from polyxtal.microstructure.coarse import harmonics_of
from polyxtal.texture.measure import texture_coefficients

SHEET = px.rolling_texture({"copper": 0.3, "brass": 0.3, "S": 0.4})
TITANIUM = px.Lattice("hP", 1.587)


@pytest.mark.parametrize(
    ("texture", "lattice", "degrees"),
    [(SHEET, None, (4, 6)), (px.basal_texture(TITANIUM), TITANIUM, (2, 4, 6))],
    ids=["fcc", "hcp"],
)
def test_the_texture_is_kept_better_than_by_as_many_draws(texture, lattice, degrees):
    rve = px.from_texture(texture, 343, lattice=lattice, seed=1)
    drawn, many = texture.orientations(343, 1), texture.orientations(30_000, 2)
    for degree in degrees:
        mean, plain, true = (
            texture_coefficients(q, None, degree, texture.laue)
            for q in (rve.orientations, drawn, many)
        )
        assert float((mean - true).norm()) < 0.4 * float((plain - true).norm())


def test_neighbours_are_independent():
    rve = px.from_texture(SHEET, 125, seed=0)
    features = harmonics_of(rve.orientations, SHEET.laue)
    centred = features - features.mean(0)
    generator = torch.Generator().manual_seed(0)

    def correlation(ids: torch.Tensor) -> float:
        products = [
            centred[ids].flatten(0, 2).mT @ centred[ids.roll(-1, axis)].flatten(0, 2)
            for axis in range(3)
        ]
        return sum(float((0.5 * (c + c.mT)).norm() ** 2) for c in products)

    shuffled = [
        correlation(torch.randperm(125, generator=generator).reshape(5, 5, 5)) for _ in range(10)
    ]
    assert correlation(rve.grain_id) < 0.4 * min(shuffled)


def test_shape_of_grains_and_lattice():
    rve = px.from_texture(px.UniformTexture(), 27, aspect=(4, 2, 1), lattice=px.Lattice("cI"))
    assert rve.grid == (3, 3, 3)
    assert rve.size == (12.0, 6.0, 3.0)
    assert rve.lattices[0].symbol == "cI"
    assert torch.equal(rve.grain_id.flatten().sort().values, torch.arange(27))
    assert [px.from_texture(SHEET, n).grid[0] for n in (1, 100, 700, 1000)] == [3, 5, 9, 9]


def test_measured_orientations_with_weights():
    q = px.UniformTexture().orientations(40, 3)
    weights = torch.rand(40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    texture = px.DiscreteTexture(q, weights, halfwidth=0.05)
    rve = px.from_texture(texture, 343)
    mean = texture_coefficients(rve.orientations)
    assert float((mean - texture_coefficients(q, weights)).norm()) < 0.02


def test_the_same_again():
    first = px.from_texture(SHEET, 27, seed=3)
    torch.manual_seed(7)
    again = px.from_texture(SHEET, 27, seed=3)
    assert torch.equal(first.grain_id, again.grain_id)
    assert torch.equal(first.orientations, again.orientations)
    assert not torch.equal(px.from_texture(SHEET, 27, seed=4).orientations, first.orientations)


def test_large_strains_converge():
    rve = px.from_texture(px.UniformTexture(), 27)
    path = px.LoadPath.plane_strain(-0.5, increments=25)
    response = px.simulate(rve, px.load_material("AA6022-T4"), path)
    assert response.statistics["cuts"] == 0
    assert float(response.F[-1, 2, 2]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"grains": 0}, "`grains` must be from 1 to"),
        ({"aspect": (1, 1)}, "`aspect` must be three positive ratios"),
        ({"aspect": (1, 1, -1)}, "`aspect` must be three positive ratios"),
        ({"lattice": TITANIUM}, "must have the Laue group of the texture, m-3m, but has 6/mmm"),
    ],
)
def test_bad_arguments(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        px.from_texture(SHEET, **options)
    with pytest.raises(TypeError, match="texture"):
        px.from_texture(torch.eye(4))
