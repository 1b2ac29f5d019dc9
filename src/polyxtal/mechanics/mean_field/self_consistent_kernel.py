"""The loops of `self_consistent_cubic.py` over grains and directions, compiled for CPU."""

from __future__ import annotations

import numpy as np
from numba.np.unsafe.ndarray import to_fixed_tuple

from polyxtal.algebra.compiling import compiled
from polyxtal.mechanics.elastic.kernel import precondition

_R2, _R6 = 2.0**-0.5, 6.0**-0.5


@compiled
def cubic_products(orientations):  # type: ignore[no-untyped-def]
    """Return the products of the two deviators that are soft (or stiff) in each cubic crystal.

    With u and v the deviators (r_1 r_1 - r_2 r_2) / √2 and (2 r_3 r_3 - r_1 r_1 - r_2 r_2) / √6 in
    `STRAIN_BASIS`, r_k = R(q) e_k.

    Args:
        orientations: Unit quaternions. (grains, 4)
    Returns:
        Lower triangles, by rows, of u ⊗ u, u ⊗ v + v ⊗ u, v ⊗ v. (15, 3, grains)
    """
    products = np.empty((15, 3, len(orientations)))
    axes, deviators = np.empty((3, 3)), np.empty((2, 5))
    for g in range(len(orientations)):
        w, x, y, z = orientations[g]
        axes[0, 0], axes[0, 1], axes[0, 2] = (
            1 - 2 * (y * y + z * z),
            2 * (x * y + w * z),
            2 * (x * z - w * y),
        )
        axes[1, 0], axes[1, 1], axes[1, 2] = (
            2 * (x * y - w * z),
            1 - 2 * (x * x + z * z),
            2 * (y * z + w * x),
        )
        axes[2, 0], axes[2, 1], axes[2, 2] = (
            2 * (x * z + w * y),
            2 * (y * z - w * x),
            1 - 2 * (x * x + y * y),
        )
        for d in range(2):
            a, b, c = (_R2, -_R2, 0.0) if d == 0 else (-_R6, -_R6, 2 * _R6)
            xx = a * axes[0, 0] ** 2 + b * axes[1, 0] ** 2 + c * axes[2, 0] ** 2
            yy = a * axes[0, 1] ** 2 + b * axes[1, 1] ** 2 + c * axes[2, 1] ** 2
            zz = a * axes[0, 2] ** 2 + b * axes[1, 2] ** 2 + c * axes[2, 2] ** 2
            deviators[d, 0] = _R2 * (xx - yy)
            deviators[d, 1] = _R6 * (2 * zz - xx - yy)
            for e in range(3):
                i, j = (1, 2) if e == 0 else ((0, 2) if e == 1 else (0, 1))
                deviators[d, 2 + e] = (
                    a * axes[0, i] * axes[0, j]
                    + b * axes[1, i] * axes[1, j]
                    + c * axes[2, i] * axes[2, j]
                ) / _R2
        entry = 0
        for r in range(5):
            for c in range(r + 1):
                products[entry, 0, g] = deviators[0, r] * deviators[0, c]
                products[entry, 1, g] = (
                    deviators[0, r] * deviators[1, c] + deviators[1, r] * deviators[0, c]
                )
                products[entry, 2, g] = deviators[1, r] * deviators[1, c]
                entry += 1
    return products


@compiled
def held_products(products, inverse, contrast, out):  # type: ignore[no-untyped-def]
    """Compute U_g [I + η U_gᵀ M⁻¹ U_g]⁻¹ U_gᵀ of every grain, with U_g = (u, v).

    Args:
        products: See `cubic_products`.
        inverse: Lower triangle of M⁻¹, by rows.
        contrast: η.
        out: Lower triangles, by rows. (15, grains)
    """
    grains = products.shape[2]
    uu, uv, vv = np.zeros(grains), np.zeros(grains), np.zeros(grains)
    entry = 0
    for r in range(5):
        for c in range(r + 1):
            one = contrast * inverse[entry] * (1.0 if r == c else 2.0)
            half = 0.5 * one
            first, mixed, last = products[entry, 0], products[entry, 1], products[entry, 2]
            for g in range(grains):
                uu[g] += one * first[g]
                uv[g] += half * mixed[g]
                vv[g] += one * last[g]
            entry += 1
    for g in range(grains):
        a, b, c = 1 + uu[g], uv[g], 1 + vv[g]
        scale = 1 / (a * c - b * b)
        uu[g], uv[g], vv[g] = scale * c, -scale * b, scale * a
    for entry in range(15):
        first, mixed, last = products[entry, 0], products[entry, 1], products[entry, 2]
        row = out[entry]
        for g in range(grains):
            row[g] = uu[g] * first[g] + uv[g] * mixed[g] + vv[g] * last[g]


@compiled
def weighted_sums(rows, weights):  # type: ignore[no-untyped-def]
    """Return the weighted sum of each row."""
    sums = np.zeros(len(rows))
    for entry in range(len(rows)):
        row, total = rows[entry], 0.0
        for g in range(len(weights)):
            total += weights[g] * row[g]
        sums[entry] = total
    return sums


@compiled
def mean_green(points, share, acoustic):  # type: ignore[no-untyped-def]
    """Average (n · C · n)⁻¹ ⊗ n ⊗ n over directions.

    Args:
        points: Directions n. (3, directions)
        share: Weights of the directions.
        acoustic: `acoustic_map` of C, flat.
    Returns:
        Components 11, 22, 33, 23, 13, 12 of both. (6, 6)
    """
    t = to_fixed_tuple(acoustic, 36)  # type: ignore[call-arg]
    x, y, z = points[0], points[1], points[2]
    green = np.empty((6, len(share)))
    xx, yy, zz, yz, xz, xy = green[0], green[1], green[2], green[3], green[4], green[5]
    for k in range(len(share)):
        a, b, c = x[k], y[k], z[k]
        xx[k], xy[k], xz[k] = precondition(a, b, c, 1.0, 0.0, 0.0, t, share[k], 0.0)
        _, yy[k], yz[k] = precondition(a, b, c, 0.0, 1.0, 0.0, t, share[k], 0.0)
        _, _, zz[k] = precondition(a, b, c, 0.0, 0.0, 1.0, t, share[k], 0.0)
    mean = np.empty((6, 6))
    for p in range(6):
        row = green[p]
        s0 = s1 = s2 = s3 = s4 = s5 = 0.0
        for k in range(len(share)):
            g, a, b, c = row[k], x[k], y[k], z[k]
            s0 += g * a * a
            s1 += g * b * b
            s2 += g * c * c
            s3 += g * b * c
            s4 += g * a * c
            s5 += g * a * b
        mean[p, 0], mean[p, 1], mean[p, 2] = s0, s1, s2
        mean[p, 3], mean[p, 4], mean[p, 5] = s3, s4, s5
    return mean
