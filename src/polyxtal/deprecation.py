"""Old names that stay for one release: see "Deprecation" in CONTRIBUTING.md."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def warn_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Warn that a public name is deprecated.

    Args:
        old: Deprecated name, as the caller wrote it.
        new: Name to use instead.
        stacklevel: Frames between the caller and the warning, see `warnings.warn`.
    """
    message = f"{old} is deprecated and goes with the next release; use {new} instead."
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel)


def renamed_arguments(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Accept old names of keyword arguments, with a warning.

    Args:
        names: New name by old name.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def accept(*args: Any, **kwargs: Any) -> R:
            for old in names.keys() & kwargs.keys():
                warn_renamed(f"Argument `{old}` of `{function.__name__}`", f"`{names[old]}`")
                kwargs[names[old]] = kwargs.pop(old)
            return function(*args, **kwargs)

        return accept

    return decorate
