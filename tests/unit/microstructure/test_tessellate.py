"""Synthetic polycrystals: exact against brute force and a KD-tree, sizes and shapes as asked."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.stats import kstest

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.laue import CUBIC
from polyxtal.microstructure import tessellate as module
from polyxtal.microstructure.grain_statistics import grain_statistics
from polyxtal.microstructure.tessellate import power_diagram, tessellate
from polyxtal.microstructure.tessellate_batch import nearest_seed
from polyxtal.texture.cubochoric import cubochoric_grid
from polyxtal.texture.distribution import DiscreteTexture, UniformTexture
from polyxtal.texture.harmonics import cubic_harmonics
from polyxtal.texture.hull import sample_texture_hull
from polyxtal.texture.measure import texture_coefficients
from polyxtal.texture.sheet import rolling_texture


@pytest.mark.parametrize(
    ("grid", "grains", "scale"),
    [
        ((9, 7, 5), 4, (1.0, 1.0, 1.0)),
        ((20, 11, 16), 60, (1.0, 0.5, 2.0)),
        ((8, 8, 8), 200, (1.0, 1.0, 1.0)),
        ((5, 1, 1), 3, (1.0, 1.0, 1.0)),
        ((6, 6, 6), 1, (1.0, 1.0, 1.0)),
    ],
)
@pytest.mark.parametrize("power", [0.0, 3.0])
def test_both_forms_agree(grid, grains, scale, power):
    generator = torch.Generator().manual_seed(grains)
    seeds = torch.rand(grains, 3, generator=generator, dtype=torch.float64) * torch.tensor(grid)
    weights = power * torch.rand(grains, generator=generator, dtype=torch.float64)
    fast = power_diagram(grid, seeds.numpy(), weights.numpy(), np.array(scale))
    plain = nearest_seed(grid, seeds, weights, torch.tensor(scale, dtype=torch.float64))
    assert np.array_equal(fast, plain.numpy())


def test_voxels_far_from_every_seed_are_settled():
    # All seeds but two in one corner. The voxel in the middle lies in the corner of the box of one
    # of the two, and outside the box of the other, which is nearer.
    generator = torch.Generator().manual_seed(1)
    seeds = 4 * torch.rand(300, 3, generator=generator, dtype=torch.float64)
    seeds[0], seeds[1] = torch.tensor([14.4, 14.4, 14.4]), torch.tensor([15.6, 10.5, 10.5])
    weights = torch.zeros(300, dtype=torch.float64)
    fast = power_diagram((21, 21, 21), seeds.numpy(), weights.numpy(), np.ones(3))
    assert fast[10, 10, 10] == 1
    plain = nearest_seed((21, 21, 21), seeds, weights, torch.ones(3).double())
    assert np.array_equal(fast, plain.numpy())


def test_voronoi_is_what_a_periodic_tree_finds():
    seeds = np.random.default_rng(5).random((150, 3)) * 24
    axis = np.arange(24) + 0.5
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    _, nearest = cKDTree(seeds, boxsize=24.0).query(points)
    ours = power_diagram((24, 24, 24), seeds, np.zeros(150), np.ones(3))
    assert np.array_equal(ours.ravel(), nearest)


def test_same_seed_same_polycrystal():
    one, same, other = (tessellate(12, 30, spread=0.2, seed=s) for s in (4, 4, 5))
    assert torch.equal(one.grain_id, same.grain_id)
    assert torch.equal(one.orientations, same.orientations)
    assert not torch.equal(one.grain_id, other.grain_id)


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.2, 0.3])
def test_grain_sizes_are_as_asked(spread):
    rve = tessellate(32, 250, spread=spread, seed=2)
    statistics = grain_statistics(rve)
    # 250 draws of a normal distribution know their spread to 5 %; voxels are coarse.
    assert statistics.spread() == pytest.approx(spread, rel=0.15, abs=0.02)
    assert int((statistics.diameter == 0).sum()) == 0


def test_grain_sizes_are_log_normal():
    """The whole distribution, not its width alone: the normal's, of its own mean and width."""
    logarithm = grain_statistics(tessellate(64, 2000, spread=0.3, seed=2)).diameter.log()
    standard = ((logarithm - logarithm.mean()) / logarithm.std()).numpy()
    far = kstest(standard, "norm").statistic
    # What 2000 draws stray by at most, but for one time in a hundred, is 1.63 / sqrt(2000) = 0.036.
    assert far < 0.036
    # Voronoi's grains, by contrast, have more small ones than large.
    plain = grain_statistics(tessellate(64, 2000, seed=2)).diameter.log()
    assert kstest(((plain - plain.mean()) / plain.std()).numpy(), "norm").statistic > far


@pytest.mark.parametrize("aspect", [(3.0, 1.0, 1.0), (1.0, 1.0, 0.3), (4.0, 2.0, 1.0)])
@pytest.mark.parametrize("spread", [None, 0.2])
def test_grain_shapes_are_as_asked(aspect, spread):
    measured = grain_statistics(tessellate(40, 200, aspect=aspect, spread=spread, seed=1)).aspect()
    wanted = np.array(aspect) / aspect[2]
    np.testing.assert_allclose(measured, wanted, rtol=0.08)


def test_shapes_are_in_space_not_in_voxels():
    # Voxels twice as long along x: round grains have half as many of them along x.
    rve = tessellate((24, 48, 48), 200, size=(48.0, 48.0, 48.0), seed=3)
    np.testing.assert_allclose(grain_statistics(rve).aspect(), (1, 1, 1), rtol=0.05)
    assert rve.spacing == (2.0, 1.0, 1.0)


def test_statistics_of_known_grains():
    # Four slabs of 4 x 4 x 1 voxels of 2 x 1 x 3, one of them across the boundary.
    rve = px.Polycrystal(
        torch.tensor([0, 1, 1, 0]).expand(4, 4, 4), random_quaternions(3), (8.0, 4.0, 12.0)
    )
    statistics = grain_statistics(rve)
    volume = 4 * 4 * 2 * 6.0
    diameter = (6 * volume / np.pi) ** (1 / 3)
    torch.testing.assert_close(
        statistics.diameter, torch.tensor([diameter, diameter, 0.0], dtype=torch.float64)
    )
    expected = torch.tensor([8 / 12**0.5, 4 / 12**0.5, 6 / 12**0.5], dtype=torch.float64)
    torch.testing.assert_close(statistics.extent[:2], expected.expand(2, 3))


def test_orientations_and_sizes_are_taken():
    q = random_quaternions(7)
    rve = tessellate((4, 6, 8), 7, orientations=q, size=2.0)
    assert torch.equal(rve.orientations, q)
    assert rve.size == (2.0, 3.0, 4.0)
    assert tessellate((4, 6, 8), 7).size == (4.0, 6.0, 8.0)


def test_grains_have_the_texture_by_volume():
    texture = rolling_texture({"brass": 0.4, "s": 0.4}, np.radians(12))
    rve = tessellate(24, 400, texture, spread=0.3, seed=1)
    even = cubochoric_grid(24)
    wanted = texture.density(even) @ cubic_harmonics(even) / len(even)
    got = texture_coefficients(rve.orientations, rve.volume_fractions)
    effective = 1 / float(rve.volume_fractions.square().sum())
    assert float((got - wanted).norm()) < 2 / effective**0.5
    assert float(wanted.norm()) > 5 * float((got - wanted).norm())


@pytest.mark.parametrize("spread", [None, 0.3])
def test_points_of_the_hull_get_their_volume(spread):
    def seven(u: float, n: int) -> int:
        return 7

    sample = sample_texture_hull(1, 30.0, seed=2, support=seven)
    rve = tessellate(20, 60, sample, spread=spread, seed=3)
    assert torch.equal(
        rve.orientations, tessellate(20, 60, sample[0], spread=spread, seed=3).orientations
    )
    which = CUBIC.disorientation(rve.orientations[:, None], sample[0].points[None]).argmin(1)
    share = torch.zeros(7, dtype=torch.float64).index_add_(0, which, rve.volume_fractions)
    largest = float(rve.volume_fractions.max())
    assert float((share - sample[0].weights).abs().max()) <= largest + 1e-9
    # The texture of the polycrystal is that list of grains.
    measured = rve.texture()
    assert isinstance(measured, DiscreteTexture)
    torch.testing.assert_close(measured.weights, rve.volume_fractions)
    assert torch.equal(measured.points, rve.orientations)


def test_the_texture_does_not_move_the_grains():
    plain = tessellate(12, 30, seed=4)
    textured = tessellate(12, 30, UniformTexture(), seed=4)
    assert torch.equal(plain.grain_id, textured.grain_id)
    same = tessellate(12, 30, UniformTexture(), seed=4)
    assert torch.equal(same.orientations, textured.orientations)


@pytest.mark.parametrize("spread", [None, 0.2])
def test_the_readable_form_makes_the_same_polycrystal(monkeypatch, spread):
    arguments = {"grid": (10, 12, 8), "grains": 40, "aspect": (2.0, 1.0, 1.0), "spread": spread}
    compiled = tessellate(**arguments, seed=5)
    asked = []

    def readable(grid, *parts):
        asked.append(grid)
        return nearest_seed(grid, *(torch.from_numpy(p) for p in parts)).to(torch.int32).numpy()

    monkeypatch.setattr(module, "power_diagram", readable)
    plain = tessellate(**arguments, seed=5, device=torch.device("cpu"))
    assert asked
    assert torch.equal(plain.grain_id, compiled.grain_id)
    assert torch.equal(plain.orientations, compiled.orientations)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no such device here")
@pytest.mark.parametrize("spread", [None, 0.2])
def test_another_device_makes_the_same_polycrystal(spread):
    here, there = (tessellate(24, 200, spread=spread, seed=6, device=d) for d in ("cpu", "cuda"))
    assert torch.equal(here.grain_id, there.grain_id)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"grid": (4, 4)}, "`grid` must be one or three"),
        ({"grid": 0}, "`grid` must be one or three"),
        ({"grid": 2000}, "at most"),
        ({"grid": 3, "grains": 28}, "`grains` must be a whole number from 1 to .* 27, but is 28"),
        ({"grains": 0}, "`grains` must be a whole number from 1"),
        ({"grains": 5, "orientations": random_quaternions(4)}, "one for each of 5 grains"),
        (
            {"texture": UniformTexture(), "orientations": random_quaternions(5)},
            "`texture` and `orientations` must not both be given",
        ),
        ({"texture": sample_texture_hull(2, 30.0)}, "a sample of 2: take one"),
        ({"grains": 5, "aspect": (1.0, 0.0, 1.0)}, "`aspect` must be three positive"),
        ({"grains": 5, "aspect": (1e-300, 1.0, 1.0)}, "by at most 1e.06, but do by 1e.300"),
        ({"grains": 5, "size": (1e300, 1.0, 1.0)}, "by at most 1e.06, but do by"),
        ({"grains": 5, "size": (1.0, float("nan"), 1.0)}, "`size` must be three positive"),
        ({"grains": 5, "spread": 2.0}, "`spread` must be from 0"),
    ],
)
def test_bad_requests_get_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        tessellate(**({"grid": 8, "grains": 5} | arguments))


USER = """
import numpy as np
import polyxtal as px

def said(**arguments):
    try:
        px.tessellate(**({"grid": 8, "grains": 5} | arguments))
    except ValueError as error:
        return str(error)

plain = px.tessellate(8, 5, size=3.0, seed=4)
for size in (np.float32(3.0), np.int64(3)):
    other = px.tessellate(np.int64(8), np.int64(5), size=size, seed=4)
    assert other.size == plain.size and bool((other.grain_id == plain.grain_id).all())
assert "`grid` must be one or three" in said(grid=None)
assert "`grid` must be one or three" in said(grid=8.0)
assert "`grains` must be a whole number from 1 to the number of voxels, 512, but is 4.5" in said(
    grains=4.5
)
assert "`grains` must be a whole number" in said(grains="4")
assert "`texture` must be a texture, such as `rolling_texture` makes, but is a str" in said(
    texture="cube"
)
"""


def test_users_without_a_type_checker_get_one_sentence_too():
    """Tests check types at every call; users have neither the check nor, perhaps, Python's own."""
    done = subprocess.run([sys.executable, "-c", USER], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
