"""Volumes of the benchmark and what is computed of each, kept as it is finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from polyxtal.algebra.progress import Progress
from polyxtal.dataset.build import build_sample
from polyxtal.dataset.recipe import Recipe
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.workflows.benchmark.encoders import EncoderError

Numbers = Mapping[str, Tensor]
AT_ONCE = 8
"""Volumes per file."""
MAX_FILE = 1 << 30
TASKS = {"vectors": "probe, stiffness and network", "fields": "local fields"}
"""Tasks by the last part of the names of what is computed for them, where that is another."""


class Volumes:
    """The volumes of a recipe, by number, and a folder of what was computed of them."""

    def __init__(self, recipe: Recipe, folder: Path, progress: Progress) -> None:
        """Refer to volumes, without making any."""
        self.recipe, self.folder, self.progress = recipe, folder, progress
        self._made = lru_cache(maxsize=64)(lambda number: build_sample(recipe, number).rve)

    def __getitem__(self, number: int) -> Polycrystal:
        """Return a volume."""
        return self._made(number)

    def compute(
        self,
        name: str,
        numbers: Sequence[int],
        task: Callable[[list[Polycrystal], Sequence[int]], Numbers],
    ) -> dict[str, Tensor]:
        """Compute arrays of volumes, or read those of an earlier run.

        Args:
            name: Name of the task, a path within the folder.
            numbers: Volumes.
            task: From volumes and their numbers to arrays by name, one row each.
        Returns:
            Arrays by name, rows in the order of the numbers.
        """
        parts: list[Numbers] = []
        for start in range(0, len(numbers), AT_ONCE):
            some = numbers[start : start + AT_ONCE]
            path = self.folder / name / f"{some[0]:06d}-{some[-1]:06d}.npz"
            found = _read(path)
            if found is None:
                try:
                    found = task([self[number] for number in some], some)
                except EncoderError as error:
                    last = name.rpartition("/")[2]
                    raise EncoderError(f"Task {TASKS.get(last, last)}: {error}") from error
                path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_file(path) as temporary:
                    write_arrays(temporary, found)
            parts.append(found)
            self.progress(name, start + len(some), len(numbers))
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def _read(path: Path) -> dict[str, Tensor] | None:
    if not path.is_file():
        return None
    try:
        with open_arrays(path, MAX_FILE) as file:
            return {name: torch.from_numpy(np.array(file.read(name))) for name in file.names}
    except (ValueError, TypeError):
        path.unlink()  # damaged: computed again
        return None
