"""Grain ids become fields: both forms agree, and turned boxes are the same material, turned."""

from __future__ import annotations

import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix, random_quaternions
from polyxtal.crystal.laue import CUBIC
from polyxtal.dataset.features import NAMES, Feature, feature
from polyxtal.dataset.fields import (
    expand,
    random_moves,
    turn_axes,
    turn_orientations,
    turn_stiffness,
    turns_of,
)

QUATERNION = feature("quaternion")
LABEL = Feature(1, lambda q: torch.arange(float(q.shape[1])).reshape(1, -1, 1))
"""What a voxel's grain is, whatever its crystal: shows where voxels go."""


def box(grid=(4, 4, 4), grains=9, batch=1):
    rves = [px.tessellate(grid, grains, seed=seed) for seed in range(batch)]
    ids = torch.stack([rve.grain_id for rve in rves])
    return ids, torch.stack([rve.orientations for rve in rves])


@pytest.mark.parametrize("name", NAMES)
def test_a_field_holds_each_voxels_feature(name):
    ids, q = box((3, 4, 5))
    field = expand(ids, q, feature(name))
    expected = feature(name).compute(q[0][ids[0]])
    assert field.shape == (1, feature(name).channels, 3, 4, 5)
    torch.testing.assert_close(field[0].permute(1, 2, 3, 0), expected)


@pytest.mark.parametrize("grid", [(5, 5, 5), (4, 6, 4), (2, 3, 5)])
def test_both_forms_agree(grid):
    ids, q = box(grid, batch=8)
    turns, shifts = random_moves(grid, 8, torch.Generator().manual_seed(1))
    fast = expand(ids.to(torch.uint16), q, feature("quaternion"), turns, shifts)
    plain = expand(ids, q, feature("quaternion"), turns, shifts, compiled=False)
    assert torch.equal(fast, plain)


def test_a_roll_is_torchs():
    ids, q = box((4, 5, 6))
    shifts = torch.tensor([[1, -2, 9]])
    moved = expand(ids, q, feature("quaternion"), shifts=shifts)
    still = expand(ids, q, feature("quaternion"))
    assert torch.equal(moved, still.roll((1, -2, 9), dims=(2, 3, 4)))


def test_turned_voxels_go_where_the_rotation_takes_them():
    # A quarter turn about z takes x to y: what was at (i, j) is at (-j, i).
    ids, q = box((5, 5, 5))
    quarter = torch.tensor([0.5**0.5, 0, 0, 0.5**0.5], dtype=torch.float64)
    turn = (CUBIC.rotations @ quarter).abs().argmax()[None]
    turned = expand(ids, q, feature("harmonic"), turn)
    crystals = expand(ids, quaternion_multiply(quarter, q), feature("harmonic"))
    torch.testing.assert_close(turned, crystals.transpose(2, 3).flip(2))


def test_axes_are_those_of_the_rotation_matrices():
    axes, flipped = turn_axes()
    for matrix, axis, flip in zip(quaternion_to_matrix(CUBIC.rotations), axes, flipped, strict=1):
        v = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
        torch.testing.assert_close(matrix @ v, v[axis] * (1 - 2 * flip))


def test_only_turns_that_keep_the_grid():
    assert len(turns_of((4, 4, 4))) == 24
    assert len(turns_of((4, 6, 4))) == 8  # about y, and half turns about axes normal to it
    assert len(turns_of((4, 5, 6))) == 4


@pytest.mark.parametrize("grid", [(4, 4, 4), (4, 6, 4)])
def test_a_turned_box_has_the_turned_stiffness(grid):
    # The full field knows nothing of these moves: its stiffness must turn as the label does.
    ids, q = box(grid)
    crystal = px.CubicElasticity(c11=86667.0, c12=61667.0, c44=50000.0)
    start = px.homogenize(px.Polycrystal(ids[0], q[0]), crystal, tol=1e-9).stiffness
    voxels = torch.arange(ids.numel()).reshape(ids.shape)
    every = q[0][ids[0]].reshape(1, -1, 4)  # each voxel a grain
    for turn in turns_of(grid)[[1, -1]]:
        moved = expand(voxels, every, LABEL, turn[None])[0, 0].long()
        crystals = turn_orientations(every, turn[None])[0]
        rve = px.Polycrystal(moved, crystals)
        got = px.homogenize(rve, crystal, tol=1e-9).stiffness
        torch.testing.assert_close(
            got, turn_stiffness(start[None], turn[None])[0], rtol=1e-6, atol=1
        )


def test_turned_fields_are_the_same_crystals_turned():
    ids, q = box((4, 4, 4))
    turns = torch.arange(24)
    fields = expand(
        ids.expand(24, -1, -1, -1).contiguous(), q.expand(24, -1, -1), QUATERNION, turns
    )
    volumes = torch.bincount(ids.reshape(-1), minlength=9).to(torch.float64)
    for turn, field in zip(CUBIC.rotations, fields, strict=True):
        crystals = quaternion_multiply(turn, q[0])
        voxels = field.reshape(4, -1).T
        near = CUBIC.disorientation(voxels[:, None], crystals[None]) < 1e-6
        assert torch.equal(near.sum(0).to(torch.float64)[volumes > 0], volumes[volumes > 0])


def test_moves_are_even():
    turns, shifts = random_moves((3, 3, 3), 24_000, torch.Generator().manual_seed(0))
    counts = torch.bincount(turns, minlength=24).to(torch.float64)
    # 23 degrees of freedom: a chi-square of 60 comes once in 30,000 times.
    assert float(((counts - 1000) ** 2 / 1000).sum()) < 60
    assert sorted(shifts.unique().tolist()) == [0, 1, 2]


def test_unknown_features_are_refused():
    with pytest.raises(ValueError, match="must be one of quaternion, harmonic, harmonic6"):
        feature("euler")


def test_harmonics_do_not_jump_where_quaternions_do():
    q = random_quaternions(1)
    copies = quaternion_multiply(q, CUBIC.rotations)
    for name in NAMES:
        values = feature(name).compute(copies)
        torch.testing.assert_close(values, values[:1].expand_as(values))
