"""DREAM.3D volumes (.dream3d), as SIMPL 7 and DREAM3D-NX write them.

Convention: DREAM.3D turns the sample frame into the crystal frame and stores quaternions as
x, y, z, w with P = +1 [Rowenhorst2015], so its quaternion is the conjugate of ours:

    q = (w, -x, -y, -z),   v_sample = R(q) v_crystal

Its Euler angles are Bunge's [rad] and need no change. Files with both confirm it: the conjugates
agree with the Euler angles to single precision, the stored quaternions deviate by up to 180°.
Lengths are read as µm, whatever the file's `Units`: DREAM3D-NX leaves them at metres.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from polyxtal.algebra.rotation import bunge_to_quaternion
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC
from polyxtal.files.wording import shorten
from polyxtal.microstructure.io.hdf5 import open_hdf5, read_strings
from polyxtal.microstructure.io.image_geometry import (
    PHASE_NAMES,
    ImageGeometry,
    find_array,
    holds,
    missing,
    open_geometry,
)
from polyxtal.microstructure.mean_orientation import average_orientations
from polyxtal.microstructure.polycrystal import UNIT_TOLERANCE, Polycrystal

_FEATURE_IDS = ("FeatureIds",)
_FEATURE_ORIENTATIONS = ("AvgQuats", "AvgEulerAngles", "EulerAngles")
_CELL_ORIENTATIONS = ("Quats", "EulerAngles")
_PHASES = ("Phases",)
_CRYSTAL_STRUCTURES = ("CrystalStructures",)
STRUCTURES = (
    "6/mmm", "m-3m", "6/m", "m-3", "-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m",
)  # fmt: skip
"""Laue groups by DREAM.3D's numbers of `CrystalStructures`; 999 is unknown."""


def read_dream3d(
    path: str | Path,
    *,
    container: str | None = None,
    feature_ids: str | None = None,
    orientations: str | None = None,
    phases: str | None = None,
) -> Polycrystal:
    """Read an image geometry with its orientations and phases.

    The orientation of a grain is that of its feature; if features have none, the mean over the
    feature's cells (under its crystal symmetry); without feature ids, each distinct cell
    orientation is a grain. Hexagonal crystals are assumed to have x along a, EDAX's convention, to
    which DREAM.3D converts the files of other vendors on request.

    Grains are the features in use, in ascending order of their id, and phase 1 of the file is
    phase 0 here (phase 0 of the file is DREAM.3D's 'unknown').

    Feature 0 means 'unassigned' and its voxels are refused, unless row 0 of the feature data has a
    phase > 0 and an orientation, as written by programs that count from 0.

    Args:
        path: File.
        container: Name of the image geometry, or its path where it lies in groups (default: the
            only one with cell data).
        feature_ids: Cell array of feature ids (default: `FeatureIds`, if present).
        orientations: Feature or cell array of quaternions x, y, z, w (4 components) or Bunge Euler
            angles [rad] (3 components) (default: DREAM.3D's usual names).
        phases: Feature or cell array of phases (default: `Phases`, if present).
            An array is named as in the file, with its attribute matrix ("Matrix/Array") where
            the name alone is not unique.
    Returns:
        The polycrystal, size in µm.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, too large, points outside itself, or lacks an array.
    """
    with open_hdf5(Path(path)) as file:
        geometry = open_geometry(file, container)
        ids = find_array(geometry.cell, feature_ids, _FEATURE_IDS)
        if ids is None:
            grain, quaternions, phase = _distinct_cells(geometry, orientations, phases)
        else:
            grain, quaternions, phase = _features(geometry, ids, orientations, phases)
        if phase.min() < 1:
            raise ValueError(
                "Every grain must have a phase > 0 (0 is DREAM.3D's unknown), "
                f"but {int((phase < 1).sum())} of {len(phase)} have not."
            )
        names = _phase_names(geometry.ensemble, int(phase.max()))
        return Polycrystal(
            grain.reshape(geometry.grid, order="F"),
            quaternions,
            [s * n for s, n in zip(geometry.spacing, geometry.grid, strict=True)],
            phase - 1,
            names,
            _lattices(geometry, len(names)),
        )


def _quaternions(geometry: ImageGeometry, array: h5py.Dataset) -> NDArray[np.float64]:
    """Return orientations in our convention; rows without one keep a norm far from 1."""
    values = geometry.rows(array, (3, 4)).astype(np.float64)
    if values.shape[1] == 4:
        return values[:, [3, 0, 1, 2]] * (1.0, -1.0, -1.0, -1.0)
    if not np.all(np.abs(values) <= 4 * math.pi + 1e-3):  # 4π marks an unindexed point
        raise ValueError(
            f"{shorten(array.name)} must be Euler angles [rad], but not all are within 4π."
        )
    return bunge_to_quaternion(torch.from_numpy(values)).numpy()


def _features(
    geometry: ImageGeometry, ids_array: h5py.Dataset, orientations: str | None, phases: str | None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the grain of each voxel, and orientation and phase (as in the file) of each grain."""
    ids = geometry.integers(ids_array)
    geometry.require_cells(ids)
    if ids.min() < 0:
        raise ValueError(f"{shorten(ids_array.name)} must not be negative, but holds {ids.min()}.")
    used, grain = _renumbered(ids)
    in_cells = orientations is not None and not holds(geometry.feature, orientations)
    array = None if in_cells else find_array(geometry.feature, orientations, _FEATURE_ORIENTATIONS)
    if array is None:
        _require_assigned(ids, carried=False)
        phase = _cell_phase(geometry, grain, len(used), phases)
        return grain, _averages(geometry, grain, phase, orientations), phase
    table = _quaternions(geometry, array)
    if used[-1] >= len(table):
        raise ValueError(
            f"{shorten(array.name)} must have a row for every feature, "
            f"but has {len(table)} rows and feature {used[-1]} is used."
        )
    carries_orientation = abs(float(np.linalg.norm(table[0])) - 1) <= UNIT_TOLERANCE
    phase_table = _feature_phases(geometry, phases, len(table))
    _require_assigned(
        ids, carried=carries_orientation and phase_table is not None and bool(phase_table[0] > 0)
    )
    phase = (
        _cell_phase(geometry, grain, len(used), phases)
        if phase_table is None
        else phase_table[used]
    )
    return grain, table[used], phase


def _renumbered(ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ids in use, in ascending order, and the place of each id among them."""
    if ids.max() > len(ids):
        used, place = np.unique(ids, return_inverse=True)
        return used, place
    count = np.bincount(ids)  # sorting takes three times the memory
    return np.flatnonzero(count), (np.cumsum(count > 0) - 1)[ids]


def _require_assigned(ids: NDArray[np.int64], *, carried: bool) -> None:
    if not carried and (ids == 0).any():
        raise ValueError(
            f"Every voxel must belong to a feature, but {int((ids == 0).sum())} of {len(ids)} "
            "are unassigned (feature 0): fill or crop them in DREAM.3D first."
        )


def _feature_phases(
    geometry: ImageGeometry, phases: str | None, rows: int
) -> NDArray[np.int64] | None:
    """Return the phase of every feature; None if only cells have phases."""
    if phases is not None and not holds(geometry.feature, phases):
        return None
    array = find_array(geometry.feature, phases, _PHASES)
    if array is None:
        return None
    table = geometry.integers(array)
    if len(table) != rows:
        raise ValueError(f"{shorten(array.name)} must have {rows} rows, but has {len(table)}.")
    return table


def _cell_phase(
    geometry: ImageGeometry, grain: NDArray[np.int64], grains: int, phases: str | None
) -> NDArray[np.int64]:
    array = find_array(geometry.cell, phases, _PHASES)
    if array is None:
        return np.ones(grains, dtype=np.int64)
    values = geometry.integers(array)
    geometry.require_cells(values)
    phase = np.zeros(grains, dtype=np.int64)
    phase[grain] = values
    if not np.array_equal(phase[grain], values):
        raise ValueError(
            f"{shorten(array.name)} must be one phase per feature, but some features mix."
        )
    return phase


def _cell_quaternions(geometry: ImageGeometry, orientations: str | None) -> NDArray[np.float64]:
    array = find_array(geometry.cell, orientations, _CELL_ORIENTATIONS)
    if array is None:
        raise ValueError(
            missing(
                "orientations (name them by `orientations`)", {**geometry.cell, **geometry.feature}
            )
        )
    quaternions = _quaternions(geometry, array)
    geometry.require_cells(quaternions)
    off = ~(np.abs(np.linalg.norm(quaternions, axis=1) - 1) <= UNIT_TOLERANCE)
    if off.any():
        raise ValueError(
            f"{shorten(array.name)} must hold unit quaternions, "
            f"but {int(off.sum())} of {len(off)} are none."
        )
    return quaternions


def _averages(
    geometry: ImageGeometry,
    grain: NDArray[np.int64],
    phase: NDArray[np.int64],
    orientations: str | None,
) -> NDArray[np.float64]:
    """Average the cell orientations of each grain."""
    groups = [CUBIC] * len(phase)
    if find_array(geometry.ensemble, None, _CRYSTAL_STRUCTURES) is not None:
        lattices = [None, *_lattices(geometry, int(phase.max()))]
        unknown = [int(k) for k in np.unique(phase) if lattices[k] is None]
        if unknown:
            raise ValueError(
                "Cells can be averaged over a feature in phases of known symmetry only, "
                f"but that of phases {unknown} is unknown: store orientations per feature."
            )
        groups = [one.laue_group for one in (lattices[k] for k in phase) if one is not None]
    quaternions = torch.from_numpy(_cell_quaternions(geometry, orientations))
    return average_orientations(quaternions, torch.from_numpy(grain), groups).numpy()


def _lattices(geometry: ImageGeometry, highest: int) -> list[Lattice | None]:
    """Read the lattices of phases 1, 2, …, with c/a where the file has it."""
    structures = find_array(geometry.ensemble, None, _CRYSTAL_STRUCTURES)
    if structures is None:
        return [None] * highest
    table = geometry.integers(structures)
    cells = find_array(geometry.ensemble, None, ("LatticeConstants",))
    edges = None if cells is None else geometry.rows(cells, (6,)).astype(np.float64)
    lattices: list[Lattice | None] = []
    for k in range(1, highest + 1):
        if k >= len(table) or not 0 <= table[k] < len(STRUCTURES):
            lattices.append(None)
            continue
        a, c = (0.0, 0.0) if edges is None or k >= len(edges) else edges[k, [0, 2]].tolist()
        ratio = round(c / a, 6) if a > 0 and c > 0 else None
        lattices.append(Lattice.of_laue_group(STRUCTURES[table[k]], ratio))
    return lattices


def _distinct_cells(
    geometry: ImageGeometry, orientations: str | None, phases: str | None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return grains, one for each distinct pair of orientation and phase."""
    quaternions = _cell_quaternions(geometry, orientations)
    array = find_array(geometry.cell, phases, _PHASES)
    phase = np.ones(len(quaternions), dtype=np.int64) if array is None else geometry.integers(array)
    geometry.require_cells(phase)
    rows = np.column_stack([quaternions, phase])
    _, first, grain = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return grain.reshape(-1).astype(np.int64), quaternions[first], phase[first]


def _phase_names(ensemble: Mapping[str, h5py.Dataset], highest: int) -> list[str]:
    """Return the names of phases 1, 2, …; blank or repeated names get their number."""
    array = find_array(ensemble, None, PHASE_NAMES)
    stored = [] if array is None else [name.strip() for name in read_strings(array)]
    count = Counter(stored)
    if highest > max(len(stored) - 1, 100):
        raise ValueError(
            f"Phases must be numbered up to {max(len(stored) - 1, 100)}, but {highest} is used."
        )
    stored += [""] * (highest + 1 - len(stored))
    return [
        name if name and count[name] == 1 else f"{name or 'phase'} {k}"
        for k, name in enumerate(stored)
        if k > 0
    ]
