"""A stream of polycrystals generated during training: nothing is stored, nothing repeats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from polyxtal.algebra.randomness import generator_of
from polyxtal.argument_types import require_type
from polyxtal.dataset.build import build_sample
from polyxtal.dataset.descriptors import describe
from polyxtal.dataset.features import feature
from polyxtal.dataset.fields import expand
from polyxtal.dataset.hull_batch import hull_batch
from polyxtal.dataset.loader import own_batches, share_of_processes
from polyxtal.dataset.recipe import MAX_COUNT, Recipe
from polyxtal.dataset.recipe_textures import Hull
from polyxtal.deprecation import warn_renamed


class PolycrystalStream(IterableDataset[dict[str, Tensor]]):
    """Batches of fields of polycrystals that are generated on the fly.

    A batch is a dict: "field" (batch, channels, nx, ny, nz) and "summary" (batch, descriptors),
    float32, see `describe`, and "number" (batch,). Batch j depends only on the recipe, the batch
    size and j, so a run resumed with `start` at the number of batches it has used continues as if
    it had never stopped. Use it as `DataLoader(stream, batch_size=None, num_workers=...)`. Workers,
    and the processes of distributed training, share the batches.

    On the CPU, RVE number i is that of the data set of the same recipe; the stream ends at number
    2³². On a GPU ("cuda") whole batches are generated at once, with other random numbers from the
    same distribution, for recipes with textures of the hull and Voronoi grain sizes, up to 2³²
    batches.

    Args:
        recipe: Recipe of the polycrystals; its count is ignored.
        batch_size: Number of RVEs in a batch.
        features: "quaternion", "harmonic" or "harmonic6".
        target: Features of a second field, "target" (default: no second field).
        start: Number of the first batch of this process.
        rank: Rank of this process (default: that of torch.distributed).
        world: Number of processes (default: that of torch.distributed).
        device: Device of the fields.
        at_once: Whether to generate whole batches at once (default: on a GPU only).
    Raises:
        ValueError: if the recipe cannot be generated at once, or an argument is invalid.

    Example:
        >>> import polyxtal as px
        >>> recipe = px.Recipe(count=1, grid=6, grains=5, texture={"kind": "uniform"})
        >>> batches = px.PolycrystalStream(recipe, batch_size=3, features="harmonic")
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
        """Validate the arguments."""
        require_type(recipe, Recipe, "recipe")
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
        """Generate one batch after the other."""
        yield from map(self.batch, own_batches(self.start, self.rank, self.world))

    def batch(self, index: int) -> dict[str, Tensor]:
        """Generate one batch.

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
        samples = [build_sample(self.recipe, number) for number in numbers]
        ids = torch.stack([sample.rve.grain_id for sample in samples])
        shape = len(samples), self.recipe.grains[1], 4
        orientations = torch.zeros(shape, dtype=torch.float32)
        orientations[:, :, 0] = 1.0
        for row, sample in zip(orientations, samples, strict=True):
            row[: len(sample.quaternions)] = sample.quaternions
        return ids, orientations


class EndlessPolycrystals(PolycrystalStream):
    """Deprecated name of `PolycrystalStream`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Warn and delegate to `PolycrystalStream`."""
        warn_renamed("`EndlessPolycrystals`", "`PolycrystalStream`")
        super().__init__(*args, **kwargs)
