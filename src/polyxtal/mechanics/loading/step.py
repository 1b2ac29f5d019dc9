"""A load step: boundary conditions that hold for some time.

For each component a load step prescribes either the deformation gradient F or the first
Piola-Kirchhoff stress P; NaN marks free components. Rates are constant within a step; stresses are
approached linearly in time from the stress at the step's start, as in DAMASK. Components are along
the dyads of the specimen's axes or along other tensors, see `mixed_control.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from polyxtal.algebra.number_arrays import number_array
from polyxtal.files.wording import shorten_text

MAX_INCREMENTS = 1_000_000
"""Largest number of increments of a step, and of a path."""

Basis = tuple[tuple[float, ...], ...]
"""Nine tensors, each flattened row by row."""
Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
FREE = math.nan


def load_matrix(rows: Any, argument: str = "rows") -> Matrix:
    """Return (3, 3) rows as a hashable matrix; `argument` is named in errors."""
    a = number_array(rows, argument).astype(np.float64)
    if a.shape != (3, 3):
        raise ValueError(f"A load must be a 3x3 matrix, but has shape {a.shape}.")
    return tuple(tuple(float(v) for v in row) for row in a)  # type: ignore[return-value]


LEAST_HOLD = 1e-3
"""Smallest component along a rotation that holds it. [-]"""


def checked_basis(basis: Any) -> Basis:
    """Return nine orthonormal tensors, given as the rows of a (9, 9) matrix."""
    rows = number_array(basis, "basis").astype(np.float64)
    if rows.shape != (9, 9) or not np.allclose(rows @ rows.T, np.eye(9), atol=1e-9):
        raise ValueError(
            "The basis of a load must be nine orthonormal tensors, a (9, 9) matrix of their "
            f"components, but is {shorten_text(str(basis))}."
        )
    return tuple(tuple(float(v) for v in row) for row in rows)


@dataclass(frozen=True)
class LoadStep:
    """One load step with constant rates.

    Attributes:
        duration: Time of the step. [s]
        increments: Number of time increments.
        deformation: (3, 3) prescribed deformation, NaN where free.
        deformation_kind: "dot_F" rate of F [1/s], "F" value of F at the end [-],
            "L" velocity gradient [1/s] (whole rows only), integrated as F + Δt L F:
            rotations beyond a few degrees an increment stretch.
        stress: (3, 3) prescribed stress, NaN where free.
        stress_kind: "P" value at the end [MPa], "dot_P" rate [MPa/s].
        ratio: Ratio of the lengths of successive increments. [-]
        basis: (9, 9) orthonormal tensors B_k, flattened row by row, that the nine components are
            taken along, row by row; None for the dyads e_i ⊗ e_j of the specimen's axes.

    Raises:
        ValueError: if a component is prescribed twice or not at all, or a number is invalid.

    Example:
        >>> import polyxtal as px
        >>> rate = ((0.0, 1e-3, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        >>> path = px.LoadPath((px.LoadStep(duration=50.0, increments=20, deformation=rate),))
        >>> path.increments  # simple shear F_xy up to 5 %
        20
    """

    duration: float
    increments: int
    deformation: Matrix
    deformation_kind: Literal["dot_F", "F", "L"] = "dot_F"
    stress: Matrix = ((FREE,) * 3,) * 3  # type: ignore[assignment]
    stress_kind: Literal["P", "dot_P"] = "P"
    ratio: float = 1.0
    basis: Basis | None = None

    def __post_init__(self) -> None:
        """Validate that every component has exactly one prescription."""
        object.__setattr__(self, "deformation", load_matrix(self.deformation, "deformation"))
        object.__setattr__(self, "stress", load_matrix(self.stress, "stress"))
        if not (math.isfinite(self.duration) and self.duration > 0):
            raise ValueError(f"A load step must last a positive time, but lasts {self.duration} s.")
        if not (
            isinstance(self.increments, int | np.integer) and 1 <= self.increments <= MAX_INCREMENTS
        ):
            raise ValueError(
                f"A load step must have 1 to {MAX_INCREMENTS} increments, "
                f"but has {self.increments}."
            )
        object.__setattr__(self, "increments", int(self.increments))
        object.__setattr__(self, "duration", float(self.duration))
        object.__setattr__(self, "ratio", float(self.ratio))
        if not (math.isfinite(self.ratio) and self.ratio > 0):
            raise ValueError(f"A load step's ratio must be positive, but is {self.ratio}.")
        if not self._shortest() > 0:
            raise ValueError(
                f"A load step must have increments of positive length, but a ratio of {self.ratio} "
                f"over {self.increments} increments leaves the shortest without any."
            )
        if self.deformation_kind not in ("dot_F", "F", "L"):
            raise ValueError(
                f"A deformation must be 'dot_F', 'F' or 'L', but is {self.deformation_kind!r}."
            )
        if self.stress_kind not in ("P", "dot_P"):
            raise ValueError(f"A stress must be 'P' or 'dot_P', but is {self.stress_kind!r}.")
        free_f, free_p = np.isnan(self.deformation), np.isnan(self.stress)
        if not np.array_equal(free_f, ~free_p):
            i, j = np.argwhere(free_f == free_p)[0]
            both = "neither" if free_f[i, j] else "both"
            raise ValueError(
                "Each component must be prescribed in either the deformation or the stress, "
                f"but {'xyz'[i]}{'xyz'[j]} is in {both}."
            )
        if np.isinf(self.deformation).any() or np.isinf(self.stress).any():
            raise ValueError("A load must be finite, but holds an infinite component.")
        if self.basis is not None:
            object.__setattr__(self, "basis", checked_basis(self.basis))
        self._check_rotation_is_fixed(free_f)
        whole = self.tensor(np.asarray(self.deformation))
        if self.deformation_kind == "F" and not free_f.any() and not np.linalg.det(whole) > 0:
            raise ValueError(
                "A deformation gradient must have a positive determinant, "
                f"but the target has {np.linalg.det(whole):.3g}."
            )
        rows = free_f.sum(1)
        if self.deformation_kind == "L" and not np.isin(rows, (0, 3)).all():
            raise ValueError("A velocity gradient 'L' must be prescribed in whole rows.")
        if self.deformation_kind == "L" and self.basis is not None and self.axes is None:
            raise ValueError(
                "A velocity gradient 'L' must be along dyads of three axes, but the basis has "
                "other tensors; use 'dot_F'."
            )

    def _check_rotation_is_fixed(self, free: np.ndarray) -> None:
        """Refuse loads that leave a rotation to the stress, which does not resist it."""
        pairs = ((0, 1), (0, 2), (1, 2))
        if self.basis is None:
            for i, j in pairs:
                if free[i, j] and free[j, i]:
                    raise ValueError(
                        "A load must fix the rotation by prescribing one of the deformations "
                        f"{'xyz'[i]}{'xyz'[j]} and {'xyz'[j]}{'xyz'[i]}, but both are left to the "
                        "stress."
                    )
            return
        prescribed = np.asarray(self.basis)[~free.reshape(9)]
        spins = [prescribed[:, 3 * i + j] - prescribed[:, 3 * j + i] for i, j in pairs]
        if len(prescribed) < 3 or np.linalg.svd(np.stack(spins, 1))[1].min() < LEAST_HOLD:
            raise ValueError(
                "A load must fix the rotation by components of the deformation that are not "
                "symmetric, but leaves one to the stress."
            )

    @cached_property
    def stress_controlled(self) -> np.ndarray:
        """Mask of the components of which P is prescribed, (3, 3) bool."""
        return np.isnan(self.deformation)

    @property
    def basis_matrix(self) -> np.ndarray | None:
        """The basis as a (9, 9) array; None for the dyads e_i ⊗ e_j."""
        return None if self.basis is None else np.asarray(self.basis)

    @property
    def axes(self) -> np.ndarray | None:
        """Right-handed axes a_i of the load, the columns, if B_k = a_i ⊗ a_j; else None."""
        if self.basis is None:
            return np.eye(3)
        dyads = np.asarray(self.basis).reshape(3, 3, 3, 3)
        first = dyads[0, 0][:, np.abs(dyads[0, 0]).sum(0).argmax()]
        axes = (dyads[:, 0] @ first / np.linalg.norm(first)).T
        if not np.allclose(np.einsum("ai,bj->ijab", axes, axes), dyads, atol=1e-9):
            return None
        return axes * np.linalg.det(axes)

    def components(self, tensor: np.ndarray) -> np.ndarray:
        """Return B_k : tensor, (3, 3) row by row."""
        if self.basis is None:
            return tensor
        return (np.asarray(self.basis) @ tensor.reshape(9)).reshape(3, 3)

    def tensor(self, components: np.ndarray) -> np.ndarray:
        """Return Σ_k c_k B_k in the specimen's axes, (3, 3); NaN where an unknown c_k matters."""
        if self.basis is None:
            return components
        basis, flat = np.asarray(self.basis), components.reshape(9)
        unknown = np.abs(basis[np.isnan(flat)]).sum(0) > LEAST_HOLD
        return np.where(unknown, np.nan, np.nan_to_num(flat) @ basis).reshape(3, 3)

    def turned(self, rotation: np.ndarray) -> LoadStep:
        """Return the step with its tensors turned, B_k -> R B_k Rᵀ.

        Args:
            rotation: R, (3, 3).
        """
        basis = np.eye(9) if self.basis is None else np.asarray(self.basis)
        turned = np.einsum("ia,kab,jb->kij", rotation, basis.reshape(9, 3, 3), rotation)
        return replace(self, basis=tuple(map(tuple, turned.reshape(9, 9).tolist())))

    def _shortest(self) -> float:
        """Return the length of the shortest increment, from the sum of a geometric series. [s]"""
        decay = abs(math.log(self.ratio))
        count = self.increments
        total = math.expm1(-count * decay) / math.expm1(-decay) if decay else count
        return self.duration * math.exp(-(count - 1) * decay) / total

    def time_increments(self) -> np.ndarray:
        """Return the lengths of the increments, (increments,); they sum to the duration. [s]"""
        powers = np.log(self.ratio) * np.arange(self.increments, dtype=np.float64)
        weights = np.exp(powers - powers.max())
        return self.duration * weights / weights.sum()

    def goal(
        self, deformation: np.ndarray, stress: np.ndarray, dt: float, remaining: float
    ) -> np.ndarray:
        """Return the target values at the end of an increment.

        Args:
            deformation, stress: (3, 3) averages F [-] and P [MPa] at its start.
            dt: Length of the increment. [s]
            remaining: Time to the end of the step, this increment included. [s]
        Returns:
            (3, 3) components: P [MPa] where `stress_controlled`, F [-] elsewhere.
        """
        load_f, load_p = np.asarray(self.deformation), np.asarray(self.stress)
        deformation, stress = self.components(deformation), self.components(stress)
        share = min(1.0, dt / remaining)
        if self.deformation_kind == "F":
            goal_f = deformation + share * (load_f - deformation)
        elif self.deformation_kind == "L":
            goal_f = deformation + dt * np.nan_to_num(load_f) @ deformation
        else:
            goal_f = deformation + dt * load_f
        if self.stress_kind == "P":
            goal_p = stress + share * (load_p - stress)
        else:
            goal_p = stress + dt * load_p
        return np.where(self.stress_controlled, goal_p, goal_f)
