"""The tangents of a cell, compiled for CPU.

Tangents are stored in
blocks of voxels, `tangent[block, 9 row + column, voxel]`, in single precision: rows 0 to 8 are
∂P/∂F, rows 9 to 14 ∂S/∂F.
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.batches import linearise_point
from polyxtal.crystal.kernel.records import INACTIVE

BLOCK = 64
"""Voxels in a block of tangents."""
ROWS = 15
"""Rows of a tangent: 9 of ∂P/∂F, 6 of ∂S/∂F."""


@compiled
def linearise_voxels(
    laws,
    phase,
    members,
    batches,
    ws,
    lanes,
    deformation,
    plastic_start,
    internal_start,
    dt,
    stress,
    internal,
    tangent,
    first,
    last,
):
    """Replace the tangents of the batches `first` to `last` - 1 of a group.

    Args:
        tangent: Out: ∂P/∂F and ∂S/∂F, (blocks, 9 ROWS, BLOCK).

    The others are those of `solve_points`.
    """
    slope = np.empty((9, 9))
    start = batches[first, 0] if first < last else 0
    end = batches[last - 1, 1] if first < last else 0
    for place in range(start, end):
        voxel = members[place]
        linearise_point(
            laws[phase[place]],
            voxel,
            deformation,
            plastic_start,
            internal_start,
            dt,
            stress,
            internal,
            INACTIVE,
            ws,
            slope,
        )
        block, inside = voxel // BLOCK, voxel % BLOCK
        for c in range(9):
            for r in range(9):
                tangent[block, 9 * r + c, inside] = slope[r, c]
            for m in range(6):
                tangent[block, 81 + 9 * m + c, inside] = ws.stress_gradient[m, c]


@compiled
def multiply_tangents(tangent, gradient, out, first, last):
    """Set out = tangent : gradient in blocks `first` to `last` - 1.

    Args:
        tangent: Rows of tangents, (blocks, 9 rows, BLOCK), f4.
        gradient: (9, voxels), f4.
        out: (rows, voxels), f4.
        first, last: Range of blocks.
    """
    voxels = gradient.shape[1]
    held, sums = np.empty((9, BLOCK), np.float32), np.empty(BLOCK, np.float32)
    for block in range(first, last):
        start = block * BLOCK
        count = min(BLOCK, voxels - start)
        entries = tangent[block]
        for c in range(9):
            for k in range(count):
                held[c, k] = gradient[c, start + k]
        for r in range(out.shape[0]):
            for k in range(BLOCK):
                sums[k] = entries[9 * r, k] * held[0, k]
            for c in range(1, 9):
                for k in range(BLOCK):
                    sums[k] += entries[9 * r + c, k] * held[c, k]
            for k in range(count):
                out[r, start + k] = sums[k]
