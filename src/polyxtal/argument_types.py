"""Types of arguments, checked where a wrong one would otherwise fail later and elsewhere."""

from __future__ import annotations

import os
from numbers import Integral
from typing import Any

MAX_THREADS = 1024


def require_type(value: Any, kind: type | tuple[type, ...], argument: str) -> None:
    """Make sure that an argument is of a type; arguments that are swapped are not.

    True and False are no whole numbers.

    Args:
        value: What was given.
        kind: What it must be, or one of several.
        argument: Name of the argument.
    Raises:
        ValueError: if it is of another type.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    boolean = isinstance(value, bool) and Integral in kinds and bool not in kinds
    if boolean or not isinstance(value, kind):
        *others, last = map(with_article, kinds)
        wanted = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(
            f"Argument `{argument}` must be {wanted}, but is {with_article(type(value))}."
        )


def require_number(value: Any, argument: str) -> None:
    """Make sure that an argument is a number of any type, NumPy's and torch's included.

    Raises:
        ValueError: if it is not.
    """
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ValueError(
            f"Argument `{argument}` must be a number, but is {with_article(type(value))}."
        )


def require_numbers(**values: object) -> None:
    """Raise TypeError at the first keyword whose value is no number, see `require_number`."""
    for name, value in values.items():
        require_number(value, name)


def require_seed(value: Any, argument: str = "seed") -> None:
    """Make sure that an argument is a random seed: a whole number that is not negative.

    Raises:
        ValueError: if it is not.
    """
    require_type(value, Integral, argument)
    if value < 0:
        raise ValueError(f"Argument `{argument}` must not be negative, but is {value}.")


def require_threads(value: Any, argument: str = "threads") -> None:
    """Make sure that an argument is a number of threads, or None.

    Raises:
        ValueError: if it is not whole, or out of bounds.
    """
    if value is None:
        return
    require_type(value, Integral, argument)
    if not 1 <= value <= MAX_THREADS:
        raise ValueError(f"Argument `{argument}` must be 1 to {MAX_THREADS}, but is {value}.")


def require_path(value: Any, argument: str) -> None:
    """Make sure that an argument is a path.

    Raises:
        ValueError: if it is neither text nor a path.
    """
    if not isinstance(value, str | os.PathLike):
        raise ValueError(
            f"Argument `{argument}` must be a path, but is {with_article(type(value))}."
        )


def with_article(kind: type) -> str:
    """Return the name of a type with its article."""
    if kind in (type(None), Integral):
        return "None" if kind is type(None) else "a whole number"
    name = kind.__name__
    vowel = name[0] in "AEIOUaeiou" and not name.startswith("Uni")
    return f"{'an' if vowel else 'a'} {name}"
