"""Grains of a map: who belongs together, what becomes of the rest, and how large grains are."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from places import SAMPLES

import polyxtal as px
from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    normalize_quaternion,
    quaternion_multiply,
    random_quaternions,
)
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC
from polyxtal.microstructure.ebsd import EbsdMap, GrainMap
from polyxtal.microstructure.io import read_ebsd
from polyxtal.microstructure.section import section_profiles
from polyxtal.microstructure.segment import segment

SAMPLE = SAMPLES / "ebsd_316L_500x500.ang"
Z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)


def about_z(degrees):
    angle = torch.as_tensor(np.radians(degrees), dtype=torch.float64)
    return axis_angle_to_quaternion(Z.expand(*angle.shape, 3), angle)


def make(degrees, phase=None, names=("a",), step=(1.0, 1.0), lattices=None):
    """A map of rotations about z [°]; -1 in `phase` is not indexed."""
    degrees = np.asarray(degrees, dtype=float)
    index = np.zeros(degrees.shape, int) if phase is None else np.asarray(phase)
    q = about_z(degrees)
    q[torch.from_numpy(index) < 0] = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
    return EbsdMap(q, torch.from_numpy(index), names, step, {}, Path("m.ang"), lattices)


def halves(angle, shape=(10, 6)):
    degrees = np.zeros(shape)
    degrees[shape[0] // 2 :] = angle
    return degrees


@pytest.mark.parametrize(("angle", "grains"), [(4.9, 1), (5.1, 2), (45.0, 2), (85.1, 1), (90.0, 1)])
def test_threshold_is_of_the_disorientation(angle, grains):
    assert make(halves(angle)).grains().grains == grains


def test_threshold_can_be_chosen():
    assert make(halves(8.0)).grains(math.radians(7.9)).grains == 2
    assert make(halves(8.0)).grains(math.radians(8.1)).grains == 1


def test_a_threshold_in_degrees_is_remarked():
    with pytest.warns(UserWarning, match=r"at most 1.1 rad, but is 2 rad or 115°: angles are in"):
        assert make(halves(8.0)).grains(2.0).grains == 1


def test_gradients_stay_in_one_grain_and_diagonals_do_not_join():
    assert make(np.arange(20)[:, None] * 2.0 * np.ones(5)).grains().grains == 1
    checks = np.kron(np.array([[0, 30], [30, 0]]), np.ones((4, 4)))
    grains = make(checks).grains()
    assert grains.grains == 4
    assert grains.grain_id[::4, ::4].tolist() == [[0, 1], [2, 3]]


def test_phases_never_share_a_grain():
    phase = np.zeros((8, 6), int)
    phase[:, 3:] = 1
    grains = make(np.zeros((8, 6)), phase, ("a", "b")).grains()
    assert grains.phase.tolist() == [0, 1]
    rve = grains.polycrystal
    assert rve.phase_names == ("a", "b")
    assert torch.equal(rve.phase[rve.grain_id][..., 0], torch.from_numpy(phase))


def test_mean_orientation_knows_symmetry():
    generator = torch.Generator().manual_seed(4)
    centre = random_quaternions(1, 5)
    spread = torch.randn(400, 3, generator=generator, dtype=torch.float64)
    angle = 0.01 * torch.linalg.vector_norm(spread, dim=1)
    near = quaternion_multiply(centre.expand(400, 4), axis_angle_to_quaternion(spread, angle))
    copies = CUBIC.rotations[torch.randint(24, (400,), generator=generator)]
    sign = torch.where(torch.rand(400, generator=generator) < 0.5, -1.0, 1.0)[:, None]
    q = (sign * quaternion_multiply(near, copies)).reshape(20, 20, 4)
    phase = torch.zeros(20, 20, dtype=torch.int64)
    grains = EbsdMap(q, phase, ("a",), (1.0, 1.0), {}, Path("m")).grains(0.2)
    assert grains.grains == 1
    # The eigenvector of Σ q qᵀ over points in one copy is the exact mean.
    exact = torch.linalg.eigh(near.T @ near).eigenvectors[:, -1]
    assert float(CUBIC.disorientation(grains.orientations[0], exact)) < 1e-6
    assert float(CUBIC.disorientation(grains.orientations[0], centre[0])) < 2e-3


def test_specks_and_holes_take_the_nearest_grain():
    degrees, phase = halves(40.0, (12, 6)), np.zeros((12, 6), int)
    degrees[2, 2] = 20.0  # a speck
    phase[3, 3] = phase[9, 1] = -1
    phase[5:8, 5] = -1
    ebsd = make(degrees, phase)
    grains = ebsd.grains()
    assert grains.grains == 2
    assert grains.grain_id.tolist() == [[0] * 6] * 6 + [[1] * 6] * 6
    assert grains.filled == pytest.approx(6 / 72)
    assert torch.allclose(normalize_quaternion(grains.orientations), about_z([0.0, 40.0]))
    bare = ebsd.grains(fill=False)
    assert (bare.grain_id < 0).nonzero().tolist() == [
        [2, 2],
        [3, 3],
        [5, 5],
        [6, 5],
        [7, 5],
        [9, 1],
    ]
    assert bare.filled == 0
    assert bare.area.tolist() == [33, 33]
    with pytest.raises(ValueError, match="every point must belong to a grain, but 6 do not"):
        _ = bare.polycrystal
    assert ebsd.grains(minimum=1).grains == 3


def test_nearest_is_measured_in_micrometres():
    phase = np.zeros((5, 3), int)
    degrees = np.zeros((5, 3))
    degrees[:, 2] = 40.0
    degrees[3:, :2] = 20.0
    phase[2, 1] = -1
    phase[:2, 1] = -1
    for step, wanted in (((1.0, 0.1), 2), ((0.1, 1.0), None)):
        ids = make(degrees, phase, step=step).grains(minimum=1).grain_id
        sides = {int(ids[2, 0]), int(ids[2, 2])}
        assert (int(ids[2, 1]) in sides) == (wanted is not None)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"threshold": 0.0}, "`threshold` must be an angle above 0"),
        ({"threshold": math.nan}, "`threshold` must be an angle above 0"),
        ({"threshold": 0.1, "minimum": 0}, "`minimum` must be at least 1 point, but is 0"),
        ({"threshold": 0.1, "minimum": 31}, "at least 31 points, but of 2 the largest has 30"),
    ],
)
def test_misuse_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        segment(make(halves(20.0)), **given)


def test_phases_of_unknown_symmetry_are_refused_where_they_occur():
    phase = np.zeros((8, 6), int)
    phase[:, 3:] = 1
    mixed = make(np.zeros((8, 6)), phase, ("a", "b"), lattices=(Lattice("c"), None))
    with pytest.raises(ValueError, match=r"m.ang: the symmetry of phase 'b' must be known"):
        mixed.grains()
    assert mixed.exclude("b").grains().grains == 1
    assert (
        make(np.zeros((8, 6)), names=("a", "b"), lattices=(Lattice("c"), None)).grains().grains == 1
    )
    with pytest.raises(ValueError, match="some point must be indexed"):
        mixed.exclude("a", "b").grains()


def test_sizes_and_shapes():
    degrees = np.zeros((20, 10))
    degrees[4:16, 3:7] = 30.0
    grains = make(degrees, step=(0.5, 0.25)).grains()
    assert grains.area.tolist() == pytest.approx([(200 - 48) / 8, 6.0])
    assert float(grains.diameter[1]) == pytest.approx(math.sqrt(24 / math.pi))
    assert float(grains.elongation[1]) == pytest.approx(6.0)  # 6 µm by 1 µm
    assert grains.border.tolist() == [True, False]
    rve = grains.polycrystal
    assert rve.grid == (20, 10, 1)
    assert rve.size == pytest.approx((10.0, 2.5, math.sqrt(0.125)))
    alone = grains.statistics("omit")
    assert alone.profiles == 1
    assert alone.mean_area == pytest.approx(6.0)
    assert alone.spread == pytest.approx(0)
    assert alone.aspect == pytest.approx(6.0)
    assert grains.statistics("keep").mean_area == pytest.approx(12.5)
    assert "grains=2, at the border=1" in repr(grains)


def test_elongation_does_not_depend_on_direction():
    i, j = np.meshgrid(np.arange(80.0) - 40, np.arange(80.0) - 40, indexing="ij")
    for turn in (0.0, 0.5, 1.2):
        along, across = (
            i * math.cos(turn) + j * math.sin(turn),
            j * math.cos(turn) - i * math.sin(turn),
        )
        grains = make(np.where((along / 30) ** 2 + (across / 10) ** 2 < 1, 30.0, 0.0)).grains()
        assert float(grains.elongation[1]) == pytest.approx(3.0, rel=0.02)


def test_grains_at_the_border_have_no_size():
    with pytest.raises(ValueError, match=r"some grain must lie within the map .* all 2 are cut"):
        make(halves(20.0)).grains().statistics()
    with pytest.raises(ValueError, match="`border` must be one of"):
        make(halves(20.0)).grains().statistics("cut")


def test_statistics_do_not_depend_on_the_size_of_the_map():
    """Cut small maps out of large sections: on average they must say what the section says."""
    rve = px.tessellate((96, 96, 12), 240, spread=0.3, aspect=(2.0, 1.0, 1.0), seed=3)
    full = section_profiles(rve).statistics()
    generator = np.random.default_rng(0)
    width, found = 44, {"correct": [], "omit": []}
    for _ in range(60):
        i, j, k = (int(generator.integers(n)) for n in rve.grid)
        cut = torch.roll(rve.grain_id[..., k], (-i, -j), (0, 1))[:width, :width]
        used, ids = torch.unique(cut, return_inverse=True)
        unit = torch.zeros(len(used), 4, dtype=torch.float64)
        phase = torch.zeros(len(used), dtype=torch.int64)
        grains = GrainMap(ids, unit, phase, make(np.zeros((width, width))), 0.0, 1)
        for border, values in found.items():
            seen = grains.statistics(border)
            values.append([1 / seen.mean_area, seen.mean_diameter, seen.spread, seen.aspect])
    number, diameter, spread, aspect = np.mean(found["correct"], 0)
    assert 1 / number == pytest.approx(full.mean_area, rel=0.03)
    assert diameter == pytest.approx(full.mean_diameter, rel=0.04)
    assert spread == pytest.approx(full.spread, rel=0.05)
    assert aspect == pytest.approx(full.aspect, rel=0.04)
    # Leaving out what is cut would say that grains are much smaller.
    assert 1 / np.mean(found["omit"], 0)[0] < 0.85 * full.mean_area


def test_sections_are_cut_across_the_periodic_border():
    ids = np.zeros((8, 6, 3), int)
    ids[[0, 1, 7], 2:4] = 1  # three voxels wide, across the border
    q = random_quaternions(2, 1)
    profiles = section_profiles(px.Polycrystal(ids, q, (8.0, 3.0, 3.0)))
    assert sorted(profiles.area.tolist()) == [3.0] * 3 + [21.0] * 3
    small = profiles.extent[profiles.area < 4]
    assert np.allclose(small, [[math.sqrt(9 / 12), 0.5 * math.sqrt(4 / 12)]] * 3)
    assert len(section_profiles(px.Polycrystal(ids, q), axis=0).area) == 3 * 2 + 5


def test_many_grains_keep_their_places():
    owner = np.add.outer(np.arange(400) // 10 * 40, np.arange(400) // 10)
    grains = make(20.0 * (owner // 40 % 2) + 10.0 * (owner % 2)).grains()
    assert grains.grains == 1600
    assert torch.equal(grains.grain_id, torch.from_numpy(owner))


@pytest.mark.skipif(not SAMPLE.is_file(), reason="the measured map is not beside the repository")
def test_measured_map():
    ebsd = read_ebsd(SAMPLE, frame="edax-2")
    grains = ebsd.grains()
    assert grains.grains == 200
    assert int(grains.border.sum()) == 47
    assert grains.filled == pytest.approx(0.082, abs=0.001)
    assert float(grains.area.sum()) == pytest.approx(math.prod(ebsd.size))
    # Most points lie close to the mean of their grain, whose neighbours differ by the threshold.
    mean = grains.orientations[grains.grain_id[ebsd.indexed]]
    assert float(
        CUBIC.disorientation(mean, ebsd.orientations[ebsd.indexed]).median()
    ) < math.radians(5)
    assert px.read(SAMPLE, frame="edax-2").grains == 200
