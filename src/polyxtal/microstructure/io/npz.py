"""The package's own format (.npz): plain arrays, no pickles, lossless."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.damask_phase import Phase, material_to_phase
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.material import Material
from polyxtal.files.atomic import atomic_file
from polyxtal.files.bounded import unpacked_limit
from polyxtal.files.wording import shorten_text
from polyxtal.microstructure.io.texture_files import is_odf
from polyxtal.microstructure.phases import check_names
from polyxtal.microstructure.polycrystal import Polycrystal

FORMAT_VERSION = 3
"""Newest version that is read. Version 2 is written where lattices are known and no materials,
version 1 where neither is."""

_T = TypeVar("_T")

MAX_BYTES = 2**33
"""Largest array that is read: a grid of 1024³ voxels. [bytes]"""

MAX_VALUES = 2**30
"""Largest number of values in an array."""

MAX_PHASES = 10_000
"""Largest number of phases."""

_DAMAGE = (
    ValueError,
    KeyError,
    OSError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def write_npz(
    rve: Polycrystal, path: str | Path, materials: Mapping[str, Phase] | None = None
) -> None:
    """Write a polycrystal: `grain_id`, `orientations`, `size` [µm], `phase`, `phase_names`.

    Where lattices are known, also by phase `lattice` (Pearson symbol; empty if unknown),
    `c_over_a` (NaN if unknown) and `laue_group` (empty for that of the lattice). With materials,
    also by phase `materials`: the DAMASK phase [Pa] as JSON; empty if there is none.
    Grain ids are stored as the smallest sufficient unsigned integer, orientations as float64.

    Raises:
        ValueError: if `materials` names no phase, or DAMASK does not support a lattice of theirs.
    """
    given = {} if materials is None else materials
    check_names(given, rve.phase_names)
    named = zip(rve.phase_names, rve.lattices, strict=True)
    lattices = [
        one.lattice if isinstance(one := given.get(name), Material) else known
        for name, known in named
    ]
    arrays: dict[str, Any] = {
        "format_version": np.int64(1),
        "grain_id": rve.grain_id.numpy().astype(np.min_scalar_type(rve.grains - 1)),
        "orientations": rve.orientations.numpy(),
        "size": np.array(rve.size),
        "phase": rve.phase.numpy(),
        "phase_names": np.array(rve.phase_names, dtype=np.str_),
    }
    if any(lattice is not None for lattice in lattices):
        arrays["format_version"] = np.int64(2)
        arrays["lattice"] = np.array([one.symbol if one else "" for one in lattices])
        ratios = [one.c_over_a if one else None for one in lattices]
        arrays["c_over_a"] = np.array([np.nan if r is None else r for r in ratios])
        arrays["laue_group"] = np.array([(one.laue or "") if one else "" for one in lattices])
    if given:
        arrays["format_version"] = np.int64(3)
        bodies = [given.get(name) for name in rve.phase_names]
        arrays["materials"] = np.array([_dump(body) for body in bodies])
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _dump(body: Phase | None) -> str:
    if body is None:
        return ""
    return json.dumps(material_to_phase(body) if isinstance(body, Material) else dict(body))


def read_npz(path: str | Path) -> Polycrystal:
    """Read a polycrystal that `write_npz` wrote, or the arrays `grain_id` and `quaternions`.

    The second form, quaternions scalar first with v_sample = R(q) v_crystal, is read as a cube of
    edge 1 µm with one phase.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, newer than this package, too large, or lacks an array.
    """
    return _opened(Path(path), _polycrystal)


def read_npz_sections(path: str | Path) -> dict[str, Any]:
    """Return the DAMASK phase [Pa] of each phase that `write_npz` wrote with a material.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, newer than this package, or too large.
    """
    return _opened(Path(path), _sections)


def _opened(path: Path, read: Callable[[zipfile.ZipFile], _T]) -> _T:
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: must be a regular file, but is not.")
    if is_odf(path):
        raise ValueError(
            f"{path}: must hold a polycrystal, but holds an orientation density, see `read_odf`; "
            "`polyxtal predict` takes it as a texture."
        )
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return read(archive)
        except _DAMAGE as error:
            reason = shorten_text(error).rstrip(".") or "it ends too early"
            raise ValueError(
                f"{path}: must be an intact polycrystal file, but {reason}."
            ) from error


def _polycrystal(archive: zipfile.ZipFile) -> Polycrystal:
    names = {name.removesuffix(".npy") for name in archive.namelist()}
    if "format_version" not in names and {"grain_id", "quaternions"} <= names:
        return Polycrystal(_array(archive, "grain_id"), _array(archive, "quaternions"))
    needed = ("format_version", "grain_id", "orientations", "size", "phase", "phase_names")
    missing = [name for name in needed if name not in names]
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}")
    version, phase_names = _version(archive), _phase_names(archive)
    size = _array(archive, "size")
    if size.shape != (3,):
        raise ValueError("its size is not three lengths")
    return Polycrystal(
        _array(archive, "grain_id"),
        _array(archive, "orientations"),
        size.tolist(),
        _array(archive, "phase"),
        phase_names,
        _lattices(archive, len(phase_names)) if version > 1 else None,
    )


def _version(archive: zipfile.ZipFile) -> int:
    version = _array(archive, "format_version")
    if version.shape != () or version.dtype.kind != "i" or not 1 <= version <= FORMAT_VERSION:
        raise ValueError(f"has format version {version}, and up to {FORMAT_VERSION} is understood")
    return int(version)


def _phase_names(archive: zipfile.ZipFile) -> list[str]:
    names = _array(archive, "phase_names")
    if names.ndim != 1 or names.dtype.kind != "U" or len(names) > MAX_PHASES:
        raise ValueError(
            f"its phase_names are no list of names, or of more than {MAX_PHASES} (MAX_PHASES)"
        )
    return names.tolist()


def _sections(archive: zipfile.ZipFile) -> dict[str, Any]:
    if "format_version.npy" not in archive.namelist() or _version(archive) < 3:
        return {}
    names, bodies = _phase_names(archive), _array(archive, "materials")
    if bodies.shape != (len(names),) or bodies.dtype.kind != "U":
        raise ValueError("its materials are not one for each phase")
    try:
        return {n: json.loads(b) for n, b in zip(names, bodies.tolist(), strict=True) if b}
    except RecursionError as error:
        raise ValueError("its materials are nested too deeply") from error


def _lattices(archive: zipfile.ZipFile, phases: int) -> list[Lattice | None]:
    symbols, groups, ratios = (
        _array(archive, name) for name in ("lattice", "laue_group", "c_over_a")
    )
    if not all(a.shape == (phases,) for a in (symbols, groups, ratios)) or (
        symbols.dtype.kind + groups.dtype.kind + ratios.dtype.kind != "UUf"
    ):
        raise ValueError("its lattices are not one for each phase")
    return [
        Lattice(str(symbol), None if math.isnan(ratio) else float(ratio), str(group) or None)
        if symbol
        else None
        for symbol, ratio, group in zip(symbols, ratios, groups, strict=True)
    ]


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Read one array after checking its header against the archive."""
    info = archive.getinfo(f"{name}.npy")
    # Other methods unpack without a bound.
    if info.flag_bits & 0x1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"array {name} is encrypted or not deflated")
    if info.header_offset + info.compress_size > archive.start_dir:
        raise ValueError(f"array {name} is larger than the file")
    with archive.open(info) as stream:
        shape, fortran, dtype = _header(stream)
        size = math.prod(shape) * dtype.itemsize
        whole = stream.tell() + size == info.file_size
        if dtype.kind not in "iufU" or size > MAX_BYTES or not whole:
            raise ValueError(f"array {name} has an invalid header")
        values = max(math.prod(shape), size // 8)
        if values > MAX_VALUES:
            raise ValueError(f"array {name} has more than {MAX_VALUES} values (MAX_VALUES)")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size < info.file_size:
            raise ValueError(f"array {name} ends too early")
        if values > (limit := unpacked_limit(info.compress_size)):
            raise ValueError(
                f"array {name} unpacks to {values} values, where its size allows {limit} "
                "(FREE_VALUES, VALUES_PER_BYTE)"
            )
        data = stream.read(size)
    if len(data) != size:
        raise ValueError(f"array {name} ends too early")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):  # the headers of others may be 4 GiB
        raise ValueError(f"its arrays have the unknown version {version}")
    try:
        return np.lib.format.read_array_header_1_0(stream)
    except (MemoryError, RecursionError, TokenError) as error:  # of Python's parser
        raise ValueError("its arrays have no valid header") from error
