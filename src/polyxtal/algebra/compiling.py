"""How loops are compiled for the CPU, and when cached machine code is still valid.

Numba caches the machine code of a function beside its source, and drops it when that file changes;
it does not notice a change of a function in another file that was compiled into it. Here the cache
is keyed by all compiled sources of the package, so that stale machine code is never run.
"""

from __future__ import annotations

import hashlib
import inspect
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.extending import overload

_EXACT: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_REORDERED: Any = _EXACT | {"fastmath": {"contract", "reassoc", "nsz", "arcp"}}
_MARK = b"@compiled"


def compiled(function: Callable[..., Any]) -> Any:
    """Compile with numba and cache the machine code; sums may be reordered, NaN stays NaN."""
    return _compile(function, _REORDERED)


def compiled_exactly(function: Callable[..., Any]) -> Any:
    """Compile with numba and cache the machine code, without reordering arithmetic."""
    return _compile(function, _EXACT)


def compiled_overload(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate an implementation of `function` that depends on types, compiled like `compiled`."""
    return overload(function, jit_options=_REORDERED)


def _compile(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    # Type checks that tests put in front of functions must not reach the compiler.
    dispatcher: Any = numba.njit(**options)(inspect.unwrap(function))
    try:
        dispatcher.enable_caching()
    except RuntimeError:  # neither the package nor the home folder can be written to
        _warn_uncached()
        return dispatcher
    file = getattr(dispatcher._cache, "_cache_file", None)
    if file is None or not hasattr(file, "_source_stamp"):
        return numba.njit(**options)(inspect.unwrap(function))  # rather slow than stale
    file._source_stamp = (file._source_stamp, source_digest())
    return dispatcher


@cache
def _warn_uncached() -> None:
    warnings.warn(
        "Machine code must be stored in a folder that can be written to, but there is none, so "
        "every process compiles it again; set the environment variable NUMBA_CACHE_DIR to such a "
        "folder.",
        stacklevel=2,
    )


@cache
def source_digest(root: Path = Path(__file__).parents[1]) -> str:
    """Return a hash of the sources of all compiled functions below a folder."""
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        text = file.read_bytes()
        if _MARK in text:
            digest.update(file.name.encode() + b"\0" + text)
    return digest.hexdigest()
