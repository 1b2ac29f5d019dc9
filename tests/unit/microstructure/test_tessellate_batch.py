"""Many boxes at once: the same owners as one box after the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polyxtal.microstructure import tessellate_batch
from polyxtal.microstructure.tessellate import power_diagram
from polyxtal.microstructure.tessellate_batch import voronoi_batch


@pytest.mark.parametrize("grid", [(13, 9, 17), (10, 10, 10), (4, 1, 6), (1, 1, 1)])
@pytest.mark.parametrize("grains", [1, 3, 40, 150])
def test_every_box_is_divided_as_alone(grid, grains, monkeypatch):
    monkeypatch.setattr(tessellate_batch, "MEMORY", 40_000)  # several rounds of boxes
    generator = torch.Generator().manual_seed(grains)
    extent = torch.tensor(grid, dtype=torch.float64)
    seeds = torch.rand(5, grains, 3, generator=generator, dtype=torch.float64) * extent
    scale = 0.5 + torch.rand(5, 3, generator=generator, dtype=torch.float64)
    owner = voronoi_batch(grid, seeds, scale)
    assert owner.shape == (5, *grid)
    for box in range(5):
        alone = power_diagram(grid, seeds[box].numpy(), np.zeros(grains), scale[box].numpy())
        assert np.array_equal(owner[box].numpy(), alone)


def test_crowded_seeds_are_all_asked():
    # All seeds in one voxel: every block needs more candidates than it asks at first.
    seeds = 5 + torch.rand(1, 300, 3, generator=torch.Generator(), dtype=torch.float64)
    owner = voronoi_batch((20, 20, 20), seeds, torch.ones(1, 3, dtype=torch.float64))
    alone = power_diagram((20, 20, 20), seeds[0].numpy(), np.zeros(300), np.ones(3))
    assert np.array_equal(owner[0].numpy(), alone)


def test_absent_seeds_own_nothing():
    seeds = 8 * torch.rand(2, 30, 3, generator=torch.Generator(), dtype=torch.float64)
    scale = torch.ones(2, 3, dtype=torch.float64)
    owner = voronoi_batch((8, 8, 8), seeds, scale, torch.tensor([30, 4]))
    fewer = voronoi_batch((8, 8, 8), seeds[1:, :4], scale[1:])
    assert torch.equal(owner[1:], fewer)
    assert int(owner[0].max()) > 4


def test_of_equally_near_seeds_the_first_wins():
    # Seeds at every other corner of the voxels: most voxels are as near to eight of them.
    axis = torch.arange(0.0, 12.0, 2.0, dtype=torch.float64)
    seeds = torch.cartesian_prod(axis, axis, axis)
    seeds = seeds[torch.randperm(len(seeds), generator=torch.Generator().manual_seed(0))]
    owner = voronoi_batch((12, 12, 12), seeds[None], torch.ones(1, 3, dtype=torch.float64))
    first = torch.full((12, 12, 12), len(seeds))
    points = torch.arange(12, dtype=torch.float64) + 0.5
    for grain in range(len(seeds) - 1, -1, -1):
        gaps = [(points - seeds[grain, a]).abs() for a in range(3)]
        x, y, z = (torch.minimum(gap, 12 - gap) < 1.01 for gap in gaps)
        first[x[:, None, None] & y[:, None] & z] = grain
    assert torch.equal(owner[0], first)
