"""What files say, shortened for error messages, which stay a few lines long."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import Any

MAX_LISTED = 20
"""Largest number of names that a message lists."""

MAX_NAME, MAX_VALUE, MAX_REASON = 30, 200, 400
"""Longest name, value and reason in a message. [characters]"""

_END = 60
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100
_SHORT.maxlevel = 3


def shorten(value: Any) -> str:
    """Return a short representation of a value."""
    return shorten_text(_SHORT.repr(value), MAX_VALUE)


def shorten_text(text: object, limit: int = MAX_REASON) -> str:
    """Return a text on one line, without its middle where it is longer than `limit`."""
    line = " ".join(str(text).split())
    end = min(_END, limit // 3)
    return line if len(line) <= limit else f"{line[: limit - end - 3]}...{line[-end:]}"


def listing(names: Iterable[object]) -> str:
    """Return names joined for a sentence; of many, the first ones and how many more there are."""
    every = list(names)
    shown = ", ".join(shorten_text(name, MAX_NAME) for name in every[:MAX_LISTED])
    left = len(every) - MAX_LISTED
    return f"{shown} and {left} more" if left > 0 else shown
