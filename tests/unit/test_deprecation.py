"""Old names of arguments work for one release, with a warning."""

from __future__ import annotations

import pytest

from polyxtal.deprecation import renamed_arguments


@renamed_arguments(width="breadth")
def area(breadth: float, length: float = 1.0) -> float:
    return breadth * length


def test_an_old_argument_warns_and_is_used():
    with pytest.warns(DeprecationWarning, match="`width` of `area` is deprecated.*`breadth`"):
        assert area(width=3.0, length=2.0) == 6.0


def test_the_new_argument_does_not_warn():
    assert area(3.0) == area(breadth=3.0) == 3.0
