"""Image geometries and attribute matrices of DREAM.3D's HDF5 files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.io.hdf5 import children, find_groups, read_attribute, read_numbers

MAX_VOXELS = 2**30
"""Largest grid that is read."""

PHASE_NAMES = ("PhaseName", "MaterialName")
"""Usual names of the ensemble array of phase names."""


@dataclass(frozen=True)
class ImageGeometry:
    """One image geometry and its arrays by "Matrix/Array".

    Attributes:
        grid: Number of voxels along x, y, z.
        spacing: Edge lengths of a voxel. [µm]
        cell: Arrays with one tuple per voxel.
        feature: Arrays of any other matrix, one tuple per feature, row 0 unused.
        ensemble: Arrays with one tuple per phase, row 0 unused.
    """

    grid: tuple[int, int, int]
    spacing: tuple[float, float, float]
    cell: Mapping[str, h5py.Dataset]
    feature: Mapping[str, h5py.Dataset]
    ensemble: Mapping[str, h5py.Dataset]

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return math.prod(self.grid)

    def rows(self, array: h5py.Dataset, components: tuple[int, ...]) -> NDArray[np.generic]:
        """Read an array as (tuples, components), cells with x fastest.

        Raises:
            ValueError: if it has another number of components, or is not numbers.
        """
        tuple_axes = 3 if array.shape[:3] == self.grid[::-1] else 1
        width = math.prod(array.shape[tuple_axes:])
        if width not in components:
            raise ValueError(
                f"{shorten(array.name)} must have {' or '.join(map(str, components))} components, "
                f"but has {width}."
            )
        return read_numbers(array).reshape(-1, width)

    def integers(self, array: h5py.Dataset) -> NDArray[np.int64]:
        """Read an array of one integer per tuple.

        Raises:
            ValueError: if it is not.
        """
        values = self.rows(array, (1,))[:, 0]
        if values.dtype.kind not in "iu":
            raise ValueError(f"{shorten(array.name)} must hold integers, but holds {values.dtype}.")
        return values.astype(np.int64)

    def require_cells(self, *arrays: NDArray[np.generic]) -> None:
        """Check that arrays have one row per voxel.

        Raises:
            ValueError: if one does not.
        """
        lengths = [len(array) for array in arrays]
        if any(length != self.voxels for length in lengths):
            raise ValueError(
                f"Cell arrays must hold {self.voxels} voxels, grid {self.grid}, but hold {lengths}."
            )


def open_geometry(file: h5py.File, container: str | None) -> ImageGeometry:
    """Return the image geometry of that name, or the only one with cell data.

    Geometries may lie in groups; each is named by its path below the first group, such as
    "Group/Volume", or by its own name where that is unique.

    Raises:
        ValueError: if the choice is not unique, or a geometry is invalid.
    """
    root = children(file)
    parent = root.get("DataContainers", root.get("DataStructure"))
    if not isinstance(parent, h5py.Group):
        raise ValueError(
            "A DREAM.3D file must hold /DataContainers (SIMPL) or /DataStructure (NX), "
            f"but holds {listing(root) or 'nothing'}."
        )
    geometries = find_groups(parent, lambda _, group: _geometry(group))
    chosen = [name for name in geometries if name == container] or [
        name
        for name, geometry in geometries.items()
        if name.endswith(f"/{container}") or (container is None and geometry.cell)
    ]
    if len(chosen) != 1:
        raise ValueError(
            f"Argument `container` must choose one image geometry with cell data, but is "
            f"{container} and the file holds {listing(geometries) or 'none'}."
        )
    return geometries[chosen[0]]


def _geometry(group: h5py.Group) -> ImageGeometry | None:
    """Return an image geometry with its arrays; None if the group is not one."""
    members = children(group)
    geometry = members.pop("_SIMPL_GEOMETRY", None)
    if isinstance(geometry, h5py.Group):
        stored = children(geometry)
        pair = [stored.get(key) for key in ("DIMENSIONS", "SPACING")]
        values = [read_numbers(v) for v in pair if isinstance(v, h5py.Dataset) and v.size == 3]
    else:
        values = [read_attribute(group, key, 3) for key in ("_DIMENSIONS", "_SPACING")]
        values = [one for one in values if one.size]
    if len(values) != 2:
        return None
    grid = tuple(values[0].ravel().tolist())
    spacing = tuple(values[1].astype(np.float64).ravel().tolist())
    if len(grid) != 3 or not all(isinstance(n, int) and n > 0 for n in grid):
        raise ValueError(
            f"The dimensions of {shorten(group.name)} must be positive, but are {shorten(grid)}."
        )
    if math.prod(grid) > MAX_VOXELS:
        raise ValueError(
            f"{shorten(group.name)} must not exceed {MAX_VOXELS} voxels (MAX_VOXELS), "
            f"but is {grid}."
        )
    if len(spacing) != 3 or not all(math.isfinite(s) and s > 0 for s in spacing):
        raise ValueError(
            f"The spacing of {shorten(group.name)} must be positive, but is {shorten(spacing)}."
        )
    cell: dict[str, h5py.Dataset] = {}
    feature: dict[str, h5py.Dataset] = {}
    ensemble: dict[str, h5py.Dataset] = {}
    for name, matrix in members.items():
        if not isinstance(matrix, h5py.Group):
            continue
        arrays = {k: a for k, a in children(matrix).items() if isinstance(a, h5py.Dataset)}
        kind = feature
        if any(array.shape[:3] == grid[::-1] for array in arrays.values()):
            kind = cell
        elif any(key in arrays for key in (*PHASE_NAMES, "CrystalStructures")):
            kind = ensemble
        kind.update({f"{name}/{key}": array for key, array in arrays.items()})
    return ImageGeometry(grid, spacing, cell, feature, ensemble)


def find_array(
    arrays: Mapping[str, h5py.Dataset], name: str | None, usual: tuple[str, ...]
) -> h5py.Dataset | None:
    """Return the array of this name, or else of the first usual name that occurs.

    Raises:
        ValueError: if the caller's name does not occur, or a name occurs more than once.
    """
    for candidate in usual if name is None else (name,):
        found = [key for key in arrays if holds({key: arrays[key]}, candidate)]
        if len(found) > 1:
            raise ValueError(
                f"The array '{candidate}' must be named with its attribute matrix, "
                f"but could be any of {listing(found)}."
            )
        if found:
            return arrays[found[0]]
    if name is not None:
        raise ValueError(missing(f"the array '{name}'", arrays))
    return None


def holds(arrays: Mapping[str, h5py.Dataset], name: str) -> bool:
    """Return whether an array of this name occurs."""
    return any(key == name or key.endswith(f"/{name}") for key in arrays)


def missing(what: str, arrays: Mapping[str, h5py.Dataset]) -> str:
    """Return the error message for missing data."""
    return f"The file must hold {what}, but holds {listing(arrays) or 'no arrays'}."
