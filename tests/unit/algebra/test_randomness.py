"""Seeds of ensembles and generators of numbered samples."""

from __future__ import annotations

import pytest
import torch

from polyxtal.algebra.randomness import generator_of, member_seeds


def first(seed: int, number: int) -> float:
    return float(torch.rand((), generator=generator_of(seed, number), dtype=torch.float64))


def test_a_sample_depends_on_seed_and_number_alone():
    assert first(3, 7) == first(3, 7)
    assert first(3, 7) != first(4, 7)
    assert first(3, 7) != first(3, 8)
    assert first(3, 7) != first(7, 3)


def test_no_two_numbers_share_a_start():
    starts = {generator_of(0, n).initial_seed() for n in range(20_000)}
    assert len(starts) == 20_000
    # torch keeps 32 bits of a start; more would be cut, and could meet.
    assert max(starts) < 2**32
    # Numbers far apart do not meet either.
    far = {generator_of(0, n).initial_seed() for n in (2**30, 2**31, 3 * 2**30, 2**32 - 1)}
    assert len(far | starts) == 20_004


def test_first_draws_of_successive_samples_are_even():
    drawn = torch.tensor([first(1, n) for n in range(4000)], dtype=torch.float64)
    counts = torch.histc(drawn, 20, 0.0, 1.0)
    # χ² of 19 degrees of freedom: 43.8 is exceeded once in a thousand.
    assert float(((counts - 200) ** 2 / 200).sum()) < 43.8
    pairs = torch.corrcoef(torch.stack([drawn[:-1], drawn[1:]]))
    assert abs(float(pairs[0, 1])) < 4 / 4000**0.5


@pytest.mark.parametrize(("seed", "number"), [(-1, 0), (0, -1), (0, 2**32)])
def test_what_would_repeat_is_refused(seed, number):
    with pytest.raises(ValueError, match="must"):
        generator_of(seed, number)


def test_member_seeds_depend_on_the_seed_and_not_on_the_number_of_members():
    many = member_seeds(5, 40)
    assert member_seeds(5, 3) == many[:3]
    assert member_seeds(6, 40) != many
    assert len(set(many)) == 40
