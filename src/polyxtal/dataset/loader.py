"""Data sets for torch: grain ids are expanded to fields when a batch is requested."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler, get_worker_info

from polyxtal.algebra.randomness import generator_of
from polyxtal.dataset.features import feature
from polyxtal.dataset.fields import expand, random_moves, turn_stiffness
from polyxtal.dataset.store import PolycrystalStore

CACHE_BYTES = 2 << 30
"""Memory for decoded parts. [bytes]"""
_GRAINS = ("grain_id", "orientations")
MOVES, ORDER = 1, 2
"""Random streams, separate from the one that RVEs are generated from."""


class PolycrystalDataset(Dataset[dict[str, Tensor]]):
    """A data set of fields, read from a folder that `polyxtal generate` wrote.

    An item is a dict: "field" (channels, nx, ny, nz), float32; "number", the number of the RVE;
    and, on request, rows of the store's arrays by name. With augmentation, each RVE is rotated by
    one of the cube's rotations that map the grid onto itself, together with its crystals and
    stiffness, and rolled by whole voxels; both depend on the seed, the epoch and the RVE.
    `set_epoch` sets the epoch, also for the workers of a loader; `PartSampler` and Lightning call
    it automatically.

    Args:
        store: The data set, or its folder.
        features: "quaternion", "harmonic" or "harmonic6".
        arrays: Further arrays of the store to return, such as "stiffness"; with augmentation the
            stiffness is rotated, the others are those of the stored RVE.
        augment: Rotate and roll.
        seed: Random seed of the augmentation.
        numbers: Numbers of the RVEs to use (default: all).
        cache_bytes: Memory for decoded parts. [bytes]
    Raises:
        FileNotFoundError: if there is no data set.
        ValueError: if it is damaged or unfinished, or a feature or an array is unknown.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> uniform = {"kind": "uniform"}
        >>> recipe = px.Recipe(count=4, grid=6, grains=5, texture=uniform, coefficients=30)
        >>> folder = Path(tempfile.mkdtemp()) / "set"
        >>> _ = px.generate(recipe, folder, workers=1)
        >>> dataset = px.PolycrystalDataset(folder, "harmonic", augment=True)
        >>> sampler = PartSampler(dataset)
        >>> loader = torch.utils.data.DataLoader(dataset, batch_size=2, sampler=sampler)
        >>> for epoch in range(2):
        ...     sampler.set_epoch(epoch)
        ...     print([tuple(batch["field"].shape) for batch in loader])
        [(2, 9, 6, 6, 6), (2, 9, 6, 6, 6)]
        [(2, 9, 6, 6, 6), (2, 9, 6, 6, 6)]
    """

    store: PolycrystalStore

    def __init__(
        self,
        store: PolycrystalStore | str | Path,
        features: str = "quaternion",
        arrays: Sequence[str] = (),
        *,
        augment: bool = False,
        seed: int = 0,
        numbers: Sequence[int] | Tensor | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Validate the arguments; nothing is read yet."""
        self.store = store if isinstance(store, PolycrystalStore) else PolycrystalStore(store)
        self.feature = feature(features, self.store.recipe.laue_group)
        known = [name for name in self.store.arrays if name not in _GRAINS]
        unknown = [name for name in arrays if name not in known]
        if unknown:
            raise ValueError(
                f"{self.store.folder}: arrays must be of {', '.join(known)}, "
                f"but '{unknown[0]}' was asked for."
            )
        self.arrays = tuple(arrays)
        self.augment, self.seed = augment, seed
        # In memory shared with the workers of a loader, so that they see a new epoch.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        chosen = torch.as_tensor(range(len(self.store)) if numbers is None else numbers)
        if chosen.ndim != 1 or chosen.dtype not in (torch.int64, torch.int32) or not len(chosen):
            raise ValueError(
                f"{self.store.folder}: `numbers` must be a list of whole numbers, at least one, "
                f"but is of {chosen.dtype} and shape {tuple(chosen.shape)}."
            )
        self.numbers = chosen.to(torch.int64)
        outside = (self.numbers < 0) | (self.numbers >= len(self.store))
        if bool(outside.any()):
            raise ValueError(
                f"{self.store.folder}: `numbers` must be from 0 to {len(self.store) - 1}, "
                f"but one is {int(self.numbers[outside][0])}."
            )
        self._cache = _PartCache(self.store, (*_GRAINS, *self.arrays), cache_bytes)

    @property
    def parts_in_memory(self) -> int:
        """Number of parts that fit into the cache."""
        return self._cache.capacity

    @property
    def epoch(self) -> int:
        """The epoch of the augmentation."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the augmentation."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        """Return the number of RVEs."""
        return len(self.numbers)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Build one item."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[dict[str, Tensor]]:
        """Build the items of a batch together, as torch's loader requests them."""
        batch = self.batch(indices)
        return [{name: values[i] for name, values in batch.items()} for i in range(len(indices))]

    def batch(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Build a batch: the entries of `__getitem__` with a leading axis."""
        numbers = self.numbers[torch.as_tensor(indices, dtype=torch.int64)]
        rows = self._cache.rows(numbers.tolist())
        ids, orientations = (torch.from_numpy(rows.pop(name)) for name in _GRAINS)
        turns = shifts = None
        if self.augment:
            moves = [self._moves(number) for number in numbers.tolist()]
            turns = torch.cat([turn for turn, _ in moves])
            shifts = torch.cat([shift for _, shift in moves])
        batch = {"field": expand(ids, orientations, self.feature, turns, shifts)}
        batch["number"] = numbers
        batch |= {name: torch.from_numpy(values) for name, values in rows.items()}
        if turns is not None and "stiffness" in batch:
            batch["stiffness"] = turn_stiffness(batch["stiffness"], turns)
        return batch

    def _moves(self, number: int) -> tuple[Tensor, Tensor]:
        generator = generator_of(self.seed, number, MOVES, self.epoch)
        return random_moves(self.store.recipe.grid, 1, generator)


class PartSampler(Sampler[int]):
    """Shuffle a data set that does not fit into memory, part by part.

    The parts are shuffled and processed in groups that fit into the cache; within a group, the RVEs
    are shuffled. If all parts fit, this is a plain shuffle. In distributed training the processes
    take turns; all get equally many RVEs.

    Args:
        dataset: The data set.
        seed: Random seed of the order.
        rank: Rank of this process (default: that of torch.distributed).
        world: Number of processes (default: that of torch.distributed).
    Raises:
        ValueError: if the rank is not below the number of processes.
    """

    def __init__(
        self,
        dataset: PolycrystalDataset,
        seed: int = 0,
        rank: int | None = None,
        world: int | None = None,
    ) -> None:
        """Determine the rank of this process."""
        self.dataset, self.seed, self.epoch = dataset, seed, 0
        self.rank, self.world = share_of_processes(rank, world)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the order and of the data set's augmentation."""
        self.epoch = epoch
        self.dataset.set_epoch(epoch)

    def __len__(self) -> int:
        """Return the number of RVEs per process."""
        return math.ceil(len(self.dataset) / self.world)

    def __iter__(self) -> Iterator[int]:
        """Yield indices into the data set."""
        generator = generator_of(self.seed, 0, ORDER, self.epoch)
        part = self.dataset.numbers // self.dataset.store.recipe.part
        parts = part.unique()
        parts = parts[torch.randperm(len(parts), generator=generator)]
        order = []
        for group in parts.split(max(1, self.dataset.parts_in_memory)):
            places = torch.isin(part, group).nonzero()[:, 0]
            order.append(places[torch.randperm(len(places), generator=generator)])
        places = torch.cat(order)
        wanted = len(self) * self.world
        places = places.repeat(math.ceil(wanted / len(places)))[:wanted]
        return iter(places[self.rank :: self.world].tolist())


def share_of_processes(rank: int | None, world: int | None) -> tuple[int, int]:
    """Return the rank and the number of processes; None means those of torch.distributed.

    Raises:
        ValueError: if the rank is not from 0 to below the number.
    """
    started = torch.distributed.is_available() and torch.distributed.is_initialized()
    own = (torch.distributed.get_rank() if started else 0) if rank is None else rank
    every = (torch.distributed.get_world_size() if started else 1) if world is None else world
    if not 0 <= own < every:
        raise ValueError(f"`rank` must be from 0 to below `world`, but they are {own} and {every}.")
    return own, every


def own_batches(start: int, rank: int, world: int) -> Iterator[int]:
    """Yield the numbers of an endless stream's batches that this worker of this process makes."""
    info = get_worker_info()
    worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
    for turn in count(start + worker, workers):
        yield turn * world + rank


class _PartCache:
    """The parts read last, decoded."""

    def __init__(self, store: PolycrystalStore, names: Sequence[str], capacity: int) -> None:
        self._store, self._names = store, tuple(names)
        row = sum(
            int(np.prod(store.arrays[name].shape[1:])) * store.arrays[name].dtype.itemsize
            for name in names
        )
        self._part = store.recipe.part
        self.capacity = max(1, capacity // max(1, row * self._part))
        self._kept: OrderedDict[int, dict[str, np.ndarray]] = OrderedDict()

    def rows(self, numbers: Sequence[int]) -> dict[str, np.ndarray]:
        parts = [divmod(number, self._part) for number in numbers]
        found = {part: self._get(part) for part in sorted({part for part, _ in parts})}
        return {
            name: np.stack([found[part][name][row] for part, row in parts]) for name in self._names
        }

    def _get(self, part: int) -> dict[str, np.ndarray]:
        if part in self._kept:
            self._kept.move_to_end(part)
            return self._kept[part]
        start = part * self._part
        values = {name: self._store.read(name, start, start + self._part) for name in self._names}
        self._kept[part] = values
        while len(self._kept) > self.capacity:
            self._kept.popitem(last=False)
        return values
