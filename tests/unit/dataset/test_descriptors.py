"""Descriptions of whole volumes: texture and grain size, in numbers of about the same size."""

from __future__ import annotations

import math

import pytest
import torch

from polyxtal.algebra.rotation import quaternion_multiply, random_quaternions
from polyxtal.crystal.laue import CUBIC
from polyxtal.dataset.descriptors import DESCRIPTORS, FAINTEST, describe
from polyxtal.dataset.fields import turn_orientations
from polyxtal.dataset.recipe import make_recipe
from polyxtal.dataset.stream import PolycrystalStream
from polyxtal.texture.harmonics import cubic_harmonics
from polyxtal.texture.measure import texture_coefficients


def layers(thickness: int, voxels: int = 12) -> torch.Tensor:
    """Grains as layers normal to x."""
    ids = torch.arange(voxels) // thickness
    return ids[:, None, None].expand(voxels, 4, 4)[None]


def test_means_and_powers_are_those_of_the_texture():
    ids, q = layers(3), random_quaternions(4, 0)
    row = describe(ids, q[None])[0]
    assert row.shape == (DESCRIPTORS,)
    torch.testing.assert_close(row[:9], texture_coefficients(q, degree=4) / 0.17)
    torch.testing.assert_close(row[9:22], texture_coefficients(q, degree=6) / 0.14)
    for place, degree in enumerate((4, 6, 8, 10)):
        power = cubic_harmonics(q, degree).mean(0).square().sum()
        expected = (math.log(float(power) + FAINTEST) + 2.5) / 1.7
        assert float(row[22 + place]) == pytest.approx(expected)


def test_intercepts_are_those_of_layers():
    for thickness in (2, 3, 6):
        q = random_quaternions(12 // thickness, 1)
        row = describe(layers(thickness), q[None])[0]
        assert float(row[26]) == pytest.approx((math.log(thickness) - 1.3) / 0.32)
        assert float(row[27]) == float(row[28]) > float(row[26])  # no boundary: the whole volume


def test_copies_of_crystals_and_empty_grains_change_nothing():
    ids, q = layers(3), random_quaternions(4, 2)
    other = quaternion_multiply(q, CUBIC.rotations[[3, 7, 11, 20]])
    more = torch.cat([other, random_quaternions(2, 3)])
    torch.testing.assert_close(describe(ids, more[None]), describe(ids, q[None]))


def test_a_turn_of_the_sample_keeps_powers_and_lengths_of_means():
    ids, q = layers(3), random_quaternions(4, 4)
    turned = turn_orientations(q[None], torch.tensor([5]))
    before, after = describe(ids, q[None])[0], describe(ids, turned)[0]
    torch.testing.assert_close(after[22:], before[22:])
    for part in (slice(0, 9), slice(9, 22)):
        torch.testing.assert_close(after[part].norm(), before[part].norm())
        assert not torch.allclose(after[part], before[part])


def test_they_are_of_about_the_same_size():
    aspect = [[0.5, 2.0]] * 3
    recipe = make_recipe({"count": 1, "grid": 16, "grains": [18, 55], "aspect": aspect})
    rows = PolycrystalStream(recipe, 128).batch(0)["summary"]
    assert rows.shape == (128, DESCRIPTORS)
    assert rows.dtype == torch.float32
    assert bool((rows.mean(0).abs() < 0.5).all())
    assert bool(((rows.std(0) > 0.4) & (rows.std(0) < 1.7)).all())
