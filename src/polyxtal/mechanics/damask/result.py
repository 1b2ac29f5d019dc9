"""Read the result file of DAMASK 3 (HDF5 in the layout that DAMASK calls DADF5, 0.14 and 1.x).

Every increment holds, phase by phase, one row per material point; `cell_to/phase` gives the phase
and row of each cell of the grid, x fastest. Stresses are in Pa, lengths
in metres; O is used as it is (see CONVENTIONS.md), F_e turns crystal into sample axes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.algebra.rotation import (
    matrix_to_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_angle,
    rotational_part,
)
from polyxtal.crystal.phase_section import PASCAL
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.io.damask import METRE
from polyxtal.microstructure.io.hdf5 import MAX_BYTES, children, open_hdf5, read_numbers
from polyxtal.microstructure.mean_orientation import average_orientations
from polyxtal.microstructure.polycrystal import UNIT_TOLERANCE, Polycrystal

SIZE_TOLERANCE = 1e-6
"""Largest relative difference between the edge lengths of the same volume. [-]"""

ORIENTATION_TOLERANCE = 1e-3
"""Largest angle between a voxel's orientation at the start and its grain's. [rad]"""

_Members = dict[str, NDArray[np.int64]]
"""Cells of each phase, in the order of the phase's rows."""


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
        _require_version(file)
        _require_grid(file, rve)
        if "current" in file:  # DAMASK's link to the increment that it is writing
            raise ValueError("must be finished, but ends in the middle of an increment.")
        top = children(file)
        members = _cells_of_phases(top, rve)
        increments = _increments(top)
        time = [_number(group, "t/s") for group in increments]
        if time[0] != 0 or not all(a < b for a, b in pairwise(time)):
            raise ValueError("times must start with 0 and increase, but do not.")
        volume = rve.volume_fractions
        occupied = (volume > 0).nonzero().flatten()
        grain = torch.searchsorted(occupied, rve.grain_id.permute(2, 1, 0).reshape(-1))
        groups = [rve.laue_group(k) for k in rve.phase[occupied].tolist()]
        mean_f, mean_p, means = [], [], []
        for group in increments:
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


def _require_version(file: h5py.File) -> None:
    names = ("DADF5_version_major", "DADF5_version_minor")
    if any(name not in file.attrs for name in names):
        raise ValueError("must be a result of DAMASK 3, but gives no DADF5 version.")
    major, minor = (_number(file, name) for name in names)
    if (major, minor) != (0, 14) and major != 1:
        raise ValueError(f"must be of DADF5 0.14 or 1.x, but is of {major:g}.{minor:g}.")


def _require_grid(file: h5py.File, rve: Polycrystal) -> None:
    geometry = file.get("geometry")
    if not isinstance(geometry, h5py.Group) or "cells" not in geometry.attrs:
        raise ValueError("must be a result on a regular grid, but its geometry has no cells.")
    cells = tuple(int(n) for n in _attribute(geometry, "cells", (3,)))
    if cells != rve.grid:
        raise ValueError(f"must be a result on the grid {rve.grid}, but is on {cells}.")
    size = _attribute(geometry, "size", (3,)) * METRE
    if not np.allclose(size, rve.size, rtol=SIZE_TOLERANCE, atol=0):
        raise ValueError(
            f"must be a result of a volume of {rve.size} µm, but is of {tuple(size.tolist())} µm."
        )


def _increments(top: Mapping[str, h5py.Group | h5py.Dataset]) -> list[h5py.Group]:
    numbered = {
        int(name.removeprefix("increment_")): group
        for name, group in top.items()
        if re.fullmatch(r"increment_(0|[1-9]\d{0,8})", name) and isinstance(group, h5py.Group)
    }
    if 0 not in numbered:
        raise ValueError("must hold the undeformed state, but has no 'increment_0'.")
    return [numbered[number] for number in sorted(numbered)]


def _cells_of_phases(top: Mapping[str, h5py.Group | h5py.Dataset], rve: Polycrystal) -> _Members:
    """Return the cells of each phase, in the order of its rows."""
    mapping = children(_group(top, "cell_to")).get("phase")
    cells = rve.grain_id.numel()
    if not isinstance(mapping, h5py.Dataset) or mapping.shape != (cells, 1):
        shape = mapping.shape if isinstance(mapping, h5py.Dataset) else "missing"
        raise ValueError(
            f"'cell_to/phase' must place one crystal in each of {cells} cells, but is {shape}."
        )
    kinds = {name: mapping.dtype[name].kind for name in mapping.dtype.names or ()}
    if kinds.get("label") != "S" or kinds.get("entry") not in ("i", "u"):
        raise ValueError(f"'cell_to/phase' must hold label and entry, but is of {mapping.dtype}.")
    if mapping.external or mapping.is_virtual or mapping.dtype.itemsize * cells > MAX_BYTES:
        raise ValueError("'cell_to/phase' must be stored in the file, of bounded size, but is not.")
    rows = np.asarray(mapping[()])[:, 0]
    labels, index, counts = np.unique(rows["label"], return_inverse=True, return_counts=True)
    # By phase, then by row: each phase's rows must then count up from 0.
    order = np.lexsort((rows["entry"], index))
    starts = np.cumsum(counts) - counts
    if not np.array_equal(
        rows["entry"][order].astype(np.int64), np.arange(cells) - np.repeat(starts, counts)
    ):
        raise ValueError("'cell_to/phase' must place every row in one cell, but does not.")
    names = [label.decode("utf-8", "replace").rstrip() for label in labels.tolist()]
    return dict(zip(names, np.split(order, starts[1:]), strict=True))


def _read_increment(
    increment: h5py.Group, members: _Members
) -> tuple[NDArray[np.float64], NDArray[np.float64], Tensor]:
    """Read the averages of F [-] and P [Pa], and the orientation of every cell, x fastest. [-]"""
    cells = sum(map(len, members.values()))
    deformation, stress = np.zeros((3, 3)), np.zeros((3, 3))
    orientation = torch.empty(cells, 4, dtype=torch.float64)
    phases = children(_group(children(increment), "phase"))
    for label, owned in members.items():
        fields = children(_group(children(_group(phases, label)), "mechanical"))
        deformation += _field(fields, increment, label, "F", (len(owned), 3, 3)).sum(0)
        stress += _field(fields, increment, label, "P", (len(owned), 3, 3)).sum(0)
        if "O" in fields:
            rows = torch.from_numpy(_field(fields, increment, label, "O", (len(owned), 4)))
            if ((torch.linalg.vector_norm(rows, dim=1) - 1).abs() > UNIT_TOLERANCE).any():
                raise ValueError(
                    f"'{increment.name}' must hold unit quaternions O, but '{label}' does not."
                )
        else:
            elastic = _field(fields, increment, label, "F_e", (len(owned), 3, 3))
            if not (np.linalg.det(elastic) > 0).all():
                raise ValueError(
                    f"'{increment.name}' must hold F_e of positive determinant, "
                    f"but '{label}' does not."
                )
            rows = matrix_to_quaternion(rotational_part(torch.from_numpy(elastic)))
        orientation[torch.from_numpy(owned)] = rows
    unit = orientation / torch.linalg.vector_norm(orientation, dim=1, keepdim=True)
    return deformation / cells, stress / cells, unit


def _field(
    fields: Mapping[str, h5py.Group | h5py.Dataset],
    increment: h5py.Group,
    label: str,
    name: str,
    shape: tuple[int, ...],
) -> NDArray[np.float64]:
    dataset = fields.get(name)
    at = f"'{increment.name}' of phase '{label}'"
    if not isinstance(dataset, h5py.Dataset):
        wanted = "O or F_e" if name == "F_e" else name
        raise ValueError(
            f"{at} must hold {wanted}, but does not "
            "(the output of each phase in material.yaml must be F, P and O)."
        )
    if dataset.shape != shape:
        raise ValueError(f"{at} must hold {name} of shape {shape}, but of {dataset.shape}.")
    values = read_numbers(dataset).astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{at} must hold finite {name}, but does not.")
    return values


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


def _group(members: Mapping[str, h5py.Group | h5py.Dataset], name: str) -> h5py.Group:
    found = members.get(name)
    if not isinstance(found, h5py.Group):
        raise ValueError(f"must hold the group '{name}', but does not.")
    return found


def _number(node: h5py.Group, name: str) -> float:
    return float(_attribute(node, name, ()))


def _attribute(node: h5py.Group, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Read a numerical attribute; DAMASK may write a scalar as a list of one."""
    if name not in node.attrs:
        raise ValueError(f"'{node.name}' must have the attribute '{name}', but has not.")
    stored = node.attrs.get_id(name)
    if math.prod(stored.shape) != math.prod(shape) or stored.dtype.kind not in "iuf":
        raise ValueError(
            f"'{node.name}': attribute '{name}' must be {math.prod(shape)} numbers, "
            f"but is {stored.shape} of {stored.dtype}."
        )
    values = np.asarray(node.attrs[name], dtype=np.float64).reshape(shape)
    if not np.isfinite(values).all():
        raise ValueError(f"'{node.name}': attribute '{name}' must be finite, but is not.")
    return values
