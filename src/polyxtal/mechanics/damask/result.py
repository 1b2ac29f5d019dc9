"""Read the response in a result file of DAMASK 3, whose layout is in `microstructure/io/dadf5.py`.

Stresses are in Pa.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.algebra.rotation import (
    quaternion_conjugate,
    quaternion_multiply,
    rotation_angle,
)
from polyxtal.crystal.phase_section import PASCAL
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.io.dadf5 import (
    Members,
    cells_of_phases,
    field,
    increments,
    number,
    orientation_rows,
    phase_fields,
    require_grid,
    require_version,
)
from polyxtal.microstructure.io.hdf5 import children, open_hdf5
from polyxtal.microstructure.mean_orientation import average_orientations
from polyxtal.microstructure.polycrystal import Polycrystal

SIZE_TOLERANCE = 1e-6
"""Largest relative difference between the edge lengths of the same volume. [-]"""

ORIENTATION_TOLERANCE = 1e-3
"""Largest angle between a voxel's orientation at the start and its grain's. [rad]"""


def read_damask_result(path: str | Path, rve: Polycrystal) -> Response:
    """Read the response of a simulation with one crystal per voxel.

    Args:
        path: Result file of `DAMASK_grid`, with F, P and O (or F_e) of every phase.
        rve: Polycrystal that was simulated.
    Returns:
        Volume averages F [-] and P [MPa] at every increment in the file, the first undeformed; mean
        orientation [-] and volume fraction of every grain. Grains without voxels are left out.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, incomplete, of another kind or of another polycrystal.
    """
    with open_hdf5(Path(path)) as file:
        require_version(file)
        _require_same(file, rve)
        if "current" in file:  # DAMASK's link to the increment that it is writing
            raise ValueError("must be finished, but ends in the middle of an increment.")
        top = children(file)
        members = cells_of_phases(top, rve.grain_id.numel())
        found = increments(top)
        if 0 not in found:
            raise ValueError("must hold the undeformed state, but has no 'increment_0'.")
        time = [number(group, "t/s") for group in found.values()]
        if time[0] != 0 or not all(a < b for a, b in pairwise(time)):
            raise ValueError("times must start with 0 and increase, but do not.")
        volume = rve.volume_fractions
        occupied = (volume > 0).nonzero().flatten()
        grain = torch.searchsorted(occupied, rve.grain_id.permute(2, 1, 0).reshape(-1))
        groups = [rve.laue_group(k) for k in rve.phase[occupied].tolist()]
        mean_f, mean_p, means = [], [], []
        for group in found.values():
            deformation, stress, orientation = _read_increment(group, members)
            if not means:
                _require_start(orientation, rve.orientations[occupied][grain])
            mean_f.append(deformation)
            mean_p.append(stress)
            means.append(average_orientations(orientation, grain, groups))
    return Response(
        torch.tensor(time, dtype=torch.float64),
        torch.from_numpy(np.stack(mean_f)),
        torch.from_numpy(np.stack(mean_p)) * PASCAL,
        torch.stack(means),
        volume[occupied],
    )


def _require_same(file: h5py.File, rve: Polycrystal) -> None:
    cells, size = require_grid(file)
    if cells != rve.grid:
        raise ValueError(f"must be a result on the grid {rve.grid}, but is on {cells}.")
    if not np.allclose(size, rve.size, rtol=SIZE_TOLERANCE, atol=0):
        raise ValueError(
            f"must be a result of a volume of {rve.size} µm, but is of {tuple(size.tolist())} µm."
        )


def _read_increment(
    increment: h5py.Group, members: Members
) -> tuple[NDArray[np.float64], NDArray[np.float64], Tensor]:
    """Read the averages of F [-] and P [Pa], and the orientation of every cell, x fastest. [-]"""
    cells = sum(map(len, members.values()))
    deformation, stress = np.zeros((3, 3)), np.zeros((3, 3))
    orientation = torch.empty(cells, 4, dtype=torch.float64)
    for label, owned in members.items():
        fields = phase_fields(increment, label)
        deformation += field(fields, increment, label, "F", (len(owned), 3, 3)).sum(0)
        stress += field(fields, increment, label, "P", (len(owned), 3, 3)).sum(0)
        rows = orientation_rows(fields, increment, label, len(owned))
        orientation[torch.from_numpy(owned)] = rows
    return deformation / cells, stress / cells, orientation


def _require_start(orientation: Tensor, expected: Tensor) -> None:
    # The same quaternion, not an equivalent: DAMASK was given it unchanged.
    angle = rotation_angle(quaternion_multiply(quaternion_conjugate(expected), orientation))
    if not float(angle.max()) <= ORIENTATION_TOLERANCE:
        wrong = int((angle > ORIENTATION_TOLERANCE).sum())
        raise ValueError(
            "must be a result of this polycrystal, "
            f"but {wrong} of {len(angle)} voxels start in another orientation, "
            f"by up to {math.degrees(float(angle.max())):.3g}°."
        )
