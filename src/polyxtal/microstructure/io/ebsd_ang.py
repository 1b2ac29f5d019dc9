"""EDAX's text format of orientation maps (.ang), also written by other programs.

Rows hold φ1, Φ, φ2 [rad], x, y [µm], image quality, confidence index, phase, detector signal, fit,
and what later versions add; rows of eight columns end with the phase.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyxtal.files.wording import shorten
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.frames import Frame, frame_rotation
from polyxtal.microstructure.io.ebsd_edax import EdaxPhase, edax_points
from polyxtal.microstructure.io.ebsd_grid import Header
from polyxtal.microstructure.io.ebsd_table import MAX_BYTES, MAX_PHASES, build_map, number, whole
from polyxtal.microstructure.io.ebsd_text import decoded, read_table, read_text

_COLUMNS = ("image_quality", "confidence_index", "phase", "detector_signal", "fit")
_PHASE = 7


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
    # ACOM, of transmission microscopes, counts in nanometres.
    unit = 1e-3 if any("ACOM" in line for line in header) else 1.0
    step = tuple(unit * number(path, name, values.get(name, "0")) for name in ("XSTEP", "YSTEP"))
    grid = values.get("GRID", "").lower()[:3]
    points = edax_points(
        path,
        table[:, :3],
        unit * table[:, 3:5],
        table[:, _PHASE],
        quality,
        phases,
        Header(
            (step[0], step[1]),
            (whole(values.get("NCOLS_ODD")), whole(values.get("NROWS"))),
            {"hex": True, "sqr": False}.get(grid),
        ),
    )
    return build_map(path, points, rotation)


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


def _phases(path: Path, header: list[str]) -> list[EdaxPhase]:
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
        EdaxPhase(
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
