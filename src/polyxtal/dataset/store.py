"""A data set on disk: written part by part, each whole or not at all, and read.

A part counts when its record stands in `parts/`; the record is written last and holds the size and
hash of each shard, so that what a kill or a disk did to a shard is seen and the part made again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr

from polyxtal.dataset.layout import (
    DATA,
    FORMAT,
    FORMAT_VERSION,
    MARK,
    RECIPE,
    attributes,
    header_files,
    layout,
    metadata_files,
    same_metadata,
    shard_paths,
    stamp,
)
from polyxtal.dataset.recipe import Recipe, differences, make_recipe, read_recipe
from polyxtal.files.atomic import atomic_file
from polyxtal.files.bounded import read_bounded
from polyxtal.files.yaml import shorten
from polyxtal.microstructure.polycrystal import Polycrystal

PARTS = "parts"
LOCK = ".lock"
OVERVIEW = "overview.png"
MAX_RECORD = 1 << 20
MAX_METADATA = 1 << 24
_UNREADABLE = (ValueError, RuntimeError, OSError, LookupError, TypeError, MemoryError)
"""What zarr and its codecs raise at a damaged shard."""
_TEMPORARY = re.compile(r"\..*-[0-9a-f]{12}(\.\w+)?")


class PartError(ValueError):
    """A part of a data set is missing or damaged."""


def refuse_foreign(folder: Path) -> None:
    """Refuse to write into a folder that is neither new, empty, nor a data set.

    Raises:
        FileExistsError: if it holds something else, or is a file.
        ValueError: if it holds links, which could lead elsewhere.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileExistsError(f"{folder}: must be a folder to write into, but is a file.")
    names = [entry.name for entry in folder.iterdir()]
    foreign = [name for name in names if name != LOCK and not _temporary(name)]
    if foreign and not _begun(folder):
        raise FileExistsError(
            f"{folder}: a folder for a data set must be new, empty or hold a data set, "
            f"but holds '{sorted(foreign)[0]}' and no data set."
        )
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise ValueError(f"{path}: a data set must not hold links, but this is one.")


def prepare(folder: Path, recipe: Recipe) -> None:
    """Make a folder ready for a recipe's parts: a new one, or one begun with the same recipe.

    Metadata that are missing or damaged are written again.

    Raises:
        ValueError: if it was begun with another recipe or another version of the software.
    """
    begun = _attributes(folder)
    if begun is not None:
        _check_format(folder, begun)
        earlier = make_recipe(begun["recipe"], folder / DATA / "zarr.json")
    elif (folder / RECIPE).exists():
        earlier = read_recipe(folder / RECIPE)
    else:
        earlier = recipe
    if differing := list(differences(earlier, recipe)):
        raise ValueError(
            f"{folder}: a data set must be finished with the recipe it was begun with, but "
            f"{'; '.join(differing)}."
        )
    version = attributes(recipe)["polyxtal"]
    if begun is not None and begun["polyxtal"] != version:
        raise ValueError(
            f"{folder}: a data set must be finished with the version of polyxtal it was begun "
            f"with, but that is {shorten(begun['polyxtal'])} and this is '{version}'."
        )
    for file in folder.rglob(".*"):
        if _temporary(file.name) and file.is_file():
            file.unlink(missing_ok=True)
    header = header_files(recipe)
    for path in sorted(header, key=lambda path: path != RECIPE):  # it makes the folder ours
        target = folder / path
        if not target.is_file() or target.read_bytes() != header[path]:
            _write(target, header[path])


def write_part(folder: Path, recipe: Recipe, part: int, files: Mapping[str, bytes]) -> None:
    """Write the shards of a part, then its record."""
    for path, content in files.items():
        _write(folder / path, content)
    written = {
        path: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in files.items()
    }
    record = {"part": part, "stamp": stamp(attributes(recipe)), "files": written}
    text = json.dumps(record, indent=1, sort_keys=True) + "\n"
    _write(_record_path(folder, part), text.encode())


def check_part(
    folder: Path, recipe: Recipe, part: int, mark: str | None = None, thorough: bool = True
) -> str:
    """Say what is wrong with a part: nothing (""), or that it is missing, or damaged and how.

    Args:
        folder: The data set.
        recipe: Its recipe.
        part: Number of the part.
        mark: Stamp that the part must carry; None for that of the recipe and this version.
        thorough: Compare the hashes, too, not only the sizes.
    """
    path = _record_path(folder, part)
    if not path.is_file():
        return "missing"
    mark = stamp(attributes(recipe)) if mark is None else mark
    try:
        record = json.loads(read_bounded(path, MAX_RECORD))
        if record.get("stamp", mark) != mark:
            return f"damaged: {path.name} is of a part that another recipe or version made"
        expected = {name: (r["bytes"], r["sha256"]) for name, r in record["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
        return f"damaged: {path.name} can not be read"
    if set(expected) != set(shard_paths(recipe, part)):
        return f"damaged: {path.name} lists other files"
    for name, (size, digest) in expected.items():
        shard = folder / name
        try:
            if not shard.is_file() or shard.stat().st_size != size:
                return f"damaged: {name} is missing or of another size than was written"
            if thorough:
                with shard.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                        return f"damaged: {name} does not hold what was written"
        except OSError as error:
            return f"damaged: {name} can not be read ({error.strerror})"
    return ""


class PolycrystalStore:
    """A finished data set, open for reading.

    Attributes:
        folder: Where it is.
        recipe: What it is made of.
        arrays: zarr arrays by name; axis 0 is the RVE.

    Args:
        folder: What `polyxtal generate` wrote.
        partial: Take an unfinished one, too, as far as it is whole from the start.
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
            # Not what a group may say about its arrays: only their own metadata were compared.
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
        return Polycrystal(ids, quaternions, size, lattices=self.recipe.lattice)

    def __iter__(self) -> Iterator[Polycrystal]:
        """Read one polycrystal after the other."""
        return (self[i] for i in range(len(self)))

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Read rows of an array.

        Raises:
            KeyError: if the data set has no such array.
            PartError: if a shard is damaged; says which.
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
            return np.asarray(self.arrays[name][start : max(start, stop)])
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

    def _shard(self, name: str, part: int) -> Path:
        inner = ["0"] * (self.arrays[name].ndim - 1)
        return self.folder.joinpath(DATA, name, "c", str(part), *inner)

    def _check(self, part: int, thorough: bool) -> str:
        return check_part(self.folder, self.recipe, part, self._stamp, thorough)

    def _check_origin(self) -> str:
        """Compare the recipe with the one in the metadata; return the stamp of its parts."""
        path = self.folder / DATA / "zarr.json"
        begun = _attributes(self.folder)
        if begun is None:
            raise ValueError(
                f"{path}: must describe the data set, but is missing or damaged; "
                "run `polyxtal generate` again with the same recipe to mend it."
            )
        _check_format(self.folder, begun)
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
    """Open what `polyxtal generate` wrote; see `PolycrystalStore`."""
    return PolycrystalStore(folder, partial)


def _record_path(folder: Path, part: int) -> Path:
    return folder / PARTS / f"{part:06d}.json"


def _attributes(folder: Path) -> dict[str, Any] | None:
    """Read what the group says of itself; None if it is missing or damaged."""
    path = folder / DATA / "zarr.json"
    try:
        found = json.loads(read_bounded(path, MAX_METADATA))["attributes"]
        names = ("format", "format_version", "polyxtal", "recipe")
        if all(name in found for name in names) and isinstance(found["recipe"], dict):
            return found
    except (ValueError, KeyError, TypeError, RecursionError, OSError):
        pass
    return None


def _begun(folder: Path) -> bool:
    """Tell a data set, perhaps damaged, from a folder that holds somebody's own recipe."""
    if _attributes(folder) is not None:
        return True
    path = folder / RECIPE
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK


def _check_format(folder: Path, found: Mapping[str, Any]) -> None:
    if (found["format"], found["format_version"]) != (FORMAT, FORMAT_VERSION):
        raise ValueError(
            f"{folder / DATA / 'zarr.json'}: must be a '{FORMAT}' of version {FORMAT_VERSION}, but "
            f"is {shorten(found['format'])} of version {shorten(found['format_version'])}; another "
            "version of polyxtal wrote it."
        )


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(target) as temporary:
        temporary.write_bytes(content)


def _temporary(name: str) -> bool:
    return _TEMPORARY.fullmatch(name) is not None
