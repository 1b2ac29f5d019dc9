"""A stream of varied and of own volumes, as batches of fields for pretraining."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from polyxtal.algebra.randomness import generator_of
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.dataset.descriptors import INTERCEPTS, describe_each
from polyxtal.dataset.features import CRYSTAL_GROUPS, Feature, crystal_table, feature
from polyxtal.dataset.loader import own_batches, share_of_processes
from polyxtal.dataset.recipe import MAX_COUNT
from polyxtal.dataset.variety import Volume

VOLUMES = 15
"""Stream of random numbers for volumes."""
KINDS = ("group", "second")
CUBIC_GROUP = CRYSTAL_GROUPS.index(CUBIC.name)


class VolumeStream(IterableDataset[dict[str, Tensor]]):
    """Batches of fields of volumes that a function draws, each by its own generator.

    Batches are dicts as those of `PolycrystalStream`: "field", "summary" and "number". The summary
    is that of cubic crystals of one phase; for others it is NaN but for the mean intercepts. Batch
    j depends only on the seed, the batch size and j. Workers, and the processes of distributed
    training, share the batches.

    Args:
        draw: Draws a volume.
        batch_size: Number of volumes in a batch.
        features: Feature of a voxel.
        laue: Laue group of the crystals, unless the feature is for several.
        target: Feature of a second field, "target" (default: no second field).
        seed: Random seed.
        start: Number of the first batch of this process.
        rank: Rank of this process (default: that of torch.distributed).
        world: Number of processes (default: that of torch.distributed).
    """

    def __init__(
        self,
        draw: Callable[[torch.Generator], Volume],
        batch_size: int,
        features: str,
        laue: LaueGroup = CUBIC,
        *,
        target: str | None = None,
        seed: int = 0,
        start: int = 0,
        rank: int | None = None,
        world: int | None = None,
    ) -> None:
        """Draw nothing yet."""
        self.draw, self.batch_size, self.seed, self.start = draw, batch_size, seed, start
        self.feature, self.laue = feature(features, laue), laue
        self.target = None if target is None else feature(target, laue)
        self.rank, self.world = share_of_processes(rank, world)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Draw one batch after the other."""
        yield from map(self.batch, own_batches(self.start, self.rank, self.world))

    def batch(self, index: int) -> dict[str, Tensor]:
        """Draw one batch.

        Raises:
            ValueError: if the volumes' numbers reach 2³².
        """
        numbers = torch.arange(index * self.batch_size, (index + 1) * self.batch_size)
        if int(numbers[-1]) >= MAX_COUNT:
            raise ValueError(f"A seed gives {MAX_COUNT} volumes; go on with another one.")
        drawn = [self.draw(generator_of(self.seed, n, VOLUMES)) for n in numbers.tolist()]
        orientations = torch.cat([one.orientations for one in drawn]).to(torch.float32)
        found = {"field": self._field(drawn, orientations, self.feature)}
        if self.target is not None:
            found["target"] = self._field(drawn, orientations, self.target)
        return {**found, "summary": _summary(drawn, orientations, self.laue), "number": numbers}

    @staticmethod
    def _field(drawn: Sequence[Volume], orientations: Tensor, chosen: Feature) -> Tensor:
        if chosen.mixed:
            group, second = (torch.cat([getattr(one, name) for one in drawn]) for name in KINDS)
            table = crystal_table(orientations, group, second)
        else:
            table = chosen.compute(orientations)
        parts = table.split([len(one.orientations) for one in drawn])
        return torch.stack(
            [part.T.contiguous()[:, one.grain_id] for part, one in zip(parts, drawn, strict=True)]
        )


def _summary(drawn: Sequence[Volume], orientations: Tensor, laue: LaueGroup) -> Tensor:
    """Return the descriptors; NaN where those of cubic crystals have no meaning."""
    counts = [len(one.orientations) for one in drawn]
    found = describe_each([one.grain_id for one in drawn], orientations.split(counts))
    for row, one in zip(found, drawn, strict=True):
        if laue != CUBIC or bool(one.second.any()) or bool((one.group != CUBIC_GROUP).any()):
            row[:-INTERCEPTS] = torch.nan
    return found
