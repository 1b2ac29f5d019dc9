"""Densities of volumes, maps and lists: the same grains, weights and half-width."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import polyxtal as px
from polyxtal.microstructure.estimate_odf import orientation_sample
from polyxtal.texture.halfwidth import NARROWEST, RULES, WIDEST, choose_halfwidth

TEN = math.radians(10)
GOSS = px.miller_orientation((0, 1, 1), (1, 0, 0))


@pytest.fixture(scope="module")
def layer():
    texture = px.rolling_texture({"goss": 0.6}, halfwidth=0.25)
    return px.tessellate(grid=(60, 60, 1), grains=80, texture=texture, seed=3)


@pytest.fixture(scope="module")
def measured(layer):
    """The layer as a map, its orientations scattered by a degree within grains."""
    points = layer.orientation_field()[:, :, 0].reshape(-1, 4)
    generator = torch.Generator().manual_seed(0)
    noise = 0.003 * torch.randn(points.shape, generator=generator, dtype=torch.float64)
    noisy = torch.nn.functional.normalize(points + noise, dim=-1).reshape(60, 60, 4)
    return px.EbsdMap(
        noisy, torch.zeros(60, 60, dtype=torch.int64), ("Al",), (0.5, 0.5), {}, Path("map")
    )


def test_grains_of_a_volume_count_by_volume(layer):
    odf = px.estimate_odf(layer, halfwidth=TEN)
    used = layer.volume_fractions > 0
    by_hand = px.ODF(layer.orientations[used], layer.volume_fractions[used], TEN)
    near = px.UniformTexture().orientations(50, seed=1)
    torch.testing.assert_close(odf.density(near), by_hand.density(near))
    equal = px.ODF(layer.orientations[used], halfwidth=TEN)
    assert float((odf.density(near) - equal.density(near)).abs().max()) > 0.05
    # The chosen half-width is that of one orientation a grain, whatever the number of voxels.
    fine = px.Polycrystal(
        layer.grain_id.repeat_interleave(2, 0).repeat_interleave(2, 1), layer.orientations
    )
    assert px.estimate_odf(fine).halfwidth == pytest.approx(px.estimate_odf(layer).halfwidth)


def test_a_map_its_grains_and_its_volume_agree(layer, measured):
    sample = orientation_sample(measured)
    grains = measured.grains(fill=False)
    assert len(sample.orientations) == grains.grains < 100
    assert float(sample.weights.sum()) == pytest.approx(float(grains.area.sum()))
    odf, of_grains = px.estimate_odf(measured), px.estimate_odf(grains)
    assert odf.halfwidth == of_grains.halfwidth
    torch.testing.assert_close(odf.centres, of_grains.centres)
    volume = px.estimate_odf(layer, halfwidth=TEN)
    assert px.estimate_odf(measured, halfwidth=TEN).distance(volume) < 0.03


def test_bands_resample_grains_and_not_points(layer, measured):
    band = px.estimate_odf(measured, halfwidth=TEN).bands("volume fraction", GOSS)
    used = layer.volume_fractions > 0
    known = px.ODF(layer.orientations[used], layer.volume_fractions[used], TEN).bands(
        "volume fraction", GOSS
    )
    assert float(band.deviation) == pytest.approx(float(known.deviation), rel=0.25)
    points = px.ODF(measured.orientations.reshape(-1, 4)[::4], None, TEN)
    assert float(band.deviation) > 2 * float(points.bands("volume fraction", GOSS).deviation)


def test_points_that_were_not_indexed_do_not_count(measured):
    lost = measured.keep(torch.arange(60)[:, None].expand(60, 60) < 30)
    area = float(orientation_sample(lost).weights.sum())
    assert area == pytest.approx(30 * 60 * 0.25, rel=0.02)


def test_voxels_of_a_grain_are_joined_where_asked(layer):
    """As in a volume that stores an orientation for every voxel."""
    each = torch.arange(3600).reshape(60, 60, 1)
    voxels = px.Polycrystal(each, layer.orientation_field().reshape(-1, 4))
    joined = orientation_sample(voxels, threshold=math.radians(2))
    assert len(joined.orientations) < 120
    assert float(joined.weights.max()) / float(joined.weights.sum()) == pytest.approx(
        float(layer.volume_fractions.max()), rel=0.3
    )
    assert len(orientation_sample(voxels).orientations) == 3600


def test_phases_have_their_own_grains_and_symmetry():
    phase = torch.tensor([0, 1] * 20)
    rve = px.tessellate(grid=12, grains=40, seed=1)
    both = px.Polycrystal(
        rve.grain_id, rve.orientations, (1, 1, 1), phase, ("alpha", "beta"),
        (px.Lattice("hP", 1.59), px.Lattice("cI")),
    )  # fmt: skip
    odf = px.estimate_odf(both, "alpha", halfwidth=TEN)
    assert (len(odf.centres), odf.laue.name) == (20, "6/mmm")
    assert px.estimate_odf(both, "beta", halfwidth=TEN).laue.name == "m-3m"
    with pytest.raises(ValueError, match=r"`phase` must name one .* alpha \(.*beta \(.* missing"):
        px.estimate_odf(both)
    with pytest.raises(ValueError, match=r"`phase` must be one of .*alpha, beta, but is .gamma"):
        px.estimate_odf(both, "gamma")
    with pytest.raises(ValueError, match="`laue` must be the crystals' Laue group, 6/mmm"):
        px.estimate_odf(both, "alpha", laue="m-3m")


def test_unknown_symmetry_needs_a_group(measured):
    from dataclasses import replace

    unknown = replace(measured, lattices=(None,))
    with pytest.raises(ValueError, match=r"symmetry of phase .Al. must be known"):
        px.estimate_odf(unknown, halfwidth=TEN)
    assert px.estimate_odf(unknown, laue="4/mmm", halfwidth=TEN).laue.name == "4/mmm"


def test_lists_of_orientations_keep_their_weights():
    q = px.UniformTexture().orientations(30, seed=0)
    weights = torch.linspace(1, 3, 30)
    by_hand = px.ODF(q, weights, TEN, "6/mmm")
    given = px.estimate_odf(q, weights=weights, laue="6/mmm", halfwidth=TEN)
    texture = px.DiscreteTexture(q, weights, laue="6/mmm")
    for odf in (given, px.estimate_odf(texture, halfwidth=TEN)):
        torch.testing.assert_close(odf.weights, by_hand.weights)
        assert odf.laue == by_hand.laue
    with pytest.raises(ValueError, match="`threshold` must be left out"):
        px.estimate_odf(q, threshold=0.1)


def test_the_rule_sees_one_orientation_a_grain(measured):
    from polyxtal.crystal.laue import CUBIC
    from polyxtal.texture.weighted_kernels import sample_group

    grains = measured.grains(fill=False)
    expected = choose_halfwidth(
        grains.orientations, grains.area, CUBIC, sample_group("triclinic"), "de la Vallee Poussin"
    )
    assert px.estimate_odf(measured).halfwidth == pytest.approx(expected)


ROLLED = px.rolling_texture({"brass": 0.3, "copper": 0.3, "cube": 0.2})


def test_a_rolled_sheet_of_few_grains_is_told_from_a_random_one():
    """Its likelihood has two maxima, at 15° and at the widest kernel."""
    few = px.tessellate(grid=6, grains=25, texture=ROLLED, seed=1)
    odf = px.estimate_odf(few)
    assert math.degrees(odf.halfwidth) == pytest.approx(15, abs=1.5)
    assert odf.index > 1.4


@pytest.mark.parametrize("rule", RULES)
def test_halfwidths_at_a_limit_are_told(rule):
    q = px.UniformTexture().orientations(25, seed=0)
    with pytest.warns(UserWarning, match=rf"{rule} must be below .* 25 orientations are too few"):
        assert px.estimate_odf(q, rule=rule).halfwidth == pytest.approx(WIDEST)
    with pytest.warns(UserWarning, match=r"neighbouring points of a map .* grains of a simulation"):
        odf = px.estimate_odf(q[:1].expand(25, 4), rule=rule)
    assert odf.halfwidth == pytest.approx(NARROWEST)


def test_the_last_part_of_a_phase_names_it_if_unique(layer):
    def named(*names):
        return px.Polycrystal(
            layer.grain_id, layer.orientations, (1, 1, 1), torch.arange(layer.grains) % 2, names
        )

    steel = named("austenite/austenite", "ferrite/ferrite")
    by_part = px.estimate_odf(steel, "ferrite", halfwidth=TEN)
    torch.testing.assert_close(
        by_part.centres, px.estimate_odf(steel, "ferrite/ferrite", halfwidth=TEN).centres
    )
    with pytest.raises(ValueError, match="must be one of those with grains, a/iron, b/iron, but"):
        px.estimate_odf(named("a/iron", "b/iron"), "iron", halfwidth=TEN)


def test_a_map_of_nothing_and_a_volume_instead_of_a_density_are_told(layer, measured, tmp_path):
    empty = measured.keep(torch.zeros(60, 60, dtype=torch.bool))
    for phase in (None, "Al"):
        with pytest.raises(ValueError, match=r"^map: some point must be indexed, but none is"):
            px.estimate_odf(empty, phase)
    file = tmp_path / "volume.npz"
    px.write(layer, file)
    for read in (px.read_odf, px.read_texture):
        with pytest.raises(ValueError, match=r"volume.npz: .* holds a polycrystal: .* px.estimate"):
            read(file)
