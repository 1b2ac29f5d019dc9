"""Compiled loops of `fields.py`."""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled_exactly


@compiled_exactly
def expand_kernel(
    ids: np.ndarray,
    table: np.ndarray,
    axes: np.ndarray,
    flipped: np.ndarray,
    shifts: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write table[b, ids[b, source]] to out[b, :, x, y, z]; see `expand`."""
    channels = out.shape[1]
    n = out.shape[2:]
    source = np.zeros(3, np.int64)
    for b in range(out.shape[0]):
        for x in range(n[0]):
            at = (x - shifts[b, 0]) % n[0]
            source[axes[b, 0]] = n[0] - 1 - at if flipped[b, 0] else at
            for y in range(n[1]):
                at = (y - shifts[b, 1]) % n[1]
                source[axes[b, 1]] = n[1] - 1 - at if flipped[b, 1] else at
                at = (-shifts[b, 2]) % n[2]
                for z in range(n[2]):
                    source[axes[b, 2]] = n[2] - 1 - at if flipped[b, 2] else at
                    at += 1
                    if at == n[2]:
                        at = 0
                    grain = ids[b, source[0], source[1], source[2]]
                    for c in range(channels):
                        out[b, c, x, y, z] = table[b, grain, c]
