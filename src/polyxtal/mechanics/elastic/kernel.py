"""The loops of the spectral solver between its FFTs, compiled for CPU.

A field is one real field, or two as real and imaginary part of one, see `compiled.py`. Complex
coefficients are pairs of reals along the last axis, which the real arithmetic of `green.py` treats
alike; tables along that axis hold every entry twice. The readable form is in `green.py` and
`batched.py`, tested equal.

Rows are bound to local variables before a loop, so that the compiler can prove that writes do not
change them, and vectorises.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.np.unsafe.ndarray import to_fixed_tuple

from polyxtal.algebra.compiling import compiled

TINY = 1e-30
"""Added to determinants, so that frequencies without a displacement do not divide by zero."""


@compiled
def precondition(kx, ky, kz, x, y, z, t, one, tiny):  # type: ignore[no-untyped-def]
    """Return (k · C₀ · k)⁻¹ (x, y, z), with the 36 entries t of `acoustic_map`."""
    dxx, dyy, dzz = kx * kx, ky * ky, kz * kz
    dyz, dxz, dxy = ky * kz, kx * kz, kx * ky
    xx = t[0] * dxx + t[1] * dyy + t[2] * dzz + t[3] * dyz + t[4] * dxz + t[5] * dxy
    yy = t[6] * dxx + t[7] * dyy + t[8] * dzz + t[9] * dyz + t[10] * dxz + t[11] * dxy
    zz = t[12] * dxx + t[13] * dyy + t[14] * dzz + t[15] * dyz + t[16] * dxz + t[17] * dxy
    yz = t[18] * dxx + t[19] * dyy + t[20] * dzz + t[21] * dyz + t[22] * dxz + t[23] * dxy
    xz = t[24] * dxx + t[25] * dyy + t[26] * dzz + t[27] * dyz + t[28] * dxz + t[29] * dxy
    xy = t[30] * dxx + t[31] * dyy + t[32] * dzz + t[33] * dyz + t[34] * dxz + t[35] * dxy
    mxx, myy, mzz = yy * zz - yz * yz, xx * zz - xz * xz, xx * yy - xy * xy
    myz, mxz, mxy = xy * xz - xx * yz, xy * yz - yy * xz, xz * yz - xy * zz
    scale = one / (xx * mxx + xy * mxy + xz * mxz + tiny)
    return (
        scale * (mxx * x + mxy * y + mxz * z),
        scale * (mxy * x + myy * y + myz * z),
        scale * (mxz * x + myz * y + mzz * z),
    )


@compiled
def descend(  # type: ignore[no-untyped-def]
    residual, direction, beta, strain, tables, acoustic, constants, rows
):
    """Set direction = M residual + β direction and strain = sym(k ⊗ direction).

    Args:
        residual: r̂, (3, nx, ny, 2 nz) with as many z as the tables have.
        direction: p̂, as `residual`; overwritten.
        beta: β.
        strain: Out: (5 or 6, nx, ny, 2 nz).
        tables: sine and cosine of x, y, z, and weights, as in `Frequencies`.
        acoustic: `acoustic_map` of the reference medium, flat; M = (k · C₀ · k)⁻¹.
        constants: 1, 2^-½, 3^-½, 6^-½, TINY in the fields' type.
        rows: Scratch, (1, 2 nz).
    Returns:
        Mean of (tr strain)², by Parseval.
    """
    sx, cx, sy, cy, sz, cz, w = tables
    one, r2, r3, r6, tiny = constants
    t = to_fixed_tuple(acoustic, 36)  # type: ignore[call-arg]
    total = rows[0]
    total[:] = 0
    for i in range(residual.shape[1]):
        for j in range(residual.shape[2]):
            a, b, c = sx[i] * cy[j], cx[i] * sy[j], cx[i] * cy[j]
            rx, ry, rz = residual[0, i, j], residual[1, i, j], residual[2, i, j]
            px, py, pz = direction[0, i, j], direction[1, i, j], direction[2, i, j]
            e0, e1, e2 = strain[0, i, j], strain[1, i, j], strain[2, i, j]
            e3, e4 = strain[3, i, j], strain[4, i, j]
            for k in range(residual.shape[3]):
                kx, ky, kz = a * cz[k], b * cz[k], c * sz[k]
                x, y, z = precondition(kx, ky, kz, rx[k], ry[k], rz[k], t, one, tiny)
                x, y, z = x + beta * px[k], y + beta * py[k], z + beta * pz[k]
                px[k], py[k], pz[k] = x, y, z
                exx, eyy, ezz = kx * x, ky * y, kz * z
                e0[k] = r2 * (exx - eyy)
                e1[k] = r6 * (ezz + ezz - exx - eyy)
                e2[k] = r2 * (ky * z + kz * y)
                e3[k] = r2 * (kx * z + kz * x)
                e4[k] = r2 * (kx * y + ky * x)
                trace = exx + eyy + ezz
                total[k] += trace * trace
            if strain.shape[0] == 6:
                e5 = strain[5, i, j]
                for k in range(residual.shape[3]):
                    e5[k] = r3 * (a * cz[k] * px[k] + b * cz[k] * py[k] + c * sz[k] * pz[k])
    result = 0.0
    for k in range(len(total)):
        result += w[k] * total[k]
    return result


@compiled
def advance(  # type: ignore[no-untyped-def]
    alpha, bulk, stress, direction, residual, displacement, tables, acoustic, constants, rows
):
    """Set displacement += α direction and residual -= α K direction, with K p = Dᵀ σ(p).

    Args:
        alpha: α.
        bulk: Bulk modulus that acts here and not in `stress`; 0 with six components.
        stress: σ̂ of the direction, (5 or 6, nx, ny, 2 nz).
        direction: p̂, (3, nx, ny, 2 nz).
        residual: r̂, as `direction`; overwritten.
        displacement: v̂, as `direction`; overwritten.
        tables, acoustic, constants, rows: As in `descend`.
    Returns:
        residual · M residual.
    """
    sx, cx, sy, cy, sz, cz, w = tables
    one, r2, r3, r6, tiny = constants
    last = stress.shape[0] - 1
    mean = r3 if last == 5 else r3 - r3
    t = to_fixed_tuple(acoustic, 36)  # type: ignore[call-arg]
    total = rows[0]
    total[:] = 0
    for i in range(residual.shape[1]):
        for j in range(residual.shape[2]):
            a, b, c = sx[i] * cy[j], cx[i] * sy[j], cx[i] * cy[j]
            rx, ry, rz = residual[0, i, j], residual[1, i, j], residual[2, i, j]
            px, py, pz = direction[0, i, j], direction[1, i, j], direction[2, i, j]
            vx, vy, vz = displacement[0, i, j], displacement[1, i, j], displacement[2, i, j]
            s0, s1, s2 = stress[0, i, j], stress[1, i, j], stress[2, i, j]
            s3, s4, s5 = stress[3, i, j], stress[4, i, j], stress[last, i, j]
            for k in range(residual.shape[3]):
                kx, ky, kz = a * cz[k], b * cz[k], c * sz[k]
                x, y, z = px[k], py[k], pz[k]
                vx[k] += alpha * x
                vy[k] += alpha * y
                vz[k] += alpha * z
                pressure = bulk * (kx * x + ky * y + kz * z) + mean * s5[k]
                first, second = r2 * s0[k], r6 * s1[k]
                syz, sxz, sxy = r2 * s2[k], r2 * s3[k], r2 * s4[k]
                sxx, syy = pressure + first - second, pressure - first - second
                szz = pressure + second + second
                fx = rx[k] - alpha * (kx * sxx + ky * sxy + kz * sxz)
                fy = ry[k] - alpha * (kx * sxy + ky * syy + kz * syz)
                fz = rz[k] - alpha * (kx * sxz + ky * syz + kz * szz)
                rx[k], ry[k], rz[k] = fx, fy, fz
                x, y, z = precondition(kx, ky, kz, fx, fy, fz, t, one, tiny)
                total[k] += fx * x + fy * y + fz * z
    result = 0.0
    for k in range(len(total)):
        result += w[k] * total[k]
    return result


@compiled
def energy(residual, tables, acoustic, constants, rows):  # type: ignore[no-untyped-def]
    """Return residual · M residual, as `advance` does; arguments as there."""
    sx, cx, sy, cy, sz, cz, w = tables
    one, _, _, _, tiny = constants
    t = to_fixed_tuple(acoustic, 36)  # type: ignore[call-arg]
    total = rows[0]
    total[:] = 0
    for i in range(residual.shape[1]):
        for j in range(residual.shape[2]):
            a, b, c = sx[i] * cy[j], cx[i] * sy[j], cx[i] * cy[j]
            rx, ry, rz = residual[0, i, j], residual[1, i, j], residual[2, i, j]
            for k in range(residual.shape[3]):
                kx, ky, kz = a * cz[k], b * cz[k], c * sz[k]
                x, y, z = precondition(kx, ky, kz, rx[k], ry[k], rz[k], t, one, tiny)
                total[k] += rx[k] * x + ry[k] * y + rz[k] * z
    result = 0.0
    for k in range(len(total)):
        result += w[k] * total[k]
    return result


@compiled
def unpack(packed, first, second, cx, cy, cz):  # type: ignore[no-untyped-def]
    """Split coefficients of a + i b, with a and b the displacements of real strains.

    With k(-ξ) = ∓k(ξ) these have a(-ξ) = ∓conj a(ξ), the upper sign but at a Nyquist frequency
    of the rotated scheme, where a cosine is zero.

    Args:
        packed: Coefficients for all z, (3, nx, ny, nz), complex.
        first, second: Out: a and b for half of z, (3, nx, ny, nz_half), complex.
        cx, cy, cz: Cosines of x, y, z.
    """
    _, nx, ny, nz = packed.shape
    for n in range(3):
        for i in range(nx):
            for j in range(ny):
                mirror = packed[n, (nx - i) % nx, (ny - j) % ny]
                for k in range(first.shape[3]):
                    here, there = packed[n, i, j, k], mirror[(nz - k) % nz].conjugate()
                    if cx[i] * cy[j] * cz[k] != 0:
                        there = -there
                    first[n, i, j, k] = 0.5 * (here + there)
                    second[n, i, j, k] = -0.5j * (here - there)


@compiled
def pack(first, second, packed, cx, cy, cz):  # type: ignore[no-untyped-def]
    """Undo `unpack`; arguments as there."""
    _, nx, ny, nz = packed.shape
    half = first.shape[3]
    for n in range(3):
        for i in range(nx):
            for j in range(ny):
                for k in range(half):
                    packed[n, i, j, k] = first[n, i, j, k] + 1j * second[n, i, j, k]
                a, b = (
                    first[n, (nx - i) % nx, (ny - j) % ny],
                    second[n, (nx - i) % nx, (ny - j) % ny],
                )
                for k in range(half, nz):
                    there = a[nz - k].conjugate() + 1j * b[nz - k].conjugate()
                    packed[n, i, j, k] = -there if cx[i] * cy[j] * cz[k] != 0 else there


def constants(dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """Return 1, 2^-½, 3^-½, 6^-½ and TINY in the fields' type."""
    return tuple(dtype.type(x) for x in (1.0, 2.0**-0.5, 3.0**-0.5, 6.0**-0.5, TINY))
