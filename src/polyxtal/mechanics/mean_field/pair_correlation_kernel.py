"""The loops of `pair_correlation.py`, compiled for CPU.

Complex coefficients are pairs of reals along the last axis, which the sum treats alike; tables
along that axis hold every entry twice. The readable form is in `pair_correlation.py`, tested equal.
"""

from __future__ import annotations

import numpy as np
from numba.np.unsafe.ndarray import to_fixed_tuple

from polyxtal.algebra.compiling import compiled
from polyxtal.mechanics.elastic.kernel import precondition

_R2, _R3, _R6 = 2.0**-0.5, 3.0**-0.5, 6.0**-0.5


@compiled
def spread(table, grains, out):  # type: ignore[no-untyped-def]
    """Assign values of grains to voxels: table (entries, grains) to out (entries, voxels)."""
    for entry in range(table.shape[0]):
        row, values = table[entry], out[entry]
        for k in range(len(grains)):
            values[k] = row[grains[k]]


@compiled
def combine(field, i, modes, out):  # type: ignore[no-untyped-def]
    """Assemble the entries of T̂ for one x: out = modes · field[:, i]."""
    count = len(field)
    for entry in range(len(out)):
        row, weights = out[entry], modes[entry]
        row[:] = 0
        for a in range(0, count - 2, 3):  # three at a time: fewer reads and writes of the sum
            x, y, z = weights[a], weights[a + 1], weights[a + 2]
            f, g, h = field[a, i], field[a + 1, i], field[a + 2, i]
            for k in range(len(row)):
                row[k] += x * f[k] + y * g[k] + z * h[k]
        for a in range(count - count % 3, count):
            x, f = weights[a], field[a, i]
            for k in range(len(row)):
                row[k] += x * f[k]


@compiled
def force(row, p, q):  # type: ignore[no-untyped-def]
    """Return S k of a symmetric S of five deviators, with p = k / √2 and q = k / √6."""
    d0, d1, d2, d3, d4 = row
    px, py, pz = p
    qx, qy, qz = q
    return (
        d0 * px - d1 * qx + d3 * pz + d4 * py,
        d2 * pz - d0 * py - d1 * qy + d4 * px,
        d1 * (qz + qz) + d2 * py + d3 * px,
    )


@compiled
def dot(a, b):  # type: ignore[no-untyped-def]
    """Return the scalar product of two vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@compiled
def deviatoric_sum(field, modes, tables, acoustic, constants):  # type: ignore[no-untyped-def]
    """Add up T̂ Γ T̂† over all frequencies, for five components.

    Args:
        field: Components of T̂. (components, nx, ny · 2 nz_half)
        modes: Lower triangle of T̂, by rows, of each component. (15, components)
        tables: sine and cosine of x, y, z, and weights, as in `Frequencies`.
        acoustic: `acoustic_map` of the medium, flat.
        constants: 2^-½, 6^-½ and `TINY` in the field's type.
    Returns:
        Lower triangle, by rows; float64.
    """
    sx, cx, sy, cy, sz, cz, w = tables
    r2, r6, tiny = constants
    t = to_fixed_tuple(acoustic, 36)  # type: ignore[call-arg]
    total = np.zeros(15)
    plane = np.empty((15, field.shape[2]), field.dtype)
    for i in range(field.shape[1]):
        combine(field, i, modes, plane)
        for j in range(len(sy)):
            rows = plane[:, j * len(w) : (j + 1) * len(w)]
            f00, f10, f11, f20, f21 = rows[0], rows[1], rows[2], rows[3], rows[4]
            f22, f30, f31, f32, f33 = rows[5], rows[6], rows[7], rows[8], rows[9]
            f40, f41, f42, f43, f44 = rows[10], rows[11], rows[12], rows[13], rows[14]
            x, y, z = sx[i] * cy[j], cx[i] * sy[j], cx[i] * cy[j]
            # One variable per sum, so that the compiler keeps them in registers.
            s00 = s10 = s11 = s20 = s21 = s22 = s30 = s31 = s32 = s33 = r2 - r2
            s40 = s41 = s42 = s43 = s44 = r2 - r2
            for k in range(len(w)):
                kx, ky, kz = x * cz[k], y * cz[k], z * sz[k]
                p, q = (r2 * kx, r2 * ky, r2 * kz), (r6 * kx, r6 * ky, r6 * kz)
                a0 = force((f00[k], f10[k], f20[k], f30[k], f40[k]), p, q)
                a1 = force((f10[k], f11[k], f21[k], f31[k], f41[k]), p, q)
                a2 = force((f20[k], f21[k], f22[k], f32[k], f42[k]), p, q)
                a3 = force((f30[k], f31[k], f32[k], f33[k], f43[k]), p, q)
                a4 = force((f40[k], f41[k], f42[k], f43[k], f44[k]), p, q)
                b0 = precondition(kx, ky, kz, a0[0], a0[1], a0[2], t, w[k], tiny)
                b1 = precondition(kx, ky, kz, a1[0], a1[1], a1[2], t, w[k], tiny)
                b2 = precondition(kx, ky, kz, a2[0], a2[1], a2[2], t, w[k], tiny)
                b3 = precondition(kx, ky, kz, a3[0], a3[1], a3[2], t, w[k], tiny)
                b4 = precondition(kx, ky, kz, a4[0], a4[1], a4[2], t, w[k], tiny)
                s00, s10, s11 = s00 + dot(b0, a0), s10 + dot(b1, a0), s11 + dot(b1, a1)
                s20, s21, s22 = s20 + dot(b2, a0), s21 + dot(b2, a1), s22 + dot(b2, a2)
                s30, s31, s32 = s30 + dot(b3, a0), s31 + dot(b3, a1), s32 + dot(b3, a2)
                s33, s40, s41 = s33 + dot(b3, a3), s40 + dot(b4, a0), s41 + dot(b4, a1)
                s42, s43, s44 = s42 + dot(b4, a2), s43 + dot(b4, a3), s44 + dot(b4, a4)
            row = (s00, s10, s11, s20, s21, s22, s30, s31, s32, s33, s40, s41, s42, s43, s44)
            for entry in range(15):
                total[entry] += row[entry]
    return total


@compiled
def pair_sum(field, modes, tables, acoustic, constants):  # type: ignore[no-untyped-def]
    """Add up T̂ Γ T̂† over all frequencies, for six components: as `deviatoric_sum`, but 21."""
    tiny = constants[2]
    sx, cx, sy, cy, sz, cz, w = tables
    total = np.zeros(21)
    t, h = np.zeros((6, 6)), np.zeros((6, 3))
    a, g = np.zeros((6, 3)), np.zeros(3)
    m = to_fixed_tuple(acoustic, 36)  # type: ignore[call-arg]
    plane = np.empty((21, field.shape[2]), field.dtype)
    for i in range(field.shape[1]):
        combine(field, i, modes, plane)
        for j in range(len(sy)):
            rows = plane[:, j * len(w) : (j + 1) * len(w)]
            for k in range(len(w)):
                kx = sx[i] * cy[j] * cz[k]
                ky = cx[i] * sy[j] * cz[k]
                kz = cx[i] * cy[j] * sz[k]
                h[0, 0], h[0, 1] = _R2 * kx, -_R2 * ky
                h[1, 0], h[1, 1], h[1, 2] = -_R6 * kx, -_R6 * ky, 2 * _R6 * kz
                h[2, 1], h[2, 2] = _R2 * kz, _R2 * ky
                h[3, 0], h[3, 2] = _R2 * kz, _R2 * kx
                h[4, 0], h[4, 1] = _R2 * ky, _R2 * kx
                h[5, 0], h[5, 1], h[5, 2] = _R3 * kx, _R3 * ky, _R3 * kz
                entry = 0
                for r in range(6):
                    for c in range(r + 1):
                        t[r, c] = t[c, r] = rows[entry, k]
                        entry += 1
                for r in range(6):
                    for v in range(3):
                        a[r, v] = 0.0
                        for c in range(6):
                            a[r, v] += t[r, c] * h[c, v]
                entry = 0
                for r in range(6):
                    g[0], g[1], g[2] = precondition(
                        kx, ky, kz, a[r, 0], a[r, 1], a[r, 2], m, w[k], tiny
                    )
                    for c in range(r + 1):
                        total[entry] += g[0] * a[c, 0] + g[1] * a[c, 1] + g[2] * a[c, 2]
                        entry += 1
    return total
