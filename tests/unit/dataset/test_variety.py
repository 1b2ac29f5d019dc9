"""Varied volumes: sizes, spread, shape, phases and crystals are what is asked for."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch.utils.data import DataLoader

import polyxtal as px
from polyxtal.algebra.randomness import generator_of
from polyxtal.algebra.rotation import (
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.crystal.laue import LaueGroup
from polyxtal.dataset.descriptors import INTERCEPTS, describe
from polyxtal.dataset.features import CRYSTAL_GROUPS, crystal_kinds, crystal_table, feature
from polyxtal.dataset.variety import Variety, draw_volume, without_empty
from polyxtal.dataset.volume_stream import VolumeStream

UNIFORM = {"texture": {"kind": "uniform"}}
PLAIN = {"spread": (0.0, 0.0), "aspect": [[1.0, 1.0]] * 3, "crystals": [UNIFORM]}
TWO = {
    "diameter": [3, 4],
    "second_phase": 0.5,
    "crystals": [UNIFORM, {**UNIFORM, "laue": "6/mmm"}],
}


def draw(number=0, grid=(16, 16, 16), **fields):
    return draw_volume(Variety(**{**PLAIN, **fields}), grid, generator_of(0, number))


@pytest.mark.parametrize("diameter", [3.0, 7.0])
def test_grains_have_the_mean_diameter(diameter):
    grains = len(draw(diameter=(diameter, diameter)).orientations)
    assert grains == pytest.approx(16**3 / (math.pi / 6 * diameter**3), abs=1)


def test_diameters_are_log_uniform():
    counts = torch.tensor([len(draw(n, diameter=(2.0, 8.0)).orientations) for n in range(150)])
    diameters = (16**3 / counts / (math.pi / 6)) ** (1 / 3)
    place = (diameters / 2).log() / math.log(4)
    assert float(place.mean()) == pytest.approx(0.5, abs=0.07)
    assert float(place.std()) == pytest.approx(12**-0.5, abs=0.05)


def test_spread_and_aspect_show():
    def deviation(spread):
        ids = draw(diameter=(4.0, 4.0), spread=(spread, spread), grid=(32, 32, 32)).grain_id
        return float(torch.bincount(ids.reshape(-1)).double().log().std() / 3)

    assert deviation(0.0) < 0.2 < deviation(0.2) < deviation(0.5)
    flat = draw(diameter=(6.0, 6.0), aspect=[[2, 2], [2, 2], [0.5, 0.5]]).grain_id
    cuts = [float((flat.diff(dim=axis) != 0).double().mean()) for axis in range(3)]
    assert cuts[2] > 2.5 * max(cuts[:2])


def test_second_phases_have_their_own_crystals():
    drawn = [draw(n, **{**TWO, "fraction": (0.3, 0.3)}) for n in range(60)]
    two = [one for one in drawn if bool(one.second.any())]
    assert 18 < len(two) < 42
    share = torch.cat([one.second for one in two]).double().mean()
    assert float(share) == pytest.approx(0.3, abs=0.03)
    kinds = {(int(one.group[~one.second][0]), int(one.group[one.second][0])) for one in two}
    assert kinds == {(0, 0), (0, 1), (1, 0), (1, 1)}
    for one in drawn:
        assert int(one.grain_id.max()) == len(one.orientations) - 1
        torch.testing.assert_close(
            one.orientations.norm(dim=-1), torch.ones(1).double().expand(len(one.orientations))
        )


def test_textures_turn_with_the_cube():
    sharp = {"kind": "fibre", "crystal": [1, 0, 0], "sample": [0, 0, 1], "halfwidth": 3}
    axes = set()
    for number in range(20):
        one = draw(number, diameter=(4.0, 4.0), crystals=[{"texture": sharp}])
        along = quaternion_to_matrix(one.orientations).abs().amax(-1).mean(0)
        assert float(along.max()) > 0.98
        axes.add(int(along.argmax()))
    assert axes == {0, 1, 2}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"diameter": [5, 2]}, "`diameter` must be"),
        ({"aspect": [[1, 2]]}, "`aspect` must be three"),
        ({"crystals": []}, "at least 1"),
        (
            {"crystals": [{"laue": "6/mmm", "texture": {"kind": "rolling", "shares": {"s": 1}}}]},
            "must not be of kind 'rolling'",
        ),
        ({"crystals": [{"laue": "-1"}]}, "m-3m"),
    ],
)
def test_what_cannot_be_drawn_is_refused(fields, said):
    with pytest.raises(ValidationError, match=said):
        Variety(**fields)


def test_grains_without_voxels_are_left_out():
    ids, kept = without_empty(torch.tensor([[[4, 4, 1]]]))
    assert ids.tolist() == [[[1, 1, 0]]]
    assert kept.tolist() == [1, 4]


def stream(**options):
    variety = Variety(**TWO)
    return VolumeStream(
        lambda generator: draw_volume(variety, (6, 6, 6), generator), 4, "crystal", **options
    )


def test_batches_are_numbered_resumable_and_shared():
    every = [stream().batch(j) for j in range(4)]
    assert [one["number"].tolist() for one in every] == [
        [4 * j + i for i in range(4)] for j in range(4)
    ]
    resumed = next(iter(stream(start=2)))
    assert torch.equal(resumed["field"], every[2]["field"])
    assert torch.equal(next(iter(stream(rank=1, world=2)))["field"], every[1]["field"])
    assert not torch.equal(every[0]["field"], stream(seed=1).batch(0)["field"])
    loaded = iter(DataLoader(stream(), batch_size=None, num_workers=2))
    assert all(torch.equal(next(loaded)["field"], one["field"]) for one in every)
    with pytest.raises(ValueError, match="go on with another one"):
        stream().batch(2**30)


def test_summaries_are_those_of_cubic_crystals_of_one_phase():
    variety = Variety(**TWO)
    batch = stream().batch(0)
    for number, row in enumerate(batch["summary"]):
        one = draw_volume(variety, (6, 6, 6), generator_of(0, number, 15))
        plain = describe(one.grain_id[None], one.orientations[None].float())[0]
        torch.testing.assert_close(row[-INTERCEPTS:], plain[-INTERCEPTS:])
        if bool(one.second.any()) or bool(one.group.any()):
            assert row[:-INTERCEPTS].isnan().all()
        else:
            torch.testing.assert_close(row, plain, rtol=1e-4, atol=1e-4)


def test_channels_tell_crystals_apart_and_phases():
    hexagonal, cubic = px.Lattice("hP"), px.Lattice("cF")
    rve = px.Polycrystal(
        [[[0, 1, 1]]],
        [[1, 0, 0, 0], [0.6, 0.8, 0, 0]],
        phase=[0, 1],
        phase_names=("a", "b"),
        lattices=(hexagonal, cubic),
    )
    group, second = crystal_kinds(rve)
    assert [CRYSTAL_GROUPS[g] for g in group] == ["6/mmm", "m-3m"]
    assert second.tolist() == [True, False]  # b has most of the volume
    table = feature("crystal").table(rve)
    cubic_row = feature("harmonic").compute(rve.orientations[1:])[0]
    torch.testing.assert_close(table[1], torch.cat([cubic_row, torch.zeros(19).double()]))
    assert float(table[0, :9].abs().max()) == 0
    assert float(table[0, -1]) == 1
    triclinic = px.Polycrystal([[[0]]], [[1, 0, 0, 0]], lattices=px.Lattice.of_laue_group("-1"))
    with pytest.raises(ValueError, match="must be of one of the Laue groups m-3m, 6/mmm, 4/mmm"):
        crystal_kinds(triclinic)


@pytest.mark.parametrize("group", range(3))
def test_channels_are_those_of_the_crystal_whichever_copy_is_given(group):
    q = random_quaternions(40, 1)
    kind, first = torch.full((40,), group), torch.zeros(40, dtype=torch.bool)
    table = crystal_table(q, kind, first)
    laue = LaueGroup(CRYSTAL_GROUPS[group])
    for symmetry in laue.rotations:
        torch.testing.assert_close(
            crystal_table(quaternion_multiply(q, symmetry), kind, first), table
        )
    apart = torch.cdist(table, table) + torch.eye(40)
    assert float(apart.min()) > 0.05  # and other crystals have others
