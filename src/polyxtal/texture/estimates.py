"""Bootstrap bands of quantities that are linear in the weights of an orientation density."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.randomness import as_generator


class Estimate(NamedTuple):
    """A quantity and its bootstrap band, numbers or tensors.

    Attributes:
        value: The quantity.
        deviation: Standard deviation over the resamples.
        low: Lower end of the band.
        high: Upper end of the band.
    """

    value: Tensor
    deviation: Tensor
    low: Tensor
    high: Tensor


def bootstrap(
    contributions: Float[Tensor, "n quantities"],
    weights: Float[Tensor, " n"],
    samples: int,
    level: float,
    seed: int,
) -> Estimate:
    """Return Σ_i w_i c_i / Σ_i w_i and its band, with orientations drawn with replacement.

    Args:
        contributions: Value c_i of each orientation.
        weights: Weights w_i.
        samples: Number of resamples, at least 10.
        level: Share of the resamples within the band, 0 to 1. [-]
        seed: Random seed.
    Raises:
        ValueError: if `samples` or `level` is out of range.
    """
    if samples < 10 or not 0 < level < 1:
        raise ValueError(
            "Arguments `samples` and `level` must be at least 10 and between 0 and 1, "
            f"but are {samples} and {level:g}."
        )
    generator = as_generator(seed)
    count, rows = len(weights), list[Tensor]()
    for _ in range(samples):
        drawn = torch.randint(count, (count,), generator=generator)
        share = torch.bincount(drawn, minlength=count) * weights
        rows.append(share @ contributions / share.sum())
    values = torch.stack(rows)
    ends = torch.tensor([0.5 - 0.5 * level, 0.5 + 0.5 * level], dtype=torch.float64)
    low, high = values.quantile(ends, 0)
    return Estimate(weights @ contributions / weights.sum(), values.std(0), low, high)
