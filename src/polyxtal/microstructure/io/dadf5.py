"""The layout of DAMASK's result file (HDF5, DADF5 0.14 and 1.x).

Every increment holds, phase by phase, one row per material point; `cell_to/phase` gives the phase
and row of each cell of the grid, x fastest. Lengths are in metres; O is used as it is (see
CONVENTIONS.md), F_e turns crystal into sample axes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.algebra.rotation import matrix_to_quaternion, rotational_part
from polyxtal.microstructure.io.damask import METRE
from polyxtal.microstructure.io.hdf5 import MAX_BYTES, children, read_numbers
from polyxtal.microstructure.polycrystal import UNIT_TOLERANCE

Members = dict[str, NDArray[np.int64]]
"""Cells of each phase, in the order of the phase's rows."""
Nodes = Mapping[str, h5py.Group | h5py.Dataset]
"""Groups and arrays of a group by name."""


def require_version(file: h5py.File) -> None:
    """Refuse other files and versions.

    Raises:
        ValueError: if it is no result of DADF5 0.14 or 1.x.
    """
    names = ("DADF5_version_major", "DADF5_version_minor")
    if any(name not in file.attrs for name in names):
        raise ValueError(
            "must be a result of DAMASK 3, but gives no DADF5 version (maps of orix end in .h5)."
        )
    major, minor = (number(file, name) for name in names)
    if (major, minor) != (0, 14) and major != 1:
        raise ValueError(f"must be of DADF5 0.14 or 1.x, but is of {major:g}.{minor:g}.")


def require_grid(file: h5py.File) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Return the number of cells along x, y, z and the edges of the volume. [µm]

    Raises:
        ValueError: if the result is not on a regular grid.
    """
    geometry = file.get("geometry")
    if not isinstance(geometry, h5py.Group) or "cells" not in geometry.attrs:
        raise ValueError("must be a result on a regular grid, but its geometry has no cells.")
    cells = tuple(int(n) for n in attribute(geometry, "cells", (3,)))
    return cells, attribute(geometry, "size", (3,)) * METRE


def increments(top: Nodes) -> dict[int, h5py.Group]:
    """Return the increments by number, in ascending order.

    Raises:
        ValueError: if there is none.
    """
    numbered = {
        int(name.removeprefix("increment_")): group
        for name, group in top.items()
        if re.fullmatch(r"increment_(0|[1-9]\d{0,8})", name) and isinstance(group, h5py.Group)
    }
    if not numbered:
        raise ValueError("must hold an increment, but has none such as 'increment_0'.")
    return {k: numbered[k] for k in sorted(numbered)}


def cells_of_phases(top: Nodes, cells: int) -> Members:
    """Return the cells of each phase, in the order of its rows.

    Raises:
        ValueError: if not every cell holds one crystal, or rows are missing or shared.
    """
    mapping = children(subgroup(top, "cell_to")).get("phase")
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


def orientation_rows(fields: Nodes, increment: h5py.Group, label: str, rows: int) -> Tensor:
    """Return the orientations of a phase, from O or else F_e, (rows, 4). [-]

    Raises:
        ValueError: if both are missing, or one is not of unit length or positive determinant.
    """
    if "O" in fields:
        found = torch.from_numpy(field(fields, increment, label, "O", (rows, 4)))
        length = torch.linalg.vector_norm(found, dim=1, keepdim=True)
        if ((length - 1).abs() > UNIT_TOLERANCE).any():
            raise ValueError(
                f"'{increment.name}' must hold unit quaternions O, but '{label}' does not."
            )
        return found / length
    elastic = field(fields, increment, label, "F_e", (rows, 3, 3))
    if not (np.linalg.det(elastic) > 0).all():
        raise ValueError(
            f"'{increment.name}' must hold F_e of positive determinant, but '{label}' does not."
        )
    return matrix_to_quaternion(rotational_part(torch.from_numpy(elastic)))


def phase_fields(increment: h5py.Group, label: str) -> Nodes:
    """Return the mechanical fields of a phase in an increment.

    Raises:
        ValueError: if there are none.
    """
    phases = children(subgroup(children(increment), "phase"))
    return children(subgroup(children(subgroup(phases, label)), "mechanical"))


def field(
    fields: Nodes,
    increment: h5py.Group,
    label: str,
    name: str,
    shape: tuple[int, ...],
) -> NDArray[np.float64]:
    """Return a field of a phase.

    Raises:
        ValueError: if it is missing, of another shape or not finite.
    """
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


def subgroup(members: Nodes, name: str) -> h5py.Group:
    """Return a group among members.

    Raises:
        ValueError: if there is none of this name.
    """
    found = members.get(name)
    if not isinstance(found, h5py.Group):
        raise ValueError(f"must hold the group '{name}', but does not.")
    return found


def number(node: h5py.Group | h5py.Dataset, name: str) -> float:
    """Return an attribute of one number; errors as in `attribute`."""
    return float(attribute(node, name, ()))


def attribute(
    node: h5py.Group | h5py.Dataset, name: str, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Read a numerical attribute; DAMASK may write a scalar as a list of one.

    Raises:
        ValueError: if it is missing, of another shape or type, or not finite.
    """
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
