"""Polycrystals without end, made while a model is trained: no storage, and none is seen twice."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from polyxtal.algebra.randomness import generator_of
from polyxtal.dataset.build import realize
from polyxtal.dataset.descriptors import describe
from polyxtal.dataset.features import feature
from polyxtal.dataset.fields import expand
from polyxtal.dataset.hull_batch import hull_batch
from polyxtal.dataset.loader import share_of_processes
from polyxtal.dataset.recipe import MAX_COUNT, Recipe
from polyxtal.dataset.recipe_textures import Hull


class EndlessPolycrystals(IterableDataset[dict[str, Tensor]]):
    """Batches of fields of ever new polycrystals.

    A batch is a dict: "field" (batch, channels, nx, ny, nz) and "summary" (batch, descriptors),
    float32, see `describe`, and "number" (batch,). Batch j depends on the recipe, the
    batch size and j alone, so a run that is resumed with `start` at the number of batches it has
    used sees what it would have seen. Take it as `DataLoader(endless, batch_size=None,
    num_workers=...)`. Workers, and the processes of distributed training, share the batches out.

    On the CPU RVE number i is that of the data set of the same recipe; it ends with number 2³².
    On a GPU ("cuda") whole batches are made at once, with other random numbers of the same
    distribution, for recipes with textures of the hull and Voronoi's grain sizes, for up to 2³²
    batches.

    Args:
        recipe: What to make; its count does not matter.
        batch_size: RVEs in a batch.
        features: "quaternion", "harmonic" or "harmonic6".
        target: Features of a second field, "target"; None for none.
        start: First batch of this process.
        rank: Of this process; None asks torch.distributed.
        world: Number of processes; None asks torch.distributed.
        device: Where to make fields.
        at_once: Make whole batches at once; None does so on a GPU.
    Raises:
        ValueError: if the recipe can not be made at once, or an argument is invalid.

    Example:
        >>> import polyxtal as px
        >>> recipe = px.Recipe(count=1, grid=6, grains=5, texture={"kind": "uniform"})
        >>> batches = px.EndlessPolycrystals(recipe, batch_size=3, features="harmonic")
        >>> next(iter(batches))["field"].shape
        torch.Size([3, 9, 6, 6, 6])
    """

    def __init__(
        self,
        recipe: Recipe,
        batch_size: int = 64,
        features: str = "quaternion",
        *,
        target: str | None = None,
        start: int = 0,
        rank: int | None = None,
        world: int | None = None,
        device: str | torch.device = "cpu",
        at_once: bool | None = None,
    ) -> None:
        """Check what is asked for."""
        if batch_size < 1 or start < 0:
            raise ValueError(
                "Arguments `batch_size` and `start` must be at least 1 and 0, "
                f"but are {batch_size} and {start}."
            )
        self.recipe, self.batch_size, self.start = recipe, batch_size, start
        laue = recipe.laue_group
        self.feature, self.device = feature(features, laue), torch.device(device)
        self.target = None if target is None else feature(target, laue)
        self.at_once = self.device.type != "cpu" if at_once is None else at_once
        if self.at_once and not (isinstance(recipe.texture, Hull) and recipe.spread is None):
            raise ValueError(
                "Batches are made at once, as on a GPU, for textures of kind 'hull' and without "
                f"`spread`, but the recipe has kind '{recipe.texture.kind}' "
                f"and spread {recipe.spread}."
            )
        self.rank, self.world = share_of_processes(rank, world)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Make one batch after the other."""
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        turn = self.start + worker
        while True:
            yield self.batch(turn * self.world + self.rank)
            turn += workers

    def batch(self, index: int) -> dict[str, Tensor]:
        """Make one batch.

        Raises:
            ValueError: if the RVEs' numbers reach 2³².
        """
        numbers = torch.arange(index * self.batch_size, (index + 1) * self.batch_size)
        if self.at_once:
            generator = generator_of(self.recipe.seed, index)
            ids, orientations = hull_batch(self.recipe, self.batch_size, generator, self.device)
        else:
            if int(numbers[-1]) >= MAX_COUNT:
                raise ValueError(f"A recipe makes {MAX_COUNT} RVEs; go on with another seed.")
            ids, orientations = self._one_by_one(numbers.tolist())
        ids, orientations = ids.to(self.device), orientations.to(self.device)
        fields = {"field": expand(ids, orientations, self.feature)}
        if self.target is not None:
            fields["target"] = expand(ids, orientations, self.target)
        return {**fields, "summary": describe(ids, orientations), "number": numbers}

    def _one_by_one(self, numbers: list[int]) -> tuple[Tensor, Tensor]:
        samples = [realize(self.recipe, number) for number in numbers]
        ids = torch.stack([sample.rve.grain_id for sample in samples])
        orientations = torch.zeros(len(samples), self.recipe.grains[1], 4)
        orientations[:, :, 0] = 1.0
        for row, sample in zip(orientations, samples, strict=True):
            row[: len(sample.quaternions)] = sample.quaternions
        return ids, orientations
