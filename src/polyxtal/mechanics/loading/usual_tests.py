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


def symmetric_basis(stress: np.ndarray) -> tuple[Basis, int]:
    """Return nine orthonormal tensors of which one is along a stress, and its place.

    The upper triangle holds symmetric tensors, as near to those of the axes as the stress allows,
    which has the place of its largest component; the lower triangle holds spins.

    Args:
        stress: A symmetric matrix, (3, 3), not zero.
    """
    dyads = np.eye(9).reshape(3, 3, 9)
    tensors, upper = dyads.copy(), []
    for i in range(3):
        upper.append((i, i))
        for j in range(i + 1, 3):
            upper.append((i, j))
            tensors[i, j] = (dyads[i, j] + dyads[j, i]) / math.sqrt(2)
            tensors[j, i] = (dyads[i, j] - dyads[j, i]) / math.sqrt(2)
    first = stress.reshape(9) / np.linalg.norm(stress)
    sizes = [abs(float(tensors[at] @ first)) for at in upper]
    largest = upper.pop(int(np.argmax(sizes)))
    tensors[largest] = first
    done = [first]
    for at in upper:  # Gram and Schmidt
        for other in done:
            tensors[at] -= (tensors[at] @ other) * other
        tensors[at] /= np.linalg.norm(tensors[at])
        done.append(tensors[at])
    basis = tuple(tuple(row) for row in tensors.reshape(9, 9).tolist())
    return basis, 3 * largest[0] + largest[1]


def proportional(stress: np.ndarray, strain: float, rate: float, increments: int | None) -> Steps:
    """Return the steps of a stress that keeps its direction while its magnitude is free."""
    stress = stress / np.abs(stress).max()
    deviator = stress - np.trace(stress) / 3 * np.eye(3)
    mises, norm = math.sqrt(1.5) * np.linalg.norm(deviator), np.linalg.norm(stress)
    if not mises > 1e-6 * norm:
        raise ValueError(
            "Argument `stress` must have a deviator, but is a pressure, which no crystal yields to."
        )
    basis, place = symmetric_basis(stress)
    load, held = np.zeros((3, 3)), np.full((3, 3), FREE)
    upper = np.triu_indices(3)
    load[upper], held[upper] = FREE, 0.0
    load.flat[place], held.flat[place] = math.copysign(rate, strain) * mises / norm, FREE
    return [
        LoadStep(
            length / rate,
            n,
            load_matrix(load),
            stress=load_matrix(held),
            basis=basis,
        )
        for length, n in pieces((0.0, strain), increments)
    ]


def stress_ramp(
    stress: np.ndarray, duration: float, increments: int, ratio: float = 1.0
) -> LoadStep:
    """Return the step that leads all stresses to given ones, without a spin."""
    basis, _ = symmetric_basis(stress if stress.any() else np.eye(3))
    goal = (np.asarray(basis) @ stress.reshape(9)).reshape(3, 3)
    load, lower = np.full((3, 3), FREE), np.tril_indices(3, -1)
    load[lower], goal[lower] = 0.0, FREE
    return LoadStep(
        duration,
        increments,
        load_matrix(load),
        stress=load_matrix(goal),
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
