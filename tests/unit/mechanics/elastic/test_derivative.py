"""Derivatives of the full-field stiffness by elastic constants, against finite differences."""

from __future__ import annotations

import pytest
import torch

from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.elastic_constants import constant_basis, independent_constants
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.laue import HEXAGONAL, TETRAGONAL, LaueGroup
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.mechanics.elastic.schemes import SCHEMES
from polyxtal.microstructure.polycrystal import Polycrystal

COPPER = CubicElasticity(168.4e3, 121.4e3, 75.4e3)
TUNGSTEN = CubicElasticity(522e3, 204e3, 160.8e3)


def polycrystal(grid: tuple[int, int, int], grains: int = 7) -> Polycrystal:
    generator = torch.Generator().manual_seed(0)
    return Polycrystal(
        torch.randint(grains, grid, generator=generator),
        random_quaternions(grains, generator),
        (1.0, 1.3, 0.6),
        torch.arange(grains) % 2,
        ("a", "b"),
    )


TRIPLET = ("c11", "c12", "c44")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("two_phases", [False, True])
def test_derivative_is_that_of_finite_differences(scheme, two_phases):
    rve = polycrystal(grid=(5, 4, 6))
    crystals = {"a": COPPER, "b": TUNGSTEN if two_phases else COPPER}
    result = homogenize(rve, crystals, 1e-9, scheme=scheme, fields=True)
    derivative = result.derivative()
    assert derivative.shape == (2, 3, 6, 6)
    step = 10.0  # MPa
    for phase, name in enumerate("ab"):
        for constant, label in enumerate(TRIPLET):
            ends = []
            for sign in (1, -1):
                given = {c: getattr(crystals[name], c) for c in TRIPLET}
                given[label] += sign * step
                changed = {**crystals, name: CubicElasticity(**given)}
                ends.append(homogenize(rve, changed, 1e-10, scheme=scheme).stiffness)
            difference = (ends[0] - ends[1]) / (2 * step)
            assert float(difference.abs().max()) > 0.1
            torch.testing.assert_close(derivative[phase, constant], difference, rtol=0, atol=1e-6)
    # The stiffness is homogeneous of degree one in all constants.
    values = torch.tensor([[getattr(crystals[n], c) for c in TRIPLET] for n in "ab"]).to(derivative)
    euler = torch.einsum("pc,pcmn->mn", values, derivative)
    torch.testing.assert_close(euler, result.stiffness, rtol=0, atol=1e-3)


@pytest.mark.parametrize("group", ["6/mmm", "-1"])
def test_derivative_by_the_constants_of_other_crystals(group):
    rve = polycrystal(grid=(5, 4, 3))
    titanium = Elasticity.hexagonal(162.5e3, 91.8e3, 68.9e3, 180.6e3, 46.8e3)
    crystals = {"a": titanium, "b": COPPER}
    result = homogenize(rve, crystals, 1e-9, fields=True)
    # A hexagonal and a cubic crystal share the symmetry of a square prism about z.
    assert result.symmetry() == TETRAGONAL
    assert result.derivative().shape == (2, 6, 6, 6)
    assert homogenize(rve, titanium, fields=True).symmetry() == HEXAGONAL
    basis = constant_basis(LaueGroup(group))
    derivative = result.derivative(by=basis)
    assert derivative.shape == (2, len(basis), 6, 6)
    step = 10.0  # MPa
    for constant, change in enumerate(basis):
        ends = []
        for sign in (1, -1):
            other = Elasticity.from_mandel(titanium.stiffness() + sign * step * change)
            ends.append(homogenize(rve, {**crystals, "a": other}, 1e-10).stiffness)
        difference = (ends[0] - ends[1]) / (2 * step)
        assert float(difference.abs().max()) > 0.1
        torch.testing.assert_close(derivative[0, constant], difference, rtol=0, atol=1e-6)
    # The stiffness is homogeneous of degree one in all constants.
    values = [independent_constants(crystals[name], TETRAGONAL) for name in "ab"]
    constants = torch.tensor([list(one.values()) for one in values]).to(derivative)
    euler = torch.einsum("pc,pcmn->mn", constants, result.derivative())
    torch.testing.assert_close(euler, result.stiffness, rtol=0, atol=1e-3)


def test_derivative_by_voids_and_absent_phases_is_zero():
    layers = torch.tensor([0, 0, 0, 1, 1]).reshape(1, 1, 5)
    names = ("solid", "void", "absent")
    rve = Polycrystal(layers, [[1, 0, 0, 0]] * 2, phase=[0, 1], phase_names=names)
    result = homogenize(rve, {"solid": COPPER, "void": None}, scheme="rotated", fields=True)
    derivative = result.derivative()
    assert float(derivative[1:].abs().max()) == 0
    assert float(derivative[0, 2, 5, 5]) == pytest.approx(0.6 * 2, rel=1e-6)
    with pytest.raises(ValueError, match="fields=True"):
        homogenize(rve, COPPER).derivative()
