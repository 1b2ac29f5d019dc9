"""Polycrystals without end: numbered, resumable, and of the distribution that is asked for."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

import polyxtal as px
from polyxtal.algebra.randomness import generator_of
from polyxtal.dataset.build import build_sample
from polyxtal.dataset.features import feature
from polyxtal.dataset.hull_batch import hull_batch, places
from polyxtal.dataset.recipe import make_recipe
from polyxtal.dataset.stream import PolycrystalStream
from polyxtal.texture.zone import orientation_grid

RECIPE = make_recipe({"count": 1, "grid": 6, "grains": [4, 9], "texture": {"kind": "hull"}})
CPU = torch.device("cpu")


def take(endless, count):
    batches = iter(endless)
    return [next(batches) for _ in range(count)]


def test_numbers_are_those_of_the_data_set():
    batch = PolycrystalStream(RECIPE, 3).batch(2)
    assert batch["number"].tolist() == [6, 7, 8]
    rve = build_sample(RECIPE, 7).rve
    expected = feature("quaternion").compute(rve.orientation_field())
    field = batch["field"][1].permute(1, 2, 3, 0).to(torch.float64)
    torch.testing.assert_close(field, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_resumed_run_sees_what_it_would_have_seen(at_once):
    all_along = take(PolycrystalStream(RECIPE, 2, at_once=at_once), 4)
    resumed = take(PolycrystalStream(RECIPE, 2, start=2, at_once=at_once), 2)
    for a, b in zip(all_along[2:], resumed, strict=True):
        assert torch.equal(a["field"], b["field"])
    assert not torch.equal(all_along[0]["field"], all_along[1]["field"])


def test_processes_and_workers_share_the_batches():
    alone = [batch["number"].tolist() for batch in take(PolycrystalStream(RECIPE, 2), 6)]
    shares = [take(PolycrystalStream(RECIPE, 2, rank=r, world=2), 3) for r in (0, 1)]
    dealt = [batch["number"].tolist() for pair in zip(*shares, strict=True) for batch in pair]
    assert dealt == alone
    loader = iter(DataLoader(PolycrystalStream(RECIPE, 2), batch_size=None, num_workers=2))
    assert [next(loader)["number"].tolist() for _ in range(6)] == alone


def test_batches_made_at_once_have_the_same_distribution():
    grid = orientation_grid(10.0)
    recipe = make_recipe({"count": 1, "grid": 8, "grains": 20, "aspect": [[1.0, 3.0], 1.0, 1.0]})
    count = 300
    ids, q = hull_batch(recipe, count, generator_of(0, 0), CPU)
    single = [build_sample(recipe, number).rve for number in range(count)]
    assert ids.shape == (count, 8, 8, 8)
    volumes = torch.stack([torch.bincount(box.reshape(-1), minlength=20) for box in ids]) / 512
    alone = torch.stack([rve.volume_fractions for rve in single])
    # Spread of grain volumes: the tessellations are alike.
    assert float(volumes.std()) == pytest.approx(float(alone.std()), rel=0.1)
    # How many orientations an RVE has: 20 grains of a texture of k orientations.
    distinct = torch.tensor([len(crystals.unique(dim=0)) for crystals in q]).double()
    expected = torch.tensor([len(rve.orientations.unique(dim=0)) for rve in single]).double()
    error = (distinct.var() / count + expected.var() / count).sqrt()
    assert abs(float(distinct.mean() - expected.mean())) < 4 * float(error)
    # All vertices are met, each as often as any other.
    index, distance = grid.nearest(q.reshape(-1, 4).double())
    assert float(distance.max()) < 1e-3
    share = torch.zeros(len(grid), dtype=torch.float64)
    share.index_add_(0, index, volumes.reshape(-1).double())
    assert float((share / count * len(grid)).std()) < 3.0


def test_grains_lie_side_by_side():
    share = torch.tensor([[0.125, 0.5, 0.375]])
    assert places(share, torch.tensor([[0, 1, 2]])).tolist() == [[0.0625, 0.375, 0.8125]]
    assert places(share, torch.tensor([[2, 0, 1]])).tolist() == [[0.4375, 0.75, 0.1875]]


def test_a_batch_made_at_once_gives_vertices_their_shares():
    # As one by one: the volume of an orientation is its weight up to about one grain.
    recipe = make_recipe({"count": 1, "grid": 12, "grains": 100, "texture": {"kind": "hull"}})
    ids, q = hull_batch(recipe, 20, generator_of(1, 0), CPU)
    assert bool(((q.norm(dim=-1) - 1).abs() < 1e-6).all())
    assert ids.unique().numel() > 90


def test_grains_beyond_an_rves_number_are_absent():
    ids, _ = hull_batch(RECIPE, 50, generator_of(3, 0), CPU)
    most = ids.flatten(1).amax(-1)
    assert int(most.min()) < 6
    assert int(most.max()) == 8


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"batch_size": 0}, "at least 1 and 0"),
        ({"start": -1}, "at least 1 and 0"),
        ({"features": "euler"}, "must be one of"),
    ],
)
def test_mistakes_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        PolycrystalStream(RECIPE, **arguments)


def test_what_can_not_be_made_at_once_is_refused():
    recipe = make_recipe({"count": 1, "grid": 6, "grains": 4, "spread": 0.2})
    with pytest.raises(ValueError, match="without `spread`"):
        PolycrystalStream(recipe, at_once=True)
    with pytest.raises(ValueError, match="go on with another seed"):
        PolycrystalStream(RECIPE, 4).batch(2**30)


def test_the_old_name_warns():
    with pytest.warns(DeprecationWarning, match="use `PolycrystalStream` instead"):
        old = px.EndlessPolycrystals(RECIPE, 2)
    torch.testing.assert_close(
        old.batch(1)["field"], PolycrystalStream(RECIPE, 2).batch(1)["field"]
    )
