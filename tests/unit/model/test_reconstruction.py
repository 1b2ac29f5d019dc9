"""Disorientations of reconstructed crystals, and the trivial predictors."""

from __future__ import annotations

import pytest
import torch

from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    quaternion_multiply,
    random_quaternions,
)
from polyxtal.crystal.laue import CUBIC
from polyxtal.dataset.features import NAMES, feature
from polyxtal.model.mae import Mask, random_mask
from polyxtal.model.reconstruction import (
    _distinct,
    mean_of_visible,
    nearest_visible,
    patch_disorientation,
    read_orientations,
    snap_to_visible,
)
from polyxtal.model.tokens import patchify, unpatchify


def test_snapping_takes_the_closest_visible_crystal():
    generator = torch.Generator().manual_seed(5)
    crystals = feature("harmonic").compute(random_quaternions(5, 9)).to(torch.float32)
    crystals *= torch.tensor([[1.0], [0.4], [1.5], [0.7], [1.0]])  # closest, not most parallel
    ids = torch.randint(5, (2, 4, 4, 4), generator=generator)
    ids[:, :2, :2] = ids[:, :2, :2].clamp(max=3)
    field = crystals[ids].permute(0, 4, 1, 2, 3)
    mask = Mask(torch.tensor([[0, 1], [0, 1]]), torch.tensor([[2, 3, 4, 5, 6, 7]] * 2))
    seen = patchify(field, 2)[:, :2].reshape(2, -1, 9)
    noisy = patchify(field, 2)[:, 2:] + 0.05 * torch.randn(2, 6, 72, generator=generator)
    snapped = snap_to_visible(noisy, field, mask, 2).reshape(2, -1, 9)
    for b in range(2):
        among = seen[b].unique(dim=0)
        closest = torch.cdist(noisy[b].reshape(-1, 9), among).argmin(-1)
        assert torch.equal(snapped[b], among[closest])
        assert not any(torch.equal(row, crystals[4]) for row in snapped[b])


def test_snapping_looks_around_the_patch_only():
    # Layers normal to x: crystal 3 is visible two patches away, 1 and 4 next door.
    crystals = feature("harmonic").compute(random_quaternions(5, 10)).to(torch.float32)
    ids = torch.arange(5)[:, None, None].expand(5, 5, 5)
    field = crystals[ids].permute(3, 0, 1, 2)[None]
    hidden = torch.arange(25)  # of x = 0
    mask = Mask(torch.arange(25, 125)[None], hidden[None])
    answer = crystals[3].expand(1, 25, 9)
    snapped = snap_to_visible(answer, field, mask, 1)
    near = torch.stack([crystals[1], crystals[4]])  # across the face, too
    best = near[torch.cdist(crystals[3][None], near).argmin()]
    assert torch.equal(snapped, best.expand(1, 25, 9))
    # With nothing visible around, all that is visible counts.
    far = Mask(torch.arange(50, 100)[None], hidden[None])
    for crystal in crystals[2:4]:
        there = crystal.expand(1, 25, 9)
        assert torch.equal(snap_to_visible(there, field, far, 1), there)


@pytest.mark.parametrize("name", NAMES)
def test_orientations_are_read_back(name):
    q = random_quaternions(500, 4)
    values = feature(name).compute(q)
    read = read_orientations(name, 0.3 * values)
    assert float(CUBIC.disorientation(read, q).max()) < 1e-6


def test_noisy_harmonics_are_read_as_the_closest_crystal():
    # The maximum over all orientations, found on a fine grid, is not exceeded.
    noisy = feature("harmonic").compute(random_quaternions(50, 5))
    noisy = noisy + 0.2 * torch.randn(noisy.shape, generator=torch.Generator(), dtype=noisy.dtype)
    read = feature("harmonic").compute(read_orientations("harmonic", noisy))
    trial = feature("harmonic").compute(random_quaternions(200_000, 6))
    best = (noisy @ trial.mT).amax(-1)
    assert bool(((noisy * read).sum(-1) > best - 1e-3).all())


def test_nothing_known_is_read_as_something():
    for name in ("quaternion", "harmonic"):
        read = read_orientations(name, torch.zeros(3, feature(name).channels))
        torch.testing.assert_close(read.norm(dim=-1), torch.ones(3, dtype=torch.float64))


def test_disorientation_of_patches():
    q = random_quaternions(8 * 3, 7)
    turn = axis_angle_to_quaternion(
        torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), torch.tensor(0.2, dtype=torch.float64)
    )
    for name in ("quaternion", "harmonic"):
        channels = feature(name).channels
        truth = feature(name).compute(q).reshape(1, 3, 8 * channels)
        turned = feature(name).compute(quaternion_multiply(turn, q)).reshape(1, 3, 8 * channels)
        angle = patch_disorientation(name, turned, truth, channels)
        torch.testing.assert_close(angle, torch.full((1,), 0.2, dtype=torch.float64))


def test_the_mean_of_visible_voxels():
    field = torch.randn(2, 3, 4, 4, 4)
    mask = random_mask(2, 8, 0.5, torch.Generator().manual_seed(0))
    rebuilt = mean_of_visible(field, mask, 2)
    assert rebuilt.shape == (2, 4, 24)
    patches = patchify(field, 2)
    for b in range(2):
        mean = patches[b, mask.visible[b]].reshape(-1, 3).mean(0)
        torch.testing.assert_close(rebuilt[b].reshape(-1, 3), mean.expand(32, -1))


def test_the_nearest_visible_voxel_is_found_across_faces():
    # A bar of five patches along x, of which the first two are visible.
    field = torch.arange(10.0).reshape(1, 1, 10, 1, 1).expand(1, 1, 10, 2, 2).contiguous()
    mask = Mask(torch.tensor([[0, 1]]), torch.tensor([[4, 2, 3]]))
    rebuilt = nearest_visible(field, mask, 2).reshape(3, 2, 2, 2)[:, :, 0, 0]
    # Voxels 8, 9 are next to 0 across the face, 4 and 5 next to 3, 6 is as near to 3 as 7 to 0.
    assert rebuilt.tolist() == [[0.0, 0.0], [3.0, 3.0], [3.0, 0.0]]
    whole = patchify(field, 2).scatter(1, mask.hidden[:, :, None].expand(-1, -1, 8), -1.0)
    assert torch.equal(
        nearest_visible(unpatchify(whole, 2, (10, 2, 2)), mask, 2), nearest_visible(field, mask, 2)
    )


def test_rows_that_occur_often_are_read_once():
    q = random_quaternions(5, 11)
    values = feature("harmonic").compute(q)
    order = torch.randint(5, (400,), generator=torch.Generator().manual_seed(0))
    few, places = _distinct(values[order])
    assert len(few) == 5
    assert torch.equal(few[places], values[order])
    # Rows of the same key that differ are told apart.
    weights = torch.linspace(1.0, 2.0, 9, dtype=torch.float64).sqrt()
    alike = torch.zeros(2, 9, dtype=torch.float64)
    alike[0, 0], alike[1, 8] = 1 / weights[0], 1 / weights[8]
    assert len((alike @ weights).unique()) == 1
    found, where = _distinct(alike)
    assert torch.equal(found[where], alike)
