"""Cubic elasticity."""

from __future__ import annotations

import math
import re

import pytest
import torch

from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix, random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity, cubic_stiffness
from polyxtal.crystal.laue import CUBIC

ALUMINIUM = CubicElasticity(107.3e3, 60.8e3, 28.3e3)
COPPER = CubicElasticity(168.4e3, 121.4e3, 75.4e3)


def test_stiffness_in_the_crystal_frame():
    c = COPPER.stiffness()
    assert c[0].tolist() == [168.4e3, 121.4e3, 121.4e3, 0, 0, 0]
    assert torch.diagonal(c)[3:].tolist() == [150.8e3] * 3  # Mandel: 2 c44
    assert torch.equal(c, c.T)


def test_eigenvalues_are_the_three_moduli():
    """3K once, 2C' = c11 - c12 twice, 2 c44 three times, in any frame."""
    expected = sorted([3 * COPPER.bulk_modulus] + [47.0e3] * 2 + [150.8e3] * 3)
    for c in (COPPER.stiffness(), *COPPER.stiffness(random_quaternions(5, 1))):
        assert torch.linalg.eigvalsh(c).tolist() == pytest.approx(expected, rel=1e-12)


def test_anisotropy_and_bulk_modulus():
    assert ALUMINIUM.zener == pytest.approx(1.2172, abs=1e-4)
    assert COPPER.zener == pytest.approx(3.2085, abs=1e-4)
    assert COPPER.bulk_modulus == pytest.approx(137.0667e3, rel=1e-6)


def test_youngs_modulus_along_a_direction():
    """1/E = s11 - 2 (s11 - s12 - s44/2)(l²m² + m²n² + n²l²) [Nye 1957]."""
    c11, c12, c44 = 168.4e3, 121.4e3, 75.4e3
    determinant = (c11 - c12) * (c11 + 2 * c12)
    s11, s12, s44 = (c11 + c12) / determinant, -c12 / determinant, 1 / c44
    q = random_quaternions(20, 2)
    compliance = torch.linalg.inv(COPPER.stiffness(q))[:, 0, 0]  # along the sample's x
    direction = quaternion_to_matrix(q).mT[:, :, 0]  # x in crystal axes
    l2, m2, n2 = (direction**2).unbind(1)
    expected = s11 - 2 * (s11 - s12 - s44 / 2) * (l2 * m2 + m2 * n2 + n2 * l2)
    torch.testing.assert_close(compliance, expected, rtol=1e-11, atol=0)


def test_equivalent_orientations_have_one_stiffness():
    q = random_quaternions(3, 3)
    given = COPPER.stiffness(quaternion_multiply(q[:, None], CUBIC.rotations[None]))
    expected = COPPER.stiffness(q)[:, None].expand(3, 24, 6, 6)
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-9)
    assert float((expected[0, 0] - COPPER.stiffness()).abs().max()) > 1e4


def test_stiffness_is_differentiable():
    constants = torch.tensor([168.4, 121.4, 75.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda c: cubic_stiffness(*c.unbind()), (constants,))


@pytest.mark.parametrize(
    ("constants", "sentence"),
    [
        ((100.0, 50.0, 0.0), "must have c44 > 0"),
        ((100.0, 100.0, 30.0), r"c11 > \|c12\|"),
        ((100.0, -51.0, 30.0), r"c11 \+ 2 c12 > 0"),
        ((100.0, -101.0, 30.0), "stable cubic crystal"),
        ((-100.0, 50.0, 30.0), "but c11=-100, c12=50, c44=30 MPa"),
        ((math.nan, 50.0, 30.0), "must be finite, but are c11=nan"),
        ((100.0, 50.0, math.inf), "must be finite"),
    ],
)
def test_an_unstable_crystal_is_refused(constants, sentence):
    with pytest.raises(ValueError, match=sentence):
        CubicElasticity(*constants)


def test_borns_limits_are_met_from_inside():
    assert CubicElasticity(100e3, 99.9e3, 1e-3).zener > 0
    assert CubicElasticity(100e3, -49.9e3, 30e3).bulk_modulus > 0


@pytest.mark.parametrize(
    ("build", "largest"),
    [
        (lambda: CubicElasticity(107.3, 60.8, 28.3), "0.1073 GPa"),
        (lambda: CubicElasticity(107.3e9, 60.8e9, 28.3e9), "1.073e+08 GPa"),
        (lambda: Elasticity.hexagonal(162.0, 92.0, 69.0, 181.0, 47.0), "0.181 GPa"),
        (lambda: Elasticity.isotropic(210.0, 0.3), "0.282692 GPa"),
    ],
)
def test_constants_in_another_unit_are_warned_of(build, largest):
    sentence = f"should be 1 to 2000 GPa, but the largest is {re.escape(largest)}"
    with pytest.warns(UserWarning, match=sentence):
        build()
