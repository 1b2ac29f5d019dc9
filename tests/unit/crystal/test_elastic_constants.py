"""Independent elastic constants of crystals of all symmetries."""

from __future__ import annotations

import pytest
import torch

from polyxtal.algebra.mandel import rotate_mandel
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.elastic_constants import (
    CONSTANTS,
    common_group,
    constant_basis,
    constant_names,
    elastic_symmetry,
    independent_constants,
)
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, HEXAGONAL, LAUE_GROUPS, LaueGroup
from polyxtal.microstructure.phases import check_elastic_symmetry, per_phase

# Numbers of independent constants [Nye1985, Table 9].
NUMBERS = {
    "-1": 21,
    "2/m": 13,
    "mmm": 9,
    "4/m": 7,
    "4/mmm": 6,
    "-3": 7,
    "-3m": 6,
    "6/m": 5,
    "6/mmm": 5,
    "m-3": 3,
    "m-3m": 3,
}
SILICON = Elasticity.cubic(165.7e3, 63.9e3, 79.6e3)
TITANIUM = Elasticity.hexagonal(162.5e3, 91.8e3, 68.9e3, 180.6e3, 46.8e3)
TIN = Elasticity.tetragonal(72.6e3, 59.4e3, 35.8e3, 88.8e3, 22.2e3, 24.1e3)
SCHEELITE = Elasticity.tetragonal(141e3, 61e3, 41e3, 125e3, 33.7e3, 40.7e3, c16=-17e3)
QUARTZ = Elasticity.trigonal(86.8e3, 7.0e3, 11.9e3, -18.0e3, 105.8e3, 58.2e3)
DOLOMITE = Elasticity.trigonal(205e3, 71e3, 57.4e3, -19.5e3, 113e3, 39.8e3, c15=13.7e3)
OLIVINE = Elasticity.orthotropic(
    *(320.5e3, 196.5e3, 233.5e3), *(68.1e3, 71.6e3, 76.8e3), *(64.0e3, 77.0e3, 78.7e3)
)


@pytest.mark.parametrize("group", LAUE_GROUPS)
def test_the_basis_spans_all_that_the_group_leaves(group):
    laue = LaueGroup(group)
    basis, names = constant_basis(laue), constant_names(laue)
    assert len(basis) == len(names) == NUMBERS[group]
    turns = quaternion_to_matrix(laue.rotations)
    for one in basis:
        turned = rotate_mandel(one.expand(len(turns), 6, 6), turns)
        torch.testing.assert_close(turned, one.expand_as(turned), rtol=0, atol=1e-12)
    # As many dimensions as the mean over the group of all symmetric matrices has.
    units = torch.eye(36, dtype=torch.float64).reshape(36, 1, 6, 6)
    symmetric = (units + units.mT).expand(-1, len(turns), 6, 6)
    mean = rotate_mandel(symmetric, turns.expand(36, -1, 3, 3)).mean(1).flatten(1)
    assert int(torch.linalg.matrix_rank(mean, rtol=1e-9)) == NUMBERS[group]


@pytest.mark.parametrize(
    ("crystal", "group", "symmetry"),
    [
        (SILICON, "m-3m", "cubic"),
        (Elasticity(SILICON.voigt), "m-3m", "cubic"),
        (TITANIUM, "6/mmm", "hexagonal"),
        (TIN, "4/mmm", "tetragonal"),
        (SCHEELITE, "4/m", "tetragonal"),
        (QUARTZ, "-3m", "trigonal"),
        (DOLOMITE, "-3", "trigonal"),
        (OLIVINE, "mmm", "orthorhombic"),
        (Elasticity.isotropic(210e3, 0.3), "m-3m", "isotropic"),
    ],
)
def test_constants_name_the_symmetry_and_make_the_stiffness(crystal, group, symmetry):
    assert common_group(crystal).name == group
    assert elastic_symmetry(crystal) == symmetry
    constants = independent_constants(crystal)
    assert tuple(constants) == CONSTANTS[group]
    built = sum(
        value * tensor
        for value, tensor in zip(constants.values(), constant_basis(LaueGroup(group)), strict=True)
    )
    torch.testing.assert_close(built, crystal.stiffness(), rtol=1e-14, atol=1e-9)


def test_any_symmetry_down_to_none():
    turn = torch.tensor([0.5, 0.1, 0.3, 0.8], dtype=torch.float64)
    turned = Elasticity.from_mandel(SILICON.stiffness(turn / turn.norm()))
    assert elastic_symmetry(turned) == "triclinic"
    assert len(independent_constants(turned)) == 21
    about_b = torch.tensor([0.9, 0.0, 0.19**0.5, 0.0], dtype=torch.float64)
    assert elastic_symmetry(Elasticity.from_mandel(TITANIUM.stiffness(about_b))) == "monoclinic"


def test_crystals_share_a_symmetry():
    assert common_group(SILICON, SILICON) == CUBIC
    assert common_group(TITANIUM, Elasticity.isotropic(210e3, 0.3)) == HEXAGONAL
    assert common_group(SILICON, TITANIUM).name == "4/mmm"
    assert common_group(TITANIUM, QUARTZ).name == "-3m"
    assert common_group(TIN, QUARTZ).name == "-1"  # two-fold about x, but 2/m is about y


def test_constants_must_have_the_symmetry_of_the_lattice():
    names = ("Ti", "Si", "map")
    lattices = (Lattice("hP", 1.587), Lattice("cF"), None)
    check_elastic_symmetry(lattices, {0: TITANIUM, 1: SILICON, 2: OLIVINE}, names)
    check_elastic_symmetry(lattices, {0: Elasticity.isotropic(116e3, 0.32)}, names)
    with pytest.raises(
        ValueError,
        match=r"^Phase 'Ti' is hexagonal \(6/mmm\), but its elastic constants are cubic \(m-3m\)\.",
    ):
        check_elastic_symmetry(lattices, {0: SILICON}, names)
    with pytest.raises(ValueError, match=r"^Phase 'Si' is cubic \(m-3m\), but .* hexagonal"):
        check_elastic_symmetry(lattices, {1: TITANIUM}, names)
    with pytest.raises(ValueError, match=r"\(4/mmm\), but .* are tetragonal \(4/m\)"):
        check_elastic_symmetry((Lattice("tI"),), {0: SCHEELITE}, ("scheelite",))


def test_what_is_no_elasticity_is_named():
    phase = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(
        ValueError, match=r"must be an Elasticity, or one for each .* but is an int"
    ):
        per_phase(3, Elasticity, phase, ("a",), "elasticity")  # type: ignore[type-var]
    with pytest.raises(ValueError, match=r"must hold an Elasticity .* for 'a' it holds a str"):
        per_phase({"a": "steel"}, Elasticity, phase, ("a",), "elasticity")  # type: ignore[type-var]
