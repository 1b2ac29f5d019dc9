"""The five functions that each law implements for the kernels.

The kernels are written once for all laws and call the functions below. The type of the law's record
selects the implementation when a kernel is compiled, so that the call costs nothing at run time. A
law implements the five in one module (`kernel.py` of its folder), decorated with `compiled`:

    evaluate_law    slip, its stiffness and the residual of the state
    condense_law    elimination of the state from Newton's system
    law_step        Newton's step of the state
    fill_drive      drive of each system
    fill_limits     drive of each system at a given slip

A law may also implement `evaluate_lanes` and `sweep_lanes`, see `lanes.py`, and then tells the
scratch of a batch of points by `lane_scratch`, as `scratch` does for a point.

Systems are slip or twin systems, the state is the row of internal variables z of a point.
"""

from __future__ import annotations

import hashlib
import inspect
from functools import cache
from types import ModuleType
from typing import Any

from polyxtal.algebra.compiling import compiled_overload

_KERNELS: dict[str, ModuleType] = {}


@cache
def kernel_marker(kernel: ModuleType) -> str:
    """Return a name of a law's kernel, by module and source, for the first field of its record.

    As part of the type the name also keys cached machine code: a law that changed is recompiled,
    including laws outside the package.
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
    (z - z(old) - E).

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
    """Compute Newton's step of the state (`state_step`) from that of slip (`slip_step`).

    Returns:
        The largest relative change of the drive of any system over the whole step,
        (|dτ_a| + |dξ_a|) / ξ_a. [-]
    """
    raise NotImplementedError


def fill_drive(law, resolved, state, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the drive |τ_a|/ξ_a of each system; 0 where it cannot slip. [-]"""
    raise NotImplementedError


def fill_limits(law, slip, dt, ws):  # type: ignore[no-untyped-def]
    """Fill `drive_limit` with the drive at which each system slips by `slip` in the time dt."""
    raise NotImplementedError


def evaluate_lanes(law, dt, first, ws):  # type: ignore[no-untyped-def]
    """Evaluate the law in all lanes, `first` at their start values; optional, see `lanes.py`.

    Fills `slip`, `softening`, `state_residual`, and `error` with the largest residual of the state,
    each relative to the variable or its scale.
    """
    raise NotImplementedError


def sweep_lanes(law, ws):  # type: ignore[no-untyped-def]
    """Fill `state_step` (L dΔγ - r_z) from `slip_step` (dΔγ), and `slip_by_state` (M dz)."""
    raise NotImplementedError


@compiled_overload(evaluate_law)
def _evaluate_law(law, state_start, dt, state, ws):  # type: ignore[no-untyped-def]
    return _implementation(law, "evaluate_law")


@compiled_overload(condense_law)
def _condense_law(law, state, count, ws):  # type: ignore[no-untyped-def]
    return _implementation(law, "condense_law")


@compiled_overload(law_step)
def _law_step(law, state, count, ws):  # type: ignore[no-untyped-def]
    return _implementation(law, "law_step")


@compiled_overload(fill_drive)
def _fill_drive(law, resolved, state, out):  # type: ignore[no-untyped-def]
    return _implementation(law, "fill_drive")


@compiled_overload(fill_limits)
def _fill_limits(law, slip, dt, ws):  # type: ignore[no-untyped-def]
    return _implementation(law, "fill_limits")


@compiled_overload(evaluate_lanes)
def _evaluate_lanes(law, dt, first, ws):  # type: ignore[no-untyped-def]
    return _implementation(law, "evaluate_lanes")


@compiled_overload(sweep_lanes)
def _sweep_lanes(law, ws):  # type: ignore[no-untyped-def]
    return _implementation(law, "sweep_lanes")
