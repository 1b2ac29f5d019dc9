"""How kernels are compiled, and the records they work on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

SLIP_SYSTEMS = 12
INACTIVE, EXACT = 1e-7, 1e-14
"""Slip systems below this share of the most active one are left out of Newton's matrix, and out
of a tangent that users see. [-]"""

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile with numba; NaN stays NaN, sums may be reordered, the machine code is cached."""
    # Type checks that tests put in front of functions must not reach the compiler.
    original = inspect.unwrap(function)
    options = {"contract", "reassoc", "nsz", "arcp"}
    return numba.njit(cache=True, nogil=True, fastmath=options, error_model="numpy")(original)  # type: ignore[return-value]


_SYSTEMS, _MATRIX = (SLIP_SYSTEMS,), (3, 3)

LAW_CONSTANTS = np.dtype(
    [
        ("compliance", "f8", (6, 6)),  # C⁻¹, Mandel, crystal frame [1/MPa]
        ("rate", "f8"),  # γ̇_0; 0 without plasticity [1/s]
        ("exponent", "f8"),  # n [-]
        ("hardening_exponent", "f8"),  # a [-]
        ("saturation", "f8"),  # ξ_∞ [MPa]
        ("hardening", "f8", (SLIP_SYSTEMS, SLIP_SYSTEMS)),  # [b, a] = h_0 h_ab: acting first [MPa]
        ("schmid", "f8", (SLIP_SYSTEMS, 3, 3)),  # s ⊗ n [-]
        ("schmid_mandel", "f8", (6, SLIP_SYSTEMS)),  # [-]
    ]
)
"""Constants of one phase, as one record: the kernel gets one pointer and knows every shape."""

POINT_WORKSPACE = np.dtype(
    [
        ("trial", "f8", _MATRIX),  # A = F F_p⁻¹(old)
        ("elastic", "f8", _MATRIX),  # F_e
        ("plastic_inverse", "f8", _MATRIX),  # F_p⁻¹(new), not normalised
        ("pull", "f8", _MATRIX),  # F_eᵀ A; later S F_p⁻ᵀ
        ("carried", "f8", _MATRIX),  # F_e S
        ("slipped", "f8", _MATRIX),
        ("rotated", "f8", _MATRIX),
        ("interim", "f8", _MATRIX),
        ("deformation", "f8", _MATRIX),  # the F on the way, in continuation
        ("relaxed", "f8", _MATRIX),  # F_p(old)
        ("slip", "f8", _SYSTEMS),  # Δγ
        ("resolved", "f8", _SYSTEMS),  # τ
        ("ratio", "f8", _SYSTEMS),  # scratch
        ("power", "f8", _SYSTEMS),  # |τ/ξ|^(n-1)
        ("softening", "f8", _SYSTEMS),  # ∂Δγ/∂τ at fixed ξ
        ("saturation_factor", "f8", _SYSTEMS),  # w
        ("saturation_slope", "f8", _SYSTEMS),  # dw/dξ
        ("accumulated", "f8", _SYSTEMS),  # h_0 Σ_b h_ab |Δγ_b|
        ("resistance_residual", "f8", _SYSTEMS),
        ("resolved_step", "f8", _SYSTEMS),
        ("resistance_step", "f8", _SYSTEMS),
        ("resistance_old", "f8", _SYSTEMS),
        ("resistance_kept", "f8", _SYSTEMS),
        ("active", "i8", _SYSTEMS),  # indices of active systems
        ("system", "f8", (SLIP_SYSTEMS, SLIP_SYSTEMS)),  # G
        ("slip_tangent", "f8", (SLIP_SYSTEMS, 8)),  # ∂|Δγ|/∂S; column 6: the constant part
        ("strain", "f8", (6,)),
        ("residual", "f8", (6,)),  # strain
        ("step", "f8", (6,)),
        ("stress_old", "f8", (6,)),
        ("stress_kept", "f8", (6,)),
        ("jacobian", "f8", (6, 8)),  # its LU factors after the solve
        ("strain_gradient", "f8", (6, 9)),  # ∂E/∂F at fixed slip
        ("stress_gradient", "f8", (6, 9)),  # ∂S/∂F
        ("push", "f8", (9, 6)),  # ∂P/∂S
    ]
)
"""Scratch of one material point; after `solve_point` it describes the solution."""


def point_workspace() -> np.void:
    """Allocate the scratch of one thread."""
    return np.zeros(1, POINT_WORKSPACE)[0]
