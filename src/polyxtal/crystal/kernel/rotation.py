"""Crystal orientations from F_e, and F_p of determinant one, for batches of points."""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.linear import determinant, invert

MAX_ITERATIONS = 60
TOLERANCE = 2e-15


@compiled
def polar_rotation(matrix, inverse):
    """Replace `matrix` by its rotation, by R ← ½ (R + R⁻ᵀ) [Higham1986]; `inverse` is scratch."""
    for _ in range(MAX_ITERATIONS):
        invert(matrix, inverse)
        change = 0.0
        for i in range(3):
            for j in range(3):
                step = 0.5 * (inverse[j, i] - matrix[i, j])
                matrix[i, j] += step
                change = max(change, abs(step))
        if not change > TOLERANCE:
            break


@compiled
def matrix_quaternion(m, q):
    """Compute the quaternion (w >= 0) of a rotation matrix, dividing by its largest component."""
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    best, largest = 0, trace
    for k in range(3):
        if m[k, k] > largest:
            best, largest = k + 1, m[k, k]
    if best == 0:
        q[0] = 1.0 + trace
        q[1], q[2], q[3] = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    else:
        i = best - 1
        j, k = (i + 1) % 3, (i + 2) % 3
        q[0] = m[k, j] - m[j, k]
        q[1 + i] = 1.0 + 2.0 * m[i, i] - trace
        q[1 + j] = m[i, j] + m[j, i]
        q[1 + k] = m[i, k] + m[k, i]
    norm = 0.0
    for c in range(4):
        norm += q[c] * q[c]
    scale = (-1.0 if q[0] < 0.0 else 1.0) / np.sqrt(norm)
    for c in range(4):
        q[c] *= scale


@compiled
def crystal_orientations(deformation, plastic_inverse, first, last, out):
    """Fill out[first:last] with the orientations of F_e = F F_p⁻¹.

    Args:
        deformation: F, (9, points).
        plastic_inverse: F_p⁻¹, (points, 3, 3).
        first, last: Range of points.
        out: (points, 4).
    """
    elastic, inverse = np.empty((3, 3)), np.empty((3, 3))
    for point in range(first, last):
        for i in range(3):
            for j in range(3):
                value = 0.0
                for k in range(3):
                    value += deformation[3 * i + k, point] * plastic_inverse[point, k, j]
                elastic[i, j] = value
        polar_rotation(elastic, inverse)
        matrix_quaternion(elastic, out[point])


@compiled
def rotations_of(elastic, out):
    """Fill `out` (points, 4) with the orientations of F_e (points, 3, 3), which is overwritten."""
    inverse = np.empty((3, 3))
    for point in range(len(elastic)):
        polar_rotation(elastic[point], inverse)
        matrix_quaternion(elastic[point], out[point])


@compiled
def normalise(plastic_inverse, first, last):
    """Scale F_p⁻¹ of points `first` to `last` - 1 to determinant one, in place."""
    for point in range(first, last):
        scale = determinant(plastic_inverse[point]) ** (-1.0 / 3.0)
        for i in range(3):
            for j in range(3):
                plastic_inverse[point, i, j] *= scale
