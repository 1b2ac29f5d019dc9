"""The loops of the spectral solver between its FFTs, compiled for CPU.

One load case at a time. Complex coefficients are pairs of reals along the last axis, which the
real arithmetic of `green.py` treats alike; tables along that axis hold every entry twice. The
readable form of the same is in `green.py` and `spectral_batched.py`, tested equal.

Coefficients are read into local variables before a loop: the compiler vectorises only where it
can tell that a write does not change them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

BLOCK = 64
"""Voxels in a block of the packed stiffness field, `stiffness[block, entry, voxel]`."""
TINY = 1e-30
"""Added to determinants, so that frequencies without a displacement divide zero by it."""


def _compiled(function: Callable[..., Any]) -> Any:
    # Type checks that tests put in front of functions must not reach the compiler.
    options = {"contract", "reassoc", "nsz", "arcp"}
    original = inspect.unwrap(function)
    return numba.njit(cache=True, nogil=True, fastmath=options, error_model="numpy")(original)


@_compiled
def descend(  # type: ignore[no-untyped-def]
    residual, direction, beta, strain, tables, acoustic, constants, rows
):
    """Set direction = M residual + β direction and strain = sym(k ⊗ direction).

    Args:
        residual: r̂, (3, nx, ny, 2 nz_half).
        direction: p̂, as `residual`; overwritten.
        beta: β.
        strain: Out: (5 or 6, nx, ny, 2 nz_half).
        tables: sine and cosine of x, y, z, and weights, as in `Frequencies`.
        acoustic: `acoustic_map` of the reference medium; M = (k · C₀ · k)⁻¹.
        constants: 1, 2^-½, 3^-½, 6^-½, TINY in the fields' type.
        rows: Scratch, (1, 2 nz_half).
    Returns:
        Mean of (tr strain)², by Parseval.
    """
    sx, cx, sy, cy, sz, cz, w = tables
    one, r2, r3, r6, tiny = constants
    t00, t01, t02, t03, t04, t05 = acoustic[0]
    t10, t11, t12, t13, t14, t15 = acoustic[1]
    t20, t21, t22, t23, t24, t25 = acoustic[2]
    t30, t31, t32, t33, t34, t35 = acoustic[3]
    t40, t41, t42, t43, t44, t45 = acoustic[4]
    t50, t51, t52, t53, t54, t55 = acoustic[5]
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
                dxx, dyy, dzz = kx * kx, ky * ky, kz * kz
                dyz, dxz, dxy = ky * kz, kx * kz, kx * ky
                xx = t00 * dxx + t01 * dyy + t02 * dzz + t03 * dyz + t04 * dxz + t05 * dxy
                yy = t10 * dxx + t11 * dyy + t12 * dzz + t13 * dyz + t14 * dxz + t15 * dxy
                zz = t20 * dxx + t21 * dyy + t22 * dzz + t23 * dyz + t24 * dxz + t25 * dxy
                yz = t30 * dxx + t31 * dyy + t32 * dzz + t33 * dyz + t34 * dxz + t35 * dxy
                xz = t40 * dxx + t41 * dyy + t42 * dzz + t43 * dyz + t44 * dxz + t45 * dxy
                xy = t50 * dxx + t51 * dyy + t52 * dzz + t53 * dyz + t54 * dxz + t55 * dxy
                mxx, myy, mzz = yy * zz - yz * yz, xx * zz - xz * xz, xx * yy - xy * xy
                myz, mxz, mxy = xy * xz - xx * yz, xy * yz - yy * xz, xz * yz - xy * zz
                scale = one / (xx * mxx + xy * mxy + xz * mxz + tiny)
                x = scale * (mxx * rx[k] + mxy * ry[k] + mxz * rz[k]) + beta * px[k]
                y = scale * (mxy * rx[k] + myy * ry[k] + myz * rz[k]) + beta * py[k]
                z = scale * (mxz * rx[k] + myz * ry[k] + mzz * rz[k]) + beta * pz[k]
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


@_compiled
def advance(  # type: ignore[no-untyped-def]
    alpha, bulk, stress, direction, residual, displacement, tables, acoustic, constants, rows
):
    """Set displacement += α direction and residual -= α K direction, with K p = Dᵀ σ(p).

    Args:
        alpha: α.
        bulk: Bulk modulus that acts here and not in `stress`; 0 with six components.
        stress: σ̂ of the direction, (5 or 6, nx, ny, 2 nz_half).
        direction: p̂, (3, nx, ny, 2 nz_half).
        residual: r̂, as `direction`; overwritten.
        displacement: v̂, as `direction`; overwritten.
        tables, acoustic, constants, rows: As in `descend`.
    Returns:
        residual · M residual.
    """
    sx, cx, sy, cy, sz, cz, w = tables
    one, r2, r3, r6, tiny = constants
    t00, t01, t02, t03, t04, t05 = acoustic[0]
    t10, t11, t12, t13, t14, t15 = acoustic[1]
    t20, t21, t22, t23, t24, t25 = acoustic[2]
    t30, t31, t32, t33, t34, t35 = acoustic[3]
    t40, t41, t42, t43, t44, t45 = acoustic[4]
    t50, t51, t52, t53, t54, t55 = acoustic[5]
    last = stress.shape[0] - 1
    mean = r3 if last == 5 else r3 - r3
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
                dxx, dyy, dzz = kx * kx, ky * ky, kz * kz
                dyz, dxz, dxy = ky * kz, kx * kz, kx * ky
                xx = t00 * dxx + t01 * dyy + t02 * dzz + t03 * dyz + t04 * dxz + t05 * dxy
                yy = t10 * dxx + t11 * dyy + t12 * dzz + t13 * dyz + t14 * dxz + t15 * dxy
                zz = t20 * dxx + t21 * dyy + t22 * dzz + t23 * dyz + t24 * dxz + t25 * dxy
                yz = t30 * dxx + t31 * dyy + t32 * dzz + t33 * dyz + t34 * dxz + t35 * dxy
                xz = t40 * dxx + t41 * dyy + t42 * dzz + t43 * dyz + t44 * dxz + t45 * dxy
                xy = t50 * dxx + t51 * dyy + t52 * dzz + t53 * dyz + t54 * dxz + t55 * dxy
                mxx, myy, mzz = yy * zz - yz * yz, xx * zz - xz * xz, xx * yy - xy * xy
                myz, mxz, mxy = xy * xz - xx * yz, xy * yz - yy * xz, xz * yz - xy * zz
                scale = one / (xx * mxx + xy * mxy + xz * mxz + tiny)
                total[k] += scale * (
                    fx * (mxx * fx + mxy * fy + mxz * fz)
                    + fy * (mxy * fx + myy * fy + myz * fz)
                    + fz * (mxz * fx + myz * fy + mzz * fz)
                )
    result = 0.0
    for k in range(len(total)):
        result += w[k] * total[k]
    return result


@_compiled
def stress_of_deviators(stiffness, strain):  # type: ignore[no-untyped-def]
    """Turn strain into stress in place, five components; return the sum of strain · stress.

    Args:
        stiffness: Upper triangles by rows, (blocks, 15, BLOCK).
        strain: (5, voxels).
    """
    s0, s1, s2, s3, s4 = strain[0], strain[1], strain[2], strain[3], strain[4]
    voxels, result = strain.shape[1], 0.0
    for block in range(stiffness.shape[0]):
        start = block * BLOCK
        m = stiffness[block]
        work = strain[0, 0] - strain[0, 0]
        for k in range(min(BLOCK, voxels - start)):
            v = start + k
            a, b, c, d, e = s0[v], s1[v], s2[v], s3[v], s4[v]
            x0 = m[0, k] * a + m[1, k] * b + m[2, k] * c + m[3, k] * d + m[4, k] * e
            x1 = m[1, k] * a + m[5, k] * b + m[6, k] * c + m[7, k] * d + m[8, k] * e
            x2 = m[2, k] * a + m[6, k] * b + m[9, k] * c + m[10, k] * d + m[11, k] * e
            x3 = m[3, k] * a + m[7, k] * b + m[10, k] * c + m[12, k] * d + m[13, k] * e
            x4 = m[4, k] * a + m[8, k] * b + m[11, k] * c + m[13, k] * d + m[14, k] * e
            work += a * x0 + b * x1 + c * x2 + d * x3 + e * x4
            s0[v], s1[v], s2[v], s3[v], s4[v] = x0, x1, x2, x3, x4
        result += work
    return result


@_compiled
def stress_of_strain(stiffness, strain):  # type: ignore[no-untyped-def]
    """Turn strain into stress in place, six components; return the sum of strain · stress.

    Args:
        stiffness: Upper triangles by rows, (blocks, 21, BLOCK).
        strain: (6, voxels).
    """
    s0, s1, s2, s3, s4, s5 = strain[0], strain[1], strain[2], strain[3], strain[4], strain[5]
    voxels, result = strain.shape[1], 0.0
    for block in range(stiffness.shape[0]):
        start = block * BLOCK
        m = stiffness[block]
        work = strain[0, 0] - strain[0, 0]
        for k in range(min(BLOCK, voxels - start)):
            v = start + k
            a, b, c, d, e, f = s0[v], s1[v], s2[v], s3[v], s4[v], s5[v]
            x0 = m[0, k] * a + m[1, k] * b + m[2, k] * c + m[3, k] * d + m[4, k] * e
            x1 = m[1, k] * a + m[6, k] * b + m[7, k] * c + m[8, k] * d + m[9, k] * e
            x2 = m[2, k] * a + m[7, k] * b + m[11, k] * c + m[12, k] * d + m[13, k] * e
            x3 = m[3, k] * a + m[8, k] * b + m[12, k] * c + m[15, k] * d + m[16, k] * e
            x4 = m[4, k] * a + m[9, k] * b + m[13, k] * c + m[16, k] * d + m[18, k] * e
            x5 = m[5, k] * a + m[10, k] * b + m[14, k] * c + m[17, k] * d + m[19, k] * e
            x0, x1, x2 = x0 + m[5, k] * f, x1 + m[10, k] * f, x2 + m[14, k] * f
            x3, x4, x5 = x3 + m[17, k] * f, x4 + m[19, k] * f, x5 + m[20, k] * f
            work += a * x0 + b * x1 + c * x2 + d * x3 + e * x4 + f * x5
            s0[v], s1[v], s2[v], s3[v], s4[v], s5[v] = x0, x1, x2, x3, x4, x5
        result += work
    return result


def constants(dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """Return 1, 2^-½, 3^-½, 6^-½ and TINY in the fields' type."""
    return tuple(dtype.type(x) for x in (1.0, 2.0**-0.5, 3.0**-0.5, 6.0**-0.5, TINY))
