"""Polycrystals from an image of grain numbers and what belongs to the grains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.lattice import Lattice
from polyxtal.files.wording import listing
from polyxtal.microstructure.polycrystal import Polycrystal

VOID = "void"
"""Phase of voxels without a crystal."""


class GrainTable(NamedTuple):
    """Orientation and phase of each grain.

    Attributes:
        ids: Number of each grain in the image.
        orientations: Unit quaternion of each. [-]
        phase: Phase of each, an index into the names.
        phase_names: Names of the phases.
        lattices: Their lattices, None where unknown.
    """

    ids: NDArray[np.int64]
    orientations: NDArray[np.float64]
    phase: NDArray[np.int64]
    phase_names: tuple[str, ...]
    lattices: tuple[Lattice | None, ...]

    def with_void(self, number: int) -> GrainTable:
        """Return a table with one more grain, of a phase of its own that has no crystal."""
        name = VOID if VOID not in self.phase_names else f"{VOID} {number}"
        return GrainTable(
            np.append(self.ids, number),
            np.concatenate([self.orientations, [[1.0, 0.0, 0.0, 0.0]]]),
            np.append(self.phase, len(self.phase_names)),
            (*self.phase_names, name),
            (*self.lattices, None),
        )


def assemble(
    path: Path, image: NDArray[np.int64], size: Sequence[float], table: GrainTable
) -> Polycrystal:
    """Return the polycrystal of an image of grain numbers; grain k is row k of the table.

    Args:
        path: File of the image, for errors.
        image: Number of the grain of each voxel, (nx, ny, nz).
        size: Edges of the volume. [µm]
        table: Its grains.
    Raises:
        ValueError: if numbers of the table are repeated, or one of the image is not among them.
    """
    order = np.argsort(table.ids, kind="stable")
    ids = table.ids[order]
    if (ids[1:] == ids[:-1]).any():
        raise ValueError(
            f"{path}: grains must have different numbers, but {ids[1:][ids[1:] == ids[:-1]][0]} is "
            "repeated."
        )
    place = np.minimum(np.searchsorted(ids, image), len(ids) - 1)
    missing = np.unique(image[ids[place] != image])
    if len(missing):
        raise ValueError(
            f"{path}: every grain must have an orientation, but {len(missing)} have none: "
            f"{listing(missing.tolist())}."
        )
    try:
        return Polycrystal(
            order[place], table.orientations, size, table.phase, table.phase_names, table.lattices
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def whole_numbers(path: Path, name: str, values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return values as integers.

    Raises:
        ValueError: if one is none.
    """
    with np.errstate(invalid="ignore"):  # NaN becomes some integer, which differs
        whole = values.astype(np.int64, copy=False)
    if not np.array_equal(whole, values):
        raise ValueError(f"{path}: {name} must be one integer per voxel, but is not.")
    return whole
