"""How loops are compiled for the CPU."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numba


def compiled_exactly(function: Callable[..., Any]) -> Any:
    """Compile with numba, without reordering arithmetic; the machine code is cached."""
    # Type checks that tests put in front of functions must not reach the compiler.
    original = inspect.unwrap(function)
    return numba.njit(cache=True, nogil=True, error_model="numpy")(original)
