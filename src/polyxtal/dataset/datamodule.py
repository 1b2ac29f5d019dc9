"""A data set, split and batched for Lightning's trainer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from polyxtal.algebra.randomness import generator_of
from polyxtal.dataset.loader import CACHE_BYTES, PartSampler, PolycrystalDataset
from polyxtal.dataset.store import PolycrystalStore

SPLIT = 3
"""Random stream, separate from those of `loader.py`."""


class PolycrystalDataModule(LightningDataModule):
    """Batches for training, validation and test from one data set.

    The RVEs are split at random by the seed, identically in every process. Training batches are
    shuffled and augmented, the others are neither. Use it with
    `Trainer(use_distributed_sampler=False)`: the sampler distributes the data itself.

    Args:
        folder: Folder that `polyxtal generate` wrote.
        batch_size: Number of RVEs in a batch, per process.
        features: "quaternion", "harmonic" or "harmonic6".
        arrays: Further arrays of the store to return, such as "stiffness".
        split: Shares of training, validation and test; they sum to 1.
        augment: Rotate and roll the training RVEs.
        seed: Random seed of the split, the order and the augmentation.
        workers: Number of processes that build batches; 0 builds them in this one.
        cache_bytes: Memory for decoded parts, per worker. [bytes]
    Raises:
        ValueError: if the shares are not three that sum to 1, or there is no batch to train on.
    """

    def __init__(
        self,
        folder: str | Path,
        batch_size: int = 64,
        features: str = "quaternion",
        arrays: Sequence[str] = (),
        *,
        split: tuple[float, float, float] = (0.8, 0.2, 0.0),
        augment: bool = True,
        seed: int = 0,
        workers: int = 0,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Check the split; the data set is opened by `setup`."""
        super().__init__()
        if len(split) != 3 or not min(split) >= 0 or not split[0] or not abs(sum(split) - 1) < 1e-9:
            raise ValueError(
                "Argument `split` must be three shares that sum to 1, the first above 0, "
                f"but is {tuple(split)}."
            )
        self.folder, self.batch_size, self.features = Path(folder), batch_size, features
        self.arrays, self.split, self.augment = tuple(arrays), split, augment
        self.seed, self.workers, self.cache_bytes = seed, workers, cache_bytes
        self._datasets: dict[str, PolycrystalDataset] = {}

    def setup(self, stage: str | None = None) -> None:
        """Open the data set and split it."""
        if self._datasets:
            return
        store = PolycrystalStore(self.folder)
        order = torch.randperm(len(store), generator=generator_of(self.seed, 0, SPLIT))
        first = round(self.split[0] * len(store))
        second = first + round(self.split[1] * len(store)) if self.split[2] else len(store)
        if first < self.batch_size:
            raise ValueError(
                f"{self.folder}: a batch must not be larger than the {first} RVEs to train on, "
                f"but is {self.batch_size}."
            )
        ends = {"train": order[:first], "validate": order[first:second], "test": order[second:]}
        for name, numbers in ends.items():
            if not len(numbers):
                continue
            self._datasets[name] = PolycrystalDataset(
                store,
                self.features,
                self.arrays,
                augment=self.augment and name == "train",
                seed=self.seed,
                numbers=numbers.sort().values,
                cache_bytes=self.cache_bytes,
            )

    def dataset(self, name: str) -> PolycrystalDataset:
        """Return the split "train", "validate" or "test".

        Raises:
            ValueError: if it has no RVEs.
        """
        self.setup()
        if name not in self._datasets:
            raise ValueError(f"{self.folder}: part '{name}' has no RVEs with split {self.split}.")
        return self._datasets[name]

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return shuffled, augmented batches; incomplete ones are dropped."""
        dataset = self.dataset("train")
        return self._loader(dataset, sampler=PartSampler(dataset, self.seed), drop_last=True)

    def val_dataloader(self) -> DataLoader[dict[str, Tensor]] | list[Any]:
        """Return the RVEs in order."""
        self.setup()
        return self._loader(self.dataset("validate")) if "validate" in self._datasets else []

    def test_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return the RVEs in order."""
        return self._loader(self.dataset("test"))

    def _loader(self, dataset: PolycrystalDataset, **options: Any) -> DataLoader[dict[str, Tensor]]:
        # With a generator of its own, because it would draw from the global one.
        own = torch.Generator()
        return DataLoader(
            dataset, self.batch_size, num_workers=self.workers, generator=own, **options
        )
