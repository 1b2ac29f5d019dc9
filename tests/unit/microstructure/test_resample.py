"""Crop, coarsen and renumber against loops that say what is meant."""

from collections import Counter

import pytest
import torch

from polyxtal.algebra.rotation import random_quaternions
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.resample import coarsen, crop, renumber


def polycrystal(grid=(4, 6, 8), grains=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(grains, grid, generator=generator)
    phase = torch.arange(grains) % 2
    return Polycrystal(ids, random_quaternions(grains, 1), (2.0, 6.0, 4.0), phase, ("a", "b"))


def test_crop_keeps_voxels_and_their_size():
    rve = polycrystal()
    box = crop(rve, [(1, 3), (0, 6), (5, 8)])
    assert box.grid == (2, 6, 3)
    assert box.size == (1.0, 6.0, 1.5)
    assert box.spacing == rve.spacing
    for i in range(2):
        for j in range(6):
            for k in range(3):
                assert box.grain_id[i, j, k] == rve.grain_id[i + 1, j, k + 5]
    assert torch.equal(box.orientations, rve.orientations)
    assert torch.equal(box.phase, rve.phase)
    assert box.phase_names == rve.phase_names


def test_crop_of_everything_changes_nothing():
    rve = polycrystal()
    same = crop(rve, [(0, n) for n in rve.grid])
    assert torch.equal(same.grain_id, rve.grain_id)
    assert same.size == rve.size


@pytest.mark.parametrize("bad", [(-1, 2), (0, 5), (2, 2), (3, 1)])
def test_crop_stays_in_the_grid(bad):
    with pytest.raises(ValueError, match=rf"within 0:4 along x, but is {bad[0]}:{bad[1]}"):
        crop(polycrystal(), [bad, (0, 6), (0, 8)])
    with pytest.raises(ValueError, match="must be three"):
        crop(polycrystal(), [(0, 1), (0, 1)])


@pytest.mark.parametrize("factor", [1, 2, (1, 3, 2), (4, 6, 8), (2, 1, 8)])
def test_coarsening_takes_the_majority_and_the_smallest_id_of_several(factor):
    rve = polycrystal()
    fx, fy, fz = (factor,) * 3 if isinstance(factor, int) else factor
    coarse = coarsen(rve, factor)
    assert coarse.grid == (4 // fx, 6 // fy, 8 // fz)
    assert coarse.size == rve.size
    assert torch.equal(coarse.orientations, rve.orientations)
    for i in range(coarse.grid[0]):
        for j in range(coarse.grid[1]):
            for k in range(coarse.grid[2]):
                block = rve.grain_id[
                    i * fx : (i + 1) * fx, j * fy : (j + 1) * fy, k * fz : (k + 1) * fz
                ]
                counts = Counter(block.reshape(-1).tolist())
                most = max(counts.values())
                winner = min(grain for grain, count in counts.items() if count == most)
                assert coarse.grain_id[i, j, k] == winner


def test_a_tie_goes_to_the_smallest_id():
    rve = Polycrystal([[[3, 1], [1, 3]], [[0, 2], [2, 0]]], random_quaternions(4, 0))
    assert coarsen(rve, (1, 2, 2)).grain_id.tolist() == [[[1]], [[0]]]
    assert coarsen(rve, 2).grain_id.tolist() == [[[0]]]


def test_factor_must_divide_the_grid():
    with pytest.raises(ValueError, match=r"must divide the grid \(4, 6, 8\), but is 3"):
        coarsen(polycrystal(), 3)
    for bad in (0, -2, (2, 2), (1, 0, 1)):
        with pytest.raises(ValueError, match="one or three positive numbers"):
            coarsen(polycrystal(), bad)


def test_renumbering_removes_empty_grains_only():
    q = random_quaternions(5, 3)
    rve = Polycrystal([[[4, 1, 4]]], q, (1.0, 1.0, 3.0), [0, 1, 0, 0, 2], ("a", "b", "c"))
    less = renumber(rve)
    assert less.grain_id.tolist() == [[[1, 0, 1]]]
    assert torch.equal(less.orientations, q[[1, 4]])
    assert less.phase.tolist() == [1, 2]
    assert less.phase_names == rve.phase_names
    assert torch.equal(less.orientation_field(), rve.orientation_field())
