"""Slip systems: what the interaction types mean, from the geometry alone."""

from __future__ import annotations

import pytest
import torch

from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.slip import (
    INTERACTION_NAMES,
    fcc_interaction_matrix,
    fcc_interaction_types,
    fcc_schmid_tensors,
    fcc_slip_directions,
    fcc_slip_normals,
)
from polyxtal.crystal.symmetry import cubic_rotations

SELF, COPLANAR, COLLINEAR, HIRTH, GLISSILE, GLISSILE_REVERSE, LOMER = range(7)

# DAMASK's order, written again: slip direction | plane normal.
TABLE = """
0 1 -1 | 1 1 1; -1 0 1 | 1 1 1; 1 -1 0 | 1 1 1; 0 -1 -1 | -1 -1 1; 1 0 1 | -1 -1 1;
-1 1 0 | -1 -1 1; 0 -1 1 | 1 -1 -1; -1 0 -1 | 1 -1 -1; 1 1 0 | 1 -1 -1; 0 1 1 | -1 1 -1;
1 0 -1 | -1 1 -1; -1 -1 0 | -1 1 -1
"""


def table() -> tuple[torch.Tensor, torch.Tensor]:
    rows = [row.split("|") for row in TABLE.replace("\n", " ").split(";")]
    s, n = (
        torch.tensor([[float(v) for v in row[k].split()] for row in rows], dtype=torch.float64)
        for k in (0, 1)
    )
    return s / 2**0.5, n / 3**0.5


def test_systems_stand_in_damasks_order():
    s, n = table()
    torch.testing.assert_close(fcc_slip_directions(), s, rtol=0, atol=1e-15)
    torch.testing.assert_close(fcc_slip_normals(), n, rtol=0, atol=1e-15)
    expected = torch.einsum("ai,aj->aij", s, n)
    torch.testing.assert_close(fcc_schmid_tensors(), expected, rtol=0, atol=1e-15)


def test_directions_lie_in_their_planes():
    schmid = fcc_schmid_tensors()
    trace = torch.einsum("aii->a", schmid)
    assert float(trace.abs().max()) < 1e-15  # slip keeps the volume
    assert torch.allclose(torch.linalg.matrix_norm(schmid), torch.ones(12, dtype=torch.float64))
    # Four planes of three directions; all twelve systems differ.
    match = torch.einsum("aij,bij->ab", schmid, schmid).abs()
    off = match - torch.eye(12)
    assert float(off.max()) < 0.99


def expected_type(a: int, b: int) -> set[int]:
    """Classify a pair of {111}<110> systems by planes and Burgers vectors."""
    s, n = fcc_slip_directions(), fcc_slip_normals()
    same_plane = abs(float(n[a] @ n[b])) > 0.99
    parallel = abs(float(s[a] @ s[b])) > 0.99
    if a == b:
        return {SELF}
    if same_plane:
        return {COPLANAR}
    if parallel:
        return {COLLINEAR}
    if abs(float(s[a] @ s[b])) < 1e-12:
        return {HIRTH}
    # Each Burgers vector out of the other's plane: their sum is sessile (Lomer); else glissile.
    a_in_b, b_in_a = abs(float(s[a] @ n[b])) < 1e-12, abs(float(s[b] @ n[a])) < 1e-12
    if a_in_b or b_in_a:
        return {GLISSILE, GLISSILE_REVERSE}
    return {LOMER}


def test_interaction_types_are_what_the_geometry_says():
    types = fcc_interaction_types()
    for a in range(12):
        for b in range(12):
            assert int(types[a, b]) in expected_type(a, b), (a, b)


def test_the_two_glissile_types_are_each_others_reverse():
    types, s, n = fcc_interaction_types(), fcc_slip_directions(), fcc_slip_normals()
    swap = {GLISSILE: GLISSILE_REVERSE, GLISSILE_REVERSE: GLISSILE}
    for a in range(12):
        for b in range(12):
            kind = int(types[a, b])
            assert int(types[b, a]) == swap.get(kind, kind)
    # One of them has the reacting Burgers vector in the acting plane, throughout.
    in_plane = (s @ n.T).abs() < 1e-12
    assert len(set(in_plane[types == GLISSILE].tolist())) == 1
    assert len(set(in_plane[types == GLISSILE_REVERSE].tolist())) == 1


def test_every_system_meets_the_same_company():
    expected = [1, 2, 1, 2, 2, 2, 2]
    for row in (*fcc_interaction_types(), *fcc_interaction_types().T):
        assert torch.bincount(row, minlength=7).tolist() == expected
    assert len(INTERACTION_NAMES) == 7


def test_interaction_is_the_same_from_every_side_of_the_cube():
    schmid, types = fcc_schmid_tensors(), fcc_interaction_types()
    for q in cubic_rotations():
        r = quaternion_to_matrix(q)
        order = torch.einsum("aij,bij->ab", r @ schmid @ r.T, schmid).abs().argmax(1)
        assert sorted(order.tolist()) == list(range(12))
        assert torch.equal(types[order][:, order], types)


def test_coefficients_land_on_their_types():
    h = fcc_interaction_matrix([1, 2, 3, 4, 5, 6, 7])
    assert torch.equal(h, (fcc_interaction_types() + 1).to(torch.float64))
    assert h[0].tolist() == [1, 2, 2, 4, 7, 6, 3, 5, 5, 4, 6, 7]  # row: reacting system
    assert h[:, 0].tolist() == [1, 2, 2, 4, 7, 5, 3, 6, 6, 4, 5, 7]


@pytest.mark.parametrize("count", [0, 6, 8])
def test_there_are_seven_coefficients(count):
    with pytest.raises(ValueError, match=f"must have 7 interaction coefficients.*but {count} were"):
        fcc_interaction_matrix([1.0] * count)
