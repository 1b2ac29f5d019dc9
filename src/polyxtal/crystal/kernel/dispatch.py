"""What a law must give to the kernels, and how they find it.

The kernels are written once for all laws. Where they need the law itself they call one of the five
functions below; which code that is, is decided by the type of the law's record when a kernel is
compiled, so that a call costs nothing. A law gives the five in one module (`kernel.py` of its
folder), decorated with `compiled`:

    evaluate_law    slip, its stiffness and the residual of the state
    condense_law    the state eliminated from Newton's system
    law_step        what Newton's step does to the state
    fill_drive      how hard each system is driven
    fill_limits     the drive that makes a given slip

Systems are slip or twin systems, the state is the row of internal variables z of a point.
"""

from __future__ import annotations

import hashlib
import inspect
from functools import cache
from types import ModuleType
from typing import Any

from numba.extending import overload

from polyxtal.algebra.compiling import REORDERED

_KERNELS: dict[str, ModuleType] = {}


@cache
def kernel_marker(kernel: ModuleType) -> str:
    """Name a law's kernel by its module and source, for the first field of the law's record.

    Being part of the type, the name keys cached machine code, too: a law that changed is compiled
    anew, also one that lives outside the package.
    """
    source = hashlib.sha256(inspect.getsource(kernel).encode()).hexdigest()[:12]
    marker = f"{kernel.__name__.replace('.', '_')}_{source}"
    _KERNELS[marker] = kernel
    return marker


def _implementation(law: Any, name: str) -> Any:
    marker = next((field for field in getattr(law, "fields", ()) if field in _KERNELS), None)
    return None if marker is None else getattr(_KERNELS[marker], name).py_func


def evaluate_law(law, state_start, dt, state, ws):  # type: ignore[no-untyped-def]
    """Evaluate the law at `ws.resolved` (τ) and `state` (z).

    Fills `slip` (Δγ), `softening` (∂Δγ_a/∂τ_a at fixed z) and `state_residual`
    (z - z(old) - what the law adds).

    Returns:
        The largest residual of the state, each relative to the variable or its scale. [-]
    """
    raise NotImplementedError


def condense_law(law, state, count, ws):  # type: ignore[no-untyped-def]
    """Eliminate the state from the change of slip, for the `count` systems in `ws.active`.

    Newton's change g of |Δγ| obeys (1 - K) g = sgn(Δγ) ∂Δγ/∂τ dτ + k, where K and k come from
    solving the linearised residual of the state. Fills the first `count` columns of `system`
    (1 - K), and column 6 of `slip_tangent` (k).
    """
    raise NotImplementedError


def law_step(law, state, count, ws):  # type: ignore[no-untyped-def]
    """Find Newton's change of the state from that of slip (`slip_step`) into `state_step`.

    Returns:
        The largest relative change of the drive of any system that the whole step makes:
        (|dτ_a| + |dξ_a|) / ξ_a. [-]
    """
    raise NotImplementedError


def fill_drive(law, resolved, state, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the drive |τ_a|/ξ_a of each system; 0 where it cannot slip. [-]"""
    raise NotImplementedError


def fill_limits(law, slip, dt, ws):  # type: ignore[no-untyped-def]
    """Fill `drive_limit` with the drive at which each system slips by `slip` in the time dt."""
    raise NotImplementedError


@overload(evaluate_law, jit_options=REORDERED)
def _evaluate_law(law, state_start, dt, state, ws):  # type: ignore[no-untyped-def]
    return _implementation(law, "evaluate_law")


@overload(condense_law, jit_options=REORDERED)
def _condense_law(law, state, count, ws):  # type: ignore[no-untyped-def]
    return _implementation(law, "condense_law")


@overload(law_step, jit_options=REORDERED)
def _law_step(law, state, count, ws):  # type: ignore[no-untyped-def]
    return _implementation(law, "law_step")


@overload(fill_drive, jit_options=REORDERED)
def _fill_drive(law, resolved, state, out):  # type: ignore[no-untyped-def]
    return _implementation(law, "fill_drive")


@overload(fill_limits, jit_options=REORDERED)
def _fill_limits(law, slip, dt, ws):  # type: ignore[no-untyped-def]
    return _implementation(law, "fill_limits")
