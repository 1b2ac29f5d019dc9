"""Mean intercepts, counted face by face."""

from __future__ import annotations

import pytest
import torch

import polyxtal as px
from polyxtal.microstructure.mean_intercept import count_crossings, mean_intercepts


@pytest.mark.parametrize("grid", [(7, 6, 5), (4, 1, 6), (5, 3, 1), (1, 1, 1)])
def test_crossings_are_neighbours_that_differ(grid):
    ids = px.tessellate(grid=grid, grains=1 if grid == (1, 1, 1) else 5, seed=2).grain_id
    expected = [int((ids != ids.roll(1, axis)).sum()) for axis in range(3)]
    assert count_crossings(ids.numpy()).tolist() == expected


def test_intercepts_of_layers():
    ids = torch.arange(4)[:, None, None].expand(4, 2, 3)
    rve = px.Polycrystal(ids, [[1, 0, 0, 0]] * 4, size=(8, 2, 3))
    assert mean_intercepts(rve).tolist() == [2, 24, 24]
