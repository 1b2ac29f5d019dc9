"""Tables of grains (.csv) that belong to an image of grain numbers.

    id, phi1, Phi, phi2, phase, lattice, c/a
    1,  12.5, 40,  7,    Ferrite, cI,

The first line names the columns, in any order and case. Orientations are Bunge angles, `phi1`,
`Phi`, `phi2` or `euler1` to `euler3`, in degrees unless a name ends in `[rad]` or `_rad`; or a
quaternion, `w`, `x`, `y`, `z` or `q0` to `q3`, scalar first, of v_sample = R(q) v_crystal. `phase`,
`lattice` (Pearson symbol) and `c/a` may be left out.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from polyxtal.algebra.rotation import bunge_to_quaternion
from polyxtal.argument_types import require_path
from polyxtal.crystal.lattice import Lattice
from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.io.ebsd_ctf import check_degrees
from polyxtal.microstructure.io.ebsd_edax import check_radians
from polyxtal.microstructure.io.grain_ids import GrainTable
from polyxtal.microstructure.polycrystal import UNIT_TOLERANCE

MAX_BYTES = 2**28
MAX_PHASES = 1000
_IDS = ("id", "grain", "grain_id", "grainid", "feature", "feature_id", "featureid", "number")
_ANGLES = (("phi1", "phi", "phi2"), ("euler1", "euler2", "euler3"))
_QUATERNIONS = (("w", "x", "y", "z"), ("q0", "q1", "q2", "q3"), ("qw", "qx", "qy", "qz"))
_UNIT = re.compile(r"[\s_\[(]+(?:deg|degrees|rad|radians|°)[\])]?$")


def read_grain_table(path: str | Path) -> GrainTable:
    """Read a table of grains.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a column is missing, or a value is not what its column says.
    """
    require_path(path, "grains")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: must be a table of grains, but there is no such file.")
    text = read_bounded(path, MAX_BYTES).decode("utf-8-sig", "replace")
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise ValueError(f"{path}: must be a table in CSV, but is not ({error}).") from error
    if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError(
            f"{path}: must have a line of names and as many values in each further line, but has "
            f"{len(rows)} lines of {shorten(sorted({len(row) for row in rows}))} values."
        )
    names = [name.strip().lower() for name in rows[0]]
    columns = dict(zip(names, zip(*rows[1:], strict=True), strict=True))
    if len(columns) != len(names):
        raise ValueError(f"{path}: columns must have different names, but are {listing(names)}.")
    ids = next((columns[name] for name in _IDS if name in columns), None)
    if ids is None:
        raise ValueError(
            f"{path}: must have a column id of grain numbers, but has {listing(names)}."
        )
    numbers = _numbers(path, "id", ids)
    if not ((numbers == np.rint(numbers)) & (np.abs(numbers) < 2**53)).all():
        raise ValueError(f"{path}: grain numbers must be whole, but are not.")
    phase, phase_names = _phases(path, columns, len(numbers))
    return GrainTable(
        numbers.astype(np.int64),
        _orientations(path, columns),
        phase,
        phase_names,
        _lattices(path, columns, phase, phase_names),
    )


def _numbers(path: Path, name: str, texts: Sequence[str]) -> NDArray[np.float64]:
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        values = np.array([math.nan])
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: column {name} must hold finite numbers, but does not.")
    return values


def _orientations(path: Path, columns: Mapping[str, Sequence[str]]) -> NDArray[np.float64]:
    for names in _QUATERNIONS:
        if all(name in columns for name in names):
            q = np.column_stack([_numbers(path, name, columns[name]) for name in names])
            length = np.linalg.norm(q, axis=1)
            if (np.abs(length - 1) > UNIT_TOLERANCE).any():
                row = int(np.argmax(np.abs(length - 1)))
                raise ValueError(
                    f"{path}: {', '.join(names)} must be unit quaternions, but row {row + 1} has "
                    f"length {length[row]:.6g}."
                )
            return q / length[:, None]
    plain = {_UNIT.sub("", name): name for name in columns}
    for names in _ANGLES:
        if all(name in plain for name in names):
            full = [plain[name] for name in names]
            angles = np.column_stack([_numbers(path, name, columns[name]) for name in full])
            radians = {bool(re.search(r"rad", name)) for name in full}
            if len(radians) > 1:
                raise ValueError(f"{path}: angles must have one unit, but are {listing(full)}.")
            if radians == {True}:
                check_radians(path, angles)
            else:
                check_degrees(path, angles)
                angles = np.radians(angles)
            return bunge_to_quaternion(torch.from_numpy(angles)).numpy()
    raise ValueError(
        f"{path}: must have columns phi1, Phi, phi2 or w, x, y, z, but has {listing(columns)}."
    )


def _phases(
    path: Path, columns: Mapping[str, Sequence[str]], count: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    texts = [text.strip() for text in columns.get("phase", ["crystal"] * count)]
    names = tuple(dict.fromkeys(texts))
    if len(names) > MAX_PHASES or "" in names:
        raise ValueError(
            f"{path}: column phase must hold up to {MAX_PHASES} names (MAX_PHASES), one in each "
            "row, but does not."
        )
    index = {name: k for k, name in enumerate(names)}
    return np.array([index[text] for text in texts], np.int64), names


def _lattices(
    path: Path,
    columns: Mapping[str, Sequence[str]],
    phase: NDArray[np.int64],
    names: tuple[str, ...],
) -> tuple[Lattice | None, ...]:
    symbols = columns.get("lattice")
    if symbols is None:
        return (None,) * len(names)
    ratios = columns.get("c/a", columns.get("c_over_a", [""] * len(symbols)))
    pairs = [(a.strip(), b.strip()) for a, b in zip(symbols, ratios, strict=True)]
    found: list[Lattice | None] = []
    for k, name in enumerate(names):
        own = {pair for pair, index in zip(pairs, phase.tolist(), strict=True) if index == k}
        if len(own) > 1:
            raise ValueError(
                f"{path}: phase {shorten(name)} must have one lattice, but has {len(own)}."
            )
        symbol, ratio = own.pop()
        try:
            found.append(Lattice(symbol, float(ratio) if ratio else None) if symbol else None)
        except ValueError as error:
            raise ValueError(f"{path}: phase {shorten(name)}: {error}") from error
    return tuple(found)
