"""Random generators of numbered samples: each depends on the seed and its own number alone."""

from __future__ import annotations

import numpy as np
import torch

_ODD = 0x9E3779B1  # multiplication by an odd number is one to one on 32 bits
_BITS = 2**32


def generator_of(seed: int, number: int, *stream: int) -> torch.Generator:
    """Return the generator of sample `number`, for one of several purposes.

    torch's CPU generator starts from 32 bits. They differ for all numbers below 2³², so no two
    samples of one seed are the same. A stream, such as (purpose, epoch), gives other numbers that
    do not depend on those without.

    Raises:
        ValueError: if the seed is negative or the number not from 0 to 2³² - 1.
    """
    if seed < 0:
        raise ValueError(f"Argument `seed` must not be negative, but is {seed}.")
    if not 0 <= number < _BITS:
        raise ValueError(f"The number of a sample must be from 0 to {_BITS - 1}, but is {number}.")
    base = int(np.random.SeedSequence(seed, spawn_key=stream).generate_state(1)[0])
    return torch.Generator().manual_seed((base + number * _ODD) % _BITS)
