"""How loops are compiled for the CPU, and when cached machine code still holds.

Numba caches the machine code of a function beside its source, and drops it when that file changes;
it does not notice a change of a function in another file that was compiled into it. Here the cache
is keyed by all compiled sources of the package, so that stale machine code is never run.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
REORDERED: Any = OPTIONS | {"fastmath": {"contract", "reassoc", "nsz", "arcp"}}
"""NaN stays NaN, sums may be reordered."""

_MARKS = (b"@compiled", b"@overload")


def compiled(function: Callable[..., Any]) -> Any:
    """Compile with numba; sums may be reordered, but NaN stays NaN; the machine code is cached."""
    return _compile(function, REORDERED)


def compiled_exactly(function: Callable[..., Any]) -> Any:
    """Compile with numba, without reordering arithmetic; the machine code is cached."""
    return _compile(function, OPTIONS)


def _compile(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    # Type checks that tests put in front of functions must not reach the compiler.
    dispatcher: Any = numba.njit(**options)(inspect.unwrap(function))
    dispatcher.enable_caching()
    file = getattr(dispatcher._cache, "_cache_file", None)
    if file is None or not hasattr(file, "_source_stamp"):
        return numba.njit(**options)(inspect.unwrap(function))  # rather slow than stale
    file._source_stamp = (file._source_stamp, source_digest())
    return dispatcher


@cache
def source_digest(root: Path = Path(__file__).parents[1]) -> str:
    """Hash the sources of all compiled functions below a folder."""
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        text = file.read_bytes()
        if any(mark in text for mark in _MARKS):
            digest.update(file.name.encode() + b"\0" + text)
    return digest.hexdigest()
