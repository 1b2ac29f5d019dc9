"""Properties every pair of bounds must have, for any crystal and polycrystal."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polyxtal.algebra.mandel import rotate_mandel
from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix, random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.mechanics.bounds.averages import hill_average, reuss_average, voigt_average
from polyxtal.mechanics.bounds.grain_stiffness import stiffness_per_grain
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.measure import texture_strength

seeds = st.integers(0, 2**31 - 1)


@st.composite
def crystals(draw: st.DrawFn) -> CubicElasticity:
    """A stable cubic crystal from its three eigenvalues 3K, 2C', 2 c44."""
    bulk, c_prime, c44 = (draw(st.floats(10e3, 300e3)) for _ in range(3))
    return CubicElasticity(bulk + 4 * c_prime / 3, bulk - 2 * c_prime / 3, c44)


def polycrystal(seed: int, grains: int = 12) -> Polycrystal:
    generator = torch.Generator().manual_seed(seed)
    grain_id = torch.randint(grains, (4, 3, 5), generator=generator)
    return Polycrystal(grain_id, random_quaternions(grains, generator).numpy())


@settings(max_examples=30, deadline=None)
@given(crystal=crystals(), seed=seeds)
def test_reuss_is_below_hill_is_below_voigt(crystal, seed):
    rve = polycrystal(seed)
    voigt, reuss, hill = (f(rve, crystal) for f in (voigt_average, reuss_average, hill_average))
    gap = (crystal.zener - 1) ** 2 / (1 + crystal.zener)
    for difference in (voigt - hill, hill - reuss):
        eigenvalues = torch.linalg.eigvalsh(difference)
        scale = float(torch.linalg.norm(voigt))
        assert float(eigenvalues[0]) > -1e-12 * scale
        assert float(eigenvalues[-1]) > 1e-4 * gap * crystal.c44 - 1e-12 * scale


@settings(max_examples=30, deadline=None)
@given(crystal=crystals(), seed=seeds)
def test_rotating_the_crystals_rotates_the_averages(crystal, seed):
    rve = polycrystal(seed)
    rotation = random_quaternions(1, seed + 1)[0]
    rotated = quaternion_multiply(rotation, rve.orientations)
    rve_rotated = Polycrystal(rve.grain_id.numpy(), rotated.numpy())
    for average in (voigt_average, reuss_average, hill_average):
        turned = average(rve_rotated, crystal)
        expected = rotate_mandel(average(rve, crystal), quaternion_to_matrix(rotation))
        torch.testing.assert_close(turned, expected, rtol=1e-10, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(crystal=crystals(), seed=seeds)
def test_distance_from_isotropy_is_the_texture_strength(crystal, seed):
    # Voigt's average is linear in the l = 4 harmonics: C - C_iso shrinks by their mean's norm.
    rve = polycrystal(seed)
    shear = (crystal.c11 - crystal.c12 + 3 * crystal.c44) / 5
    lame = crystal.bulk_modulus - 2 * shear / 3
    isotropic = CubicElasticity(lame + 2 * shear, lame, shear).stiffness()
    distance = torch.linalg.norm(voigt_average(rve, crystal) - isotropic)
    single = torch.linalg.norm(crystal.stiffness() - isotropic)
    strength = texture_strength(rve.orientations, rve.volume_fractions)
    torch.testing.assert_close(distance, strength * single, rtol=1e-9, atol=1e-6)


def test_isotropic_crystals_make_the_bounds_meet():
    crystal = CubicElasticity(c11=120e3, c12=60e3, c44=30e3)
    assert crystal.zener == 1
    rve = polycrystal(0)
    for average in (voigt_average, reuss_average, hill_average):
        torch.testing.assert_close(average(rve, crystal), crystal.stiffness(), rtol=0, atol=1e-8)


def test_single_crystal_is_its_own_bound():
    crystal = CubicElasticity(c11=107.3e3, c12=60.8e3, c44=28.3e3)
    rve = polycrystal(1, grains=1)
    expected = crystal.stiffness(rve.orientations)[0]
    assert float((expected - crystal.stiffness()).abs().max()) > 1e3
    for average in (voigt_average, reuss_average, hill_average):
        torch.testing.assert_close(average(rve, crystal), expected, rtol=0, atol=1e-7)


def test_two_isotropic_phases_follow_the_rules_of_mixture():
    # 3/4 of the volume is phase "soft": arithmetic and harmonic means of the moduli.
    soft, hard = CubicElasticity(60e3, 20e3, 20e3), CubicElasticity(300e3, 100e3, 100e3)
    grain_id = [[[0, 1, 1, 2]]]
    rve = Polycrystal(
        grain_id, random_quaternions(3).numpy(), phase=[0, 0, 1], phase_names=("soft", "hard")
    )
    elasticity = {"soft": soft, "hard": hard, "unused": hard}
    voigt, reuss = voigt_average(rve, elasticity), reuss_average(rve, elasticity)
    assert float(voigt[3, 3]) == pytest.approx(2 * (0.75 * 20e3 + 0.25 * 100e3))
    assert float(reuss[3, 3]) == pytest.approx(2 / (0.75 / 20e3 + 0.25 / 100e3))
    per_grain = stiffness_per_grain(rve, elasticity)
    assert per_grain.shape == (3, 6, 6)
    assert per_grain[:, 5, 5].tolist() == pytest.approx([40e3, 40e3, 200e3])


def test_a_missing_phase_is_named():
    rve = Polycrystal(
        [[[0, 1]]], random_quaternions(2).numpy(), phase=[0, 1], phase_names=("soft", "hard")
    )
    soft = CubicElasticity(60e3, 20e3, 20e3)
    with pytest.raises(ValueError, match="holds soft and not 'hard'"):
        voigt_average(rve, {"soft": soft})
