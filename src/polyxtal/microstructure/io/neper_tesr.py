"""Raster tessellations of Neper (.tesr), in text or binary, of two or three dimensions.

Voxels are listed with x fastest. Lengths, whose unit the file does not state, are read as µm; the
crystal's axes are taken to be ours. For orientations see `neper_orientations.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from polyxtal.crystal.laue import LaueGroup
from polyxtal.microstructure.io.grain_ids import GrainTable, assemble, whole_numbers
from polyxtal.microstructure.io.grain_table import read_grain_table
from polyxtal.microstructure.io.neper_orientations import described_quaternions, descriptor_width
from polyxtal.microstructure.io.neper_sections import NeperFields
from polyxtal.microstructure.mean_orientation import average_orientations
from polyxtal.microstructure.polycrystal import Polycrystal


def read_tesr(path: str | Path, *, grains: str | Path | None = None) -> Polycrystal:
    """Read a raster.

    Grains are Neper's cells in their order. Their orientations are those of the table of grains,
    else of the cells, else the mean over their voxels under the crystal symmetry; in a file without
    cells, each distinct orientation of a voxel is a grain. Voxels of no cell are of a phase `void`.
    A raster of two dimensions becomes one layer, as thick as a pixel is wide.

    Args:
        path: File; numbers may be in further files of the same folder.
        grains: Table of the cells, see `read_grain_table`.
    Returns:
        The polycrystal; its lattice is unknown where the file says triclinic, Neper's default.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or too large, or a voxel has no orientation.
    """
    path = Path(path)
    fields = NeperFields(path)
    if fields.kind != "tesr":
        raise ValueError(f"{path}: must be a raster (***tesr), but is ***{fields.kind[:20]}.")
    size = [n * step for n, step in zip(fields.grid, fields.spacing, strict=True)]
    stored = fields.voxel_values("data")
    if stored is None:
        grain, table = _distinct(fields)
        return assemble(path, grain.reshape(fields.grid, order="F"), size, table)
    cells = whole_numbers(path, "**data", stored[:, 0])
    if cells.min() < 0:
        raise ValueError(f"{path}: cells must not be negative, but one is {cells.min()}.")
    if grains is not None:
        table = read_grain_table(grains)
    elif fields.has("cell/ori"):
        table = cell_table(fields)
    else:
        table = _averages(fields, cells)
    if (cells == 0).any() and not (table.ids == 0).any():
        table = table.with_void(0)
    return assemble(path, cells.reshape(fields.grid, order="F"), size, table)


def cell_table(fields: NeperFields) -> GrainTable:
    """Return the cells, numbered from 1, with their orientations.

    Raises:
        ValueError: if there is not one orientation for each cell.
    """
    descriptor = fields.descriptor("cell/ori")
    values = fields.numbers("cell/ori", skip=1)
    count = fields.words("cell")[:1]
    try:
        quaternions = described_quaternions(
            values[: len(values) - len(values) % descriptor_width(descriptor)], descriptor
        ).numpy()
    except ValueError as error:
        raise ValueError(f"{fields.path}: *ori: {error}") from error
    if count != [str(len(quaternions))]:
        raise ValueError(
            f"{fields.path}: *ori must hold an orientation for each cell "
            f"({''.join(count)[:20] or 'none'}), but holds {len(quaternions)}."
        )
    return _table(fields, np.arange(1, len(quaternions) + 1), quaternions)


def _table(
    fields: NeperFields, ids: NDArray[np.int64], quaternions: NDArray[np.float64]
) -> GrainTable:
    phase = np.zeros(len(ids), np.int64)
    return GrainTable(ids, quaternions, phase, ("crystal",), (fields.lattice(),))


def _voxels(fields: NeperFields) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the orientation of each voxel, and where it is defined."""
    values = fields.voxel_values("oridata")
    if values is None:
        raise ValueError(
            f"{fields.path}: must hold orientations of cells (*ori) or voxels (**oridata), or have "
            "a table of grains named by argument `grains`, but does not."
        )
    mask = fields.voxel_values("oridef")
    defined = np.ones(len(values), bool) if mask is None else mask[:, 0] != 0
    quaternions = np.zeros((len(values), 4))
    try:
        descriptor = fields.descriptor("oridata")
        quaternions[defined] = described_quaternions(values[defined], descriptor).numpy()
    except ValueError as error:
        raise ValueError(f"{fields.path}: **oridata: {error}") from error
    return quaternions, defined


def _distinct(fields: NeperFields) -> tuple[NDArray[np.int64], GrainTable]:
    quaternions, defined = _voxels(fields)
    if not defined.all():
        raise ValueError(
            f"{fields.path}: every voxel must have an orientation, but {int((~defined).sum())} of "
            f"{len(defined)} have none."
        )
    unique, grain = np.unique(quaternions, axis=0, return_inverse=True)
    return grain.reshape(-1).astype(np.int64), _table(fields, np.arange(len(unique)), unique)


def _averages(fields: NeperFields, cells: NDArray[np.int64]) -> GrainTable:
    quaternions, defined = _voxels(fields)
    defined &= cells > 0
    used, grain = np.unique(cells[defined], return_inverse=True)
    if not len(used):
        raise ValueError(f"{fields.path}: some voxel must have an orientation, but none has.")
    lattice = fields.lattice()
    group = LaueGroup("-1") if lattice is None else lattice.laue_group
    means = average_orientations(
        torch.from_numpy(quaternions[defined]),
        torch.from_numpy(grain.reshape(-1)),
        [group] * len(used),
    )
    return _table(fields, used, means.numpy())
