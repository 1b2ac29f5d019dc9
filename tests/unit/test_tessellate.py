"""Synthetic polycrystals: exact against brute force and a KD-tree, sizes and shapes as asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.microstructure.tessellate import (
    grain_statistics,
    nearest_seed,
    power_diagram,
    tessellate,
)


@pytest.mark.parametrize(
    ("grid", "grains", "scale"),
    [
        ((9, 7, 5), 4, (1.0, 1.0, 1.0)),
        ((20, 11, 16), 60, (1.0, 0.5, 2.0)),
        ((8, 8, 8), 200, (1.0, 1.0, 1.0)),
        ((5, 1, 1), 3, (1.0, 1.0, 1.0)),
        ((6, 6, 6), 1, (1.0, 1.0, 1.0)),
    ],
)
@pytest.mark.parametrize("power", [0.0, 3.0])
def test_both_forms_agree(grid, grains, scale, power):
    generator = torch.Generator().manual_seed(grains)
    seeds = torch.rand(grains, 3, generator=generator, dtype=torch.float64) * torch.tensor(grid)
    weights = power * torch.rand(grains, generator=generator, dtype=torch.float64)
    fast = power_diagram(grid, seeds.numpy(), weights.numpy(), np.array(scale))
    plain = nearest_seed(grid, seeds, weights, torch.tensor(scale, dtype=torch.float64))
    assert np.array_equal(fast, plain.numpy())


def test_voxels_far_from_every_seed_are_settled():
    # All seeds but two in one corner. The voxel in the middle lies in the corner of the box of one
    # of the two, and outside the box of the other, which is nearer.
    generator = torch.Generator().manual_seed(1)
    seeds = 4 * torch.rand(300, 3, generator=generator, dtype=torch.float64)
    seeds[0], seeds[1] = torch.tensor([14.4, 14.4, 14.4]), torch.tensor([15.6, 10.5, 10.5])
    weights = torch.zeros(300, dtype=torch.float64)
    fast = power_diagram((21, 21, 21), seeds.numpy(), weights.numpy(), np.ones(3))
    assert fast[10, 10, 10] == 1
    plain = nearest_seed((21, 21, 21), seeds, weights, torch.ones(3).double())
    assert np.array_equal(fast, plain.numpy())


def test_voronoi_is_what_a_periodic_tree_finds():
    seeds = np.random.default_rng(5).random((150, 3)) * 24
    axis = np.arange(24) + 0.5
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    _, nearest = cKDTree(seeds, boxsize=24.0).query(points)
    ours = power_diagram((24, 24, 24), seeds, np.zeros(150), np.ones(3))
    assert np.array_equal(ours.ravel(), nearest)


def test_same_seed_same_polycrystal():
    one, same, other = (tessellate(12, 30, spread=0.2, seed=s) for s in (4, 4, 5))
    assert torch.equal(one.grain_id, same.grain_id)
    assert torch.equal(one.orientations, same.orientations)
    assert not torch.equal(one.grain_id, other.grain_id)


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.2, 0.3])
def test_grain_sizes_are_as_asked(spread):
    rve = tessellate(32, 250, spread=spread, seed=2)
    statistics = grain_statistics(rve)
    # 250 draws of a normal distribution know their spread to 5 %; voxels are coarse.
    assert statistics.spread() == pytest.approx(spread, rel=0.15, abs=0.02)
    assert int((statistics.diameter == 0).sum()) == 0


@pytest.mark.parametrize("aspect", [(3.0, 1.0, 1.0), (1.0, 1.0, 0.3), (4.0, 2.0, 1.0)])
@pytest.mark.parametrize("spread", [None, 0.2])
def test_grain_shapes_are_as_asked(aspect, spread):
    measured = grain_statistics(tessellate(40, 200, aspect=aspect, spread=spread, seed=1)).aspect()
    wanted = np.array(aspect) / aspect[2]
    np.testing.assert_allclose(measured, wanted, rtol=0.08)


def test_shapes_are_in_space_not_in_voxels():
    # Voxels twice as long along x: round grains have half as many of them along x.
    rve = tessellate((24, 48, 48), 200, size=(48.0, 48.0, 48.0), seed=3)
    np.testing.assert_allclose(grain_statistics(rve).aspect(), (1, 1, 1), rtol=0.05)
    assert rve.spacing == (2.0, 1.0, 1.0)


def test_statistics_of_known_grains():
    # Four slabs of 4 x 4 x 1 voxels of 2 x 1 x 3, one of them across the boundary.
    rve = px.Polycrystal(
        torch.tensor([0, 1, 1, 0]).expand(4, 4, 4), random_quaternions(3), (8.0, 4.0, 12.0)
    )
    statistics = grain_statistics(rve)
    volume = 4 * 4 * 2 * 6.0
    diameter = (6 * volume / np.pi) ** (1 / 3)
    torch.testing.assert_close(
        statistics.diameter, torch.tensor([diameter, diameter, 0.0], dtype=torch.float64)
    )
    expected = torch.tensor([8 / 12**0.5, 4 / 12**0.5, 6 / 12**0.5], dtype=torch.float64)
    torch.testing.assert_close(statistics.extent[:2], expected.expand(2, 3))


def test_orientations_and_sizes_are_taken():
    q = random_quaternions(7)
    rve = tessellate((4, 6, 8), 7, q, size=2.0)
    assert torch.equal(rve.orientations, q)
    assert rve.size == (2.0, 3.0, 4.0)
    assert tessellate((4, 6, 8), 7).size == (4.0, 6.0, 8.0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"grid": (4, 4)}, "`grid` must be one or three"),
        ({"grid": 0}, "`grid` must be one or three"),
        ({"grid": 2000}, "at most"),
        ({"grid": 3, "grains": 28}, "`grains` must be from 1"),
        ({"grains": 0}, "`grains` must be from 1"),
        ({"grains": 5, "orientations": random_quaternions(4)}, "one for each of 5 grains"),
        ({"grains": 5, "aspect": (1.0, 0.0, 1.0)}, "`aspect` must be three positive"),
        ({"grains": 5, "size": (1.0, float("nan"), 1.0)}, "`size` must be three positive"),
        ({"grains": 5, "spread": 2.0}, "`spread` must be from 0"),
    ],
)
def test_bad_requests_get_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        tessellate(**({"grid": 8, "grains": 5} | arguments))
