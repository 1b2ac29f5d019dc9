"""EDAX's text format of orientation maps (.ang), also written by other programs.

Rows hold φ1, Φ, φ2 [rad], x, y [µm], image quality, confidence index, phase, detector signal, fit,
and what later versions add; rows of eight columns end with the phase.
"""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import laue_of_point_group
from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.frames import Frame, frame_rotation
from polyxtal.microstructure.io.ebsd_grid import Header
from polyxtal.microstructure.io.ebsd_table import (
    MAX_BYTES,
    MAX_PHASES,
    A,
    Points,
    build_map,
    lattice_of,
    number,
    unique_names,
    whole,
)
from polyxtal.microstructure.io.ebsd_text import decoded, read_table, read_text

_COLUMNS = ("image_quality", "confidence_index", "phase", "detector_signal", "fit")
_PHASE = 7
_SYMMETRY = {
    "1": "-1", "2": "2/m", "20": "2/m", "22": "mmm", "3": "-3", "32": "-3m", "4": "4/m",
    "42": "4/mmm", "6": "6/m", "62": "6/mmm", "23": "m-3", "43": "m-3m",
}  # fmt: skip
"""Laue groups by EDAX's numbers of their rotations; other programs write point groups."""
_NOT_INDEXED = 4 * math.pi - 1e-2
"""Euler angles of 4π mark points without a solution. [rad]"""
ROUNDING = 1e-2
"""Angle by which 2π and π may be exceeded. [rad]"""


class _Phase(NamedTuple):
    number: int
    name: str
    symmetry: str
    cell: tuple[float, ...]


def read_ang(path: str | Path, *, frame: Frame | None) -> EbsdMap:
    """Read an EDAX map.

    Points are not indexed if their confidence index is below 0, their Euler angles are 4π or NaN,
    their phase is -1, or all of Euler angles and other columns are zero. Phase 0 is the phase of a
    single-phase file, whatever its number in the header; in files of several phases, or if the data
    of a single-phase file contain both 0 and 1, it means not indexed, unless the header describes a
    phase 0 among several. Where the data count all phases from 0 and the header from 1, points of
    phase 0 with a confidence index above 0 are the first phase, with a warning.

    The grid follows from the positions, whatever the header says, see `place_points`.

    Args:
        path: File.
        frame: Frame of the Euler angles, see `FRAMES`.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the frame is missing, or the file is damaged, too large or not on a grid.
    """
    path = Path(path)
    rotation = frame_rotation(frame, path)
    header, rows, first_line = _split(read_text(path, MAX_BYTES))
    values = _value_of(header)
    table = read_table(path, rows, first_line)
    if table.shape[1] < 8:
        raise ValueError(
            f"{path}: rows must have at least 8 columns (φ1, Φ, φ2, x, y, image quality, "
            f"confidence index, phase), but have {table.shape[1]}."
        )
    phases = _phases(path, header)
    quality = _quality(header, table)
    angles = table[:, :3]
    unsolved = (np.abs(angles) >= _NOT_INDEXED).any(1) & (np.abs(angles) < 13).all(1)
    unsolved |= np.isnan(angles).any(1) | (quality["confidence_index"] < 0)
    unsolved |= (angles == 0).all(1) & (np.column_stack(list(quality.values())) == 0).all(1)
    _check_angles(path, angles[~unsolved])
    numbers = table[:, _PHASE]
    counted = _numbering(path, numbers, phases, quality["confidence_index"], unsolved)
    phase = np.where(unsolved, -1, _phase_index(path, numbers, phases, counted, unsolved))
    # ACOM, of transmission microscopes, counts in nanometres.
    unit = 1e-3 if any("ACOM" in line for line in header) else 1.0
    step = tuple(unit * number(path, name, values.get(name, "0")) for name in ("XSTEP", "YSTEP"))
    grid = values.get("GRID", "").lower()[:3]
    points = Points(
        angles=angles,
        position=unit * table[:, 3:5],
        phase=phase,
        phase_names=unique_names([p.name for p in phases]),
        lattices=tuple(_lattice(path, p) for p in phases),
        quality=quality,
        header=Header(
            (step[0], step[1]),
            (whole(values.get("NCOLS_ODD")), whole(values.get("NROWS"))),
            {"hex": True, "sqr": False}.get(grid),
        ),
        edge=A,
    )
    return build_map(path, points, rotation)


def _check_angles(path: Path, angles: NDArray[np.float64]) -> None:
    """Refuse angles of points with a solution that cannot be radians, and warn of unlikely ones."""
    highest = float(np.abs(angles).max(initial=0.0))
    if not highest < _NOT_INDEXED:
        raise ValueError(
            f"{path}: Euler angles must be in radians, below 4π, but reach {highest:.6g}"
            f"{', like degrees' if highest <= 360 else ''}."
        )
    if highest > 2 * math.pi + ROUNDING or (angles[:, 1] > math.pi + ROUNDING).any():
        warnings.warn(
            f"{path}: Euler angles are read as radians, but reach {highest:.6g}, above 2π, or "
            f"{float(angles[:, 1].max()):.6g}, above π, for Φ; are they degrees?",
            stacklevel=4,
        )


def _split(content: bytes) -> tuple[list[str], bytes, int]:
    """Split header lines and rows; return the number of the line where these begin, too."""
    begin = line = 0
    header: list[str] = []
    while begin < len(content):
        end = content.find(b"\n", begin)
        end = len(content) if end < 0 else end
        text = content[begin:end].strip()
        if text and not text.startswith(b"#"):
            break
        header.append(decoded(text.lstrip(b"#")).strip())
        begin, line = end + 1, line + 1
    return header, content[begin:], line + 1


def _value_of(header: list[str]) -> dict[str, str]:
    """Return the values of lines such as `XSTEP: 2.961`."""
    pairs = (line.split(":", 1) for line in header if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def _phases(path: Path, header: list[str]) -> list[_Phase]:
    """Return the phases; each begins with `Phase 1`, or with its name if a file omits that."""
    found: list[dict[str, str]] = []
    for line in header:
        word, _, rest = line.replace("\t", " ").partition(" ")
        begins = re.fullmatch(r"Phase:?\s*(\d{1,6})", line)
        if begins:
            found.append({"number": begins[1]})
        elif word in ("MaterialName", "Formula", "Symmetry", "LatticeConstants"):
            if not found or (word == "MaterialName" and word in found[-1]):
                found.append({"number": str(len(found) + 1)})
            found[-1].setdefault(word, rest.strip())
        if len(found) > MAX_PHASES:
            raise ValueError(
                f"{path}: the header must describe at most {MAX_PHASES} phases (MAX_PHASES), "
                "but describes more."
            )
    if not found:
        raise ValueError(f"{path}: the header must describe at least one phase, but does not.")
    phases = [
        _Phase(
            int(entry["number"]),
            entry.get("MaterialName") or entry.get("Formula") or "",
            entry.get("Symmetry", ""),
            tuple(
                number(path, "LatticeConstants", part)
                for part in entry.get("LatticeConstants", "").split()
            ),
        )
        for entry in found
    ]
    numbers = [phase.number for phase in phases]
    if len(set(numbers)) != len(numbers):
        raise ValueError(
            f"{path}: phases must have different numbers, but have {shorten(numbers)}."
        )
    return phases


def _lattice(path: Path, phase: _Phase) -> Lattice | None:
    name = phase.symmetry.lower()
    group = _SYMMETRY.get(name) or laue_of_point_group(name)
    return lattice_of(path, phase.name, group, phase.cell)


def _quality(header: list[str], table: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return the columns other than angles, positions and phase, by name."""
    names = list(_COLUMNS) + [f"column_{k}" for k in range(11, table.shape[1] + 1)]
    for line in header:
        said = re.match(r"(?:COLUMN_HEADERS|Column names)\s*:(.*)", line, re.IGNORECASE)
        extra = [part.strip().replace(" ", "_") for part in said[1].split(",")] if said else []
        if len(extra) == table.shape[1] and len(set(extra)) == len(extra):
            names[len(_COLUMNS) :] = extra[10:]
    return {
        name: table[:, 5 + k]
        for k, name in enumerate(names[: table.shape[1] - 5])
        if 5 + k != _PHASE
    }


def _numbering(
    path: Path,
    column: NDArray[np.float64],
    phases: list[_Phase],
    confidence: NDArray[np.float64],
    unsolved: NDArray[np.bool_],
) -> dict[float, int]:
    """Return the phase index of each phase number of the data, -1 for not indexed."""
    index = {float(phase.number): k for k, phase in enumerate(phases)}
    used = set(np.unique(column[~unsolved]).tolist())
    if len(phases) == 1:
        # Programs number the one phase 0 or 1, in header and data independently.
        index |= {0.0: -1 if {0.0, 1.0} <= used else 0, 1.0: 0}
    elif 0.0 not in index:
        index[0.0] = -1
        sure = float(((column == 0) & ~unsolved & (confidence > 0)).mean())
        if sure > 0 and used - {-1.0} == {k - 1.0 for k in index if k > 0}:
            names = listing(f"{k} is {phase.name}" for k, phase in enumerate(phases))
            warnings.warn(
                f"{path}: phases are numbered from 1 in the header, but from 0 at the points; they "
                f"are taken in this order: {names}.",
                stacklevel=4,
            )
            return {value - 1: k for value, k in index.items() if value > 0} | {-1.0: -1}
        if sure > 0:
            warnings.warn(
                f"{path}: phase 0 is not in the header and is taken for not indexed, but "
                f"{100 * sure:.2g} % of the points have it and a confidence index above 0.",
                stacklevel=4,
            )
    return index | {-1.0: -1}


def _phase_index(
    path: Path,
    column: NDArray[np.float64],
    phases: list[_Phase],
    index: dict[float, int],
    unsolved: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return phase indices from the data's phase numbers, -1 for not indexed."""
    used = np.unique(column[~unsolved])
    if not (np.isin(used, np.rint(used)) & (np.abs(used) < 2**31)).all():
        raise ValueError(
            f"{path}: column {_PHASE + 1} must be the phase, a whole number, "
            f"but holds {_first(used[used != np.rint(used)])}."
        )
    unknown = [value for value in used.tolist() if value not in index]
    if unknown:
        raise ValueError(
            f"{path}: points must be of phases in the header "
            f"({listing(phase.number for phase in phases)}), but phase {unknown[0]:g} "
            "is used."
        )
    phase = np.full(len(column), -1, np.int64)
    for value in used.tolist():
        phase[column == value] = index[value]
    return phase


def _first(values: NDArray[np.float64]) -> str:
    return f"{values[0]:g}" if len(values) else "one out of range"
