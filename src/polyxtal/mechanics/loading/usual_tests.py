"""Load steps of the usual tests: their strains, rates, increments and boundary conditions."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from polyxtal.algebra.number_arrays import number_array
from polyxtal.argument_types import require_number
from polyxtal.files.wording import shorten_text
from polyxtal.mechanics.loading.step import FREE, Basis, LoadStep, load_matrix
from polyxtal.mechanics.loading.usual_sizes import rate_remark, strain_remark
from polyxtal.mechanics.measures import AXES

ELASTIC_RANGE = 5e-3
"""Strain up to which the default increments are fine. [-]"""
FINE_INCREMENT, COARSE_INCREMENT = 2e-4, 1e-3
"""Strain per increment within and beyond `ELASTIC_RANGE`. [-]"""

UNLOADING = 25
"""Increments of an unloading, which takes as long as `ELASTIC_RANGE`."""
GROWING = 1.2
"""Ratio of the lengths of successive increments while strain or stress is held. [-]"""

Steps = list[LoadStep]


def axis_index(name: str) -> int:
    """Return the index of an axis by its name."""
    if name not in AXES:
        raise ValueError(f"An axis must be 'x', 'y' or 'z', but is {name!r}.")
    return AXES[name]


def axis_pair(names: str, argument: str) -> tuple[int, int]:
    """Return the indices of two different axes."""
    if len(names) != 2 or names[0] == names[1] or any(a not in AXES for a in names):
        raise ValueError(
            f"Argument `{argument}` must name two different axes, such as 'xy', but is {names!r}."
        )
    return AXES[names[0]], AXES[names[1]]


def checked_time(duration: float, argument: str) -> float:
    """Return a positive time. [s]"""
    require_number(duration, argument)
    if not (math.isfinite(duration) and duration > 0):
        raise ValueError(f"Argument `{argument}` must be a positive time, but is {duration} s.")
    return float(duration)


def checked_strain(strain: float) -> float:
    """Return a strain that a test can reach; warn of an unusual one."""
    require_number(strain, "strain")
    if not (math.isfinite(strain) and strain != 0 and strain > -1):
        raise ValueError(
            f"Argument `strain` must be finite, not zero and above -1, but is {strain}."
        )
    if remark := strain_remark(strain):
        warnings.warn(f"A {remark}.", stacklevel=4)
    return strain


def checked_rate(rate: float) -> float:
    """Return a positive rate; warn of an unusual one."""
    require_number(rate, "rate")
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"Argument `rate` must be positive and finite, but is {rate} 1/s.")
    if remark := rate_remark(rate):
        warnings.warn(f"A {remark}.", stacklevel=4)
    return rate


def pieces(ends: tuple[float, float], increments: int | None) -> list[tuple[float, int]]:
    """Split a strain range into pieces (length, increments): fine first, then coarse."""
    length = abs(ends[1] - ends[0])
    if increments is not None:
        return [(length, increments)]
    fine = min(length, ELASTIC_RANGE)
    pieces = [(fine, max(1, math.ceil(fine / FINE_INCREMENT - 1e-9)))]
    if length > fine * (1 + 1e-9):
        pieces.append((length - fine, math.ceil((length - fine) / COARSE_INCREMENT - 1e-9)))
    return pieces


def stretch(
    axis: int, ends: tuple[float, float], rate: float, increments: int | None
) -> list[LoadStep]:
    """Return the steps that stretch one axis, without stress along the other two."""
    load, stress = np.zeros((3, 3)), np.full((3, 3), FREE)
    for k in range(3):
        if k == axis:
            load[k, k] = math.copysign(rate, ends[1] - ends[0])
        else:
            load[k, k], stress[k, k] = FREE, 0.0
    return [
        LoadStep(length / rate, n, load_matrix(load), stress=load_matrix(stress))
        for length, n in pieces(ends, increments)
    ]


def release(rate: float) -> LoadStep:
    """Return the step that unloads all normal stresses, as long as `ELASTIC_RANGE` takes."""
    load = np.zeros((3, 3)) + np.diag([FREE] * 3)
    stress = np.where(np.eye(3) > 0, 0.0, FREE)
    return LoadStep(ELASTIC_RANGE / rate, UNLOADING, load_matrix(load), stress=load_matrix(stress))


def plane_strain(axis: int, held: int, strain: float, rate: float, increments: int | None) -> Steps:
    """Return the steps that load one axis, hold another and leave the third without stress."""
    load, stress = np.zeros((3, 3)), np.full((3, 3), FREE)
    free = 3 - axis - held
    load[axis, axis] = math.copysign(rate, strain)
    load[free, free], stress[free, free] = FREE, 0.0
    return [
        LoadStep(length / rate, n, load_matrix(load), stress=load_matrix(stress))
        for length, n in pieces((0.0, strain), increments)
    ]


def symmetric_matrix(values: Any, argument: str) -> np.ndarray:
    """Return a symmetric (3, 3) matrix of finite numbers, not all zero."""
    matrix = number_array(values, argument).astype(np.float64)
    if (
        matrix.shape != (3, 3)
        or not np.isfinite(matrix).all()
        or not np.array_equal(matrix, matrix.T)
    ):
        raise ValueError(
            f"Argument `{argument}` must be a symmetric 3x3 matrix of finite numbers, "
            f"but is {shorten_text(str(values))}."
        )
    if not matrix.any():
        raise ValueError(f"Argument `{argument}` must not be zero in all components.")
    return matrix


def symmetric_basis(first: np.ndarray) -> Basis:
    """Return nine orthonormal tensors: along `first`, five other symmetric ones, three spins.

    Args:
        first: A symmetric matrix, (3, 3).
    """
    dyads = np.eye(9).reshape(3, 3, 3, 3)
    upper = [(i, j) for i in range(3) for j in range(i, 3)]
    symmetric = np.stack([(dyads[i, j] + dyads[j, i]).reshape(9) for i, j in upper])
    symmetric /= np.linalg.norm(symmetric, axis=1, keepdims=True)
    columns = np.column_stack([symmetric @ first.reshape(9), np.eye(6)])
    along = np.linalg.qr(columns)[0].T @ symmetric
    along[0] = first.reshape(9) / np.linalg.norm(first)
    spins = [(dyads[i, j] - dyads[j, i]).reshape(9) / math.sqrt(2) for i, j in upper if i != j]
    return tuple(tuple(row) for row in np.vstack([along, spins]).tolist())


def proportional(stress: np.ndarray, strain: float, rate: float, increments: int | None) -> Steps:
    """Return the steps of a stress that keeps its direction while its magnitude is free."""
    deviator = stress - np.trace(stress) / 3 * np.eye(3)
    mises, norm = math.sqrt(1.5) * np.linalg.norm(deviator), np.linalg.norm(stress)
    if not mises > 1e-6 * norm:
        raise ValueError(
            "Argument `stress` must have a deviator, but is a pressure, which no crystal yields to."
        )
    load, held = np.zeros(9), np.full(9, FREE)
    load[0] = math.copysign(rate, strain) * mises / norm
    load[1:6], held[1:6] = FREE, 0.0
    return [
        LoadStep(
            length / rate,
            n,
            load_matrix(load.reshape(3, 3)),
            stress=load_matrix(held.reshape(3, 3)),
            basis=symmetric_basis(stress),
        )
        for length, n in pieces((0.0, strain), increments)
    ]


def stress_ramp(
    stress: np.ndarray, duration: float, increments: int, ratio: float = 1.0
) -> LoadStep:
    """Return the step that leads all stresses to given ones, without a spin."""
    basis = symmetric_basis(stress if stress.any() else np.eye(3))
    goal = np.asarray(basis) @ stress.reshape(9)
    load = np.full(9, FREE)
    load[6:], goal[6:] = 0.0, FREE
    return LoadStep(
        duration,
        increments,
        load_matrix(load.reshape(3, 3)),
        stress=load_matrix(goal.reshape(3, 3)),
        ratio=ratio,
        basis=basis,
    )


def held(axis: int, duration: float, increments: int, ratio: float) -> LoadStep:
    """Return the step that keeps the stretch of one axis, without stress along the other two."""
    load, stress = np.zeros((3, 3)), np.full((3, 3), FREE)
    for k in range(3):
        if k != axis:
            load[k, k], stress[k, k] = FREE, 0.0
    return LoadStep(
        duration, increments, load_matrix(load), stress=load_matrix(stress), ratio=ratio
    )


def stretching(gradient: np.ndarray, strain: float, rate: float, increments: int | None) -> Steps:
    """Return the steps with a constant direction of the velocity gradient."""
    rates = 0.5 * (gradient + gradient.T)
    size = math.sqrt(2 / 3) * np.linalg.norm(rates)
    if not size > 0:
        raise ValueError("Argument `gradient` must stretch, but is a spin.")
    return [
        LoadStep(length / rate, n, load_matrix(gradient * (rate / size)), "L")
        for length, n in pieces((0.0, strain), increments)
    ]
