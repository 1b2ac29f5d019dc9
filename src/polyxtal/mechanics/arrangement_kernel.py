"""The sum over frequencies of `arrangement`, compiled for the CPU; one pass over the transform."""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled_exactly

_R2, _R3, _R6 = 2.0**-0.5, 3.0**-0.5, 6.0**-0.5


@compiled_exactly
def pair_sum_kernel(field, sine_x, sine_y, sine_z, cosine_x, cosine_y, cosine_z, weight, acoustic):  # type: ignore[no-untyped-def]
    """Add up T̂ Γ T̂† over all frequencies.

    Args:
        field: T̂ as pairs of reals, lower triangle by rows. (entries, nx, ny, nz_half, 2)
        sine_x, sine_y, sine_z, cosine_x, cosine_y, cosine_z: See `Frequencies`.
        weight: How often a coefficient of the last axis counts.
        acoustic: 6x6 map of the medium, see `acoustic_map`.
    """
    entries, nx, ny, nz = field.shape[:4]
    m = 5 if entries == 15 else 6
    total = np.zeros((m, m))
    t = np.zeros((m, m, 2))
    h = np.zeros((6, 3))
    a = np.zeros((m, 3, 2))
    g = np.zeros((3, 3))
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                kx = sine_x[i] * cosine_y[j] * cosine_z[k]
                ky = cosine_x[i] * sine_y[j] * cosine_z[k]
                kz = cosine_x[i] * cosine_y[j] * sine_z[k]
                if kx == 0.0 and ky == 0.0 and kz == 0.0:
                    continue
                dyad = (kx * kx, ky * ky, kz * kz, ky * kz, kx * kz, kx * ky)
                xx = yy = zz = yz = xz = xy = 0.0
                for q in range(6):
                    xx += acoustic[0, q] * dyad[q]
                    yy += acoustic[1, q] * dyad[q]
                    zz += acoustic[2, q] * dyad[q]
                    yz += acoustic[3, q] * dyad[q]
                    xz += acoustic[4, q] * dyad[q]
                    xy += acoustic[5, q] * dyad[q]
                mxx, mxy, mxz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
                scale = weight[k] / (xx * mxx + xy * mxy + xz * mxz)
                g[0, 0], g[0, 1], g[0, 2] = scale * mxx, scale * mxy, scale * mxz
                g[1, 1], g[1, 2] = scale * (xx * zz - xz * xz), scale * (xy * xz - xx * yz)
                g[2, 2] = scale * (xx * yy - xy * xy)
                g[1, 0], g[2, 0], g[2, 1] = g[0, 1], g[0, 2], g[1, 2]
                h[0, 0], h[0, 1] = _R2 * kx, -_R2 * ky
                h[1, 0], h[1, 1], h[1, 2] = -_R6 * kx, -_R6 * ky, 2 * _R6 * kz
                h[2, 1], h[2, 2] = _R2 * kz, _R2 * ky
                h[3, 0], h[3, 2] = _R2 * kz, _R2 * kx
                h[4, 0], h[4, 1] = _R2 * ky, _R2 * kx
                h[5, 0], h[5, 1], h[5, 2] = _R3 * kx, _R3 * ky, _R3 * kz
                entry = 0
                for r in range(m):
                    for c in range(r + 1):
                        real, imaginary = field[entry, i, j, k, 0], field[entry, i, j, k, 1]
                        t[r, c, 0], t[r, c, 1] = real, imaginary
                        t[c, r, 0], t[c, r, 1] = real, imaginary
                        entry += 1
                for r in range(m):
                    for v in range(3):
                        real = imaginary = 0.0
                        for c in range(m):
                            real += t[r, c, 0] * h[c, v]
                            imaginary += t[r, c, 1] * h[c, v]
                        a[r, v, 0], a[r, v, 1] = real, imaginary
                for r in range(m):
                    for part in range(2):
                        bx = by = bz = 0.0
                        for v in range(3):
                            bx += a[r, v, part] * g[v, 0]
                            by += a[r, v, part] * g[v, 1]
                            bz += a[r, v, part] * g[v, 2]
                        for c in range(r + 1):
                            total[r, c] += (
                                bx * a[c, 0, part] + by * a[c, 1, part] + bz * a[c, 2, part]
                            )
    for r in range(m):
        for c in range(r):
            total[c, r] = total[r, c]
    return total
