"""Fit a network's normals to stress-strain curves and stiffness, simulated or predicted.

The interaction vectors make the work done on the network stationary, so a normal changes the work
of an increment explicitly only,

    ∂(ΔW)/∂N_k = W_k f_l f_r [(P_l - P_r)ᵀ Δa_k],

with W_k the volume of node k. This needs no further solution: stresses and interaction vectors are
known when an increment has converged. It approximates the derivative of P : ΔF, exactly in steady
plastic flow. In an elastic increment ΔW is half of that, and at the onset of yield the state at the
increment's start depends on the normals, too; both are neglected. A damped Gauss-Newton method with
Broyden updates tolerates such an approximate Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.response import Response
from polyxtal.network.fit_goals import TOLERANCE, CurveTarget, Goals, StiffnessTarget
from polyxtal.network.tree import MaterialNetwork

DAMPING = (1e-8, 1e-1, 1e4)
"""Least, first and largest damping of Gauss-Newton steps, relative to the mean diagonal. [-]"""
EXACT = 1e-12
"""Errors below this are rounding errors. [-]"""
LONGEST_TURN = 0.5
"""Largest change of a unit normal in one step. [-]"""


@dataclass(frozen=True, eq=False)
class NetworkFit:
    """A fitted network and its errors.

    Attributes:
        network: Network of the smallest error.
        errors: Root-mean-square errors of the initial network and of each trial: of stress over the
            increments, relative to each curve's largest stress, with equal weight of all curves;
            and of stiffness, relative in the Frobenius norm. [-]
    """

    network: MaterialNetwork
    errors: tuple[float, ...]

    @property
    def error(self) -> float:
        """The smallest error, that of `network`. [-]"""
        return min(self.errors)


def fit_network(
    network: MaterialNetwork,
    material: Material | Mapping[str, Material] | None = None,
    curves: Sequence[CurveTarget | tuple[LoadPath, Response]] = (),
    stiffness: Sequence[StiffnessTarget | tuple[Any, Tensor]] = (),
    iterations: int = 8,
    stiffness_weight: float = 1.0,
    on_iteration: Callable[[int, float], None] | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> NetworkFit:
    """Fit a network's normals to curves and stiffness; leaves and tree stay.

    Errors are those of the stress that does work, (P - P_target) : ΔF / (|ΔF| max |P_target|), at
    every increment, and of the stiffness, (C - C_target) / |C_target|.

    Args:
        network: Initial network.
        material: Material of the curves, as for `MaterialNetwork.respond`.
        curves: Load paths and the responses to them.
        stiffness: Elastic constants of the crystals, and the polycrystal's stiffness with them.
        iterations: Number of Gauss-Newton steps, each at the cost of all curves.
        stiffness_weight: Weight of errors in stiffness relative to those in stress. [-]
        on_iteration: Called with the number of finished iterations and the smallest error so far.
        tolerance: Tolerance of the network's solution, see `MaterialNetwork.respond`. [-]
    Raises:
        ValueError: if there is no target, or a response does not belong to its path.
        ConvergenceError: if the initial network does not converge along a path.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=4, grains=4, seed=0)
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> target = (copper, px.homogenize(rve, copper).stiffness)
        >>> start = px.MaterialNetwork.from_polycrystal(rve, leaves=8, seed=0)
        >>> fit = px.fit_network(start, stiffness=[target], iterations=4)
        >>> fit.error < 0.7 * fit.errors[0]
        True
    """
    goals = Goals(
        material,
        tuple(CurveTarget(*curve) for curve in curves),
        tuple(StiffnessTarget(*one) for one in stiffness),
        float(stiffness_weight),
        tolerance,
    )
    goals.check()
    if not (isinstance(iterations, Integral) and 0 <= iterations <= 10_000):
        raise ValueError(
            f"Argument `iterations` must be whole and from 0 to 10000, but is {iterations}."
        )
    least, damping, most = DAMPING
    follower = goals.follower(network)
    best = _Linearised(network, *goals.linearise(network, follower))
    errors = [best.error]
    for iteration in range(iterations):
        if on_iteration is not None:
            on_iteration(iteration, best.error)
        if network.leaves == 1 or damping > most or best.error < EXACT:
            break
        candidate = _turned(best, damping)
        if candidate is None:
            break
        try:
            tried = _Linearised(candidate, *goals.linearise(candidate, follower))
        except ConvergenceError:
            damping *= 10
            continue
        errors.append(tried.error)
        if tried.error < best.error:
            best, damping = tried.corrected(best), max(least, damping / 3)
        else:
            best, damping = best.corrected(tried), damping * 3
    return NetworkFit(best.network, tuple(errors))


class _Linearised(NamedTuple):
    """A network with its residuals and their Jacobian by the normals."""

    network: MaterialNetwork
    residual: Float[Tensor, " rows"]
    jacobian: Float[Tensor, "rows inner 3"]

    @property
    def error(self) -> float:
        return float(torch.linalg.vector_norm(self.residual))

    def corrected(self, other: _Linearised) -> _Linearised:
        """Return the network with Broyden's update of the Jacobian from another network."""
        change = other.network.normals - self.network.normals
        missed = other.residual - self.residual
        missed = missed - torch.einsum("rkj,kj->r", self.jacobian, change)
        bend = torch.einsum("r,kj->rkj", missed, change / change.square().sum())
        return self._replace(jacobian=self.jacobian + bend)


def _turned(at: _Linearised, damping: float) -> MaterialNetwork | None:
    """Take the damped Gauss-Newton step of least length; None if no normal matters or changes."""
    normals = at.network.normals
    # Only the component perpendicular to a normal rotates it.
    along = torch.einsum("rkj,kj->rk", at.jacobian, normals)
    rows = (at.jacobian - along[..., None] * normals).flatten(1)
    gram = rows @ rows.T
    scale = gram.diagonal().mean()
    if not float(scale) > EXACT**2:  # equal leaves: normals have no effect
        return None
    system = gram + damping * scale * torch.eye(len(gram), dtype=gram.dtype)
    step = -(rows.T @ torch.linalg.solve(system, at.residual)).reshape_as(normals)
    longest = torch.linalg.vector_norm(step, dim=1).max().clamp_min(LONGEST_TURN)
    turned = normals + step * (LONGEST_TURN / longest)
    turned = turned / torch.linalg.vector_norm(turned, dim=1, keepdim=True)
    if not float((turned - normals).abs().max()) > EXACT:
        return None
    return replace(at.network, normals=turned)
