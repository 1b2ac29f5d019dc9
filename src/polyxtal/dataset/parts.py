"""Parts of a data set on disk: written atomically, one by one, and checked.

A part counts once its record is in `parts/`; the record is written last and holds the size and hash
of each shard, so that a shard damaged by a kill or a disk is found, and the part built again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyxtal.dataset.layout import (
    DATA,
    FORMAT,
    FORMAT_VERSION,
    MARK,
    RECIPE,
    attributes,
    header_files,
    shard_paths,
    stamp,
)
from polyxtal.dataset.recipe import Recipe, differences, make_recipe, read_recipe
from polyxtal.files.atomic import atomic_file
from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import shorten

PARTS = "parts"


LOCK = ".lock"
"""File that older versions left in the folder."""

MAX_RECORD = 1 << 20


MAX_METADATA = 1 << 24


_TEMPORARY = re.compile(r"\..*-[0-9a-f]{12}(\.\w+)?")


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that is neither new, empty, nor a data set.

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
    """Prepare a folder for the parts of a recipe: a new one, or one begun with the same recipe.

    Missing or damaged metadata are rewritten.

    Raises:
        ValueError: if it was begun with another recipe or another version of the software.
    """
    begun = read_attributes(folder)
    if begun is not None:
        check_format(folder, begun)
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
    """Write the shards of a part, then its record, each atomically."""
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
    """Return what is wrong with a part: "" if intact, "missing", or "damaged: " and how.

    Args:
        folder: Folder of the data set.
        recipe: Its recipe.
        part: Number of the part.
        mark: Stamp that the part must carry (default: that of the recipe and this version).
        thorough: Compare hashes, not only sizes.
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


def _record_path(folder: Path, part: int) -> Path:
    return folder / PARTS / f"{part:06d}.json"


def read_attributes(folder: Path) -> dict[str, Any] | None:
    """Read the attributes of the zarr group; None if they are missing or damaged."""
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
    """Return whether this is a data set, perhaps damaged, not a folder with a user's own recipe."""
    if read_attributes(folder) is not None:
        return True
    path = folder / RECIPE
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK


def check_format(folder: Path, found: Mapping[str, Any]) -> None:
    """Check the format and its version.

    Raises:
        ValueError: if another version of polyxtal wrote the data set.
    """
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
