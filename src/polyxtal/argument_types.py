"""Types of arguments, checked where a wrong one would otherwise fail later and elsewhere."""

from __future__ import annotations

from typing import Any


def require_type(value: Any, kind: type, argument: str) -> None:
    """Make sure that an argument is of a type; arguments that are swapped are not.

    Args:
        value: What was given.
        kind: What it must be.
        argument: Name of the argument.
    Raises:
        ValueError: if it is of another type.
    """
    if not isinstance(value, kind):
        raise ValueError(
            f"Argument `{argument}` must be {with_article(kind)}, but is "
            f"{with_article(type(value))}."
        )


def with_article(kind: type) -> str:
    """Return the name of a type with its article."""
    return f"{'an' if kind.__name__[0] in 'AEIOUaeiou' else 'a'} {kind.__name__}"
