"""Polarization tensors, the self-consistent average and the term of pairs against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

import polyxtal as px
from polyxtal.algebra.rotation import bunge_to_quaternion, random_quaternions
from polyxtal.mechanics.bounds.grain_stiffness import stiffness_per_grain
from polyxtal.mechanics.mean_field.pair_correlation import (
    NEGLIGIBLE,
    _principal,
    arrangement_term,
    pair_term,
    scattering,
)
from polyxtal.mechanics.mean_field.polarization import polarization_tensor, sphere_directions
from polyxtal.mechanics.mean_field.self_consistent import grain_extents, self_consistent_medium

COPPER = px.CubicElasticity(168.4e3, 121.4e3, 75.4e3)
CRYSTALS = [
    COPPER,
    px.CubicElasticity(107.3e3, 60.8e3, 28.3e3),
    px.CubicElasticity(140010.0, 44445.0, 11945.0),
    px.CubicElasticity(136e3, 95.4e3, 229.6e3),
]


def isotropic(bulk, shear):
    return px.CubicElasticity(bulk + 4 * shear / 3, bulk - 2 * shear / 3, shear).stiffness()


def random_texture():
    """Orientations and weights whose mean is exact for harmonics up to degree 4."""
    turns = 2 * np.pi * np.arange(5) / 5
    cosine, weight = np.polynomial.legendre.leggauss(3)
    phi1, tilt, phi2 = np.meshgrid(turns, np.arccos(cosine), turns, indexing="ij")
    share = np.broadcast_to(weight[None, :, None] / 50, phi1.shape)
    angles = torch.from_numpy(np.stack([phi1, tilt, phi2], -1).reshape(-1, 3))
    return bunge_to_quaternion(angles), torch.from_numpy(share.reshape(-1).copy())


def kroener_shear(crystal):
    """The root of the cubic equation of a random polycrystal of cubic crystals [Kroener1958]."""
    c11, c12, c44 = crystal.c11, crystal.c12, crystal.c44

    def cubic(g):
        return (
            8 * g**3
            + (5 * c11 + 4 * c12) * g**2
            - c44 * (7 * c11 - 4 * c12) * g
            - c44 * (c11 - c12) * (c11 + 2 * c12)
        )

    low, high = sorted((c44, 0.5 * (c11 - c12)))
    return brentq(cubic, low, high, xtol=1e-9, rtol=1e-14)


@pytest.mark.parametrize("crystal", CRYSTALS, ids=lambda c: f"{c.zener:.2f}")
def test_a_random_polycrystal_has_kroeners_shear_modulus(crystal):
    orientations, weights = random_texture()
    grains = crystal.stiffness(orientations)
    medium, settled = self_consistent_medium(grains, weights, torch.ones(3, dtype=torch.float64))
    assert bool(settled)
    expected = isotropic(crystal.bulk_modulus, kroener_shear(crystal))
    torch.testing.assert_close(medium, expected, rtol=1e-8, atol=1e-4)


def test_the_public_average_is_the_same():
    orientations, weights = random_texture()
    voxels = (450 * weights).round().long()  # Gauss's three weights are as 5 : 8 : 5
    assert voxels.sum() == 450
    ids = torch.repeat_interleave(torch.arange(len(voxels)), voxels)
    rve = px.Polycrystal(ids[:, None, None], orientations)
    found = px.self_consistent_average(rve, COPPER, torch.ones(3, dtype=torch.float64))
    expected = isotropic(COPPER.bulk_modulus, kroener_shear(COPPER))
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-4)


def test_a_sphere_in_an_isotropic_medium_is_eshelbys():
    bulk, shear = 75e3, 26e3
    dilated = 1 / (3 * bulk + 4 * shear)
    sheared = 3 * (bulk + 2 * shear) / (5 * shear * (3 * bulk + 4 * shear))
    spherical = torch.zeros(6, 6, dtype=torch.float64)
    spherical[:3, :3] = 1 / 3
    expected = dilated * spherical + sheared * (torch.eye(6, dtype=torch.float64) - spherical)
    found = polarization_tensor(isotropic(bulk, shear))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-20)


def test_a_long_cylinder_in_an_isotropic_medium_is_eshelbys():
    bulk, shear = 75e3, 26e3
    poisson = (3 * bulk - 2 * shear) / (2 * (3 * bulk + shear))
    extents = torch.tensor([1.0, 1.0, 1e6], dtype=torch.float64)
    medium = isotropic(bulk, shear)
    eshelby = polarization_tensor(medium, extents, order=128) @ medium
    unit = 8 * (1 - poisson)
    assert float(eshelby[0, 0]) == pytest.approx((5 - 4 * poisson) / unit, rel=1e-3)
    assert float(eshelby[0, 1]) == pytest.approx((4 * poisson - 1) / unit, rel=1e-3)
    assert float(eshelby[0, 2]) == pytest.approx(4 * poisson / unit, rel=1e-3)
    assert float(eshelby[5, 5]) == pytest.approx(2 * (3 - 4 * poisson) / unit, rel=1e-3)
    assert float(eshelby[4, 4]) == pytest.approx(0.5, rel=1e-3)
    assert float(eshelby[2].abs().max()) < 1e-6


def test_a_flat_grain_yields_along_its_normal_only():
    medium = COPPER.stiffness(random_quaternions(1, 1)[0])
    found = polarization_tensor(medium, torch.tensor([1e6, 1e6, 1.0], dtype=torch.float64))
    # Γ(z): the strains z⊗x, z⊗y, z⊗z that the traction on the plane fixes.
    rows = [2, 3, 4]
    expected = torch.zeros(6, 6, dtype=torch.float64)
    expected[2:5, 2:5] = torch.linalg.inv(medium[rows][:, rows])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-11)


def test_directions_are_alike_for_all_turns_of_the_cube():
    points, share = sphere_directions()
    assert float(share.sum()) == pytest.approx(1, rel=1e-14)
    square = torch.einsum("q,qi,qj->ij", share, points, points)
    torch.testing.assert_close(square, torch.eye(3, dtype=torch.float64) / 3, rtol=0, atol=1e-14)
    medium = COPPER.stiffness(random_quaternions(1, 2)[0])
    extents = torch.tensor([1.0, 0.5, 3.0], dtype=torch.float64)
    cycle = torch.tensor([2, 0, 1])
    mandel = torch.tensor([2, 0, 1, 5, 3, 4])
    turned = polarization_tensor(medium[mandel][:, mandel], extents[cycle])
    again = polarization_tensor(medium, extents)[mandel][:, mandel]
    torch.testing.assert_close(turned, again, rtol=1e-12, atol=1e-19)


def consistent_and_pairs(rve, crystal, compiled=True, negligible=0.0):
    grains = stiffness_per_grain(rve, crystal)
    fractions, extents = rve.volume_fractions, grain_extents(rve)
    medium, _ = self_consistent_medium(grains, fractions, extents)
    polarization = polarization_tensor(medium, extents)
    scattered = scattering(grains, fractions, medium, polarization)
    parts = (scattered, fractions, medium, polarization, compiled, negligible)
    return medium, arrangement_term(rve.grain_id, rve.spacing, *parts)


def of_contrast(contrast):
    """Crystals of one bulk modulus and about one shear modulus."""
    return px.CubicElasticity(
        76e3 + 4 / 3 * 26e3 / (1 + contrast), 76e3 - 2 / 3 * 26e3 / (1 + contrast), 26e3
    )


def test_pairs_leave_an_error_of_third_order_in_the_contrast():
    rve = px.tessellate(grid=15, grains=30, aspect=(1, 2, 1), seed=2)
    errors = []
    for contrast in (0.08, 0.04):
        crystal = of_contrast(contrast)
        medium, pairs = consistent_and_pairs(rve, crystal)
        full = px.homogenize(rve, crystal, tol=1e-10).stiffness
        errors.append([float((x - full).norm()) for x in (medium, medium + pairs)])
    (plain, better), (plain_half, better_half) = errors
    assert plain / plain_half == pytest.approx(4, rel=0.15)
    assert better / better_half == pytest.approx(8, rel=0.15)
    assert better < plain / 5


@pytest.mark.parametrize("grid", [(9, 8, 7), (10, 6, 1), (8, 7, 6)])
def test_compiled_sums_are_the_readable_ones(grid):
    rve = px.tessellate(grid=grid, grains=12, seed=3)
    fast, slow = (consistent_and_pairs(rve, COPPER, compiled)[1] for compiled in (True, False))
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5 * float(slow.norm()))


@pytest.mark.parametrize("crystal", CRYSTALS, ids=lambda c: f"{c.zener:.2f}")
def test_what_principal_components_leave_out_is_negligible(crystal):
    rve = px.tessellate(grid=15, grains=150, aspect=(1, 2, 1), seed=5)
    all_of_it, most_of_it = (
        consistent_and_pairs(rve, crystal, negligible=share)[1] for share in (0, NEGLIGIBLE)
    )
    assert float((most_of_it - all_of_it).norm() / all_of_it.norm()) < 3 * NEGLIGIBLE


def test_few_orientations_have_few_components():
    rve = px.tessellate(grid=9, grains=12, seed=3)
    entries = torch.randn(15, 3, dtype=torch.float64)[:, torch.arange(12) % 3]
    fractions = rve.volume_fractions
    components, modes, power = _principal(entries, fractions, NEGLIGIBLE)
    assert len(components) == modes.shape[1] == len(power) == 3
    torch.testing.assert_close(modes @ components, entries, rtol=1e-9, atol=1e-9)
    nothing = torch.zeros(15, 12, dtype=torch.float64)
    assert len(_principal(nothing, fractions, NEGLIGIBLE)[0]) == 0
    unit = torch.eye(6, dtype=torch.float64)
    term = pair_term(rve.grain_id, rve.spacing, nothing, fractions, unit, unit[:5, :5])
    assert torch.equal(term, torch.zeros(5, 5, dtype=torch.float64))


def test_pairs_of_two_phases_scatter_dilatations_too():
    rve = px.tessellate(grid=15, grains=40, seed=4)
    mixed = px.Polycrystal(
        rve.grain_id, rve.orientations, phase=torch.arange(40) % 2, phase_names=("a", "b")
    )
    crystals = {"a": COPPER, "b": px.CubicElasticity(210e3, 150e3, 90e3)}
    medium, pairs = consistent_and_pairs(mixed, crystals)
    _, slow = consistent_and_pairs(mixed, crystals, False)
    torch.testing.assert_close(pairs, slow, rtol=1e-5, atol=1e-5 * float(slow.norm()))
    full = px.homogenize(mixed, crystals).stiffness
    hill = px.hill_average(mixed, crystals)
    public = px.self_consistent_average(mixed, crystals, arrangement=True)
    torch.testing.assert_close(public, medium + pairs, rtol=1e-3, atol=30.0)
    errors = [float((x - full).norm()) for x in (public, medium, hill)]
    assert errors[0] < 0.4 * errors[1]
    assert errors[1] < errors[2]


def test_an_average_is_of_what_is_given():
    rve = px.tessellate(grid=6, grains=4, seed=0)
    for extents in (torch.tensor([1.0, 0.0, 1.0]), torch.tensor([1, 1, torch.inf])):
        with pytest.raises(ValueError, match="`extents` must be three positive numbers"):
            px.self_consistent_average(rve, COPPER, extents)
