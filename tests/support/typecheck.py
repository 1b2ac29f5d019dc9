"""The type checker that `conftest.py` puts in front of public functions; ints pass as floats.

A function is checked in its first calls within a test. Loops call some ten thousands of times, and
checks of all these calls took half of the time of the tests.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

CALLS = 30
"""Checks of a function in each test, of arguments and of results."""

_strict = beartype(conf=BeartypeConf(is_pep484_tower=True))
_calls: Counter[tuple[str, str]] = Counter()
_unchecked: list[Any] = []


def checked(signature: Callable[..., Any]) -> Callable[..., Any]:
    """Return the check of a function, of which jaxtyping gives no more than name and signature."""
    check: Any = _strict(signature)
    name = (signature.__module__, signature.__qualname__)

    @functools.wraps(check)
    def counted(*args: Any, **kwargs: Any) -> Any:
        _calls[name] += 1
        if _calls[name] == CALLS and (function := _find(*name)) is not None:
            function.__no_type_check__ = True  # jaxtyping looks for it in each call
            _unchecked.append(function)
        return check(*args, **kwargs)

    return counted


def check_again() -> None:
    """Check the next calls of every function."""
    _calls.clear()
    while _unchecked:
        del _unchecked.pop().__no_type_check__


def _find(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = inspect.getattr_static(found, part, None)
    found = getattr(found, "fget", None) or getattr(found, "__func__", found)
    return inspect.unwrap(found) if inspect.isfunction(found) else None
