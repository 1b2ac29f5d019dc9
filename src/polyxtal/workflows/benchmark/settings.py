"""Sizes of the benchmark, and what it is asked for."""

from __future__ import annotations

from typing import NamedTuple

from polyxtal.dataset.recipe import Recipe

SEED = 2**43
"""Seed of the recipe, beyond those of pretraining, validation and studies."""
MATERIAL = "AA6022-T4"
BLOCK = 5
"""Edge of the blocks that are hidden, and that a dense head fills. [voxels]"""
HIDDEN = 0.4
"""Share of hidden blocks. [-]"""
STRAIN, INCREMENTS = 0.01, 6
LEAVES = 32


class Split(NamedTuple):
    """Numbers of volumes to fit to and to test on."""

    train: int
    test: int


class Preset(NamedTuple):
    """Sizes of the tasks.

    Attributes:
        grid: Edge of the volumes, a multiple of `BLOCK`. [voxels]
        grains: Fewest and most grains.
        labels: Numbers of labels of the probes.
        probe, stiffness, network, rebuild, fields: Volumes of the tasks; the largest test set is
            that of the probes, and others are parts of it.
        draws: Draws of the labels of a probe, whose scores are averaged.
    """

    grid: int
    grains: tuple[int, int]
    labels: tuple[int, ...]
    probe: Split
    stiffness: Split
    network: Split
    rebuild: Split
    fields: Split
    draws: int

    def recipe(self, seed: int = 0) -> Recipe:
        """Return the recipe of all volumes; the first ones are those to test on."""
        grid = (self.grid, self.grid, self.grid)
        return Recipe(count=sum(self.probe), seed=SEED + seed, grid=grid, grains=self.grains)

    def numbers(self, split: Split) -> tuple[range, range]:
        """Return the numbers of the volumes to fit to and to test on."""
        first = self.probe.test
        return range(first, first + split.train), range(split.test)


PRESETS = {
    "tiny": Preset(
        10, (6, 12), (10,), Split(14, 6), Split(8, 4), Split(5, 2), Split(6, 4), Split(4, 2), 1
    ),
    "small": Preset(
        25,
        (70, 210),
        (50, 200, 1000),
        Split(1000, 200),
        Split(100, 30),
        Split(20, 10),
        Split(60, 30),
        Split(16, 6),
        3,
    ),
}
