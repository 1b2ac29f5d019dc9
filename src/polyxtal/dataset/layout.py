"""Which arrays a data set holds, and their bytes on disk.

    recipe.yaml            what the data set is made of
    data.zarr/             a zarr 3 group; every array's first axis is the RVE
    data.zarr/<array>/c/<part>/...   one shard of every array for each part
    parts/<part>.json      size and SHA-256 of a part's shards, written after them

The bytes depend on the recipe and the versions of the software alone.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import yaml
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from polyxtal.dataset.recipe import Recipe

FORMAT, FORMAT_VERSION = "polyxtal data set", 1
DATA = "data.zarr"
RECIPE = "recipe.yaml"
_ZSTD_LEVEL = 9


class ArrayLayout(NamedTuple):
    """One array of the store.

    Attributes:
        shape: Without the first axis, the RVE.
        dtype: Type of its numbers.
        dimensions: Names of its axes, without the first.
        attributes: Meaning and unit.
        single: One chunk for each RVE, to be read alone, instead of one for all of a part.
    """

    shape: tuple[int, ...]
    dtype: str
    dimensions: tuple[str, ...]
    attributes: Mapping[str, str]
    single: bool = False


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
            (len(recipe.coefficient_grid()),),
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


def header_files(recipe: Recipe) -> dict[str, bytes]:
    """Build the files that do not depend on any RVE: metadata, and the grid of the textures.

    Returns:
        Contents by path below the data set's folder.
    """
    with tempfile.TemporaryDirectory(prefix="polyxtal-") as folder:
        _create(Path(folder) / DATA, recipe)
        files = _files(Path(folder))
    text = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)
    return files | {RECIPE: text.encode()}


def encode_part(recipe: Recipe, part: int, rows: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    """Build the shards of a part.

    Args:
        recipe: The recipe.
        part: Number of the part, from 0.
        rows: One row for each RVE of the part, by array.
    Returns:
        Contents by path below the data set's folder.
    """
    start, end = recipe.members(part).start, recipe.members(part).stop
    with tempfile.TemporaryDirectory(prefix="polyxtal-") as folder:
        root = _create(Path(folder) / DATA, recipe)
        header = set(_files(Path(folder)))
        for name, values in rows.items():
            cast(zarr.Array, root[name])[start:end] = values
        return {path: data for path, data in _files(Path(folder)).items() if path not in header}


def shard_paths(recipe: Recipe, part: int) -> Iterator[str]:
    """Name the shards of a part below the data set's folder."""
    for name, array in layout(recipe).items():
        yield "/".join([DATA, name, "c", str(part), *["0"] * len(array.shape)])


def _create(path: Path, recipe: Recipe) -> zarr.Group:
    from polyxtal import __version__

    attributes = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "polyxtal": __version__,
        "recipe": recipe.model_dump(mode="json"),
    }
    root = zarr.create_group(store=path, zarr_format=3, attributes=attributes)
    for name, array in layout(recipe).items():
        shards = (recipe.part, *array.shape)
        root.create_array(
            name,
            shape=(recipe.count, *array.shape),
            dtype=array.dtype,
            chunks=(1, *array.shape) if array.single else shards,
            shards=shards,
            compressors=[ZstdCodec(level=_ZSTD_LEVEL), Crc32cCodec()],
            dimension_names=("rve", *array.dimensions),
            attributes=dict(array.attributes),
            config={"write_empty_chunks": True},
        )
    grid = recipe.coefficient_grid()
    for name, values, about in (
        ("grid_orientations", grid.orientations, _about("unit quaternions of the texture grid")),
        ("grid_volumes", grid.volumes, _about("share of the fundamental zone of each")),
    ):
        array = root.create_array(
            name,
            shape=tuple(values.shape),
            dtype="float64",
            compressors=[ZstdCodec(level=_ZSTD_LEVEL), Crc32cCodec()],
            dimension_names=("orientation", "quaternion")[: values.ndim],
            attributes=about,
            config={"write_empty_chunks": True},
        )
        array[:] = values.numpy()
    return root


def _files(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def _about(meaning: str, unit: str = "1") -> dict[str, str]:
    return {"meaning": meaning, "units": unit}


def same_metadata(found: bytes, wanted: bytes) -> bool:
    """Compare two zarr.json, whatever their spacing and the version that wrote them."""
    try:
        return _comparable(json.loads(found)) == _comparable(json.loads(wanted))
    except (ValueError, RecursionError):
        return False


def _comparable(metadata: Any) -> Any:
    if not isinstance(metadata, dict):
        return None
    names = ("node_type", "zarr_format", "shape", "data_type", "chunk_grid", "codecs", "fill_value")
    return {name: metadata.get(name) for name in (*names, "chunk_key_encoding")}
