"""Loops of generalised spherical harmonics, compiled for the CPU.

Spreading and gathering between points and a periodic grid with a bell-shaped window is the
irregular part of a fast Fourier transform at arbitrary points [Barnett2019].
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled


@compiled
def window(place, width, beta, points, values, index):  # type: ignore[no-untyped-def]
    """Fill in the window exp(β (√(1 - z²) - 1)) at the grid points around a place.

    Args:
        place: Position in units of the grid's step.
        width: Number of grid points within the window.
        beta: β. [-]
        points: Number of points of the periodic grid.
        values: Out: values, (width,).
        index: Out: grid points, (width,).
    """
    first = int(np.ceil(place - 0.5 * width))
    for j in range(width):
        z = (place - first - j) / (0.5 * width)
        inside = 1.0 - z * z
        values[j] = np.exp(beta * (np.sqrt(inside) - 1.0)) if inside > 0.0 else 0.0
        index[j] = (first + j) % points


@compiled
def spread(places, weights, width, beta, grid):  # type: ignore[no-untyped-def]
    """Add weighted points to a periodic grid.

    Args:
        places: Positions in units of the grid's steps, (n, 3).
        weights: Weights, (n,).
        width, beta: See `window`.
        grid: In and out, (n1, n2, n3).
    """
    n1, n2, n3 = grid.shape
    a, b, c = np.empty(width), np.empty(width), np.empty(width)
    index = np.empty((3, width), np.int64)
    for i in range(len(places)):
        window(places[i, 0], width, beta, n1, a, index[0])
        window(places[i, 1], width, beta, n2, b, index[1])
        window(places[i, 2], width, beta, n3, c, index[2])
        for j1 in range(width):
            for j2 in range(width):
                row = grid[index[0, j1], index[1, j2]]
                scale = weights[i] * a[j1] * b[j2]
                for j3 in range(width):
                    row[index[2, j3]] += scale * c[j3]


@compiled
def gather(places, width, beta, grid, values):  # type: ignore[no-untyped-def]
    """Interpolate a periodic grid at points, see `spread`; `values` is filled in, (n,)."""
    n1, n2, n3 = grid.shape
    a, b, c = np.empty(width), np.empty(width), np.empty(width)
    index = np.empty((3, width), np.int64)
    for i in range(len(places)):
        window(places[i, 0], width, beta, n1, a, index[0])
        window(places[i, 1], width, beta, n2, b, index[1])
        window(places[i, 2], width, beta, n3, c, index[2])
        total = 0.0
        for j1 in range(width):
            for j2 in range(width):
                row = grid[index[0, j1], index[1, j2]]
                part = 0.0
                for j3 in range(width):
                    part += c[j3] * row[index[2, j3]]
                total += a[j1] * b[j2] * part
        values[i] = total


@compiled
def degrees_to_modes(degree, fold, turn, coefficients, modes):  # type: ignore[no-untyped-def]
    """Add the coefficients of one degree to the Fourier modes of Euler space.

        F_mnk += (2l+1) U_mk U_nk f_mn,   k >= 0

    Args:
        degree: Degree l.
        fold: Only n that are multiples of it count.
        turn: U, (2l+1, l+1).
        coefficients: f, (2l+1, 2l+1).
        modes: In and out: F, (2L+1, 2J+1, L+1), n = fold j.
    """
    middle, side = modes.shape[0] // 2, modes.shape[1] // 2
    most = degree // fold
    for m in range(-degree, degree + 1):
        for j in range(-most, most + 1):
            f = (2 * degree + 1) * coefficients[m + degree, fold * j + degree]
            left, right = turn[m + degree], turn[fold * j + degree]
            row = modes[m + middle, j + side]
            for k in range(degree + 1):
                row[k] += f * (left[k] * right[k])


@compiled
def modes_to_degrees(degree, fold, turn, modes, coefficients):  # type: ignore[no-untyped-def]
    """Fill in the coefficients of one degree, f_mn = Σ_k U_mk U_nk T_mnk; see above."""
    middle, side = modes.shape[0] // 2, modes.shape[1] // 2
    most = degree // fold
    for m in range(-degree, degree + 1):
        for j in range(-most, most + 1):
            left, right = turn[m + degree], turn[fold * j + degree]
            row = modes[m + middle, j + side]
            real, imaginary = 0.0, 0.0
            for k in range(degree + 1):
                weight = left[k] * right[k]
                real += weight * row[k].real
                imaginary += weight * row[k].imag
            coefficients[m + degree, fold * j + degree] = complex(real, imaginary)
