"""Key numbers of a stress-strain curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_to_tensor4
from polyxtal.mechanics.ladder.predict import EstimatedResponse
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.response import Response, loaded_component

PROOF_OFFSET = 2e-3
"""Plastic strain at the proof stress. [-]"""
HARDENING_SHARE = 0.1
"""Final fraction of the strain over which the hardening modulus is measured. [-]"""


class CurveBounds(NamedTuple):
    """Bounds of the error of key numbers; None where a number is.

    Attributes:
        proof_stress: That of the proof stress. [MPa]
        stress: That of the stress at the first reversal, or at the end. [MPa]
    """

    proof_stress: float | None
    stress: float


@dataclass(frozen=True)
class CurveNumbers:
    """Key numbers of the loaded component up to the first strain reversal.

    Attributes:
        component: The loaded component, such as "xx".
        elastic_slope: Initial ratio of stress to strain, from the stiffness; None if the load
            does not start with this component. [MPa]
        proof_stress: First Piola-Kirchhoff stress at 0.2 % plastic strain; None if the curve does
            not reach it. [MPa]
        strain: Engineering strain at the first reversal, or at the end. [-]
        stress: Stress at that strain. [MPa]
        hardening: Secant slope over the last tenth of that strain; None without strain. [MPa]
    """

    component: str
    elastic_slope: float | None
    proof_stress: float | None
    strain: float
    stress: float
    hardening: float | None


def elastic_slope(stiffness: Float[Tensor, "6 6"], path: LoadPath, component: str) -> float | None:
    """Return P_ij / (F_ij - δ_ij) of the linear elastic problem at the start of the load.

    Args:
        stiffness: Mandel stiffness. [MPa]
        path: Load path; only its first step is used.
        component: Component, such as "xx".
    Returns:
        Slope, or None if the component has no strain. [MPa]
    """
    step = path.steps[0]
    c = mandel_to_tensor4(stiffness.detach()).reshape(9, 9).numpy()
    scale = float(np.abs(c).max())
    free = step.stress_controlled.reshape(9)
    dt = float(step.time_increments()[0])
    goal = step.goal(np.eye(3), np.zeros((3, 3)), dt, step.duration).reshape(9)
    basis = np.eye(9) if step.basis_matrix is None else step.basis_matrix
    rows = np.where(free[:, None], basis @ c / scale, basis)
    right = np.where(free, goal / scale, goal - step.components(np.eye(3)).reshape(9))
    # Least squares, because a free rotation makes the system singular.
    strain = np.linalg.lstsq(rows, right, rcond=None)[0]
    k = 3 * "xyz".index(component[0]) + "xyz".index(component[1])
    if not abs(strain[k]) > 1e-9 * np.abs(strain).max():
        return None
    return float((c @ strain)[k] / strain[k])


def curve_numbers(
    response: Response,
    stiffness: Float[Tensor, "6 6"],
    path: LoadPath,
    component: str | None = None,
) -> CurveNumbers:
    """Return the key numbers of a response.

    Args:
        response: Response to the path.
        stiffness: Mandel stiffness of the same body. [MPa]
        path: Load path.
        component: Component, such as "xx"; None for the loaded one, with the largest work.
    """
    row, column = loaded_component(response)
    component = component or "xyz"[row] + "xyz"[column]
    strain, stress = _first_loading(response, component)
    slope = elastic_slope(stiffness, path, component)
    sign = -1.0 if strain[-1] < 0 else 1.0
    return CurveNumbers(
        component,
        slope,
        None if slope is None else _proof_stress(sign * strain, sign * stress, slope, sign),
        float(strain[-1]),
        float(stress[-1]),
        _hardening(sign * strain, sign * stress),
    )


def curve_bounds(response: EstimatedResponse, numbers: CurveNumbers) -> CurveBounds:
    """Return the bounds of key numbers of a response: those of the curve at the same strain."""
    strain, _ = _first_loading(response, numbers.component)
    bound = response.stress_bound(numbers.component).numpy()[: len(strain)]
    proof = None
    if numbers.proof_stress is not None and numbers.elastic_slope is not None:
        sign = -1.0 if strain[-1] < 0 else 1.0
        at = sign * numbers.proof_stress / numbers.elastic_slope + PROOF_OFFSET
        proof = float(np.interp(at, sign * strain, bound))
    return CurveBounds(proof, float(bound[-1]))


def _first_loading(response: Response, component: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve up to the first strain reversal."""
    strain = response.strain(component).detach().numpy()
    stress = response.stress(component).detach().numpy()
    steps = np.diff(strain)
    moving = np.flatnonzero(np.abs(steps) > 1e-12)
    if len(moving) == 0:
        return strain[:1], stress[:1]
    back = np.flatnonzero(steps * np.sign(steps[moving[0]]) < -1e-12)
    end = len(strain) if len(back) == 0 else int(back[0]) + 1
    return strain[:end], stress[:end]


def _proof_stress(
    strain: np.ndarray, stress: np.ndarray, slope: float, sign: float
) -> float | None:
    """Return the intersection of the curve with the elastic line shifted by the offset strain."""
    above = stress - slope * (strain - PROOF_OFFSET)
    crossed = np.flatnonzero((above <= 0) & (strain > PROOF_OFFSET))
    if len(crossed) == 0:
        return None
    k = int(crossed[0])
    share = above[k - 1] / (above[k - 1] - above[k])
    return float(sign * (stress[k - 1] + share * (stress[k] - stress[k - 1])))


def _hardening(strain: np.ndarray, stress: np.ndarray) -> float | None:
    end = float(strain[-1])
    if not end > 0:
        return None
    before = np.interp((1 - HARDENING_SHARE) * end, strain, stress)
    return float((stress[-1] - before) / (HARDENING_SHARE * end))
