"""Options of the spectral solver, without importing torch."""

SCHEMES = ("fourier", "rotated")
"""Discretisations: DAMASK's, and finite differences on a rotated grid [Willot2015]."""
MAX_ITERATIONS = 1000
"""Default of the largest number of iterations of a load case."""
