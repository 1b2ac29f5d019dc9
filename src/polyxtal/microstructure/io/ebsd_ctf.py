"""Oxford's and HKL's text format of orientation maps (.ctf, "Channel Text File").

A header of `name<tab>value`, one line per phase, the names of the columns, and one row per point;
Euler angles in degrees, positions in µm, decimal points or commas.
"""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.lattice import Lattice
from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.frames import Frame, frame_rotation
from polyxtal.microstructure.io.ebsd_grid import Header
from polyxtal.microstructure.io.ebsd_table import (
    A_STAR,
    MAX_BYTES,
    MAX_PHASES,
    Points,
    build_map,
    lattice_of,
    number,
    unique_names,
    whole,
)
from polyxtal.microstructure.io.ebsd_text import decoded, read_table, read_text

_NEEDED = ("phase", "x", "y", "euler1", "euler2", "euler3")
_LONGER = {"bc": "band_contrast", "bs": "band_slope"}
OXFORD_GROUPS = ("-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m")
"""Oxford's Laue groups 1 to 11."""
_MAX_HEADER, _MAX_LINE = 2000, 1000
_CELL = r"([^\s;]+;[^\s;]+;[^\s;]+)\s+"
_PHASE_LINE = re.compile(rf"{_CELL}{_CELL}(.*?)\s+(\d+)\s+(\d+)\b(.*)")


def read_ctf(path: str | Path, *, frame: Frame | None) -> EbsdMap:
    """Read an Oxford map. Points of phase 0, or with angles that are NaN, are not indexed.

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
    header, names, rows, first_line = _split(path, read_text(path, MAX_BYTES))
    table = read_table(path, _with_gaps(rows), first_line)
    columns = _columns(path, names, table, first_line)
    phase_names, lattices = _phases(path, header)
    angles = np.column_stack([columns[f"euler{k}"] for k in (1, 2, 3)])
    phase = np.where(np.isnan(angles).any(1), 0, columns["phase"])
    if not ((phase == np.rint(phase)) & (phase >= -1) & (phase <= len(phase_names))).all():
        wrong = phase[~np.isin(phase, np.arange(-1, len(phase_names) + 1))]
        raise ValueError(
            f"{path}: phases of points must be whole numbers up to the {len(phase_names)} of the "
            f"header, but one is {wrong[0]:g}."
        )
    indexed = phase > 0
    check_degrees(path, angles[indexed])

    def said(name: str) -> str:
        return header.get(name, [""])[0]

    step = tuple(number(path, name, said(name) or "0") for name in ("XStep", "YStep"))
    points = Points(
        angles=np.radians(angles),
        position=np.column_stack([columns["x"], columns["y"]]),
        phase=np.where(indexed, phase, 0).astype(np.int64) - 1,
        phase_names=phase_names,
        lattices=lattices,
        quality={
            _LONGER.get(name, name): values
            for name, values in columns.items()
            if name not in _NEEDED
        },
        header=Header(
            (step[0], step[1]), (whole(said("XCells")), whole(said("YCells"))), hexagonal=False
        ),
        edge=A_STAR,
    )
    return build_map(path, points, rotation)


def _with_gaps(rows: bytes) -> bytes:
    """Return rows with NaN for values left out between tabs."""
    for _ in range(2 if b"\t\t" in rows else 0):
        rows = rows.replace(b"\t\t", b"\tnan\t")
    return rows


def _columns(
    path: Path, names: list[str], table: NDArray[np.float64], first_line: int
) -> dict[str, NDArray[np.float64]]:
    """Return the columns by name; where rows have fewer than names, those needed and before."""
    width = table.shape[1]
    if width == len(names):
        return {name: table[:, k] for k, name in enumerate(names)}
    needed = 1 + max(names.index(name) for name in _NEEDED)
    if width < needed:
        raise ValueError(
            f"{path}: line {first_line}: rows must have the {len(names)} columns that are named "
            f"above them, or at least the first {needed}, but have {width}."
        )
    if width < len(names):
        named = names[:needed]
        for name in {"bands", "error"} & set(named):
            column = table[:, named.index(name)]
            if not ((column == np.rint(column)) | np.isnan(column)).all():
                raise ValueError(
                    f"{path}: line {first_line}: rows must have the {len(names)} columns that are "
                    f"named above them, but have {width}, and {name} holds no whole numbers: one "
                    "before it must be missing."
                )
        done = f"so that {listing(names[needed:])} cannot be told apart and are left out"
    else:
        named = [*names, *(f"column_{k + 1}" for k in range(len(names), width))]
        done = f"and those without a name are called {listing(named[len(names) :])}"
    warnings.warn(
        f"{path}: rows have {width} columns where {len(names)} are named, {done}.", stacklevel=4
    )
    return {name: table[:, k] for k, name in enumerate(named)}


def check_degrees(path: Path, angles: NDArray[np.float64]) -> None:
    """Refuse angles of indexed points that cannot be degrees, and warn if they look like radians.

    Maps of degrees below 2π only are of crystals within a few degrees of the axes.
    """
    highest = float(np.abs(angles).max(initial=0.0))
    if not highest <= 720:
        raise ValueError(f"{path}: Euler angles must be degrees, but not all are within 720°.")
    if 1 < highest <= 2 * math.pi:
        warnings.warn(
            f"{path}: Euler angles are read as degrees, but all are below 2π; if they are radians, "
            "every orientation is wrong: convert them first.",
            stacklevel=4,
        )


def _split(path: Path, content: bytes) -> tuple[dict[str, list[str]], list[str], bytes, int]:
    """Split header, column names and rows; return the number of the line where rows begin, too.

    The header's values are by name, with the lines of the phases under `Phases`.
    """
    header: dict[str, list[str]] = {}
    begin, phases_left = 0, 0
    for line in range(_MAX_HEADER):
        end = content.find(b"\n", begin)
        if end < 0:
            break
        parts = _parts(decoded(content[begin:end]).strip())
        begin = end + 1
        if line == 0 and not parts[0].startswith("Channel Text File"):
            break
        lower = [part.lower() for part in parts]
        if lower[0] == "phase" and {"x", "euler1"} <= set(lower):
            missing = [name for name in _NEEDED if name not in lower]
            if missing or len(set(lower)) != len(lower):
                raise ValueError(
                    f"{path}: line {line + 1}: columns must be named once and hold "
                    f"{', '.join(_NEEDED)}, but are {listing(lower)}."
                )
            return header, lower, content[begin:], line + 2
        if phases_left:
            header["Phases"].append("\t".join(parts))
            phases_left -= 1
        elif parts[0] == "Phases":
            count = number(path, "Phases", parts[1] if len(parts) > 1 else "")
            phases_left = int(min(max(count, 0), MAX_PHASES))
            header["Phases"] = []
        elif len(parts) > 1:
            header.setdefault(parts[0], parts[1:])
    raise ValueError(
        f"{path}: must begin with 'Channel Text File' and name its columns (Phase, X, Y, ...), "
        "but does not."
    )


def _parts(line: str) -> list[str]:
    """Split a line of the header at tabs; without any, at blanks if it can be told where."""
    if "\t" in line or len(line) > _MAX_LINE:
        return [part.strip() for part in line.split("\t")]
    phase = _PHASE_LINE.match(line)
    if phase:
        return [part.strip() for part in phase.groups()]
    words = line.split()
    return words if len(words) == 2 or words[:1] in (["Phase"], ["phase"]) else [line]


def _phases(
    path: Path, header: dict[str, list[str]]
) -> tuple[tuple[str, ...], tuple[Lattice | None, ...]]:
    """Return names and lattices from lines `a;b;c<tab>α;β;γ<tab>name<tab>Laue group<tab>...`."""
    names: list[str] = []
    lattices: list[Lattice | None] = []
    for line in header.get("Phases", []):
        parts = line.split("\t")
        if len(parts) < 4:
            raise ValueError(
                f"{path}: a phase must be lattice, angles, name and Laue group, parted by tabs, "
                f"but is {line[:60]!r}."
            )
        names.append(parts[2])
        laue = number(path, f"the Laue group of phase {shorten(parts[2])}", parts[3])
        group = OXFORD_GROUPS[int(laue) - 1] if laue in range(1, 12) else None
        cell = [
            number(path, f"the cell of phase {shorten(parts[2])}", a) for a in parts[0].split(";")
        ]
        lattices.append(lattice_of(path, parts[2], group, cell))
    if not names:
        raise ValueError(f"{path}: the header must describe at least one phase, but does not.")
    return unique_names(names), tuple(lattices)
