"""Lattices: Miller and Miller-Bravais indices in Cartesian crystal axes."""

from __future__ import annotations

import math

import pytest
import torch

from polyxtal.crystal.lattice import Lattice

TITANIUM = Lattice("hP", 1.587)
TIN = Lattice("tI", 0.5458)


def basis(lattice: Lattice) -> torch.Tensor:
    """Return the cell vectors a1, a2, c as rows, a = 1, written again."""
    if lattice.family == "hexagonal":
        rows = [[1.0, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, lattice.c_over_a]]
    else:
        rows = [[1.0, 0, 0], [0, 1.0, 0], [0, 0, lattice.c_over_a or 1.0]]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("lattice", [TITANIUM, TIN, Lattice("cF")], ids=["hP", "tI", "cF"])
def test_directions_and_planes_are_those_of_the_cell(lattice):
    indices = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 1, 0], [2, -1, 3], [0, 0, 1]]).double()
    cell = basis(lattice)
    along = indices @ cell
    along = along / along.norm(dim=1, keepdim=True)
    torch.testing.assert_close(lattice.direction(indices), along, rtol=0, atol=1e-15)
    normal = indices @ torch.linalg.inv(cell).T  # the reciprocal cell
    normal = normal / normal.norm(dim=1, keepdim=True)
    torch.testing.assert_close(lattice.plane(indices), normal, rtol=0, atol=1e-15)


def test_four_indices_are_the_same_as_three():
    """[uvtw] is [U V W] = [2u+v, u+2v, w]; (hkil) is (hkl)."""
    four = torch.tensor([[2, -1, -1, 0], [1, 0, -1, 3], [1, 1, -2, 3]]).double()
    three = torch.stack([2 * four[:, 0] + four[:, 1], four[:, 0] + 2 * four[:, 1], four[:, 3]], 1)
    expected = TITANIUM.direction(three)
    torch.testing.assert_close(TITANIUM.direction(four), expected, rtol=0, atol=1e-15)
    planes = TITANIUM.plane(four[:, [0, 1, 3]])
    torch.testing.assert_close(TITANIUM.plane(four), planes, rtol=0, atol=1e-15)


def test_known_angles():
    """(10-11) of Ti from the basal plane: atan(2 c/a / √3); (101) of Sn from (001): atan(c/a)."""
    tilt = math.acos(float(TITANIUM.plane([1, 0, -1, 1])[2]))
    assert tilt == pytest.approx(math.atan(2 * 1.587 / 3**0.5), abs=1e-14)
    assert math.acos(float(TIN.plane([1, 0, 1])[2])) == pytest.approx(math.atan(0.5458), abs=1e-14)


def test_groups_and_agreement():
    assert Lattice("cI").laue_group.name == "m-3m"
    assert Lattice("hR").laue_group.name == "-3m"
    assert Lattice.of_laue_group("6/m", 1.6) == Lattice("h", 1.6, "6/m")
    assert Lattice.of_laue_group("m-3m") == Lattice("c")
    assert Lattice("h").agrees_with(Lattice("hP", 1.6))
    assert not Lattice("cF").agrees_with(Lattice("cI"))
    assert not Lattice("c").agrees_with(Lattice("hP"))
    with pytest.raises(ValueError, match="must be one of -1"):
        Lattice.of_laue_group("432")


BAD = {
    "no symbol": (lambda: Lattice("fcc"), "must be a Pearson symbol such as cF"),
    "c/a of a cube": (lambda: Lattice("cF", 1.0), "must be left out for a cubic lattice, but is 1"),
    "a length": (lambda: Lattice("hP", 295.0), "c/a must be between 0.1 and 10, but is 295"),
    "another group": (
        lambda: Lattice("tI", 1.0, "m-3m"),
        "tetragonal lattice must be one of 4/mmm",
    ),
    "four in a cube": (
        lambda: Lattice("cF").plane([1, 0, -1, 1]),
        "must have 3 indices, but has 4",
    ),
    "no sum": (lambda: TITANIUM.plane([1, 0, 0, 1]), "must sum to 0"),
    "nothing": (lambda: TIN.direction([0, 0, 0]), "must have an index that is not 0"),
    "unknown ratio": (lambda: Lattice("h").plane([1, 0, -1, 1]), "must have its c/a here"),
    "monoclinic": (lambda: Lattice("mP").plane([1, 0, 0]), "but this one is monoclinic"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_sentence_for_what_does_not_fit(name):
    build, sentence = BAD[name]
    with pytest.raises(ValueError, match=sentence):
        build()


def test_what_does_not_depend_on_the_ratio_needs_none():
    assert Lattice("h").plane([0, 0, 0, 1]).tolist() == [0.0, 0.0, 1.0]
    assert Lattice("h").direction([2, -1, -1, 0]).tolist() == pytest.approx([1.0, 0.0, 0.0])
