"""Voxels of kanapy (.json).

Grain numbers are listed with z fastest (order C of x, y, z) and orientations are Bunge angles in
radians; the file's unit of length is converted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from polyxtal.algebra.rotation import bunge_to_quaternion
from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.io.ebsd_edax import check_radians
from polyxtal.microstructure.io.grain_ids import GrainTable, assemble
from polyxtal.microstructure.io.grain_table import read_grain_table
from polyxtal.microstructure.polycrystal import Polycrystal

MAX_BYTES = 2**30
MAX_VOXELS = 2**30
MAX_PHASES = 1000
_UNITS = {"um": 1.0, "µm": 1.0, "μm": 1.0, "mm": 1e3, "nm": 1e-3, "m": 1e6}


def read_kanapy(path: str | Path, *, grains: str | Path | None = None) -> Polycrystal:
    """Read voxels with their grains.

    Grains keep the file's order. kanapy knows no lattices; voxels of grain 0, its pores, are of a
    phase `void` unless the file describes them.

    Args:
        path: File.
        grains: Table of grains, see `read_grain_table`; needed where the file has no orientations,
            and used instead of them.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, too large, or without orientations.
    """
    path = Path(path)
    try:
        document = json.loads(read_bounded(path, MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: must be JSON, but is not.") from error
    data, model, listed = (_mapping(path, document, key) for key in ("Data", "Model", "Grains"))
    size = [_length(path, model) * edge for edge in _three(path, model, "Size", float)]
    image = _image(path, data)
    table = _table(path, model, listed) if grains is None else read_grain_table(grains)
    if (image == 0).any() and not (table.ids == 0).any():
        table = table.with_void(0)
    return assemble(path, image, size, table)


def _mapping(path: Path, document: Any, key: str) -> Mapping[str, Any]:
    found = document.get(key) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise ValueError(
            f"{path}: must be voxels of kanapy with the sections Data, Model and Grains, but lacks "
            f"{key}."
        )
    return found


def _three(path: Path, section: Mapping[str, Any], key: str, kind: type) -> list[Any]:
    values = section.get(key)
    if (
        not isinstance(values, list)
        or len(values) != 3
        or not all(type(v) in (int, kind) and 0 < v < 1e30 for v in values)
    ):
        raise ValueError(f"{path}: {key} must be three positive numbers, but is {shorten(values)}.")
    return values


def _length(path: Path, model: Mapping[str, Any]) -> float:
    units = model.get("Units")
    name = units.get("Length") if isinstance(units, dict) else None
    if not isinstance(name, str) or name not in _UNITS:
        raise ValueError(
            f"{path}: the unit of length must be one of {', '.join(_UNITS)}, but is "
            f"{shorten(name)}."
        )
    return _UNITS[name]


def _image(path: Path, data: Mapping[str, Any]) -> NDArray[np.int64]:
    shape = _three(path, data, "Shape", int)
    values, order = data.get("Values"), data.get("Order", "C")
    count = math.prod(shape)
    if not isinstance(values, list) or len(values) != count or count > MAX_VOXELS:
        given = len(values) if isinstance(values, list) else "none"
        raise ValueError(f"{path}: Values must be {shorten(count)} grain numbers, but are {given}.")
    if order not in ("C", "F") or not all(type(v) is int and abs(v) < 2**53 for v in values):
        raise ValueError(f"{path}: Values must be whole numbers in order C or F, but are not.")
    return np.array(values, np.int64).reshape(shape, order=order)


def _table(path: Path, model: Mapping[str, Any], listed: Mapping[str, Any]) -> GrainTable:
    grains = {key: one for key, one in listed.items() if key.isascii() and key.isdigit()}
    if not grains or not all(isinstance(one, dict) for one in grains.values()):
        raise ValueError(f"{path}: Grains must describe each grain by its number, but do not.")
    without = [key for key, one in grains.items() if "Orientation" not in one]
    if without:
        raise ValueError(
            f"{path}: every grain must have an Orientation, or be in a table named by argument "
            f"`grains`, but {len(without)} of {len(grains)} have none: {listing(without)}."
        )
    angles = np.array([_angles(path, key, one["Orientation"]) for key, one in grains.items()])
    check_radians(path, angles)
    phase = [one.get("Phase", 0) for one in grains.values()]
    if not all(type(k) is int and 0 <= k < MAX_PHASES for k in phase):
        raise ValueError(f"{path}: phases must be numbered from 0, but are not.")
    names = model.get("Phase_names")
    names = [str(name)[:100] for name in names] if isinstance(names, list) else []
    names += [f"phase {k}" for k in range(len(names), max(phase) + 1)]
    if len(names) > MAX_PHASES or len(set(names)) < len(names) or any(len(k) > 15 for k in grains):
        raise ValueError(f"{path}: phases must have different names, but have {listing(names)}.")
    return GrainTable(
        np.array([int(key) for key in grains], np.int64),
        bunge_to_quaternion(torch.from_numpy(angles)).numpy(),
        np.array(phase, np.int64),
        tuple(names),
        (None,) * len(names),
    )


def _angles(path: Path, key: str, given: Any) -> list[float]:
    if (
        not isinstance(given, list)
        or len(given) != 3
        or not all(type(a) in (int, float) and abs(a) < 1e9 for a in given)
    ):
        raise ValueError(
            f"{path}: the Orientation of grain {shorten(key)} must be three Bunge angles, but is "
            f"{shorten(given)}."
        )
    return [float(a) for a in given]
