"""Slip and twin systems: every table entry from geometry, and DAMASK's own tables."""

from __future__ import annotations

import json

import pytest
import torch
from places import ROOT

from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.slip.fcc import INTERACTION_NAMES
from polyxtal.crystal.slip.systems import (
    DeformationSystems,
    families,
    interaction_matrix,
    interaction_types,
    slip_systems,
    twin_systems,
)

SELF, COPLANAR, COLLINEAR, HIRTH, GLISSILE, GLISSILE_REVERSE, LOMER = range(7)
FCC = Lattice("cF")
LATTICES = {
    "cF": FCC,
    "cI": Lattice("cI"),
    "hP": Lattice("hP", 1.587),
    "hP, c/a = 1.7": Lattice("hP", 1.7),
    "tI": Lattice("tI", 0.5458),
    "tI, c/a = 1.2": Lattice("tI", 1.2),
}
KINDS = [
    (name, kind) for name in LATTICES for kind in ("slip", "twin") if families(LATTICES[name], kind)
]
TABLES = json.loads((ROOT / "tests" / "verification" / "data" / "slip_systems.json").read_text())


def systems(lattice: Lattice, kind: str) -> DeformationSystems:
    counts = [family.size for family in families(lattice, kind)]
    if kind == "twin" and lattice.c_over_a == 1.7:
        counts[2] = counts[0] = 6  # all four have a shear of the right sense below √3
    return (slip_systems if kind == "slip" else twin_systems)(lattice, counts)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_directions_are_unit_vectors_in_their_planes(name, kind):
    found = systems(LATTICES[name], kind)
    for vectors in (found.directions, found.normals):
        norm = torch.linalg.vector_norm(vectors, dim=1)
        torch.testing.assert_close(norm, torch.ones_like(norm), rtol=0, atol=1e-15)
    assert float((found.directions * found.normals).sum(1).abs().max()) < 5e-16
    same = torch.einsum("aij,bij->ab", found.schmid(), found.schmid()).abs()
    assert float((same - torch.eye(found.count)).max()) < 1 - 1e-6  # no system is there twice


def partners(found: DeformationSystems, rotation: torch.Tensor, signed: bool) -> torch.Tensor:
    """Return which system each one becomes under a rotation of the crystal."""
    schmid = found.schmid()
    turned = rotation @ schmid @ rotation.T
    match = torch.einsum("aij,bij->ab", turned, schmid)
    best = (match if signed else match.abs()).max(1)
    torch.testing.assert_close(best.values, torch.ones_like(best.values), rtol=0, atol=1e-14)
    return best.indices


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_families_are_closed_under_the_laue_group(name, kind):
    """Slip in either sense is the same system; a twin keeps its sense.

    DAMASK's table of cI twins does not: half of them have the sense of the others reversed.
    """
    lattice = LATTICES[name]
    found = systems(lattice, kind)
    for q in lattice.laue_group.rotations:
        signed = kind == "twin" and name != "cI"
        order = partners(found, quaternion_to_matrix(q), signed)
        assert sorted(order.tolist()) == list(range(found.count))
        assert torch.equal(found.family[order], found.family)


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_damasks(name):
    lattice = LATTICES[name]
    for kind in ("slip", "twin"):
        known = families(lattice, kind)
        assert [family.size for family in known] == TABLES[name].get(f"{kind}_families", [])
        rows = [row for family in known for row in family.indices.tolist()]
        assert rows == TABLES[name].get(kind, [])
    counts = {part: [f.size for f in families(lattice, part)] for part in ("slip", "twin")}
    for key, stored in TABLES[name].items():
        if key.startswith("interaction"):
            _, reacting, acting = key.split("_")
            kind = f"{reacting[:2]}-{acting[:2]}"
            types = interaction_types(lattice, kind, counts[reacting], counts[acting])
            assert (types + 1).tolist() == stored, key


SYMMETRIC = {("cF", "sl-sl"), ("cI", "tw-tw"), ("hP", "tw-tw"), ("hP", "tw-sl"), ("cF", "tw-tw")}


@pytest.mark.parametrize(("name", "kind"), sorted(SYMMETRIC))
def test_interactions_are_the_same_from_every_side_of_the_crystal(name, kind):
    """DAMASK's tables of cI and hP slip, and of tI, are not; see `test_tables_are_damasks`."""
    lattice = LATTICES[name]
    parts = [{"sl": "slip", "tw": "twin"}[part] for part in kind.split("-")]
    reacting, acting = (systems(lattice, part) for part in parts)
    counts = [[f.size for f in families(lattice, part)] for part in parts]
    if (name, kind) == ("cF", "sl-sl"):
        counts = [[12], [12]]
        reacting = acting = slip_systems(lattice, [12])
    types = interaction_types(lattice, kind, *counts)
    for q in lattice.laue_group.rotations:
        rotation = quaternion_to_matrix(q)
        rows = partners(reacting, rotation, signed=False)
        columns = partners(acting, rotation, signed=False)
        assert torch.equal(types[rows][:, columns], types)


def expected_type(a: int, b: int) -> set[int]:
    """Classify a pair of {111}<110> systems by planes and Burgers vectors."""
    fcc = slip_systems(FCC, [12])
    s, n = fcc.directions, fcc.normals
    if a == b:
        return {SELF}
    if abs(float(n[a] @ n[b])) > 0.99:
        return {COPLANAR}
    if abs(float(s[a] @ s[b])) > 0.99:
        return {COLLINEAR}
    if abs(float(s[a] @ s[b])) < 1e-12:
        return {HIRTH}
    # Each Burgers vector out of the other's plane: their sum is sessile (Lomer); else glissile.
    a_in_b, b_in_a = abs(float(s[a] @ n[b])) < 1e-12, abs(float(s[b] @ n[a])) < 1e-12
    return {GLISSILE, GLISSILE_REVERSE} if a_in_b or b_in_a else {LOMER}


def test_fcc_interactions_are_what_the_geometry_says():
    types = interaction_types(FCC, "sl-sl", [12], [12])
    for a in range(12):
        for b in range(12):
            assert int(types[a, b]) in expected_type(a, b), (a, b)
    assert len(INTERACTION_NAMES) == 7


def test_twin_shear_is_that_of_christian_and_mahajan():
    """{10-12} twins of Mg, Ti and Zr: s = |3 - r²|/(√3 r); of fcc and bcc: 1/√2."""
    for r in (1.5, 1.587, 1.6236):
        shear = twin_systems(Lattice("hP", r), [6]).shear
        torch.testing.assert_close(shear, torch.full_like(shear, (3 - r**2) / 3**0.5 / r))
    assert float(twin_systems(Lattice("hP", 1.587), [0, 6]).shear[0]) == pytest.approx(1 / 1.587)
    for name in ("cF", "cI"):
        assert twin_systems(LATTICES[name], [12]).shear.tolist() == [0.5**0.5] * 12


def test_the_first_systems_of_each_family_are_taken():
    found = slip_systems(LATTICES["hP"], [3, 3, 0, 6])
    assert found.count == 12
    assert found.family.tolist() == [0] * 3 + [1] * 3 + [3] * 6
    assert torch.equal(found.shear, torch.zeros(12, dtype=torch.float64))
    assert twin_systems(LATTICES["tI"], []).count == 0


def test_coefficients_land_on_their_types():
    h = interaction_matrix(FCC, "sl-sl", [12], [12], [1, 2, 3, 4, 5, 6, 7])
    assert h[0].tolist() == [1, 2, 2, 4, 7, 6, 3, 5, 5, 4, 6, 7]  # row: reacting system
    assert h[:, 0].tolist() == [1, 2, 2, 4, 7, 5, 3, 6, 6, 4, 5, 7]
    unused = [1.0] * 8 + [-1.0] * 10 + [1.0] * 30
    assert float(interaction_matrix(LATTICES["hP"], "sl-sl", [3, 3], [3, 3], unused).min()) == 1


BAD = {
    "a family too many": ("hP", "slip", [0] * 5 + [1], "has 5 slip families, but systems of 6"),
    "a system too many": ("hP", "slip", [4], r"family 1 .*basal.* has 3 systems, but 4"),
    "a negative number": ("cF", "slip", [-1], r"has 12 systems, but -1"),
    "no twins": ("tI", "twin", [1], "has 0 twin families"),
}


@pytest.mark.parametrize("name", BAD)
def test_systems_that_are_not_there_are_refused(name):
    lattice, kind, counts, sentence = BAD[name]
    build = slip_systems if kind == "slip" else twin_systems
    with pytest.raises(ValueError, match=sentence):
        build(LATTICES[lattice], counts)


def test_what_a_lattice_lacks_is_refused():
    with pytest.raises(ValueError, match="must have its c/a for slip"):
        slip_systems(Lattice("hP"), [3])
    with pytest.raises(ValueError, match="known of the lattices cF, cI, hP, tI"):
        slip_systems(Lattice("oP"), [1])
    with pytest.raises(ValueError, match=r"positive characteristic shear, but .*10-12.* has -0.13"):
        twin_systems(Lattice("hP", 1.856), [6])


def test_interactions_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="must have 7 coefficients for these systems, but 6 are"):
        interaction_matrix(FCC, "sl-sl", [12], [12], [1.0] * 6)
    with pytest.raises(ValueError, match="must not be negative, but number 3 is -1"):
        interaction_matrix(FCC, "sl-sl", [12], [12], [1, 1, -1, 1, 1, 1, 1])
