"""Key numbers of a stress-strain curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_to_tensor4
from polyxtal.mechanics.ladder.estimated_response import EstimatedResponse
from polyxtal.mechanics.ladder.key_numbers import (
    first_loading,
    hardening_modulus,
    proof_stress,
    r_value,
)
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.response import Response, loaded_component


class CurveBounds(NamedTuple):
    """Bounds of the error of key numbers; None where a number is.

    Attributes:
        proof_stress: That of the proof stress. [MPa]
        stress: That of the stress at the first reversal, or at the end. [MPa]
        hardening: That of the hardening modulus. [MPa]
        r_value: That of the r-value. [-]
    """

    proof_stress: float | None
    stress: float
    hardening: float | None
    r_value: float | None


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
        r_value: Ratio of the strains along width and thickness in plastic tension or compression
            along x or y, z the normal of the sheet; None of other loads. [-]
    """

    component: str
    elastic_slope: float | None
    proof_stress: float | None
    strain: float
    stress: float
    hardening: float | None
    r_value: float | None = None


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
    curve = first_loading(response, component)
    slope = elastic_slope(stiffness, path, component)
    return CurveNumbers(
        component,
        slope,
        None if slope is None else proof_stress(curve, slope),
        float(curve.strain[-1]),
        float(curve.stress[-1]),
        hardening_modulus(curve),
        r_value(response, component),
    )


def curve_bounds(response: EstimatedResponse, numbers: CurveNumbers) -> CurveBounds:
    """Return the bounds of key numbers of a response, see `EstimatedResponse`."""
    component, slope = numbers.component, numbers.elastic_slope
    end = len(first_loading(response, component).strain) - 1
    estimates = (
        None if numbers.proof_stress is None else response.proof_stress(slope, component),
        response.hardening_modulus(component),
        None if numbers.r_value is None else response.r_value(),
    )
    proof, hardening, widening = (None if one is None else one.bound for one in estimates)
    return CurveBounds(proof, float(response.stress_bound(component)[end]), hardening, widening)
