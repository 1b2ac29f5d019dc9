"""The response to a load path, and the error of one response relative to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.argument_types import require_type
from polyxtal.mechanics.measures import Measures, component_index
from polyxtal.mechanics.tables import history_to_pandas, history_to_xarray
from polyxtal.notebook import notebook_html

if TYPE_CHECKING:
    import pandas
    import xarray


@dataclass(frozen=True, eq=False, repr=False)
class Response(Measures):
    """History of the volume averages along a load path; row 0 is the undeformed state.

    Attributes:
        time: Time. [s]
        F: Volume-average deformation gradient, F[:, i, j] = ∂x_i/∂X_j. [-]
        P: Volume-average first Piola-Kirchhoff stress, i spatial, j material. [MPa]
        orientations: Orientation of every leaf (or grain) at every time, or None. [-]
        weights: Volume fraction of every leaf (or grain), or None. [-]
        statistics: Effort and accuracy of the computation: iterations, cuts, largest residuals.

    Example:
        >>> import polyxtal as px
        >>> rve, alloy = px.tessellate(grid=4, grains=4, seed=0), px.load_material("AA6022-T4")
        >>> response = px.taylor_response(rve, alloy, px.LoadPath.uniaxial(0.01, increments=5))
        >>> [round(float(strain), 3) for strain in response.strain("xx")]
        [0.0, 0.002, 0.004, 0.006, 0.008, 0.01]
        >>> round(float(response.stress("xx")[-1]))  # MPa
        270
    """

    time: Float[Tensor, " increments"]
    F: Float[Tensor, "increments 3 3"]
    P: Float[Tensor, "increments 3 3"]
    orientations: Float[Tensor, "increments leaves 4"] | None = None
    weights: Float[Tensor, " leaves"] | None = None
    statistics: dict[str, float] = field(default_factory=dict)

    _repr_html_ = notebook_html

    def __post_init__(self) -> None:
        """Validate shapes: the three histories share their length."""
        n = len(self.time)
        if tuple(self.F.shape) != (n, 3, 3) or tuple(self.P.shape) != (n, 3, 3):
            raise ValueError(
                f"Arguments `F` and `P` must have shape ({n}, 3, 3) like `time`, but have "
                f"{tuple(self.F.shape)} and {tuple(self.P.shape)}."
            )

    def __repr__(self) -> str:
        """Describe without dumping arrays."""
        name = "".join("xyz"[k] for k in loaded_component(self))
        crystals = "" if self.weights is None else f", crystals={len(self.weights)}"
        return (
            f"{type(self).__name__}(increments={len(self.time) - 1}, time={self.time[-1]:g} s, "
            f"strain_{name}={self.strain(name)[-1]:.4g}, "
            f"stress_{name}={self.stress(name)[-1]:.4g} MPa{crystals})"
        )

    def to_pandas(self) -> pandas.DataFrame:
        """Return the history as a table with one row for each time.

        Returns:
            F, P, true strain and true stress by component and their von Mises equivalents, units in
            the columns' names: `F_xx [-]`, `true_stress_xx [MPa]`, `equivalent_stress [MPa]`.
        Raises:
            ImportError: if pandas is not installed.
        """
        return history_to_pandas(self.time, self)

    def to_xarray(self) -> xarray.Dataset:
        """Return the history as arrays with named axes, units in the attribute `units`.

        Returns:
            F, P, true strain and true stress over (time, i, j), their von Mises equivalents over
            time, and where known the crystals' orientations and weights.
        Raises:
            ImportError: if xarray is not installed.
        """
        return history_to_xarray(self.time, self, self.orientations, self.weights)


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
        response: Response to assess.
        reference: Reference response at the same times.
        component: Stress component to compare, such as "xx" or "xy"; "all" for the largest error
            of the nine components relative to the largest of them; None for the component that
            does the most work in the reference (`loaded_component`).
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
    require_type(response, Response, "response")
    require_type(reference, Response, "reference")
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
    i, j = loaded_component(reference) if component is None else component_index(component)
    column = 3 * i + j
    if not truth[:, column].abs().max() > 0:
        raise ValueError(f"The reference must carry stress in {component!r}, but is zero there.")
    error = (given[:, column] - truth[:, column]).abs() / truth[:, column].abs().max()
    return StressError(float(error.mean()), float(error.max()), (i, j))
