"""Operations on small matrices, written out."""

from __future__ import annotations

from polyxtal.algebra.compiling import compiled

SQRT1_2 = 0.5**0.5


@compiled
def invert(m, out):
    """Invert a 3x3 matrix by its cofactors."""
    c00 = m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1]
    c01 = m[1, 2] * m[2, 0] - m[1, 0] * m[2, 2]
    c02 = m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0]
    inverse = 1.0 / (m[0, 0] * c00 + m[0, 1] * c01 + m[0, 2] * c02)
    out[0, 0] = c00 * inverse
    out[1, 0] = c01 * inverse
    out[2, 0] = c02 * inverse
    out[0, 1] = (m[0, 2] * m[2, 1] - m[0, 1] * m[2, 2]) * inverse
    out[1, 1] = (m[0, 0] * m[2, 2] - m[0, 2] * m[2, 0]) * inverse
    out[2, 1] = (m[0, 1] * m[2, 0] - m[0, 0] * m[2, 1]) * inverse
    out[0, 2] = (m[0, 1] * m[1, 2] - m[0, 2] * m[1, 1]) * inverse
    out[1, 2] = (m[0, 2] * m[1, 0] - m[0, 0] * m[1, 2]) * inverse
    out[2, 2] = (m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]) * inverse


@compiled
def determinant(m):
    """Return the determinant of a 3x3 matrix."""
    return (
        m[0, 0] * (m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1])
        - m[0, 1] * (m[1, 0] * m[2, 2] - m[1, 2] * m[2, 0])
        + m[0, 2] * (m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0])
    )


@compiled
def multiply(a, b, out):
    """Multiply two 3x3 matrices."""
    for i in range(3):
        for j in range(3):
            out[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j] + a[i, 2] * b[2, j]


@compiled
def symmetric_product(a, b, out):
    """Compute the Mandel vector of sym(aᵀ b)."""
    for i in range(3):
        out[i] = a[0, i] * b[0, i] + a[1, i] * b[1, i] + a[2, i] * b[2, i]
    m = 3
    for i, j in ((1, 2), (0, 2), (0, 1)):
        value = 0.0
        for k in range(3):
            value += a[k, i] * b[k, j] + a[k, j] * b[k, i]
        out[m] = SQRT1_2 * value
        m += 1


@compiled
def fill_symmetric(vector, out):
    """Write a Mandel vector as a symmetric 3x3 matrix."""
    for i in range(3):
        out[i, i] = vector[i]
    out[1, 2] = out[2, 1] = SQRT1_2 * vector[3]
    out[0, 2] = out[2, 0] = SQRT1_2 * vector[4]
    out[0, 1] = out[1, 0] = SQRT1_2 * vector[5]


@compiled
def factorise(matrix, size):
    """Factorise LU without pivoting, in place; the pivots of these matrices are positive."""
    for k in range(size):
        inverse = 1.0 / matrix[k, k]
        for i in range(k + 1, size):
            factor = matrix[i, k] * inverse
            matrix[i, k] = factor
            for j in range(k + 1, size):
                matrix[i, j] -= factor * matrix[k, j]


@compiled
def eliminate(matrix, size, solution):
    """Solve by elimination without pivoting; the last 8 columns are right-hand sides, overwritten.

    Whole rows are subtracted, zeros included: a loop of known length is faster than a shorter one.
    """
    width = matrix.shape[1]
    for k in range(size):
        inverse = 1.0 / matrix[k, k]
        for i in range(k + 1, size):
            factor = matrix[i, k] * inverse
            for j in range(width):
                matrix[i, j] -= factor * matrix[k, j]
    for k in range(size - 1, -1, -1):
        inverse = 1.0 / matrix[k, k]
        for c in range(8):
            solution[k, c] = inverse * matrix[k, width - 8 + c]
        for i in range(k):
            factor = matrix[i, k]
            for c in range(8):
                matrix[i, width - 8 + c] -= factor * solution[k, c]


@compiled
def substitute(factors, size, right):
    """Solve with LU factors for all columns of `right` (its column count is fixed), in place."""
    columns = right.shape[1]
    for k in range(size):
        for i in range(k + 1, size):
            factor = factors[i, k]
            for c in range(columns):
                right[i, c] -= factor * right[k, c]
    for k in range(size - 1, -1, -1):
        inverse = 1.0 / factors[k, k]
        for c in range(columns):
            right[k, c] *= inverse
        for i in range(k):
            factor = factors[i, k]
            for c in range(columns):
                right[i, c] -= factor * right[k, c]
