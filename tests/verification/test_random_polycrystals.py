"""Averages of random polycrystals of any crystal, against closed forms.

Grains at the 60 rotations of the icosahedron, equally large, make any average of fourth-rank
tensors isotropic, so that what is published for random orientations holds to the last digit.
"""

from __future__ import annotations

from itertools import product

import pytest
import torch

from polyxtal.algebra.mandel import rotate_mandel
from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.load_material import load_material
from polyxtal.mechanics.bounds.averages import hill_average, reuss_average, voigt_average
from polyxtal.mechanics.bounds.moduli import bulk_modulus
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.mechanics.mean_field.self_consistent import self_consistent_average
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.tree import MaterialNetwork

CRYSTALS = {
    "Ti": (load_material("Ti").elasticity, "6/mmm"),
    "Zn": (Elasticity.hexagonal(163.7e3, 36.4e3, 53.0e3, 63.5e3, 38.8e3), "6/mmm"),
    "beta-Sn": (load_material("beta-Sn").elasticity, "4/mmm"),
    "rutile": (Elasticity.tetragonal(271e3, 178e3, 146e3, 483e3, 124e3, 194e3), "4/mmm"),
}


def icosahedral_rotations() -> torch.Tensor:
    """Return the 60 rotations as quaternions, one of each pair ±q."""
    golden = (1 + 5**0.5) / 2
    elements = [[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 1.0]]
    elements += [[0.5, *(0.5 * s for s in signs)] for signs in product((1, -1), repeat=3)]
    even = [(0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2), (1, 0, 3, 2), (1, 2, 0, 3), (1, 3, 2, 0)]
    even += [(2, 0, 1, 3), (2, 1, 3, 0), (2, 3, 0, 1), (3, 0, 2, 1), (3, 1, 0, 2), (3, 2, 1, 0)]
    for order in even:
        for a, b, c in product((0.5, -0.5), repeat=3):
            value = [golden * a, b, c / golden, 0.0]
            elements.append([value[k] for k in order])
    q = normalize_quaternion(torch.tensor(elements, dtype=torch.float64))
    keep: list[torch.Tensor] = []
    for one in q:
        if all(float((one @ other).abs()) < 1 - 1e-9 for other in keep):
            keep.append(one)
    assert len(keep) == 60
    return torch.stack(keep)


def random_polycrystal(lattice: str) -> Polycrystal:
    turn = random_quaternions(1, 4)[0]
    q = quaternion_multiply(icosahedral_rotations(), turn.expand(60, 4))
    return Polycrystal(
        torch.arange(60).reshape(3, 4, 5), q, lattices=Lattice.of_laue_group(lattice)
    )


def moduli(c: torch.Tensor) -> tuple[float, float]:
    """Return K and G of an isotropic Mandel stiffness, and make sure that it is isotropic."""
    shear = float(c[3, 3]) / 2
    bulk = float(bulk_modulus(c))
    identity = torch.eye(6, dtype=torch.float64)
    one = torch.tensor([1.0] * 3 + [0.0] * 3, dtype=torch.float64)
    isotropic = 2 * shear * identity + (bulk - 2 * shear / 3) * torch.outer(one, one)
    torch.testing.assert_close(c, isotropic, rtol=0, atol=1e-9 * bulk)
    return bulk, shear


def reuss_of(c: list[list[float]]) -> tuple[float, float, float]:
    """Return K_R, G_R and K_V of a hexagonal or tetragonal crystal [Watt1980]."""
    c11, c12, c13, c33, c44, c66 = c[0][0], c[0][1], c[0][2], c[2][2], c[3][3], c[5][5]
    squared = (c11 + c12) * c33 - 2 * c13**2
    bulk_voigt = (2 * (c11 + c12) + c33 + 4 * c13) / 9
    bulk = squared / (c11 + c12 + 2 * c33 - 4 * c13)
    shear = 15 / (18 * bulk_voigt / squared + 6 / (c11 - c12) + 6 / c44 + 3 / c66)
    return bulk, shear, bulk_voigt


@pytest.mark.parametrize("name", CRYSTALS)
def test_bounds_are_those_of_watt_and_peselnick(name):
    crystal, group = CRYSTALS[name]
    rve, c = random_polycrystal(group), [list(row) for row in crystal.voigt]
    c11, c12, c13, c33, c44, c66 = c[0][0], c[0][1], c[0][2], c[2][2], c[3][3], c[5][5]
    shear_voigt = (c11 + c12 + 2 * c33 - 4 * c13 + 3 * (c11 - c12) + 12 * c44 + 6 * c66) / 30
    bulk, shear, bulk_voigt = reuss_of(c)
    assert moduli(voigt_average(rve, crystal)) == pytest.approx((bulk_voigt, shear_voigt), 1e-12)
    assert moduli(reuss_average(rve, crystal)) == pytest.approx((bulk, shear), rel=1e-12)
    if name in ("Zn", "rutile"):
        assert shear_voigt / shear > 1.05  # else the test would see little


@pytest.mark.parametrize("name", CRYSTALS)
def test_the_self_consistent_average_is_kroeners(name):
    """With a sphere's constraint K* = 4 G/3, G* = G (9 K + 8 G) / (6 (K + 2 G)) [Hill1965],

        K + K* = K_R(C_g + C*),   G + G* = G_R(C_g + C*),

    two equations for two moduli, as C_g + C* is of the crystal's own symmetry.
    """
    crystal, group = CRYSTALS[name]
    bulk, shear = moduli(hill_average(random_polycrystal(group), crystal))
    for _ in range(200):
        k = 4 * shear / 3
        g = shear * (9 * bulk + 8 * shear) / (6 * (bulk + 2 * shear))
        held = [list(row) for row in crystal.voigt]
        for i in range(3):
            for j in range(3):
                held[i][j] += k - 2 * g / 3 + (2 * g if i == j else 0.0)
            held[i + 3][i + 3] += g
        held_bulk, held_shear, _ = reuss_of(held)
        bulk, shear = held_bulk - k, held_shear - g
    extents = torch.ones(3, dtype=torch.float64)
    found = self_consistent_average(random_polycrystal(group), crystal, extents)
    assert moduli(found) == pytest.approx((bulk, shear), rel=1e-8)


@pytest.mark.parametrize("name", CRYSTALS)
def test_symmetric_copies_of_the_orientations_change_nothing(name):
    """Each grain turned by its own rotation of the Laue group; bounds, full field, network."""
    crystal, group = CRYSTALS[name]
    generator = torch.Generator().manual_seed(1)
    lattice = Lattice.of_laue_group(group)
    grain = torch.randint(6, (5, 5, 5), generator=generator)
    q = random_quaternions(6, generator)
    rotations = lattice.laue_group.rotations
    pick = torch.randint(len(rotations), (6,), generator=generator)
    copies = quaternion_multiply(q, rotations[pick])
    assert float((copies - q).abs().max()) > 0.1
    answers = {
        "Voigt": voigt_average,
        "Reuss": reuss_average,
        "self-consistent": self_consistent_average,
        "pairs": lambda rve, c: self_consistent_average(rve, c, arrangement=True),
        "full field": lambda rve, c: homogenize(rve, c, 1e-11).stiffness,
        "network": lambda rve, c: MaterialNetwork.from_polycrystal(rve, leaves=16).stiffness(c),
    }
    for label, answer in answers.items():
        first, second = (
            answer(Polycrystal(grain, o, lattices=lattice), crystal) for o in (q, copies)
        )
        error = torch.linalg.norm(first - second) / torch.linalg.norm(first)
        assert float(error) < 1e-10, label


@pytest.mark.parametrize("name", CRYSTALS)
def test_all_averages_turn_with_the_sample(name):
    crystal, group = CRYSTALS[name]
    generator = torch.Generator().manual_seed(2)
    grain = torch.randint(6, (4, 4, 4), generator=generator)
    rve = Polycrystal(
        grain, random_quaternions(6, generator), lattices=Lattice.of_laue_group(group)
    )
    turn = random_quaternions(1, 9)[0]
    extents = torch.ones(3, dtype=torch.float64)
    for average in (
        voigt_average,
        reuss_average,
        lambda rve, c: self_consistent_average(rve, c, extents),
    ):
        expected = rotate_mandel(average(rve, crystal), quaternion_to_matrix(turn))
        found = average(rve.rotate(turn), crystal)
        scale = float(expected.abs().max())
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-9 * scale)


def test_constants_without_the_lattices_symmetry_are_refused():
    rve = random_polycrystal("6/mmm")
    cubic = load_material("Al").elasticity
    for answer in (voigt_average, reuss_average, self_consistent_average, homogenize):
        with pytest.raises(ValueError, match=r"is hexagonal .6/mmm., but its elastic"):
            answer(rve, cubic)
    with pytest.raises(ValueError, match="is hexagonal"):
        MaterialNetwork.from_polycrystal(rve, leaves=4).stiffness(cubic)
