"""The law and its tangent at every voxel of a cell, compiled for CPU.

Fields of F and P have 9 rows, one per component, as the FFT needs them. Tangents are stored in
blocks of voxels, `tangent[block, 9 row + column, voxel]`, in single precision.
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.linear import determinant
from polyxtal.crystal.kernel.points import point_stress, point_tangent
from polyxtal.crystal.kernel.records import INACTIVE
from polyxtal.crystal.kernel.solve import solve_point

BLOCK = 64
"""Voxels in a block of tangents."""
SOLVED = -1


@compiled
def evaluate_voxels(
    laws,
    phase,
    members,
    deformation,
    plastic_start,
    internal_start,
    dt,
    stress,
    internal,
    plastic_inverse,
    piola,
    tangent,
    with_tangent,
    first,
    last,
    ws,
):
    """Solve one law for its voxels `first` to `last` - 1; return the first that failed, or -1.

    Args:
        laws: Constants of every phase with this law.
        phase: Index into `laws` of every voxel with this law.
        members: These voxels, ascending.
        deformation: F, (9, voxels).
        plastic_start, internal_start: Accepted F_p⁻¹ (voxels, 3, 3) and z (voxels, width).
        dt: Length of the step; 0 for the elastic answer.
        stress, internal: Newton's start, overwritten by the solution, (voxels, 6 and width).
        plastic_inverse: Out: F_p⁻¹, not normalised.
        piola: Out: P, (9, voxels).
        tangent: Out, if `with_tangent`: ∂P/∂F, (blocks, 81, BLOCK).
        first, last: Range within `members`.
        ws: Scratch record.
    """
    local, answer, slope = np.empty((3, 3)), np.empty((3, 3)), np.empty((9, 9))
    for place in range(first, last):
        voxel, law = members[place], laws[phase[place]]
        for i in range(3):
            for j in range(3):
                local[i, j] = deformation[3 * i + j, voxel]
        if not determinant(local) > 0.0:
            return voxel
        used = solve_point(
            law,
            local,
            plastic_start[voxel],
            internal_start[voxel],
            dt,
            stress[voxel],
            internal[voxel],
            ws,
        )
        if used < 0:
            return voxel
        point_stress(plastic_start[voxel], stress[voxel], law, ws, answer)
        if not determinant(ws.plastic_inverse) > 0.0:
            return voxel
        for i in range(3):
            for j in range(3):
                plastic_inverse[voxel, i, j] = ws.plastic_inverse[i, j]
                piola[3 * i + j, voxel] = answer[i, j]
        if with_tangent:
            point_tangent(
                law, plastic_start[voxel], stress[voxel], internal[voxel], INACTIVE, ws, slope
            )
            block, inside = voxel // BLOCK, voxel % BLOCK
            for r in range(9):
                for c in range(9):
                    tangent[block, 9 * r + c, inside] = slope[r, c]
    return SOLVED


@compiled
def multiply_tangents(tangent, gradient, out, first, last):
    """Set out = tangent : gradient in blocks `first` to `last` - 1; both (9, voxels), f4."""
    voxels = gradient.shape[1]
    held, sums = np.empty((9, BLOCK), np.float32), np.empty(BLOCK, np.float32)
    for block in range(first, last):
        start = block * BLOCK
        count = min(BLOCK, voxels - start)
        entries = tangent[block]
        for c in range(9):
            for k in range(count):
                held[c, k] = gradient[c, start + k]
        for r in range(9):
            for k in range(BLOCK):
                sums[k] = entries[9 * r, k] * held[0, k]
            for c in range(1, 9):
                for k in range(BLOCK):
                    sums[k] += entries[9 * r + c, k] * held[c, k]
            for k in range(count):
                out[r, start + k] = sums[k]
