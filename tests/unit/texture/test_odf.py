"""Texture index and distance of textures: closed forms and Monte Carlo."""

from __future__ import annotations

import math

import pytest
import torch

from polyxtal.algebra.rotation import quaternion_multiply, random_quaternions, rotation_angle
from polyxtal.crystal.laue import CUBIC
from polyxtal.texture.components import FibreTexture, UnimodalTexture
from polyxtal.texture.distribution import DiscreteTexture, MixedTexture, UniformTexture
from polyxtal.texture.kernel import concentration, harmonic_factor
from polyxtal.texture.odf import odf_distance, texture_index
from polyxtal.texture.sheet import rolling_component

GRID = 10.0


def unimodal(seed: int, degrees: float) -> UnimodalTexture:
    return UnimodalTexture(random_quaternions(1, seed)[0], math.radians(degrees))


def closed_index(halfwidth: float) -> float:
    """Σ_l (2l+1) A_l² m_l with m_l cubic invariants of degree l: the mean of the character."""
    angle = rotation_angle(CUBIC.rotations)
    total = 0.0
    for degree in range(60):
        character = ((degree + 0.5) * angle).sin() / (0.5 * angle).sin()
        character[0] = 2 * degree + 1
        invariants = float(character.mean())
        assert invariants == pytest.approx(round(invariants), abs=1e-9)
        total += (2 * degree + 1) * harmonic_factor(halfwidth, degree) ** 2 * invariants
    return total


@pytest.mark.parametrize(("degrees", "tolerance"), [(15, 0.05), (20, 0.01), (40, 1e-3)])
def test_index_of_one_orientation(degrees, tolerance):
    expected = closed_index(math.radians(degrees))
    for seed in (1, 2):
        assert texture_index(unimodal(seed, degrees), GRID) == pytest.approx(
            expected, rel=tolerance
        )


def test_index_is_the_mean_density_of_its_own_crystals():
    for texture in (rolling_component("brass", 0.35), FibreTexture((1, 1, 1), (0, 0, 1), 0.35)):
        density = texture.density(texture.orientations(20_000, seed=3))
        error = 4 * float(density.std()) / math.sqrt(20_000)
        index = texture_index(texture, GRID)
        assert index == pytest.approx(float(density.mean()), abs=error + 0.01 * index)


def test_index_of_random_and_of_mixtures():
    assert texture_index(UniformTexture(), GRID) == pytest.approx(1)
    sharp = unimodal(4, 20)
    half = MixedTexture([(1.0, sharp), (1.0, UniformTexture())])
    # ∫ (f/2 + 1/2)² = (J + 3) / 4
    expected = (texture_index(sharp, GRID) + 3) / 4
    assert texture_index(half, GRID) == pytest.approx(expected, rel=5e-3)


def test_distance_of_a_texture_to_itself_and_to_others():
    one, other = unimodal(5, 15), unimodal(6, 15)
    assert odf_distance(one, one, GRID) == 0
    assert odf_distance(one, other, GRID) == odf_distance(other, one, GRID)
    # A crystal turned by a symmetry is the same texture.
    turned = quaternion_multiply(one.orientation, CUBIC.rotations[9])
    assert odf_distance(one, UnimodalTexture(turned, one.halfwidth), GRID) < 1e-4
    # Two sharp ones far apart share next to no volume: cube, and cube turned by 45° about x, which
    # meets copies of the first on both sides. Each is nearly normal, σ = 1/√κ.
    eighth = math.pi / 8
    q = torch.tensor([[1.0, 0, 0, 0], [math.cos(eighth), math.sin(eighth), 0, 0]]).double()
    cube, tilted = (DiscreteTexture(one[None], None, math.radians(12)) for one in q)
    sigma = concentration(math.radians(12)) ** -0.5
    expected = 1 - 2 * math.erfc(math.pi / 8 / sigma / 2**0.5)
    assert odf_distance(cube, tilted, GRID) == pytest.approx(expected, abs=0.03)


def test_distance_grows_by_the_share_that_is_moved():
    sharp = unimodal(7, 15)
    full = odf_distance(sharp, UniformTexture(), GRID)
    for share in (0.1, 0.5):
        mixed = MixedTexture([(share, sharp), (1 - share, UniformTexture())])
        got = odf_distance(mixed, UniformTexture(), GRID)
        assert got == pytest.approx(share * full, rel=0.02)
    # ½ ∫ |f - 1| = ∫ over f > 1 of (f - 1), by Monte Carlo.
    density = sharp.density(random_quaternions(40_000, 8))
    excess = (density - 1).clamp_min(0)
    error = 4 * float(excess.std()) / math.sqrt(40_000)
    assert full == pytest.approx(float(excess.mean()), abs=error)


def test_too_coarse_a_grid_is_refused():
    for degrees in (0.1, 2.0):
        sharp = unimodal(9, degrees)
        assert concentration(sharp.halfwidth) > 100
        with pytest.raises(ValueError, match="grid must be finer than the texture's half-width"):
            texture_index(sharp, GRID)
        with pytest.raises(ValueError, match="grid must be finer"):
            odf_distance(UniformTexture(), sharp, GRID)
