"""Kernel densities beside plain sums, and pole densities beside those of orix."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import beta

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_multiply, random_quaternions
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.cubochoric import cubochoric_grid
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.texture.quadrature import zone_points

EVEN = cubochoric_grid(44)
FLIPS = {"triclinic": np.eye(4)[:1], "orthorhombic": np.eye(4)}


def plain_sum(grains, voxels, halfwidth, laue, symmetry):
    """Return C cos^2κ(ω/2) about each grain and its equivalents, at `EVEN`."""
    kappa = 0.5 * math.log(0.5) / math.log(math.cos(halfwidth / 2))
    constant = beta(1.5, 0.5) / beta(1.5, kappa + 0.5)
    copies, rotations = 0, LaueGroup(laue).rotations
    total = torch.zeros(len(EVEN), dtype=torch.float64)
    for q, count in zip(grains, voxels, strict=True):
        for flip in FLIPS[symmetry]:
            for s in rotations:
                centre = quaternion_multiply(torch.from_numpy(flip), quaternion_multiply(q, s))
                total += count * constant * (EVEN @ centre).abs() ** (2 * kappa)
        copies += count * len(FLIPS[symmetry]) * len(rotations)
    return total / copies


@pytest.mark.parametrize(
    ("laue", "symmetry"), [("m-3m", "triclinic"), ("6/mmm", "orthorhombic"), ("2/m", "triclinic")]
)
def test_density_of_a_volume_is_a_plain_sum_over_grains_and_symmetry(laue, symmetry):
    texture = px.UniformTexture(laue)
    lattice = Lattice.of_laue_group(laue)
    rve = px.tessellate(grid=(12, 12, 1), grains=6, texture=texture, lattice=lattice, seed=2)
    halfwidth = math.radians(20)
    odf = px.estimate_odf(rve, halfwidth=halfwidth, sample_symmetry=symmetry)
    voxels = np.bincount(rve.grain_id.numpy().reshape(-1), minlength=len(rve.orientations))
    brute = plain_sum(rve.orientations, voxels.tolist(), halfwidth, laue, symmetry)
    at = slice(0, None, 97)
    torch.testing.assert_close(odf.density(EVEN[at]), brute[at], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(odf.fourier().density(EVEN[at]), brute[at], rtol=1e-3, atol=2e-3)
    assert odf.index == pytest.approx(float(brute.square().mean()), rel=2e-3)
    inside = LaueGroup(laue).disorientation(EVEN, rve.orientations[0]) < math.radians(30)
    if symmetry == "triclinic":
        counted = float((brute * inside).mean())
        found = odf.volume_fraction(rve.orientations[0], math.radians(30))
        assert found == pytest.approx(counted, rel=0.02)


@pytest.mark.parametrize("laue", ["m-3m", "6/mmm"])
def test_pole_density_is_that_of_orix(laue):
    pytest.importorskip("orix")
    from orix.measure import pole_density_function
    from orix.vector import Vector3d

    odf = px.ODF(random_quaternions(2, 1), [2, 1], 0.4, laue, uniform=0.1)
    q = zone_points(math.radians(2), odf.laue)
    weights = odf.density(q)
    texture = DiscreteTexture(q, weights, laue=odf.laue)
    crystals = px.texture_to_orix(texture)[0]
    h = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    family = crystals.symmetry.outer(Vector3d(h.numpy())).data.reshape(-1, 3)
    family = np.concatenate([family, -family])
    poles = (~crystals).outer(Vector3d(family))
    each = np.repeat(weights.numpy(), len(family))
    hist, _ = pole_density_function(
        Vector3d(poles.data.reshape(-1, 3)), resolution=10, sigma=0, weights=each, log=False
    )
    # Means over the same bins of equal area.
    azimuth = (np.arange(hist.shape[0] * 6) + 0.5) * (2 * np.pi / (hist.shape[0] * 6))
    z = 1 - (np.arange(hist.shape[1] * 6) + 0.5) / (hist.shape[1] * 6)
    flat = np.sqrt(1 - z**2)
    grid = np.stack(
        [
            np.outer(np.cos(azimuth), flat),
            np.outer(np.sin(azimuth), flat),
            np.broadcast_to(z, (len(azimuth), len(z))),
        ],
        -1,
    )
    ours = odf.pole_density(h, torch.from_numpy(grid.copy())).numpy()
    ours = ours.reshape(hist.shape[0], 6, hist.shape[1], 6).mean((1, 3))
    off = abs(np.asarray(hist) - ours)
    print(laue, hist.shape, off.mean(), off.max(), ours.min(), ours.max())
    assert off.mean() < 0.01
    assert (ours.max() - ours.min()) > 0.5
