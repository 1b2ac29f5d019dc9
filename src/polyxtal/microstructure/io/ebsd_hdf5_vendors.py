"""Points of maps in the HDF5 files of EDAX, Oxford and DREAM.3D."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import laue_of_point_group
from polyxtal.microstructure.io.ebsd_ctf import OXFORD_GROUPS, check_degrees
from polyxtal.microstructure.io.ebsd_edax import EdaxPhase, check_radians, edax_points
from polyxtal.microstructure.io.ebsd_grid import Header
from polyxtal.microstructure.io.ebsd_hdf5_fields import Fields, phase_number
from polyxtal.microstructure.io.ebsd_table import A_STAR, A, Points, lattice_of, unique_names

_NO_POINT = -1e6
"""EDAX gives x and y of -1111111 to grid points outside the scanned area. [µm]"""
_EDAX_NAMES = {
    "CI": "confidence_index", "Confidence Index": "confidence_index", "Fit": "fit",
    "IQ": "image_quality", "Image Quality": "image_quality", "SEM Signal": "detector_signal",
    **dict.fromkeys(("Phi1", "Phi", "Phi2", "Phase", "PhaseData", "Valid"), ""),
    **dict.fromkeys(("X Position", "Y Position", "Pattern"), ""),
}  # fmt: skip
_OXFORD_NAMES = {
    "BC": "band_contrast", "BS": "band_slope", "MAD": "mad",
    **dict.fromkeys(("X", "Y", "Z", "Phase", "Euler", "Euler1", "Euler2", "Euler3"), ""),
}  # fmt: skip


def edax_points_of(path: Path, group: h5py.Group) -> Points:
    """Return the points of an EDAX scan."""
    fields = Fields(group)
    header = fields.group("Header")
    return _edax(
        path,
        fields.group("Data"),
        header.group("Phase", "Phases"),
        Header(
            (header.number("Step X"), header.number("Step Y")),
            (header.whole("nColumns"), header.whole("nRows")),
            _is_hexagonal(header.text("Grid Type")),
        ),
        header,
    )


def said_frame(group: h5py.Group) -> str | None:
    """Return the frame that an EDAX scan stores as setting 1 to 4; None of others."""
    fields = Fields(group)
    if "Header" not in fields.names or "Coordinate System" not in fields.group("Header").names:
        return None
    setting = fields.group("Header").group("Coordinate System").whole("ID")
    return f"edax-{setting}" if setting in (1, 2, 3, 4) else None


def copied_ang_points(path: Path, group: h5py.Group) -> Points:
    """Return the points of DREAM.3D's copy of an `.ang`."""
    fields = Fields(group)
    header = fields.group("Header")
    return _edax(
        path,
        fields.group("Data"),
        header.group("Phases"),
        Header(
            (header.number("XSTEP"), header.number("YSTEP")),
            (header.whole("NCOLS_ODD"), header.whole("NROWS")),
            _is_hexagonal(header.text("GRID")),
        ),
    )


def oxford_points(path: Path, group: h5py.Group) -> Points:
    """Return the points of an Oxford map; processed data beside it are not used."""
    fields = Fields(group)
    data = fields.group("Data")
    angles = data.column("Euler", width=3)
    phase, names, lattices = _oxford_phases(path, fields, data, angles)
    check_radians(path, angles[phase >= 0])
    return _oxford(fields, data, angles, phase, names, lattices)


def copied_ctf_points(path: Path, group: h5py.Group) -> Points:
    """Return the points of DREAM.3D's copy of a `.ctf`, in degrees as there."""
    fields = Fields(group)
    data = fields.group("Data")
    count = len(data.column("Euler1"))
    angles = np.column_stack([data.column(f"Euler{k}", count=count) for k in (1, 2, 3)])
    phase, names, lattices = _oxford_phases(path, fields, data, angles)
    check_degrees(path, angles[phase >= 0])
    return _oxford(fields, data, np.radians(angles), phase, names, lattices)


def _is_hexagonal(grid: str) -> bool | None:
    return {"hex": True, "sqr": False}.get(grid.lower()[:3])


def _edax(
    path: Path, data: Fields, phases: Fields, header: Header, stored: Fields | None = None
) -> Points:
    count = len(data.column("Phi1"))
    angles = np.column_stack([data.column(k, count=count) for k in ("Phi1", "Phi", "Phi2")])
    position = np.column_stack(
        [data.column(f"{axis} Position", count=count) for axis in ("X", "Y")]
    )
    numbers = data.column("Phase", "PhaseData", count=count)
    quality = data.columns(count, _EDAX_NAMES)
    quality.setdefault("confidence_index", np.ones(count))
    there = ~(position < _NO_POINT).all(1)
    described = [
        EdaxPhase(
            phase_number(name),
            one.text("MaterialName") or one.text("Formula"),
            _edax_symmetry(one),
            _edax_cell(one),
        )
        for name, one in phases.groups().items()
    ]
    if not described:
        raise ValueError("the header must describe at least one phase, but does not.")
    points = edax_points(
        path,
        angles[there],
        position[there],
        numbers[there],
        {name: values[there] for name, values in quality.items()},
        sorted(described),
        header,
    )
    return points._replace(edge=_edge(stored))


def _edax_symmetry(phase: Fields) -> str:
    """Return the point group such as m3m of `Cubic (Oh) [m3m]`, or EDAX's number of its rotations.

    OIM 8 stores that number as LGsymID, and as Symmetry another.
    """
    name = re.search(r"\[([-/\w]+)\]", phase.text("Point Group"))
    if name and laue_of_point_group(name[1]):
        return name[1]
    return phase.text("LGsymID", "Symmetry")


def _edge(header: Fields | None) -> str:
    """Return what x is along, from a text such as `a* || x, b || y, c* || z`."""
    text = "" if header is None else header.text("Cartesian Alignment")
    along = re.search(r"(\S+)\s*\|\|\s*x", text)
    return A_STAR if along and along[1] == "a*" else A


def _edax_cell(phase: Fields) -> tuple[float, ...]:
    whole = phase.values("LatticeConstants")
    return tuple(whole or [phase.number(f"Lattice Constant {edge}") for edge in "abc"])


def _oxford_phases(
    path: Path, fields: Fields, data: Fields, angles: NDArray[np.float64]
) -> tuple[NDArray[np.int64], tuple[str, ...], tuple[Lattice | None, ...]]:
    """Return the phase index of each point, -1 for not indexed, and names and lattices."""
    numbers = data.column("Phase", count=len(angles))
    numbers = np.where(np.isnan(angles).any(1) | np.isnan(numbers) | (numbers < 0), 0, numbers)
    groups = fields.group("Header").group("Phases").groups()
    index = {phase_number(name): k for k, name in enumerate(sorted(groups, key=phase_number))}
    unknown = numbers[~np.isin(numbers, [0, *index])]
    if len(unknown):
        raise ValueError(
            f"points must be of phases in the header ({', '.join(map(str, index))}), but phase "
            f"{unknown[0]:g} is used."
        )
    phase = np.full(len(numbers), -1, np.int64)
    for number, k in index.items():
        phase[numbers == number] = k
    phase[numbers == 0] = -1
    names, lattices = [], []
    for name in sorted(groups, key=phase_number):
        one = groups[name]
        names.append(one.text("Phase Name", "PhaseName"))
        laue = one.whole("Laue Group", "LaueGroup") or 0
        group = OXFORD_GROUPS[laue - 1] if 1 <= laue <= len(OXFORD_GROUPS) else None
        cell = one.values("Lattice Dimensions", "LatticeConstants")
        lattices.append(lattice_of(path, names[-1], group, cell))
    return phase, unique_names(names), tuple(lattices)


def _oxford(
    fields: Fields,
    data: Fields,
    angles: NDArray[np.float64],
    phase: NDArray[np.int64],
    names: tuple[str, ...],
    lattices: tuple[Lattice | None, ...],
) -> Points:
    header = fields.group("Header")
    step = header.number("X Step", "XStep"), header.number("Y Step", "YStep")
    cells = header.whole("X Cells", "XCells"), header.whole("Y Cells", "YCells")
    count = len(angles)
    if "X" in data.names and "Y" in data.names:
        x, y = data.column("X", count=count), data.column("Y", count=count)
    else:
        across = cells[0] or 0
        if across < 1 or across * (cells[1] or 0) != count or min(step) <= 0:
            raise ValueError(
                "points must have positions X and Y, or as many as the cells of the header, but "
                f"there are {count} of {cells[0]} x {cells[1]}."
            )
        place = np.arange(count)
        x, y = step[0] * (place % across).astype(float), step[1] * (place // across).astype(float)
    there = ~(np.isnan(x) | np.isnan(y))  # outside the acquired area
    return Points(
        angles=angles[there],
        position=np.column_stack([x, y])[there],
        phase=phase[there],
        phase_names=names,
        lattices=lattices,
        quality={k: v[there] for k, v in data.columns(count, _OXFORD_NAMES).items()},
        header=Header(step, cells, hexagonal=False),
        edge=A_STAR,
    )
