"""Seeds of ensembles, and random generators of numbered samples."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import torch

from polyxtal.files.wording import shorten

_ODD = 0x9E3779B1  # multiplication by an odd number is one to one on 32 bits
_BITS = 2**32


def as_generator(seed: int | torch.Generator) -> torch.Generator:
    """Return a generator: the given one, or that of a seed.

    Raises:
        ValueError: if the seed is neither, or does not fit into 64 bits.
    """
    if isinstance(seed, torch.Generator):
        return seed
    if not isinstance(seed, Integral) or not -(2**63) <= seed < 2**63:
        raise ValueError(
            "Argument `seed` must be a whole number of 64 bits or a torch.Generator, "
            f"but is {shorten(seed)}."
        )
    return torch.Generator().manual_seed(int(seed))


def member_seeds(seed: int, count: int) -> list[int]:
    """Return the seeds of the members of an ensemble.

    The first seeds do not depend on how many members there are.

    Args:
        seed: Random seed of the ensemble.
        count: Number of members.
    """
    generator = torch.Generator().manual_seed(int(seed))
    return torch.randint(2**62, (count,), generator=generator).tolist()


def generator_of(seed: int, number: int, *stream: int) -> torch.Generator:
    """Return the random generator of sample `number`, which depends on nothing but the arguments.

    torch's CPU generator is seeded by 32 bits. They differ for all numbers below 2³², so no two
    samples of one seed are the same.

    Args:
        seed: Random seed, not negative.
        number: Number of the sample, from 0 to 2³² - 1.
        stream: Integers that select an independent random stream, such as purpose and epoch.
    Raises:
        ValueError: if the seed is negative or the number out of bounds.
    """
    if seed < 0:
        raise ValueError(f"Argument `seed` must not be negative, but is {seed}.")
    if not 0 <= number < _BITS:
        raise ValueError(f"The number of a sample must be from 0 to {_BITS - 1}, but is {number}.")
    base = int(np.random.SeedSequence(seed, spawn_key=stream).generate_state(1)[0])
    return torch.Generator().manual_seed((base + number * _ODD) % _BITS)
