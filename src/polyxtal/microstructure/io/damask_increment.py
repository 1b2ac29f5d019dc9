"""The deformed state in a result file of DAMASK 3 (.hdf5), layout in `dadf5.py`."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.damask_phase import phase_to_lattice
from polyxtal.crystal.lattice import Lattice
from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.io.dadf5 import (
    Nodes,
    attribute,
    cells_of_phases,
    field,
    increments,
    orientation_rows,
    phase_fields,
    require_grid,
    require_version,
)
from polyxtal.microstructure.io.hdf5 import children, open_hdf5, read_text_attribute
from polyxtal.microstructure.polycrystal import Polycrystal

SHEAR = 1e-2
"""Mean shear of a volume from which it is told that a box cannot show it. [-]"""


def read_damask_increment(path: str | Path, *, increment: int | None = None) -> Polycrystal:
    """Read the state at one increment as a new polycrystal.

    Cells of a phase with the same orientation are a grain: the grains of the start, and about every
    cell after deformation. The cells stay a regular grid, whose edges are stretched by the diagonal
    of the mean deformation gradient where it is stored.

    Args:
        path: Result file.
        increment: Number of the increment; negative from the last (default: -1).
    Returns:
        The polycrystal, size in µm, with the lattices that the orientations O name.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if there is no such increment, or the file is damaged or of another kind.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        require_version(file)
        cells, size = require_grid(file)
        top = children(file)
        members = cells_of_phases(top, int(np.prod(cells)))
        state = _chosen(increments(top), -1 if increment is None else increment)
        rows = np.empty((int(np.prod(cells)), 5))
        deformation, lattices = np.zeros((3, 3)), []
        for k, (label, owned) in enumerate(members.items()):
            fields = phase_fields(state, label)
            rows[owned, :4] = orientation_rows(fields, state, label, len(owned)).numpy()
            rows[owned, 4] = k
            lattices.append(_lattice(fields, label))
            if "F" in fields:
                shape = (len(owned), 3, 3)
                deformation += field(fields, state, label, "F", shape).sum(0) / len(rows)
            else:
                deformation += np.eye(3) * len(owned) / len(rows)
        unique, grain = np.unique(rows, axis=0, return_inverse=True)
        return Polycrystal(
            grain.reshape(cells, order="F"),
            unique[:, :4],
            _stretched(path, size, deformation),
            unique[:, 4].astype(np.int64),
            [label or "phase" for label in members],
            lattices,
        )


def _chosen(found: dict[int, h5py.Group], increment: int) -> h5py.Group:
    numbers = list(found)
    if increment in found:
        return found[increment]
    if increment < 0 and -increment <= len(numbers):
        return found[numbers[increment]]
    raise ValueError(
        f"argument `increment` must be one of {listing(numbers)}, or count from the last as -1, "
        f"but is {increment}."
    )


def _lattice(fields: Nodes, label: str) -> Lattice | None:
    """Return the lattice that DAMASK stores with O."""
    stored = fields.get("O")
    symbol = read_text_attribute(stored, "lattice") if isinstance(stored, h5py.Dataset) else ""
    if not symbol or stored is None:
        return None
    body: dict[str, object] = {"lattice": symbol}
    if "c/a" in stored.attrs:
        body["c/a"] = float(attribute(stored, "c/a", ()))
    return phase_to_lattice(body, f"phase {shorten(label)}")


def _stretched(
    path: Path, size: NDArray[np.float64], deformation: NDArray[np.float64]
) -> list[float]:
    """Return the edges of the deformed volume."""
    stretch = np.diag(deformation)
    shear = float(np.abs(deformation - np.diag(stretch)).max())
    if (stretch <= 0).any():
        raise ValueError(f"the mean of F must stretch every axis, but is {stretch.tolist()}.")
    if shear > SHEAR:
        warnings.warn(
            f"{path}: the volume is sheared by {shear:.3g}, which a box of voxels cannot show; its "
            "edges are those of the stretches only.",
            stacklevel=4,
        )
    return (size * stretch).tolist()
