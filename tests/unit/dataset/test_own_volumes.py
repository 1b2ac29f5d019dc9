"""Volumes of one's own: which files, their split, and crops that turn crystals with the voxels."""

from __future__ import annotations

import pytest
import torch
from places import SAMPLES
from small_map import write_map

import polyxtal as px
from polyxtal.algebra.randomness import generator_of
from polyxtal.algebra.rotation import quaternion_multiply
from polyxtal.dataset import own_volumes
from polyxtal.dataset.features import CRYSTAL_GROUPS, feature
from polyxtal.dataset.fields import box_rotations, expand
from polyxtal.dataset.own_volumes import OwnVolumes, crop, open_volumes
from polyxtal.dataset.recipe import make_recipe
from polyxtal.dataset.variety import Volume

CUBICS = ("m-3m",)


def own(folder, **more):
    return OwnVolumes(folder=str(folder), **more)


def write_volumes(folder, count, grid=(10, 9, 8)):
    folder.mkdir(exist_ok=True)
    for seed in range(count):
        px.write(px.tessellate(grid, 12, seed=seed), folder / f"{seed}.npz")
    return folder


def digest(volume):
    return volume.orientations.sum().item()


def test_files_are_split_by_the_seed_and_none_is_in_both_parts(tmp_path):
    write_volumes(tmp_path, 5)
    (tmp_path / "notes.txt").write_text("of the microscope")
    split = open_volumes(own(tmp_path, validation=0.4), 6, CUBICS, 1)
    train, aside = ({digest(one) for one in part} for part in (split.train, split.validation))
    assert (len(train), len(aside)) == (3, 2)
    assert not train & aside
    again, other = (open_volumes(own(tmp_path, validation=0.4), 6, CUBICS, s) for s in (1, 7))
    assert {digest(one) for one in again.validation} == aside
    assert {digest(one) for one in other.validation} != aside


def test_formats_may_be_mixed_and_files_are_counted(tmp_path):
    rve = px.tessellate(8, 9, seed=1)
    px.write(rve, tmp_path / "a.vti")
    px.write(rve, tmp_path / "b.dream3d")
    px.write(rve, tmp_path / "c.npz")
    told = []
    split = open_volumes(own(tmp_path), 4, CUBICS, progress=lambda *now: told.append(now))
    found = [*split.train, *split.validation]
    assert len(found) == 3
    assert told[-1][:3] == ("volumes read", 3, 3)
    field = feature("harmonic").compute(rve.orientation_field())
    for one in found:
        values = feature("harmonic").compute(one.orientations)[one.grain_id.long()]
        torch.testing.assert_close(values, field, rtol=0, atol=1e-5)


def test_a_single_volume_is_cut_across_its_longest_axis(tmp_path):
    px.write(px.tessellate((8, 30, 8), 12), tmp_path / "one.npz")
    split = open_volumes(own(tmp_path, validation=0.1), 8, CUBICS)
    assert split.train[0].grain_id.shape == (8, 22, 8)
    assert split.validation[0].grain_id.shape == (8, 8, 8)
    with pytest.raises(ValueError, match="at least 32 voxels along one axis, 16 each to train"):
        open_volumes(own(tmp_path), 16, CUBICS)


def test_a_data_set_is_split_by_rve_and_read_when_needed(tmp_path):
    recipe = make_recipe({"count": 10, "grid": 6, "grains": 4, "part": 5})
    px.generate(recipe, tmp_path / "set", workers=1)
    split = open_volumes(own(tmp_path / "set", validation=0.3), 6, CUBICS)
    assert split.periodic
    assert (len(split.train), len(split.validation)) == (7, 3)
    store = px.open_dataset(tmp_path / "set")
    every = sorted(digest(one) for one in [*split.train, *split.validation])
    assert every == pytest.approx(sorted(float(one.orientations.sum()) for one in store))


def test_maps_become_equivalent_volumes(tmp_path, monkeypatch):
    for name in "ab":
        write_map(tmp_path / f"{name}.ang")

    def volume(grains, grid, seed):  # which takes seconds
        assert grains.source.path.suffix == ".ang"
        return px.tessellate(grid, 9, seed=seed)

    monkeypatch.setattr(own_volumes, "equivalent_rve", volume)
    found = open_volumes(own(tmp_path, frame="map", map_grid=10, map_volumes=2), 8, CUBICS)
    assert (len(found.train), len(found.validation)) == (2, 2)  # those of a map stay together
    assert found.train[0].grain_id.shape == (10, 10, 10)
    assert digest(found.train[0]) != digest(found.train[1])
    small = open_volumes(own(tmp_path, frame="map", map_grid=8, map_volumes=1), 11, CUBICS)
    assert small.train[0].grain_id.shape == (11, 11, 11)
    with pytest.raises(ValueError, match=r"a\.ang: `frame` must be given for maps"):
        open_volumes(own(tmp_path), 8, CUBICS)


@pytest.mark.parametrize("turned", range(8))
def test_crops_are_those_of_the_turned_volume(turned):
    rve = px.tessellate(7, 20, seed=3)
    group, second = torch.zeros(20, dtype=torch.int64), torch.zeros(20, dtype=torch.bool)
    volume = Volume(rve.grain_id, rve.orientations, group, second)
    generator = generator_of(turned, 0)
    turn = int(24 * torch.rand(5, generator=generator_of(turned, 0), dtype=torch.float64)[4])
    found = crop([volume], 7, generator)
    field = feature("harmonic").compute(found.orientations)[found.grain_id].permute(3, 0, 1, 2)
    expected = expand(
        rve.grain_id[None], rve.orientations[None], feature("harmonic"), torch.tensor([turn])
    )[0]
    torch.testing.assert_close(field, expected, rtol=0, atol=1e-12)


def test_crops_do_not_cross_the_faces_of_a_volume_unless_it_is_periodic_or_small():
    ids = torch.arange(12)[:, None, None].expand(12, 5, 4)
    q = torch.zeros(12, 4, dtype=torch.float64)
    angle = torch.arange(12) * 0.05
    q[:, 0], q[:, 1] = angle.cos(), angle.sin()
    volume = Volume(ids, q, torch.zeros(12, dtype=torch.int64), torch.zeros(12, dtype=torch.bool))
    crossed = {True: False, False: False}
    for seed in range(60):
        for periodic in crossed:
            found = crop([volume], 5, generator_of(seed, 0), periodic)
            assert found.grain_id.shape == (5, 5, 5)
            turn = int(24 * torch.rand(5, generator=generator_of(seed, 0), dtype=torch.float64)[4])
            back = quaternion_multiply(
                box_rotations()[turn] * torch.tensor([1, -1, -1, -1]), found.orientations
            )
            layers = (back[:, 1] / back[:, 0]).atan().div(0.05).round().long().sort().values
            crossed[periodic] |= bool((layers.diff() > 1).any())
    assert crossed == {True: True, False: False}


def test_large_volumes_are_cropped_more_often():
    small, large = (
        Volume(
            torch.zeros(n, n, n, dtype=torch.int64),
            torch.tensor([[1.0, 0, 0, 0]], dtype=torch.float64),
            torch.tensor([0]),
            torch.tensor([n > 4]),
        )
        for n in (4, 8)
    )
    drawn = [bool(crop([small, large], 4, generator_of(0, n)).second[0]) for n in range(200)]
    assert 0.8 < sum(drawn) / 200 < 0.97  # 8 of 9


def test_unsuitable_folders_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match="`folder` must be a folder of volumes"):
        open_volumes(own(tmp_path / "none"), 8, CUBICS)
    with pytest.raises(ValueError, match=r"must hold volumes \(\.vti, .*but holds none"):
        open_volumes(own(tmp_path), 8, CUBICS)
    (tmp_path / "a.npz").write_bytes(b"not a volume")
    px.write(px.tessellate(8, 9), tmp_path / "b.npz")
    with pytest.raises(ValueError, match=r"a\.npz"):
        open_volumes(own(tmp_path), 8, CUBICS)
    (tmp_path / "a.npz").unlink()
    hexagonal = px.tessellate(8, 9, lattice="hP")
    px.write(hexagonal, tmp_path / "c.npz")
    with pytest.raises(ValueError, match=r"c\.npz: crystals must be of the Laue group m-3m, but"):
        open_volumes(own(tmp_path), 8, CUBICS)
    px.write(px.Polycrystal([[[0], [1]]], [[1, 0, 0, 0], [0, 1, 0, 0]]), tmp_path / "c.npz")
    with pytest.raises(ValueError, match=r"c\.npz: a volume must have at least two voxels along"):
        open_volumes(own(tmp_path), 8, CUBICS)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs files of other programs")
def test_files_of_other_programs_are_read(tmp_path):
    name = "2phase_irregularGrid_v7.dream3d"
    (tmp_path / name).symlink_to(SAMPLES / name)
    px.write(px.tessellate(8, 9), tmp_path / "one.npz")
    split = open_volumes(own(tmp_path), 25, CRYSTAL_GROUPS)
    found = {bool(one.second.any()): one for one in [*split.train, *split.validation]}
    assert set(found) == {True, False}
    assert crop([found[True]], 25, generator_of(0, 0)).grain_id.shape == (25, 25, 25)
    (tmp_path / "layer.dream3d").symlink_to(SAMPLES / "measured_v8.dream3d")
    with pytest.raises(ValueError, match=r"layer\.dream3d: a volume must have at least two voxels"):
        open_volumes(own(tmp_path), 25, CRYSTAL_GROUPS)
