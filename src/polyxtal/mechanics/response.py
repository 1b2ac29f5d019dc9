"""The answer to a load path, and how two answers compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True, eq=False)
class Response:
    """History of the volume averages along a load path; row 0 is the undeformed state.

    Attributes:
        time: Time. [s]
        F: Volume-average deformation gradient, F[:, i, j] = ∂x_i/∂X_j. [-]
        P: Volume-average first Piola-Kirchhoff stress, i spatial, j material. [MPa]
        orientations: Orientation of every leaf (or grain) at every time, or None. [-]
        weights: Volume fraction of every leaf (or grain), or None. [-]
        statistics: What the computation took: iterations, cuts, largest residuals.

    Example:
        >>> import polyxtal as px
        >>> rve, alloy = px.tessellate(grid=4, grains=4, seed=0), px.load_material("AA6022-T4")
        >>> response = px.taylor_response(rve, alloy, px.LoadPath.uniaxial(0.01, increments=5))
        >>> [round(float(strain), 3) for strain in response.strain("xx")]
        [0.0, 0.002, 0.004, 0.006, 0.008, 0.01]
        >>> round(float(response.stress("xx")[-1]))  # MPa
        270
    """

    time: Float[Tensor, "increments"]
    F: Float[Tensor, "increments 3 3"]
    P: Float[Tensor, "increments 3 3"]
    orientations: Float[Tensor, "increments leaves 4"] | None = None
    weights: Float[Tensor, "leaves"] | None = None
    statistics: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Validate shapes: the three histories share their length."""
        n = len(self.time)
        if tuple(self.F.shape) != (n, 3, 3) or tuple(self.P.shape) != (n, 3, 3):
            raise ValueError(
                f"Arguments `F` and `P` must have shape ({n}, 3, 3) like `time`, but have "
                f"{tuple(self.F.shape)} and {tuple(self.P.shape)}."
            )

    def strain(self, component: str = "xx") -> Float[Tensor, "increments"]:
        """Engineering strain F_ij - δ_ij of a component such as "xx" or "xy". [-]"""
        i, j = _component(component)
        return self.F[:, i, j] - (1.0 if i == j else 0.0)

    def stress(self, component: str = "xx") -> Float[Tensor, "increments"]:
        """First Piola-Kirchhoff stress of a component such as "xx" or "xy". [MPa]"""
        i, j = _component(component)
        return self.P[:, i, j]

    def cauchy(self) -> Float[Tensor, "increments 3 3"]:
        """Cauchy stress of the averages, P Fᵀ / det F. [MPa]"""
        return self.P @ self.F.transpose(1, 2) / torch.linalg.det(self.F)[:, None, None]


def _component(name: str) -> tuple[int, int]:
    if len(name) != 2 or any(letter not in AXES for letter in name):
        raise ValueError(f"A component must be two of x, y, z, such as 'xx', but is {name!r}.")
    return AXES[name[0]], AXES[name[1]]


class StressError(NamedTuple):
    """Error of a stress history relative to the largest reference stress.

    Attributes:
        mean: Mean over the history. [-]
        maximum: Largest over the history. [-]
        component: The component compared, (row, column), 0-based; None for all nine.
    """

    mean: float
    maximum: float
    component: tuple[int, int] | None


def loaded_component(response: Response) -> tuple[int, int]:
    """Find the component (row, column) that the load does the most work on.

        Σ |½ (P_ij + P_ij,before) (F_ij - F_ij,before)|

    Free surfaces (no stress) and held faces (no strain) do none.
    """
    mean_stress = 0.5 * (response.P[1:] + response.P[:-1])
    work = (mean_stress * (response.F[1:] - response.F[:-1])).abs().sum(0)
    return divmod(int(work.argmax()), 3)


def compare(response: Response, reference: Response, component: str | None = None) -> StressError:
    """Compare a response with a reference at the same times.

        mean, max over the history of |P_ij - P_ij,ref| / max |P_ij,ref|

    Args:
        response: The response to judge.
        reference: The truth, at the same times.
        component: "xx", "xy", …: the stress component compared; "all" for the largest error over
            the nine components, relative to the largest of all; None for the component that
            does the work in the reference (`loaded_component`).
    Raises:
        ValueError: if the times differ, or the reference carries no stress.

    Example:
        >>> import polyxtal as px
        >>> rve, alloy = px.tessellate(grid=4, grains=4, seed=0), px.load_material("AA6022-T4")
        >>> path = px.LoadPath.uniaxial(0.01, increments=5)
        >>> error = px.compare(px.taylor_response(rve, alloy, path), px.simulate(rve, alloy, path))
        >>> error.component, round(error.mean, 3), round(error.maximum, 2)
        ((0, 0), 0.074, 0.14)
    """
    if len(response.time) != len(reference.time) or not torch.allclose(
        response.time, reference.time, rtol=1e-9, atol=1e-9
    ):
        raise ValueError(
            "Responses must be given at the same times, but have "
            f"{len(response.time)} and {len(reference.time)} rows or other times."
        )
    truth, given = reference.P.reshape(-1, 9), response.P.reshape(-1, 9)
    if not truth.abs().max() > 0:
        raise ValueError("The reference must carry some stress, but is zero throughout.")
    if component == "all":
        error = (given - truth).abs().amax(1) / truth.abs().max()
        return StressError(float(error.mean()), float(error.max()), None)
    i, j = loaded_component(reference) if component is None else _component(component)
    column = 3 * i + j
    if not truth[:, column].abs().max() > 0:
        raise ValueError(f"The reference must carry stress in {component!r}, but is zero there.")
    error = (given[:, column] - truth[:, column]).abs() / truth[:, column].abs().max()
    return StressError(float(error.mean()), float(error.max()), (i, j))
