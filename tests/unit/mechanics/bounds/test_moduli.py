"""Directional and engineering moduli against closed forms."""

from __future__ import annotations

import pytest
import torch

from polyxtal.algebra.mandel import rotate_mandel
from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.mechanics.bounds.moduli import (
    bulk_modulus,
    bulk_modulus_voigt,
    engineering_constants,
    mean_shear_modulus_reuss,
    mean_shear_modulus_voigt,
    poisson_ratio,
    shear_modulus,
    universal_anisotropy,
    young_modulus,
)

X, Y, Z = torch.eye(3, dtype=torch.float64)
COPPER = CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)


def isotropic(young: float, poisson: float) -> torch.Tensor:
    shear = young / (2 * (1 + poisson))
    lame = young * poisson / ((1 + poisson) * (1 - 2 * poisson))
    return CubicElasticity(lame + 2 * shear, lame, shear).stiffness()


def random_directions(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=generator, dtype=torch.float64)


def cubic_compliance(crystal: CubicElasticity) -> tuple[float, float, float]:
    """S11, S12, S44 in Voigt's notation, closed form [Nye1985, Table 9]."""
    c11, c12 = crystal.c11, crystal.c12
    denominator = (c11 - c12) * (c11 + 2 * c12)
    return (c11 + c12) / denominator, -c12 / denominator, 1 / crystal.c44


def test_isotropic_moduli_are_the_two_that_built_the_stiffness():
    young, poisson = 70e3, 0.33
    stiffness = isotropic(young, poisson)
    n = random_directions(50, 0)
    m = torch.linalg.cross(n, random_directions(50, 1), dim=-1)
    full = torch.full((50,), 1.0, dtype=torch.float64)
    torch.testing.assert_close(young_modulus(stiffness, n), young * full)
    torch.testing.assert_close(shear_modulus(stiffness, n, m), young / (2 * (1 + poisson)) * full)
    torch.testing.assert_close(poisson_ratio(stiffness, n, m), poisson * full)
    assert float(bulk_modulus(stiffness)) == pytest.approx(young / (3 * (1 - 2 * poisson)))
    assert abs(float(universal_anisotropy(stiffness))) < 1e-12


def test_cubic_young_modulus_matches_the_closed_form():
    s11, s12, s44 = cubic_compliance(COPPER)
    n = random_directions(200, 2)
    h, k, l = (n / n.norm(dim=-1, keepdim=True)).unbind(-1)  # noqa: E741 (Miller's letters)
    fourth = h**2 * k**2 + k**2 * l**2 + l**2 * h**2
    expected = 1 / (s11 - 2 * (s11 - s12 - s44 / 2) * fourth)
    torch.testing.assert_close(young_modulus(COPPER.stiffness(), n), expected)
    assert float(young_modulus(COPPER.stiffness(), X + Y + Z)) == pytest.approx(191e3, rel=5e-3)


def test_cubic_shear_moduli_are_c44_and_c_prime():
    stiffness = COPPER.stiffness()
    assert float(shear_modulus(stiffness, X, Y)) == pytest.approx(COPPER.c44)
    c_prime = (COPPER.c11 - COPPER.c12) / 2
    assert float(shear_modulus(stiffness, X + Y, X - Y)) == pytest.approx(c_prime)
    assert float(shear_modulus(stiffness, X, 5 * Z)) == pytest.approx(COPPER.c44)


def test_cubic_poisson_ratio_along_110_is_negative_across_1m10():
    # Copper grows sideways along [1-10] when pulled along [110]: the ratio's order matters.
    s11, s12, s44 = cubic_compliance(COPPER)
    along = (2 * s11 + 2 * s12 + s44) / 4
    across = (2 * s11 + 2 * s12 - s44) / 4
    got = poisson_ratio(COPPER.stiffness(), X + Y, X - Y)
    assert float(got) == pytest.approx(-across / along)
    assert float(got) < -0.1
    assert float(poisson_ratio(COPPER.stiffness(), X + Y, Z)) == pytest.approx(-s12 / along)


def test_cubic_averages_over_all_directions_match_the_closed_form():
    stiffness = COPPER.stiffness()
    a, b = COPPER.c11 - COPPER.c12, COPPER.c44
    voigt, reuss = (a + 3 * b) / 5, 5 * a * b / (4 * b + 3 * a)
    assert float(mean_shear_modulus_voigt(stiffness)) == pytest.approx(voigt)
    assert float(mean_shear_modulus_reuss(stiffness)) == pytest.approx(reuss)
    assert float(bulk_modulus(stiffness)) == pytest.approx(COPPER.bulk_modulus)
    assert float(bulk_modulus_voigt(stiffness)) == pytest.approx(COPPER.bulk_modulus)
    assert float(universal_anisotropy(stiffness)) == pytest.approx(5 * voigt / reuss - 5)


def test_bulk_moduli_differ_for_an_orthotropic_stiffness():
    stiffness = isotropic(70e3, 0.3)
    stiffness[0, 0] *= 2
    assert float(bulk_modulus(stiffness)) < 0.95 * float(bulk_modulus_voigt(stiffness))
    assert float(universal_anisotropy(stiffness)) > 0.1


def test_universal_anisotropy_ignores_the_frame():
    rotation = quaternion_to_matrix(random_quaternions(20, 3))
    turned = rotate_mandel(COPPER.stiffness().expand(20, 6, 6), rotation)
    expected = universal_anisotropy(COPPER.stiffness()).expand(20)
    torch.testing.assert_close(universal_anisotropy(turned), expected)
    assert float(expected[0]) > 1


def test_moduli_broadcast_over_stiffnesses_and_directions():
    rotation = quaternion_to_matrix(random_quaternions(4, 4))
    turned = rotate_mandel(COPPER.stiffness().expand(4, 6, 6), rotation)
    n = random_directions(7, 5)
    batched = young_modulus(turned[:, None], n)
    assert batched.shape == (4, 7)
    # Rotating the crystal by R is looking at it along Rᵀ n.
    torch.testing.assert_close(batched[2], young_modulus(COPPER.stiffness(), n @ rotation[2]))


def test_engineering_constants_of_an_orthotropic_stiffness_return_its_inputs():
    e_x, e_y, e_z, g_yz, g_xz, g_xy = 70e3, 60e3, 50e3, 20e3, 22e3, 24e3
    nu_xy, nu_xz, nu_yz = 0.30, 0.28, 0.26
    compliance = torch.zeros(6, 6, dtype=torch.float64)
    compliance[0, 0], compliance[1, 1], compliance[2, 2] = 1 / e_x, 1 / e_y, 1 / e_z
    compliance[0, 1] = compliance[1, 0] = -nu_xy / e_x
    compliance[0, 2] = compliance[2, 0] = -nu_xz / e_x
    compliance[1, 2] = compliance[2, 1] = -nu_yz / e_y
    for index, shear in ((3, g_yz), (4, g_xz), (5, g_xy)):
        compliance[index, index] = 1 / (2 * shear)
    got = engineering_constants(torch.linalg.inv(compliance))
    assert (got.E_x, got.E_y, got.E_z) == pytest.approx((e_x, e_y, e_z))
    assert (got.G_yz, got.G_xz, got.G_xy) == pytest.approx((g_yz, g_xz, g_xy))
    assert (got.nu_xy, got.nu_xz, got.nu_yz) == pytest.approx((nu_xy, nu_xz, nu_yz))
    assert (got.nu_yx, got.nu_zx, got.nu_zy) == pytest.approx(
        (nu_xy * e_y / e_x, nu_xz * e_z / e_x, nu_yz * e_z / e_y)
    )
    assert got.bulk_modulus_reuss < got.bulk_modulus_voigt
    assert got.universal_anisotropy > 0


def test_wrong_arguments_are_refused_in_one_sentence():
    stiffness = COPPER.stiffness()
    with pytest.raises(ValueError, match="must be perpendicular"):
        shear_modulus(stiffness, X, X + Y)
    with pytest.raises(ValueError, match="must be perpendicular"):
        poisson_ratio(stiffness, X, X + Y)
    with pytest.raises(ValueError, match="holds a zero vector"):
        young_modulus(stiffness, 0 * X)
    with pytest.raises(ValueError, match="must be positive definite"):
        engineering_constants(-stiffness)
