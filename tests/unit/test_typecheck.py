"""Types are checked in the first calls of each test."""

import pytest
import torch
from jaxtyping import TypeCheckError
from typecheck import CALLS, check_again

from polyxtal.algebra.mandel import matrix_to_mandel

WRONG = torch.eye(3, dtype=torch.int64)


def test_checks_end_after_some_calls_and_begin_again():
    with pytest.raises(TypeCheckError):
        matrix_to_mandel(WRONG)
    for _ in range(CALLS):
        matrix_to_mandel(torch.eye(3, dtype=torch.float64))
    assert matrix_to_mandel(WRONG).shape == (6,)
    check_again()
    with pytest.raises(TypeCheckError):
        matrix_to_mandel(WRONG)


def test_the_next_test_is_checked_again():
    with pytest.raises(TypeCheckError):
        matrix_to_mandel(WRONG)
