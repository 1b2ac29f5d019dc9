"""Few leaves for many grains, and many leaves for few."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    quaternion_multiply,
    random_quaternions,
)
from polyxtal.crystal.laue import CUBIC
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.quantise import Leaves, merge_orientations, quantise, split_counts
from polyxtal.texture.measure import texture_coefficients


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def polycrystal(grains: int, seed: int = 0, phases: int = 1) -> Polycrystal:
    ids = torch.randint(grains, (8, 8, 8), generator=generator(seed))
    return Polycrystal(
        ids,
        random_quaternions(grains, seed + 1),
        phase=torch.arange(grains) % phases,
        phase_names=tuple("abc"[:phases]),
    )


def check(leaves: Leaves, count: int, rve: Polycrystal) -> None:
    assert leaves.orientations.shape == (count, 4)
    assert leaves.weights.shape == leaves.phase.shape == (count,)
    assert float(leaves.weights.min()) > 0
    norm = torch.linalg.vector_norm(leaves.orientations, dim=1)
    torch.testing.assert_close(norm, torch.ones_like(norm), rtol=0, atol=1e-14)
    for p in range(len(rve.phase_names)):
        wanted = float(rve.volume_fractions[rve.phase == p].sum())
        given = float(leaves.weights[leaves.phase == p].sum())
        assert given == pytest.approx(wanted, abs=4e-16 * count)


@pytest.mark.parametrize("phases", [1, 2, 3])
@pytest.mark.parametrize("count", [3, 7, 40, 97, 300])
def test_volume_is_kept_phase_by_phase(count, phases):
    rve = polycrystal(100, phases=phases)
    check(quantise(rve, count, generator()), count, rve)


def test_with_more_leaves_than_grains_the_largest_are_split():
    rve = Polycrystal([[[0, 0, 0, 0, 0, 0, 1, 2]]], random_quaternions(3))
    leaves = quantise(rve, 8, generator())
    grain = CUBIC.disorientation(leaves.orientations[:, None], rve.orientations[None]).argmin(1)
    assert torch.bincount(grain).tolist() == [6, 1, 1]
    torch.testing.assert_close(leaves.weights, torch.full((8,), 0.125, dtype=torch.float64))
    assert float(CUBIC.disorientation(leaves.orientations, rve.orientations[grain]).max()) < 1e-12


def test_as_many_leaves_as_grains_are_the_grains():
    rve = polycrystal(40)
    leaves = quantise(rve, 40, generator())
    assert torch.equal(leaves.orientations, rve.orientations)
    torch.testing.assert_close(leaves.weights, rve.volume_fractions, rtol=1e-15, atol=0)


def test_grains_without_voxels_are_left_out():
    q = random_quaternions(5)
    rve = Polycrystal([[[1, 3]]], q)
    for count in (2, 6):
        leaves = quantise(rve, count, generator())
        nearest = CUBIC.disorientation(leaves.orientations[:, None], q[None]).argmin(1)
        assert set(nearest.tolist()) == {1, 3}
        check(leaves, count, rve)


def test_a_phase_without_volume_gets_no_leaf():
    rve = Polycrystal(
        [[[0, 2]]], random_quaternions(3), phase=[0, 1, 2], phase_names=("a", "gone", "c")
    )
    leaves = quantise(rve, 2, generator())
    assert leaves.phase.tolist() == [0, 2]


def test_phases_share_the_leaves_by_volume():
    grain_id = torch.tensor([0] * 75 + [1] * 25).reshape(4, 5, 5)
    rve = Polycrystal(grain_id, random_quaternions(2), phase=[0, 1], phase_names=("a", "b"))
    leaves = quantise(rve, 16, generator())
    assert torch.bincount(leaves.phase).tolist() == [12, 4]
    # However small, a phase has a leaf; and grains of two phases are never merged.
    tiny = torch.zeros(10, 10, 10, dtype=torch.int64)
    tiny[0, 0, 0] = 1
    same = random_quaternions(1).expand(2, 4)
    rve = Polycrystal(tiny, same, phase=[0, 1], phase_names=("a", "b"))
    leaves = quantise(rve, 2, generator())
    assert leaves.weights.tolist() == pytest.approx([0.999, 0.001], abs=1e-15)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_every_phase_needs_a_leaf(count):
    rve = polycrystal(9, phases=3)
    with pytest.raises(ValueError, match=f"at least the number of phases, 3, but is {count}"):
        quantise(rve, count, generator())


def clusters(spread_deg: float, copies: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Five orientations, each scattered, each copy in another of its equivalents."""
    centres = random_quaternions(5, 11)
    seeds = generator(12)
    axis = torch.randn(5, copies, 3, generator=seeds, dtype=torch.float64)
    angle = torch.full((5, copies), torch.pi / 180 * spread_deg, dtype=torch.float64)
    scattered = quaternion_multiply(centres[:, None], axis_angle_to_quaternion(axis, angle))
    choice = torch.randint(24, (5, copies), generator=seeds)
    return centres, quaternion_multiply(scattered, CUBIC.rotations[choice]).reshape(-1, 4)


def test_equivalent_orientations_are_merged_into_one():
    centres, q = clusters(spread_deg=0.0)
    weights = torch.rand(40, generator=generator(1), dtype=torch.float64)
    merged, mass = merge_orientations(q, weights, 5, generator())
    angle = CUBIC.disorientation(merged[:, None], centres[None])
    assert sorted(angle.argmin(1).tolist()) == [0, 1, 2, 3, 4]
    assert float(angle.amin(1).max()) < 1e-7
    expected = weights.reshape(5, 8).sum(1)[angle.argmin(1)]
    torch.testing.assert_close(mass, expected, rtol=1e-14, atol=0)


def test_a_cluster_is_represented_by_its_mean():
    centres, q = clusters(spread_deg=3.0, copies=200)
    merged, mass = merge_orientations(q, torch.ones(1000, dtype=torch.float64), 5, generator())
    angle = CUBIC.disorientation(merged[:, None], centres[None])
    assert mass.tolist() == [200.0] * 5
    assert float(angle.amin(1).max()) < torch.pi / 180 * 0.5  # 3° / √200, with room
    assert float(angle.amin(1).max()) > 0


def test_more_leaves_than_distinct_orientations_still_have_volume():
    q = random_quaternions(3, 2).repeat(10, 1)
    rve = Polycrystal(torch.arange(30).reshape(5, 3, 2), q)
    leaves = quantise(rve, 12, generator())
    check(leaves, 12, rve)
    angle = CUBIC.disorientation(leaves.orientations[:, None], q[None, :3])
    assert float(angle.amin(1).max()) < 1e-7
    share = torch.zeros(3, dtype=torch.float64).index_add_(0, angle.argmin(1), leaves.weights)
    torch.testing.assert_close(share, torch.full_like(share, 1 / 3), rtol=1e-14, atol=0)


def test_more_leaves_keep_the_texture_better():
    rve = polycrystal(400, seed=5)
    truth = texture_coefficients(rve.orientations, rve.volume_fractions)
    errors = []
    bounds = (0.3, 0.07, 0.012, 5e-4)
    for count in (4, 16, 64, 256):
        tries = [quantise(rve, count, generator(seed)) for seed in range(3)]
        error = [
            torch.linalg.vector_norm(texture_coefficients(t.orientations, t.weights) - truth)
            for t in tries
        ]
        errors.append(float(torch.stack(error).mean()))
    for error, bound in zip(errors, bounds, strict=True):
        assert error < bound
    assert all(b < a for a, b in pairwise(errors))


def test_same_seed_same_leaves():
    rve = polycrystal(100)
    first, again, other = (quantise(rve, 20, generator(s)) for s in (4, 4, 5))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.orientations, other.orientations)


@pytest.mark.parametrize(
    ("weights", "total", "expected"),
    [([0.5, 0.5], 2, [1, 1]), ([0.6, 0.3, 0.1], 10, [6, 3, 1]), ([0.9, 0.1], 3, [2, 1])],
)
def test_split_counts(weights, total, expected):
    assert split_counts(torch.tensor(weights), total).tolist() == expected
