"""Coarser grids keep what determines the answer, better than every nth voxel does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.microstructure.coarse import coarsen
from polyxtal.texture.harmonics import symmetric_harmonics
from polyxtal.texture.measure import texture_coefficients


def nearest(rve: px.Polycrystal, grid: tuple[int, int, int]) -> px.Polycrystal:
    """Take the fine voxel at the centre of every coarse one."""
    places = [(2 * np.arange(m) + 1) * n // (2 * m) for n, m in zip(rve.grid, grid, strict=True)]
    ids = rve.grain_id.numpy()[np.ix_(*places)]
    return px.Polycrystal(ids, rve.orientations, rve.size, rve.phase, rve.phase_names, rve.lattices)


def lost_volume(coarse: px.Polycrystal, rve: px.Polycrystal) -> float:
    return float((coarse.volume_fractions - rve.volume_fractions).abs().sum())


def lost_texture(coarse: px.Polycrystal, rve: px.Polycrystal, degree: int) -> float:
    means = [
        texture_coefficients(one.orientations, one.volume_fractions, degree, rve.laue_group())
        for one in (coarse, rve)
    ]
    return float(torch.linalg.vector_norm(means[0] - means[1]))


@pytest.mark.parametrize("lattice", [None, px.Lattice("hP", 1.59)])
@pytest.mark.parametrize("grid", [(7, 7, 7), (9, 6, 5)])
def test_volumes_and_texture_are_kept_better_than_by_every_nth_voxel(lattice, grid):
    rve = px.tessellate(grid=20, grains=80, seed=3, lattice=lattice)
    coarse, plain = coarsen(rve, grid), nearest(rve, grid)
    assert coarse.grid == grid
    assert coarse.size == rve.size
    assert lost_volume(coarse, rve) < 0.85 * lost_volume(plain, rve)
    for degree in (4, 6) if lattice is None else (2, 4, 6):
        assert lost_texture(coarse, rve, degree) < 0.5 * lost_texture(plain, rve, degree)


def test_less_than_a_voxel_a_grain_still_keeps_the_texture():
    rve = px.tessellate(grid=20, grains=400, seed=0)
    coarse, plain = coarsen(rve, 6), nearest(rve, (6, 6, 6))  # 216 voxels
    for degree in (4, 6):
        assert lost_texture(coarse, rve, degree) < 0.2 * lost_texture(plain, rve, degree)


def test_phases_are_kept_to_a_voxel():
    drawn = px.tessellate(grid=18, grains=120, seed=1)
    phase = torch.arange(120) % 5 // 4
    rve = px.Polycrystal(
        drawn.grain_id, drawn.orientations, phase=phase, phase_names=["matrix", "rare"]
    )
    for grid in (5, 7, (4, 9, 6)):
        coarse = coarsen(rve, grid)
        shares = [float(one.volume_fractions[phase == 1].sum()) for one in (coarse, rve)]
        assert abs(shares[0] - shares[1]) <= 1.5 / coarse.grain_id.numel()
        assert coarse.phase_names == rve.phase_names


def test_every_voxel_gets_a_grain_that_it_overlaps():
    rve = px.tessellate(grid=(12, 10, 9), grains=30, seed=2)
    coarse = coarsen(rve, (5, 4, 7))
    ids = rve.grain_id.numpy()
    for i, j, k in np.ndindex(5, 4, 7):
        ranges = [
            slice(a * n // m, -(-(a + 1) * n // m))
            for a, n, m in zip((i, j, k), rve.grid, coarse.grid, strict=True)
        ]
        assert int(coarse.grain_id[i, j, k]) in ids[tuple(ranges)]


def test_the_same_grid_is_the_same_polycrystal():
    rve = px.tessellate(grid=(6, 1, 4), grains=7, seed=0)
    assert torch.equal(coarsen(rve, rve.grid).grain_id, rve.grain_id)
    assert coarsen(rve, 1).grain_id.shape == (1, 1, 1)


def test_seeds_give_the_same_choice_again_whatever_the_global_state():
    rve = px.tessellate(grid=14, grains=50, seed=0)
    first = coarsen(rve, 5, seed=4).grain_id
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    assert torch.equal(coarsen(rve, 5, seed=4).grain_id, first)
    assert not torch.equal(coarsen(rve, 5, seed=5).grain_id, first)


@pytest.mark.parametrize("grid", [0, 9, (3, 3), (3, 3, 9), (-1, 3, 3)])
def test_bad_grids_are_one_sentence(grid):
    rve = px.tessellate(grid=8, grains=5, seed=0)
    with pytest.raises(ValueError, match="Argument `grid` must be one or three numbers of voxels"):
        coarsen(rve, grid)


def test_harmonics_of_each_phase_have_their_own_symmetry():
    drawn = px.tessellate(grid=12, grains=60, seed=1)
    lattices = [px.Lattice("cF"), px.Lattice("hP", 1.59)]
    phase = torch.arange(60) % 2
    rve = px.Polycrystal(
        drawn.grain_id, drawn.orientations, phase=phase, phase_names=["a", "b"], lattices=lattices
    )
    coarse, plain = coarsen(rve, 6), nearest(rve, (6, 6, 6))
    for index in (0, 1):
        values = symmetric_harmonics(rve.orientations, 4, rve.laue_group(index))
        values = values * (phase == index)[:, None]
        errors = [
            float((values.mT @ (one.volume_fractions - rve.volume_fractions)).norm())
            for one in (coarse, plain)
        ]
        assert errors[0] < 0.5 * errors[1]
