"""A data set on disk, open for reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import zarr

from polyxtal.argument_types import require_path
from polyxtal.dataset.layout import DATA, RECIPE, layout, metadata_files, same_metadata, stamp
from polyxtal.dataset.parts import MAX_METADATA, check_format, check_part, read_attributes
from polyxtal.dataset.recipe import Recipe, differences, make_recipe, read_recipe
from polyxtal.files.bounded import read_bounded
from polyxtal.microstructure.polycrystal import UNIT_TOLERANCE, Polycrystal

OVERVIEW = "overview.png"
_UNREADABLE = (ValueError, RuntimeError, OSError, LookupError, TypeError, MemoryError)
"""What zarr and its codecs raise at a damaged shard."""


class PartError(ValueError):
    """A part of a data set is missing or damaged."""


class PolycrystalStore:
    """A finished data set, open for reading.

    Attributes:
        folder: Folder of the data set.
        recipe: Its recipe.
        arrays: zarr arrays by name; axis 0 is the RVE.

    Args:
        folder: Folder that `polyxtal generate` wrote.
        partial: Accept an unfinished data set, up to its first missing or damaged part.
    Raises:
        FileNotFoundError: if there is no data set.
        PartError: if parts are missing or of the wrong size.
        ValueError: if the recipe or the metadata are not what the recipe says.
    """

    folder: Path
    recipe: Recipe
    arrays: Mapping[str, zarr.Array]

    def __init__(self, folder: str | Path, partial: bool = False) -> None:
        """Compare metadata and sizes with the recipe."""
        require_path(folder, "folder")
        self.folder = Path(folder)
        if not (self.folder / RECIPE).is_file():
            raise FileNotFoundError(
                f"{folder}: must be a data set, but has no {RECIPE}; `polyxtal generate` writes it."
            )
        self.recipe = read_recipe(self.folder / RECIPE)
        self._stamp = self._check_origin()
        self._check_metadata()
        self._length = self._whole(partial)
        try:
            # Not the group's consolidated metadata: only those of the arrays were compared.
            root = zarr.open_group(self.folder / DATA, mode="r", use_consolidated=False)
            self.arrays = {name: cast(zarr.Array, root[name]) for name in layout(self.recipe)}
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
            raise ValueError(
                f"{self.folder / DATA}: must be a zarr group that can be opened, but is not; "
                "run `polyxtal generate` again with the same recipe to mend it."
            ) from error

    def __len__(self) -> int:
        """Return the number of RVEs."""
        return self._length

    def __getitem__(self, number: int) -> Polycrystal:
        """Read one polycrystal."""
        index = number + len(self) if number < 0 else number
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} RVEs, but number {number} was asked for.")
        grains = int(self.read("grains", index, index + 1)[0])
        ids = self.read("grain_id", index, index + 1)[0]
        quaternions = self.read("orientations", index, index + 1)[0, :grains]
        size = [float(n) for n in self.recipe.grid]
        try:
            return Polycrystal(ids, quaternions, size, lattices=self.recipe.lattice)
        except ValueError as error:
            shard = self._shard("grain_id", index // self.recipe.part)
            raise PartError(f"{shard}: RVE {index} must be a polycrystal, but: {error}") from error

    def __iter__(self) -> Iterator[Polycrystal]:
        """Read one polycrystal after the other."""
        return (self[i] for i in range(len(self)))

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Read rows of an array.

        Raises:
            KeyError: if the data set has no such array.
            PartError: if a shard is damaged, or holds what no grain can be.
        """
        if name not in self.arrays:
            raise KeyError(f"{self.folder}: has {', '.join(self.arrays)}, but no '{name}'.")
        stop = len(self) if stop is None else min(stop, len(self))
        if start < 0 or stop < 0:
            raise IndexError(f"Rows must be counted from 0, but are {start} to {stop}.")
        parts = range(start // self.recipe.part, -(-stop // self.recipe.part))
        try:
            for part in parts:  # zarr takes the fill value for a shard that is missing or empty
                if self._shard(name, part).stat().st_size == 0:
                    raise FileNotFoundError(name)
            rows = np.asarray(self.arrays[name][start : max(start, stop)])
        except (
            ValueError,
            RuntimeError,
            OSError,
            KeyError,
            IndexError,
            TypeError,
            MemoryError,
        ) as error:
            broken = [p for p in parts if self._check(p, thorough=True)]
            if not broken:
                raise PartError(
                    f"{self.folder}: array '{name}' must be readable, but rows {start} to {stop} "
                    f"are not, although their files are what was written: {error}."
                ) from error
            raise PartError(
                f"{self.folder}: array '{name}' must be readable, but part {broken[0]} is damaged; "
                "run `polyxtal generate` again with the same recipe to make it anew."
            ) from error

        self._check_values(name, rows, start)
        return rows

    def _check_values(self, name: str, rows: np.ndarray, start: int) -> None:
        """Check what later reads index by, or take for a rotation."""
        most = self.recipe.grains[1]
        axes = tuple(range(1, rows.ndim))
        if name == "grain_id":
            wrong, wanted = (rows >= most).any(axis=axes), f"ids of grains below {most}"
        elif name == "grains":
            wrong, wanted = (rows < 1) | (rows > most), f"numbers of grains from 1 to {most}"
        elif name == "orientations":
            norm = np.linalg.norm(rows, axis=-1)
            wrong, wanted = ~(np.abs(norm - 1) <= UNIT_TOLERANCE).all(axis=1), "unit quaternions"
        else:
            return
        if wrong.any():
            row = start + int(np.flatnonzero(wrong)[0])
            raise PartError(
                f"{self._shard(name, row // self.recipe.part)}: must hold {wanted}, but those of "
                f"RVE {row} are not; run `polyxtal generate` again with the same recipe to make it "
                "anew."
            )

    def _shard(self, name: str, part: int) -> Path:
        inner = ["0"] * (self.arrays[name].ndim - 1)
        return self.folder.joinpath(DATA, name, "c", str(part), *inner)

    def _check(self, part: int, thorough: bool) -> str:
        return check_part(self.folder, self.recipe, part, self._stamp, thorough)

    def _check_origin(self) -> str:
        """Check the recipe against the one in the metadata; return the stamp of the parts."""
        path = self.folder / DATA / "zarr.json"
        begun = read_attributes(self.folder)
        if begun is None:
            raise ValueError(
                f"{path}: must describe the data set, but is missing or damaged; "
                "run `polyxtal generate` again with the same recipe to mend it."
            )
        check_format(self.folder, begun)
        if differing := list(differences(make_recipe(begun["recipe"], path), self.recipe)):
            raise ValueError(
                f"{self.folder / RECIPE}: must be the recipe that the data set was made from, but "
                f"{'; '.join(differing)}."
            )
        return stamp(begun)

    def _check_metadata(self) -> None:
        for path, wanted in metadata_files(self.recipe).items():
            file = self.folder / path
            if not file.is_file() or not same_metadata(read_bounded(file, MAX_METADATA), wanted):
                raise ValueError(
                    f"{file}: must describe the array that {RECIPE} says, but does not; "
                    "run `polyxtal generate` again with the same recipe to mend it."
                )

    def _whole(self, partial: bool) -> int:
        for part in range(self.recipe.parts):
            if wrong := self._check(part, thorough=False):
                if partial and part:
                    return self.recipe.members(part).start
                raise PartError(
                    f"{self.folder}: all {self.recipe.parts} parts must be there and whole, but "
                    f"part {part} is {wrong}; run `polyxtal generate` again with the same recipe."
                )
        return self.recipe.count


def open_dataset(folder: str | Path, partial: bool = False) -> PolycrystalStore:
    """Open a data set written by `polyxtal generate`, see `PolycrystalStore`."""
    return PolycrystalStore(folder, partial)
