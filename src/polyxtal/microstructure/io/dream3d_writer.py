"""Write volumes as DREAM3D-NX does (.dream3d, file version 8), see `dream3d.py` for conventions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from polyxtal.algebra.rotation import quaternion_to_bunge
from polyxtal.files.atomic import atomic_file
from polyxtal.microstructure.io.dream3d import STRUCTURES
from polyxtal.microstructure.polycrystal import Polycrystal

MICROMETRE = 6
"""DREAM3D-NX's number of the unit."""

UNKNOWN = 999
"""DREAM.3D's crystal structure of phases without one."""

_TYPES = {"f4": "float32", "i4": "int32", "u4": "uint32"}


def write_dream3d(rve: Polycrystal, path: str | Path) -> None:
    """Write an image geometry with its cells, features (grains) and ensembles (phases).

    Features and phases are numbered from 1. Orientations are stored in single precision, as
    quaternions and as Euler angles; lattices as Laue groups, and c/a by lattice constants with
    a = b = 1. Neither centring nor materials are stored.

    Args:
        rve: The polycrystal.
        path: File.
    Raises:
        FileNotFoundError: if the folder does not exist.
    """
    with atomic_file(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["FileVersion"] = np.bytes_(b"8.0")
        _Structure(file.create_group("DataStructure")).write(rve)


class _Structure:
    """The tree of objects, each with a number of its own."""

    def __init__(self, root: h5py.Group) -> None:
        self.root, self.last = root, 0

    def write(self, rve: Polycrystal) -> None:
        """Write geometry and matrices."""
        geometry = self._group(self.root, "Volume", "ImageGeom")
        geometry.attrs["_DIMENSIONS"] = np.array(rve.grid, np.uint64)
        geometry.attrs["_ORIGIN"] = np.zeros(3, np.float32)
        geometry.attrs["_SPACING"] = np.array(rve.spacing, np.float32)
        geometry.attrs["Units"] = np.array([MICROMETRE], np.uint32)
        cells = self._group(geometry, "Cell Data", "AttributeMatrix", rve.grid[::-1])
        geometry.attrs["Cell Data ID"] = np.array([self.last], np.uint64)
        grain = rve.grain_id.numpy().transpose(2, 1, 0)
        phase = rve.phase.numpy() + 1
        self._array(cells, "FeatureIds", grain + 1, "i4", 3)
        self._array(cells, "Phases", phase[grain], "i4", 3)
        q = rve.orientations.numpy()
        features = self._group(geometry, "Cell Feature Data", "AttributeMatrix", (rve.grains + 1,))
        quaternions = np.stack([-q[:, 1], -q[:, 2], -q[:, 3], q[:, 0]], 1)
        self._array(features, "AvgQuats", _from_1(quaternions, (0, 0, 0, 1)), "f4")
        angles = quaternion_to_bunge(rve.orientations).numpy()
        self._array(features, "AvgEulerAngles", _from_1(angles, (0, 0, 0)), "f4")
        self._array(features, "Phases", _from_1(phase, 0), "i4")
        self._phases(geometry, rve)
        self.root.attrs["NextObjectId"] = np.array([self.last + 1], np.uint64)

    def _phases(self, geometry: h5py.Group, rve: Polycrystal) -> None:
        rows = len(rve.phase_names) + 1
        ensembles = self._group(geometry, "Cell Ensemble Data", "AttributeMatrix", (rows,))
        numbers, cells = [], []
        for lattice in rve.lattices:
            numbers.append(
                UNKNOWN if lattice is None else STRUCTURES.index(lattice.laue_group.name)
            )
            ratio = lattice.c_over_a if lattice is not None else None
            gamma = 120.0 if lattice is not None and lattice.family == "hexagonal" else 90.0
            cells.append((1.0, 1.0, ratio, 90.0, 90.0, gamma) if ratio else (0.0,) * 6)
        self._array(ensembles, "CrystalStructures", _from_1(np.array(numbers), UNKNOWN), "u4")
        self._array(ensembles, "LatticeConstants", _from_1(np.array(cells), (0,) * 6), "f4")
        names = ensembles.create_dataset(
            "MaterialName", data=["Invalid Phase", *rve.phase_names], dtype=h5py.string_dtype()
        )
        self._describe(names, "StringArray", (rows,), (1,))

    def _group(
        self, parent: h5py.Group, name: str, kind: str, tuples: tuple[int, ...] | None = None
    ) -> h5py.Group:
        group = parent.create_group(name)
        self._number(group, kind)
        if tuples is not None:
            group.attrs["TupleDims"] = np.array(tuples, np.uint64)
        return group

    def _array(
        self, group: h5py.Group, name: str, values: NDArray[Any], dtype: str, axes: int = 1
    ) -> None:
        """Write an array whose last axis, added if there is none, are components."""
        tuples, components = values.shape[:axes], values.shape[axes:] or (1,)
        data = group.create_dataset(
            name,
            data=values.reshape(*tuples, *components).astype(dtype),
            compression="gzip",
            compression_opts=1,
            chunks=True,
        )
        self._describe(data, f"DataArray<{_TYPES[dtype]}>", tuples, components)

    def _describe(
        self, data: h5py.Dataset, kind: str, tuples: tuple[int, ...], components: tuple[int, ...]
    ) -> None:
        self._number(data, kind)
        data.attrs["TupleDimensions"] = np.array(tuples, np.uint64)
        data.attrs["ComponentDimensions"] = np.array(components, np.uint64)

    def _number(self, member: h5py.Group | h5py.Dataset, kind: str) -> None:
        self.last += 1
        member.attrs["ObjectId"] = np.array([self.last], np.uint64)
        member.attrs["ObjectType"] = np.bytes_(kind.encode())
        member.attrs["Importable"] = np.array([1], np.int32)


def _from_1(rows: NDArray[Any], unused: Any) -> NDArray[Any]:
    """Put a row 0, which DREAM.3D leaves unused, before the rows."""
    return np.concatenate([np.asarray(unused)[None], rows])
