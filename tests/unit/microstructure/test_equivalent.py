"""Volumes like a map: their sections have its grains, and their grains have its texture."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from places import SAMPLES

import polyxtal as px
from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    bunge_to_quaternion,
    quaternion_multiply,
)
from polyxtal.crystal.laue import CUBIC
from polyxtal.microstructure import equivalent
from polyxtal.microstructure.ebsd import EbsdMap, GrainMap
from polyxtal.microstructure.equivalent import compare_sections, equivalent_rve
from polyxtal.microstructure.equivalent_sections import SMALLEST_SHOWN
from polyxtal.microstructure.grain_statistics import grain_statistics
from polyxtal.microstructure.io import read_ebsd
from polyxtal.microstructure.resample import crop, renumber
from polyxtal.microstructure.section import section_profiles
from polyxtal.texture.measure import texture_coefficients

SAMPLE = SAMPLES / "ebsd_316L_500x500.ang"


def textured(count, seed=0):
    """Goss and a fibre, 15° wide: no symmetry of the sample's is in it."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    goss = torch.tensor([0.0, math.pi / 4, 0.0], dtype=torch.float64).expand(count, 3)
    fibre = torch.stack([0.3 + 0 * draw[:, 0], 0.9 + 0 * draw[:, 1], 6.28 * draw[:, 2]], -1)
    centre = bunge_to_quaternion(torch.where(draw[:, :1] < 0.4, goss, fibre))
    axis = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    angle = 0.15 * torch.randn(count, generator=generator, dtype=torch.float64)
    return quaternion_multiply(axis_angle_to_quaternion(axis, angle), centre)


def section_of(spread, aspect=(1.0, 1.0, 1.0), step=0.7, grid=(96, 96, 12), grains=150):
    """A map: one section of a known volume, with orientations that scatter within grains."""
    chosen = textured(grains)
    rve = px.tessellate(grid, grains, orientations=chosen, spread=spread, aspect=aspect, seed=5)
    ids = rve.grain_id[..., 3]
    q = rve.orientations[ids]
    generator = torch.Generator().manual_seed(1)
    axis = torch.randn(*ids.shape, 3, generator=generator, dtype=torch.float64)
    angle = 0.005 * torch.randn(ids.shape, generator=generator, dtype=torch.float64)
    noisy = quaternion_multiply(axis_angle_to_quaternion(axis, angle), q)
    phase = torch.zeros(ids.shape, dtype=torch.int64)
    return EbsdMap(noisy, phase, ("steel",), (step, step), {}, Path("map.ang"))


@pytest.fixture(scope="module")
def ebsd():
    return section_of(0.3)


@pytest.fixture(scope="module")
def uneven():
    return section_of(0.6).grains()


@pytest.fixture(scope="module")
def rve(ebsd):
    return equivalent_rve(ebsd, grid=32, seed=1)


def coefficients_of(ebsd):
    return texture_coefficients(ebsd.orientations[ebsd.indexed])


def test_sections_have_the_maps_grain_sizes(ebsd, rve):
    grains = ebsd.grains()
    seen = grains.statistics()
    cut = section_profiles(rve).larger(5 * 0.49).statistics()
    assert cut.mean_area == pytest.approx(seen.mean_area, rel=1e-3)
    assert cut.spread == pytest.approx(seen.spread, abs=0.011)
    assert compare_sections(ebsd, rve) == (seen, cut)
    # Cubic voxels, each for the same part of a grain.
    assert rve.spacing[0] == pytest.approx(rve.spacing[1], rel=1e-12)
    assert rve.spacing[0] == pytest.approx(rve.spacing[2], rel=1e-12)
    assert rve.phase_names == ("steel",)
    assert rve.grains == pytest.approx(32**3 / 112.5, rel=0.05)


def test_mean_area_is_met_in_micrometres(ebsd, rve):
    """Without any of the package's measures: count grains in planes."""
    planes = [len(rve.grain_id[..., k].unique()) for k in range(32)]
    area = rve.size[0] * rve.size[1] / np.mean(planes)
    # The map is 96 steps of 0.7 µm; its own count, border grains half.
    ids = ebsd.grains().grain_id
    edge = torch.cat([ids[0], ids[-1], ids[:, 0], ids[:, -1]]).unique()
    number = len(ids.unique()) - 0.5 * len(edge)
    assert area == pytest.approx((96 * 0.7) ** 2 / number, rel=0.12)


@pytest.mark.parametrize("spread", [0.15, pytest.param(0.45, marks=pytest.mark.slow)])
def test_the_volume_itself_is_found_again(spread):
    """The map is one section of a volume; it shows only some of its grains."""
    original = renumber(px.tessellate((144, 144, 16), 700, spread=spread, seed=8))
    made = equivalent_rve(crop(original, ((0, 144), (0, 144), (7, 8))), grid=32, seed=2)
    wanted = grain_statistics(original).spread()
    assert grain_statistics(made).spread() == pytest.approx(wanted, abs=0.12)
    volume = math.prod(made.size) / made.grains
    assert volume == pytest.approx(144 * 144 * 16 / original.grains, rel=0.3)


@pytest.mark.parametrize("spread", [0.1, 0.45])
def test_fine_and_coarse_voxels_say_the_same(spread):
    coarse, fine = (
        section_profiles(px.tessellate(n, 414, size=36.0, spread=spread, seed=3)) for n in (36, 72)
    )
    assert fine.statistics().spread > coarse.statistics().spread + 0.07
    shown = fine.larger(SMALLEST_SHOWN).statistics()  # coarse voxels are of 1 µm
    assert shown.spread == pytest.approx(coarse.statistics().spread, abs=0.02)
    assert shown.mean_area == pytest.approx(coarse.statistics().mean_area, rel=0.02)


def test_texture_is_the_maps_and_closer_with_more_grains(ebsd):
    wanted = coefficients_of(ebsd)
    assert float(wanted.norm()) > 0.2
    error = {}
    for grains in (30, 300):
        distances = []
        for seed in range(2):
            made = equivalent_rve(ebsd, grid=24 if grains > 100 else 12, grains=grains, seed=seed)
            found = texture_coefficients(made.orientations, made.volume_fractions)
            distances.append(float((found - wanted).norm()))
        error[grains] = np.mean(distances)
    assert error[300] < 0.03
    assert error[300] < 0.5 * error[30]
    # Independent draws of equal grains would miss by 1/√N of the rest of h's length of 1.
    assert error[300] < 0.5 * math.sqrt((1 - float(wanted.norm()) ** 2) / 300)


def test_orientations_are_the_maps_own(ebsd, rve):
    pixels = ebsd.orientations.reshape(-1, 4)
    nearest = torch.stack([CUBIC.disorientation(q, pixels).min() for q in rve.orientations[:20]])
    assert float(nearest.max()) < 1e-6


def test_elongation_in_the_plane_is_kept_and_depth_is_chosen():
    source = section_of(0.3, aspect=(2.0, 1.0, 1.0))
    seen = source.grains().statistics()
    assert seen.aspect == pytest.approx(2.0, rel=0.15)
    for depth in (None, 2.0):
        made = equivalent_rve(source, grid=32, depth=depth, seed=1)
        assert compare_sections(source, made).sections.aspect == pytest.approx(
            seen.aspect, rel=0.06
        )
        assert compare_sections(source, made).sections.mean_area == pytest.approx(seen.mean_area)
        x, y, _ = grain_statistics(made).aspect()
        assert 1 / math.sqrt(x * y) == pytest.approx(depth or 1.0, rel=0.08)


def test_grid_and_number_of_grains_are_chosen(ebsd):
    made = equivalent_rve(ebsd, grid=(40, 24, 16), grains=220, seed=1)
    assert made.grid == (40, 24, 16)
    assert 210 <= made.grains <= 220
    assert made.size[0] / made.size[2] == pytest.approx(2.5)
    same = equivalent_rve(ebsd, grid=(40, 24, 16), grains=220, seed=1)
    assert torch.equal(same.grain_id, made.grain_id)
    assert torch.equal(same.orientations, made.orientations)
    other = equivalent_rve(ebsd, grid=(40, 24, 16), grains=220, seed=2)
    assert not torch.equal(other.grain_id, made.grain_id)


def test_map_grains_and_layer_give_the_same_sizes(ebsd, rve):
    grains = ebsd.grains()
    assert torch.equal(equivalent_rve(grains, grid=32, seed=1).grain_id, rve.grain_id)
    made = equivalent_rve(grains.polycrystal, grid=32, seed=1)
    seen = grains.statistics()
    cut = section_profiles(made).statistics()
    assert cut.mean_area == pytest.approx(seen.mean_area, rel=1e-3)
    assert cut.spread == pytest.approx(seen.spread, abs=0.011)
    found = texture_coefficients(made.orientations, made.volume_fractions)
    assert float((found - coefficients_of(ebsd)).norm()) < 0.06


def test_grains_need_not_be_measured_by_the_same_threshold(ebsd):
    coarse = ebsd.grains(math.radians(15), minimum=20)
    made = equivalent_rve(coarse, grid=24, seed=1)
    cut = section_profiles(made).larger(20 * 0.49).statistics()
    assert cut.mean_area == pytest.approx(coarse.statistics().mean_area, rel=1e-3)


def board(tiles, size):
    """Equal squares of two orientations in turn."""
    n = tiles * size
    owner = np.add.outer(np.arange(n) // size, np.arange(n) // size) % 2
    angle = torch.from_numpy(0.5 * owner)
    z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).expand(n, n, 3)
    phase = torch.zeros(n, n, dtype=torch.int64)
    q = axis_angle_to_quaternion(z, angle)
    return EbsdMap(q, phase, ("a", "b"), (1.0, 1.0), {}, Path("board.ang"))


def test_spread_is_sought_where_the_excess_vanishes():
    calls = []

    def excess(spread):
        calls.append(spread)
        return 0.7 * spread**2 - 0.2

    assert equivalent._find_spread(excess, Path("m")) == pytest.approx((2 / 7) ** 0.5, abs=0.02)
    assert len(calls) < 8
    with pytest.raises(ValueError, match=r"m: .* more uneven than at spread 1, by 0.300"):
        equivalent._find_spread(lambda spread: 0.7 * spread - 1.0, Path("m"))


@pytest.mark.parametrize("grains", [20, 5000])
def test_spread_is_sought_in_a_volume_of_handy_size(grains):
    box, number = equivalent._pattern((100, 100, 50), grains)
    assert number == pytest.approx(600, rel=0.05)
    assert math.prod(box) / number == pytest.approx(min(500_000 / grains, 146.25), rel=0.02)
    assert box[0] / box[2] == pytest.approx(2.0, rel=0.05)
    assert equivalent._pattern((30, 30, 30), 250) == ((30, 30, 30), 250)


def test_what_no_tessellation_shows_is_refused():
    with pytest.raises(ValueError, match=r"board.ang: grain sizes must spread .* more even than"):
        equivalent_rve(board(6, 8), grid=16)


def test_misuse_is_refused(ebsd, rve):
    with pytest.raises(ValueError, match=r"must have one layer of voxels, but has 32"):
        equivalent_rve(rve)
    with pytest.raises(ValueError, match="`depth` must be a positive ratio, but is 0"):
        equivalent_rve(ebsd, depth=0.0)
    with pytest.raises(ValueError, match="`border` must be one of"):
        equivalent_rve(ebsd, border="cut")
    two = board(6, 8)
    phase = two.phase.clone()
    phase[20:] = 1
    mixed = EbsdMap(two.orientations, phase, ("a", "b"), (1.0, 1.0), {}, Path("two.ang"))
    with pytest.raises(ValueError, match=r"two.ang: a volume is made of one phase, .* a, b"):
        equivalent_rve(mixed)
    assert isinstance(mixed.exclude("b").grains(), GrainMap)


@pytest.mark.skipif(not SAMPLE.is_file(), reason="the measured map is not beside the repository")
def test_measured_map():
    measured = read_ebsd(SAMPLE, frame="edax-2")
    made = equivalent_rve(measured, grid=32)
    seen, cut = compare_sections(measured, made)
    assert cut.mean_area == pytest.approx(seen.mean_area, rel=1e-3)
    assert cut.spread == pytest.approx(seen.spread, abs=0.011)
    assert cut.aspect == pytest.approx(seen.aspect, rel=0.06)


@pytest.mark.parametrize(
    ("grains", "sentence"),
    [
        (
            600,
            "show three quarters of the map's grains, but 600 grains in 16 x 16 x 16 voxels show",
        ),
        (3000, "show a grain of the map"),
    ],
)
def test_voxels_that_hide_the_maps_grains_are_refused(uneven, grains, sentence):
    """They grow to the few grains that they show, the largest of the map."""
    with pytest.raises(ValueError, match=rf"map.ang: voxels must {sentence}"):
        equivalent_rve(uneven, grid=16, grains=grains)


def test_voxels_that_show_enough_of_the_maps_grains_are_not(uneven):
    assert compare_sections(uneven, equivalent_rve(uneven, grid=16, grains=30))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"grid": 0}, "`grid` must be one or three numbers"),
        ({"grid": (0, 5, 5)}, "`grid` must be one or three numbers"),
        ({"grid": (5, 5)}, "`grid` must be one or three numbers"),
        ({"grid": 10**7}, "`grid` must be one or three numbers"),
        ({"grid": 5, "grains": 0}, "`grains` must be a whole number from 1"),
        ({"grid": 5, "grains": -1}, "`grains` must be a whole number from 1"),
        ({"grid": 5, "grains": 126}, "`grains` must be a whole number from 1"),
    ],
)
def test_volumes_that_can_not_be_are_refused_at_once(ebsd, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        equivalent_rve(ebsd, **arguments)
