"""Bootstrap bands of quantities that are linear in the weights of an orientation density."""

from __future__ import annotations

from numbers import Integral
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.randomness import as_generator
from polyxtal.argument_types import require_number, require_type

BLOCKS = 5000
"""Most units that are drawn: more orientations are put into as many random blocks of equal size."""


class Estimate(NamedTuple):
    """A quantity and its bootstrap band, numbers or tensors.

    The band is the scatter of the sample; the bias by the kernel's width is not in it.

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
    require_type(samples, Integral, "samples")
    require_number(level, "level")
    if samples < 10 or not 0 < level < 1:
        raise ValueError(
            "Arguments `samples` and `level` must be at least 10 and between 0 and 1, "
            f"but are {samples} and {level:g}."
        )
    generator = as_generator(seed)
    shares = torch.cat([weights[:, None] * contributions, weights[:, None]], 1)
    if len(weights) > BLOCKS:
        order = torch.randperm(len(weights), generator=generator)
        block = torch.arange(len(weights)) % BLOCKS
        shares = shares.new_zeros(BLOCKS, shares.shape[1]).index_add_(0, block, shares[order])
    count, rows = len(shares), list[Tensor]()
    for _ in range(samples):
        drawn = torch.randint(count, (count,), generator=generator)
        total = torch.bincount(drawn, minlength=count).to(shares) @ shares
        rows.append(total[:-1] / total[-1])
    values = torch.stack(rows)
    ends = torch.tensor([0.5 - 0.5 * level, 0.5 + 0.5 * level], dtype=torch.float64)
    low, high = values.quantile(ends, 0)
    return Estimate(weights @ contributions / weights.sum(), values.std(0), low, high)
