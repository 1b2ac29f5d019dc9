"""Mean intercept length of grains along the axes."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.compiling import compiled_exactly
from polyxtal.microstructure.polycrystal import Polycrystal


def mean_intercepts(rve: Polycrystal) -> Float[Tensor, "3"]:
    """Return the mean intercept lengths along x, y and z.

        l = length / crossings

    An axis without crossings gets the length of one crossing on all its lines together, the longest
    that the volume can resolve.

    Returns:
        Mean intercepts along x, y, z. [µm]
    """
    crossings = np.maximum(1, count_crossings(rve.grain_id.numpy()))
    lengths = np.array(rve.spacing) * rve.grain_id.numel() / crossings
    return torch.from_numpy(lengths)


@compiled_exactly
def count_crossings(ids):  # type: ignore[no-untyped-def]
    """Return the number of grain boundaries crossed along x, y and z, with periodic neighbours."""
    nx, ny, nz = ids.shape
    crossings = np.zeros(3, np.int64)
    for i in range(nx):
        for j in range(ny):
            row, back, left = ids[i, j], ids[i - 1, j], ids[i, j - 1]  # -1 is the last
            x = y = z = 0
            for k in range(nz):
                x += row[k] != back[k]
                y += row[k] != left[k]
            for k in range(1, nz):
                z += row[k] != row[k - 1]
            crossings[0] += x
            crossings[1] += y
            crossings[2] += z + (row[0] != row[nz - 1])
    return crossings
