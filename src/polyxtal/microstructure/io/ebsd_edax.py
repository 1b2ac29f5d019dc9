"""What EDAX's maps say, in text (.ang) and in HDF5: phases, their numbers, angles in radians."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import laue_of_point_group
from polyxtal.files.wording import listing
from polyxtal.microstructure.io.ebsd_grid import Header
from polyxtal.microstructure.io.ebsd_table import A, Points, lattice_of, unique_names

_SYMMETRY = {
    "1": "-1", "2": "2/m", "20": "2/m", "22": "mmm", "3": "-3", "32": "-3m", "4": "4/m",
    "42": "4/mmm", "6": "6/m", "62": "6/mmm", "23": "m-3", "43": "m-3m",
}  # fmt: skip
"""Laue groups by EDAX's numbers of their rotations; other programs write point groups."""
_NOT_INDEXED = 4 * math.pi - 1e-2
"""Euler angles of 4π mark points without a solution. [rad]"""
ROUNDING = 1e-2
"""Angle by which 2π and π may be exceeded. [rad]"""


class EdaxPhase(NamedTuple):
    """A phase of a header: its number, name, symmetry and cell a, b, c [Å], …"""

    number: int
    name: str
    symmetry: str
    cell: tuple[float, ...]


def edax_points(
    path: Path,
    angles: NDArray[np.float64],
    position: NDArray[np.float64],
    numbers: NDArray[np.float64],
    quality: Mapping[str, NDArray[np.float64]],
    phases: Sequence[EdaxPhase],
    header: Header,
) -> Points:
    """Return the points of a map, with the phases and not indexed points that `read_ang` describes.

    Args:
        path: File, for errors and warnings.
        angles: Bunge angles of each point. [rad]
        position: x and y of each. [µm]
        numbers: Number of the phase of each, as stored.
        quality: Other columns, "confidence_index" among them.
        phases: Phases of the header.
        header: What the header says about the grid.
    Raises:
        ValueError: if angles are not radians, or phases are missing or ambiguous.
    """
    confidence = quality["confidence_index"]
    unsolved = (np.abs(angles) >= _NOT_INDEXED).any(1) & (np.abs(angles) < 13).all(1)
    unsolved |= np.isnan(angles).any(1) | (confidence < 0)
    unsolved |= (angles == 0).all(1) & (np.column_stack(list(quality.values())) == 0).all(1)
    check_radians(path, angles[~unsolved])
    counted = _numbering(path, numbers, phases, confidence, unsolved)
    return Points(
        angles=angles,
        position=position,
        phase=np.where(unsolved, -1, _phase_index(path, numbers, phases, counted, unsolved)),
        phase_names=unique_names([phase.name for phase in phases]),
        lattices=tuple(_lattice(path, phase) for phase in phases),
        quality=dict(quality),
        header=header,
        edge=A,
    )


def check_radians(path: Path, angles: NDArray[np.float64]) -> None:
    """Refuse angles of points with a solution that cannot be radians, and warn of unlikely ones.

    Raises:
        ValueError: if an angle is 4π or more.
    """
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
            stacklevel=5,
        )


def _lattice(path: Path, phase: EdaxPhase) -> Lattice | None:
    name = phase.symmetry.lower()
    group = _SYMMETRY.get(name) or laue_of_point_group(name)
    return lattice_of(path, phase.name, group, phase.cell)


def _numbering(
    path: Path,
    column: NDArray[np.float64],
    phases: Sequence[EdaxPhase],
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
                stacklevel=5,
            )
            return {value - 1: k for value, k in index.items() if value > 0} | {-1.0: -1}
        if sure > 0:
            warnings.warn(
                f"{path}: phase 0 is not in the header and is taken for not indexed, but "
                f"{100 * sure:.2g} % of the points have it and a confidence index above 0.",
                stacklevel=5,
            )
    return index | {-1.0: -1}


def _phase_index(
    path: Path,
    column: NDArray[np.float64],
    phases: Sequence[EdaxPhase],
    index: dict[float, int],
    unsolved: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return phase indices from the data's phase numbers, -1 for not indexed."""
    used = np.unique(column[~unsolved])
    if not (np.isin(used, np.rint(used)) & (np.abs(used) < 2**31)).all():
        raise ValueError(
            f"{path}: one column must be the phase, a whole number, "
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
