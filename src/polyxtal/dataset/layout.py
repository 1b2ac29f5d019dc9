"""Arrays of a data set, and their bytes on disk.

    recipe.yaml            the recipe
    data.zarr/             a zarr 3 group; every array's first axis is the RVE
    data.zarr/<array>/c/<part>/...   one shard of every array for each part
    parts/<part>.json      size and SHA-256 of a part's shards, and a stamp of the
                           recipe; written after them

The bytes depend only on the recipe and the software versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple, cast

import numpy as np
import yaml
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from polyxtal.dataset.recipe import Recipe
from polyxtal.version import __version__

FORMAT, FORMAT_VERSION = "polyxtal data set", 1
DATA = "data.zarr"
RECIPE = "recipe.yaml"
MARK = b"# What this data set is made of, written by `polyxtal generate`; angles in degrees, MPa.\n"
_ZSTD_LEVEL = 9


class ArrayLayout(NamedTuple):
    """One array of the store.

    Attributes:
        shape: Shape without the first axis, the RVE.
        dtype: Data type.
        dimensions: Names of the axes, without the first.
        attributes: Meaning and unit.
        single: Whether each RVE is a chunk, to be read alone, instead of a whole part.
    """

    shape: tuple[int, ...]
    dtype: str
    dimensions: tuple[str, ...]
    attributes: Mapping[str, str]
    single: bool = False

    @property
    def fill(self) -> float:
        """Fill value: one that an intact shard never consists of.

        zarr omits shards of nothing but the fill value, and returns it for missing shards.
        """
        if self.dtype.startswith("uint"):
            return int(np.iinfo(self.dtype).max)
        return -1.0


def layout(recipe: Recipe) -> dict[str, ArrayLayout]:
    """List the arrays that have one row for each RVE."""
    grains = recipe.grains[1]
    arrays = {
        "grain_id": ArrayLayout(
            recipe.grid, "uint16", ("x", "y", "z"), _about("grain of each voxel"), True
        ),
        "orientations": ArrayLayout(
            (grains, 4),
            "float32",
            ("grain", "quaternion"),
            _about("unit quaternions (w, x, y, z), v_sample = R(q) v_crystal; (1, 0, 0, 0) beyond"),
            True,
        ),
        "grains": ArrayLayout((), "uint32", (), _about("number of grains, empty ones included")),
        "texture": ArrayLayout(
            (recipe.coefficient_count(),),
            "float32",
            ("orientation",),
            _about("coefficients of the texture that grains were drawn from, on the grid"),
        ),
        "spread": ArrayLayout((), "float32", (), _about("spread of ln diameter; NaN: Voronoi's")),
        "aspect": ArrayLayout((3,), "float32", ("axis",), _about("relative extent of grains")),
        "seed": ArrayLayout((), "uint64", (), _about("of the RVE's generator")),
    }
    if recipe.labels:
        count = recipe.labels.count
        arrays["constants"] = ArrayLayout(
            (count, 3), "float64", ("crystal", "constant"), _about("c11, c12, c44", "MPa")
        )
        arrays["stiffness"] = ArrayLayout(
            (count, 6, 6),
            "float32",
            ("crystal", "row", "column"),
            _about("effective stiffness, Mandel order 11, 22, 33, 23, 13, 12", "MPa"),
        )
    return arrays


def attributes(recipe: Recipe) -> dict[str, Any]:
    """Return the attributes of the zarr group: format, version and recipe."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "polyxtal": __version__,
        "recipe": recipe.model_dump(mode="json"),
    }


def stamp(given: Mapping[str, Any]) -> str:
    """Return a hash of the recipe and the version, which all parts of a data set share."""
    made_of = {name: given[name] for name in ("polyxtal", "recipe")}
    return sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def metadata_files(recipe: Recipe) -> dict[str, bytes]:
    """Return zarr's metadata of the group and the arrays, by path."""
    files: dict[str, Buffer] = {}
    _create(files, recipe)
    return _named(files)


def header_files(recipe: Recipe) -> dict[str, bytes]:
    """Return the files that do not depend on any RVE: metadata, and the grid of the textures.

    Returns:
        Contents by path below the data set's folder.
    """
    files: dict[str, Buffer] = {}
    root = _create(files, recipe)
    grid = recipe.coefficient_grid()
    cast(zarr.Array, root["grid_orientations"])[:] = grid.orientations.numpy()
    cast(zarr.Array, root["grid_volumes"])[:] = grid.volumes.numpy()
    text = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)
    return _named(files) | {RECIPE: MARK + text.encode()}


def encode_part(recipe: Recipe, part: int, rows: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    """Return the shards of a part.

    Args:
        recipe: The recipe.
        part: Number of the part, from 0.
        rows: Rows of the part, one per RVE, by array.
    Returns:
        Contents by path below the data set's folder.
    """
    start, end = recipe.members(part).start, recipe.members(part).stop
    files: dict[str, Buffer] = {}  # in memory, because a killed worker cleans up no folder
    root = _create(files, recipe)
    for name, values in rows.items():
        cast(zarr.Array, root[name])[start:end] = values
    shards = {name: data for name, data in _named(files).items() if not name.endswith("zarr.json")}
    assert set(shards) == set(shard_paths(recipe, part))
    return shards


def shard_paths(recipe: Recipe, part: int) -> Iterator[str]:
    """Yield the paths of a part's shards below the data set's folder."""
    for name, array in layout(recipe).items():
        yield "/".join([DATA, name, "c", str(part), *["0"] * len(array.shape)])


def _create(files: dict[str, Buffer], recipe: Recipe) -> zarr.Group:
    root = zarr.create_group(store=MemoryStore(files), zarr_format=3, attributes=attributes(recipe))
    for name, array in layout(recipe).items():
        shards = (recipe.part, *array.shape)
        root.create_array(
            name,
            shape=(recipe.count, *array.shape),
            dtype=array.dtype,
            fill_value=array.fill,
            chunks=(1, *array.shape) if array.single else shards,
            shards=shards,
            compressors=[ZstdCodec(level=_ZSTD_LEVEL), Crc32cCodec()],
            dimension_names=("rve", *array.dimensions),
            attributes=dict(array.attributes),
            config={"write_empty_chunks": True},
        )
    count = recipe.coefficient_count()
    for name, shape, meaning in (
        ("grid_orientations", (count, 4), "unit quaternions of the texture grid"),
        ("grid_volumes", (count,), "share of the fundamental zone of each"),
    ):
        root.create_array(
            name,
            shape=shape,
            dtype="float64",
            chunks=shape,
            compressors=[ZstdCodec(level=_ZSTD_LEVEL), Crc32cCodec()],
            dimension_names=("orientation", "quaternion")[: len(shape)],
            attributes={**_about(meaning)},
            config={"write_empty_chunks": True},
        )
    return root


def _named(files: Mapping[str, Buffer]) -> dict[str, bytes]:
    return {f"{DATA}/{name}": files[name].to_bytes() for name in sorted(files)}


def _about(meaning: str, unit: str = "1") -> dict[str, str]:
    return {"meaning": meaning, "units": unit}


def same_metadata(found: bytes, wanted: bytes) -> bool:
    """Return whether two zarr.json agree, whatever their formatting and zarr's version."""
    try:
        return _comparable(json.loads(found)) == _comparable(json.loads(wanted))
    except (ValueError, RecursionError):
        return False


def _comparable(metadata: Any) -> Any:
    if not isinstance(metadata, dict):
        return None
    names = ("node_type", "zarr_format", "shape", "data_type", "chunk_grid", "codecs", "fill_value")
    return {name: metadata.get(name) for name in (*names, "chunk_key_encoding")}
