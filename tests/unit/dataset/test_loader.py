"""A data set as torch sees it: the same numbers as the store's, moved as asked."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch.utils.data import DataLoader

from polyxtal.algebra.mandel import mandel_rotation
from polyxtal.algebra.randomness import generator_of
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.laue import CUBIC
from polyxtal.dataset.features import feature
from polyxtal.dataset.generate import generate
from polyxtal.dataset.loader import PartSampler, PolycrystalDataset
from polyxtal.dataset.recipe import make_recipe
from polyxtal.dataset.store import open_dataset

RECIPE = {
    "count": 23,
    "part": 5,
    "grid": 5,
    "grains": [3, 8],
    "labels": {"constants": [[86667.0, 61667.0, 50000.0]], "sampled": {"count": 1}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    target = tmp_path_factory.mktemp("loader") / "data"
    generate(make_recipe(RECIPE), target, workers=1)
    yield target
    torch.set_num_threads(threads)


def test_items_are_the_stores_polycrystals(folder):
    store = open_dataset(folder)
    dataset = PolycrystalDataset(store, arrays=("stiffness", "grains"))
    assert len(dataset) == 23
    for number in (0, 7, 22):
        item, rve = dataset[number], store[number]
        expected = feature("quaternion").compute(rve.orientation_field())
        field = item["field"].permute(1, 2, 3, 0).to(torch.float64)
        torch.testing.assert_close(field, expected, rtol=0, atol=1e-6)
        assert int(item["number"]) == number
        assert int(item["grains"]) == rve.grains
        torch.testing.assert_close(item["stiffness"].numpy(), store.read("stiffness")[number])


def test_every_loader_gives_the_same(folder):
    dataset = PolycrystalDataset(folder, "harmonic", augment=True, seed=3)
    here = list(DataLoader(dataset, batch_size=4))
    there = list(DataLoader(dataset, batch_size=4, num_workers=2))
    assert [len(batch["number"]) for batch in here] == [4, 4, 4, 4, 4, 3]
    for a, b in zip(here, there, strict=True):
        assert torch.equal(a["field"], b["field"])
        assert torch.equal(a["number"], b["number"])


def test_moves_differ_between_epochs_and_come_again(folder):
    dataset = PolycrystalDataset(folder, augment=True)
    first = dataset.batch(range(23))["field"]
    assert torch.equal(first, dataset.batch(range(23))["field"])
    dataset.set_epoch(1)
    second = dataset.batch(range(23))["field"]
    assert not torch.equal(first, second)
    other = PolycrystalDataset(folder, augment=True, seed=1)
    assert not torch.equal(first, other.batch(range(23))["field"])
    dataset.set_epoch(0)
    assert torch.equal(first, dataset.batch(range(23))["field"])


def test_moved_polycrystals_are_turned_and_so_is_their_stiffness(folder):
    plain = PolycrystalDataset(folder, arrays=("stiffness",)).batch(range(23))
    moved = PolycrystalDataset(folder, augment=True, arrays=("stiffness",)).batch(range(23))
    q = mandel_rotation(quaternion_to_matrix(CUBIC.rotations)).to(torch.float32)
    seen = set()
    for number in range(23):
        crystals = [part["field"][number].reshape(4, -1).T for part in (plain, moved)]
        turned = q @ plain["stiffness"][number, :1] @ q.mT
        gap = (turned - moved["stiffness"][number, :1]).abs().amax((-1, -2))
        turn = int(gap.argmin())
        assert float(gap[turn]) < 1.0  # MPa, in single precision
        # As many voxels of each crystal, turned.
        expected = torch.stack([_turned(turn, c) for c in crystals[0].unique(dim=0)])
        near = CUBIC.disorientation(crystals[1][:, None], expected[None]) < 1e-3
        assert bool(near.any(1).all())
        seen.add(turn)
    assert len(seen) > 8


def _turned(turn, crystal):
    from polyxtal.algebra.rotation import quaternion_multiply

    return quaternion_multiply(CUBIC.rotations[turn].to(crystal), crystal)


def test_a_subset_has_its_own_order(folder):
    dataset = PolycrystalDataset(folder, numbers=[20, 3, 11])
    assert dataset.batch([0, 1, 2])["number"].tolist() == [20, 3, 11]
    whole = PolycrystalDataset(folder)
    assert torch.equal(dataset[2]["field"], whole[11]["field"])


def test_a_small_cache_reads_the_same(folder):
    small, large = (PolycrystalDataset(folder, cache_bytes=size) for size in (1, 1 << 30))
    assert (small.parts_in_memory, large.parts_in_memory > 5) == (1, True)
    order = [22, 0, 11, 5, 21, 1]
    assert torch.equal(small.batch(order)["field"], large.batch(order)["field"])
    assert (len(small._cache._kept), len(large._cache._kept)) == (1, 4)


@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_shuffles_meet_everything_once(folder, memory):
    dataset = PolycrystalDataset(folder, cache_bytes=memory)
    sampler = PartSampler(dataset, seed=1)
    first, again = list(sampler), list(sampler)
    assert sorted(first) == list(range(23))
    assert first == again
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert dataset.epoch == 1
    if memory == 1:  # one part after the other
        parts = [place // 5 for place in first]
        assert sum(a != b for a, b in pairwise(parts)) == 4
    else:
        assert [place // 5 for place in first] != sorted(place // 5 for place in first)


def test_processes_share_an_epoch(folder):
    dataset = PolycrystalDataset(folder)
    shares = [list(PartSampler(dataset, seed=2, rank=rank, world=4)) for rank in range(4)]
    assert {len(share) for share in shares} == {6} == {len(PartSampler(dataset, rank=0, world=4))}
    taken = [place for share in shares for place in share]
    assert set(taken) == set(range(23))
    assert len(taken) == 24  # one is met twice, so that all have as many


@pytest.mark.parametrize(("count", "world"), [(1, 4), (2, 8), (3, 2), (5, 3)])
def test_every_process_has_as_many(folder, count, world):
    dataset = PolycrystalDataset(folder, numbers=range(count))
    shares = [list(PartSampler(dataset, rank=rank, world=world)) for rank in range(world)]
    assert {len(share) for share in shares} == {-(-count // world)}
    assert {place for share in shares for place in share} == set(range(count))


def test_workers_learn_of_a_new_epoch(folder):
    dataset = PolycrystalDataset(folder, augment=True)
    sampler = PartSampler(dataset, seed=4)
    loader = DataLoader(
        dataset, batch_size=23, sampler=sampler, num_workers=1, persistent_workers=True
    )
    fields = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        (batch,) = loader
        fields.append(batch["field"][batch["number"].argsort()])
    assert not torch.equal(*fields)
    dataset.set_epoch(0)
    assert torch.equal(fields[0], dataset.batch(range(23))["field"])


def test_moves_do_not_depend_on_what_an_rve_is_made_of(folder):
    # The recipe's seed and the loader's are both 0; the type of a texture is the first draw.
    recipe = make_recipe(RECIPE | {"texture": {"kind": "types"}})
    dataset = PolycrystalDataset(folder, augment=True)
    pairs = set()
    for number in range(2000):
        made = int(torch.randint(4, (), generator=generator_of(recipe.seed, number)))
        pairs.add((made, int(dataset._moves(number)[0])))
    assert len(pairs) == 96


def test_mistakes_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="'grain_id' was asked for"):
        PolycrystalDataset(folder, arrays=("grain_id",))
    for numbers in (torch.tensor([True, False]), torch.tensor([0.7, 1.9]), torch.tensor([1])[:0]):
        with pytest.raises(ValueError, match="list of whole numbers"):
            PolycrystalDataset(folder, numbers=numbers)
    with pytest.raises(ValueError, match="below `world`"):
        PartSampler(PolycrystalDataset(folder), rank=2, world=2)
    with pytest.raises(FileNotFoundError, match="must be a data set"):
        PolycrystalDataset(tmp_path)
    with pytest.raises(ValueError, match="'strength' was asked for"):
        PolycrystalDataset(folder, arrays=("strength",))
    with pytest.raises(ValueError, match="from 0 to 22, but one is 23"):
        PolycrystalDataset(folder, numbers=[1, 23])
    with pytest.raises(ValueError, match="must be one of quaternion"):
        PolycrystalDataset(folder, "euler")
