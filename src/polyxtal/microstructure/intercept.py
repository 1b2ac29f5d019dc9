"""Mean intercepts: how far a straight line along an axis runs within a grain."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.microstructure.polycrystal import Polycrystal


def mean_intercepts(rve: Polycrystal) -> Float[Tensor, "3"]:
    """Count the faces between grains that lines along x, y and z cross.

        l = length / crossings

    An axis whose lines cross none gets the length that one crossing on all its lines together
    would give, the longest that the volume can tell.

    Returns:
        Mean intercepts along x, y, z. [µm]
    """
    ids = rve.grain_id
    lengths = []
    for axis, spacing in enumerate(rve.spacing):
        crossings = int((ids != ids.roll(1, axis)).sum())
        lengths.append(spacing * ids.numel() / max(1, crossings))
    return torch.tensor(lengths, dtype=torch.float64)
