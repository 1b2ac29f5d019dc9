"""Losses and angles of rebuilt crystals, and the predictors that need no learning."""

from __future__ import annotations

import pytest
import torch

from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    quaternion_multiply,
    random_quaternions,
)
from polyxtal.crystal.symmetry import cubic_rotations, disorientation
from polyxtal.dataset.features import FEATURES
from polyxtal.model.mae import Mask, random_mask
from polyxtal.model.reconstruction import (
    mean_of_visible,
    nearest_visible,
    patch_disorientation,
    plain_loss,
    read_orientations,
    symmetric_loss,
)
from polyxtal.model.tokens import patchify, unpatchify


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_symmetric_loss_is_that_of_the_closest_copy():
    q, p = random_quaternions(40, 1), random_quaternions(40, 2) * 0.7
    copies = quaternion_multiply(q[:, None], cubic_rotations())
    copies = torch.cat([copies, -copies], 1)
    expected = (p[:, None] - copies).square().sum(-1).amin(-1).mean() / 4
    torch.testing.assert_close(symmetric_loss(p.reshape(2, 80), q.reshape(2, 80)), expected)


def test_copies_of_a_crystal_cost_nothing():
    q = random_quaternions(24, 3)
    copies = quaternion_multiply(q, cubic_rotations())
    assert float(symmetric_loss(copies.reshape(1, 96), q.reshape(1, 96))) < 1e-12
    assert float(plain_loss(copies, q)) > 0.1


@pytest.mark.parametrize("name", FEATURES)
def test_orientations_are_read_back(name):
    q = random_quaternions(500, 4)
    values = FEATURES[name].compute(q)
    read = read_orientations(name, 0.3 * values)
    assert float(disorientation(read, q).max()) < 1e-6


def test_noisy_harmonics_are_read_as_the_closest_crystal():
    # The maximum over all orientations, found on a fine grid, is not exceeded.
    noisy = FEATURES["harmonic"].compute(random_quaternions(50, 5))
    noisy = noisy + 0.2 * torch.randn(noisy.shape, generator=torch.Generator(), dtype=noisy.dtype)
    read = FEATURES["harmonic"].compute(read_orientations("harmonic", noisy))
    trial = FEATURES["harmonic"].compute(random_quaternions(200_000, 6))
    best = (noisy @ trial.mT).amax(-1)
    assert bool(((noisy * read).sum(-1) > best - 1e-3).all())


def test_nothing_known_is_read_as_something():
    for name in ("quaternion", "harmonic"):
        read = read_orientations(name, torch.zeros(3, FEATURES[name].channels))
        torch.testing.assert_close(read.norm(dim=-1), torch.ones(3, dtype=torch.float64))


def test_disorientation_of_patches():
    q = random_quaternions(8 * 3, 7)
    turn = axis_angle_to_quaternion(
        torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), torch.tensor(0.2, dtype=torch.float64)
    )
    for name in ("quaternion", "harmonic"):
        channels = FEATURES[name].channels
        truth = FEATURES[name].compute(q).reshape(1, 3, 8 * channels)
        turned = FEATURES[name].compute(quaternion_multiply(turn, q)).reshape(1, 3, 8 * channels)
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
