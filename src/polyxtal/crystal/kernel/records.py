"""The records that kernels work on: the constants of a law and the scratch of a material point.

A record's type contains all shapes and, as its first field, the name of the law: kernels are
compiled for each law, number of systems and size of the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

INACTIVE, EXACT = 1e-7, 1e-14
"""Share of the largest slip below which systems are omitted from Newton's matrix, and from the
consistent tangents that are returned. [-]"""

ACCURATE = 1e-11
"""Relative error of drives that is left where no larger one is asked for. [-]"""

LANES = 64
"""Points that are solved at once."""

COUPLED = np.bool_(True)
"""Newton's method for stress and state together. A literal `True` would be a type of its own, for
which numba would compile the functions that take it once more."""

Field = tuple[str, tuple[int, ...]]
"""Name and shape of an array of doubles."""


def constants_dtype(
    marker: str, systems: int, states: int, more: Sequence[Field] = ()
) -> np.dtype[np.void]:
    """Return the record type of the constants of one phase.

    Args:
        marker: Name of the law's kernel, see `dispatch`.
        systems: Number of slip and twin systems.
        states: Number of internal variables.
        more: Further constants of the law.
    """
    fields: list[Field] = [
        (marker, ()),
        ("compliance", (6, 6)),  # C⁻¹, Mandel, crystal frame [1/MPa]
        ("exponent", ()),  # largest stress exponent n: how steep Newton's problem is [-]
        ("schmid", (systems, 3, 3)),  # s ⊗ n [-]
        ("schmid_mandel", (6, systems)),  # [-]
        ("state_scale", (states,)),  # scale of residuals; 0: the variable itself
        *more,
    ]
    return _dtype(fields)


def workspace_dtype(systems: int, states: int, more: Iterable[Field] = ()) -> np.dtype[np.void]:
    """Return the record type of the scratch of one material point.

    After `solve_point` the scratch describes the solution.
    """
    each_system, each_state, matrix = (systems,), (states,), (3, 3)
    fields: list[Field] = [
        ("trial", matrix),  # A = F F_p⁻¹(old)
        ("elastic", matrix),  # F_e
        ("plastic_inverse", matrix),  # F_p⁻¹(new), not normalised
        ("pull", matrix),  # F_eᵀ A; later S F_p⁻ᵀ
        ("carried", matrix),  # F_e S
        ("slipped", matrix),
        ("rotated", matrix),
        ("interim", matrix),
        ("deformation", matrix),  # the F on the way, in continuation
        ("relaxed", matrix),  # F_p(old)
        ("slip", each_system),  # Δγ
        ("softening", each_system),  # ∂Δγ/∂τ at fixed state
        ("resolved", each_system),  # τ
        ("resolved_step", each_system),
        ("slip_step", each_system),  # Newton's change of |Δγ|, active systems only, in their order
        ("drive", each_system),
        ("drive_new", each_system),
        ("drive_limit", each_system),
        ("state_residual", each_state),  # z - z(old) - E
        ("state_step", each_state),
        ("state_old", each_state),
        ("state_kept", each_state),
        # 1 - ∂|Δγ|/∂|Δγ| through the state, active systems only; then the right-hand sides
        ("system", (systems, systems + 8)),
        ("slip_tangent", (systems, 8)),  # ∂|Δγ|/∂S; column 6: the constant part
        ("strain", (6,)),
        ("residual", (6,)),  # strain
        ("step", (6,)),
        ("stress_old", (6,)),
        ("stress_kept", (6,)),
        ("jacobian", (6, 8)),  # its LU factors after the solve
        ("strain_gradient", (6, 9)),  # ∂E/∂F at fixed slip
        ("stress_gradient", (6, 9)),  # ∂S/∂F
        ("push", (9, 6)),  # ∂P/∂S
        *more,
    ]
    indices = np.dtype([("active", "i8", each_system)])  # indices of active systems
    return np.dtype([*_dtype(fields).descr, *indices.descr])


def lanes_dtype(systems: int, states: int, more: Iterable[Field] = ()) -> np.dtype[np.void]:
    """Return the record type of the scratch of a batch of points, see `lanes.py`."""
    each_system, each_state, matrix = (systems, LANES), (states, LANES), (3, 3, LANES)
    return _dtype(
        [
            ("deformation", matrix),  # F
            ("plastic_start", matrix),  # F_p⁻¹(old)
            ("trial", matrix),  # A = F F_p⁻¹(old)
            ("flow", matrix),  # I - Σ_a Δγ_a s_a ⊗ n_a
            ("spread", matrix),
            ("elastic", matrix),  # F_e
            ("product", matrix),
            ("pull", matrix),  # F_eᵀ A
            ("plastic_inverse", matrix),  # F_p⁻¹(new), not normalised
            ("piola", matrix),  # P
            ("stress", (6, LANES)),  # S
            ("step", (6, LANES)),
            ("residual", (6, LANES)),  # strain
            ("strain", (6, LANES)),
            ("jacobian", (6, 6, LANES)),  # LU factors, inverse pivots
            ("resolved", each_system),  # τ
            ("resolved_step", each_system),
            ("slip", each_system),  # Δγ
            ("slip_step", each_system),
            ("slip_by_state", each_system),  # M dz
            ("softening", each_system),  # ∂Δγ/∂τ at fixed state
            ("state", each_state),  # z
            ("state_start", each_state),
            ("state_step", each_state),
            ("state_residual", each_state),  # z - z(old) - E
            ("norm", (LANES,)),
            ("largest", (LANES,)),
            ("error", (LANES,)),  # largest relative error
            *more,
        ]
    )


def _dtype(fields: Iterable[Field]) -> np.dtype[np.void]:
    return np.dtype([(name, "f8", shape) for name, shape in fields])
