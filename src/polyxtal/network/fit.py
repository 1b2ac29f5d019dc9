"""Fit a network's normals to stress-strain curves and stiffness: of a full field, or predicted.

The interaction vectors make the work done on the network stationary, so a normal changes the work
of an increment explicitly only,

    ∂(ΔW)/∂N_k = W_k f_l f_r [(P_l - P_r)ᵀ Δa_k],

with W_k the volume of node k. No equation is solved for it: stresses and interaction vectors are at
hand when an increment has converged. It is taken for the derivative of P : ΔF, as it is in steady
plastic flow. In an elastic increment ΔW is half of that, and at the knee it matters what earlier
normals did to the state at the increment's start; both are left out. So the derivative is not
exact, but Gauss and Newton's method gets along with it, damped and bent by Broyden's secants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import follow
from polyxtal.mechanics.response import Response
from polyxtal.network.offline import node_weights
from polyxtal.network.sensitivity import stiffness_sensitivity
from polyxtal.network.tree import MaterialNetwork

TOLERANCE = 1e-5
"""Traction jumps that are left to stay while fitting, relative to the largest stress. [-]"""
SMALLEST_STEP = 1e-9
"""Increments whose F changes less than this do no work to compare. [-]"""
DAMPING = (1e-8, 1e-1, 1e4)
"""Least, first and largest damping of Gauss and Newton's step, over the mean diagonal."""
EXACT = 1e-12
"""Errors below this are rounding. [-]"""
LONGEST_TURN = 0.5
"""Longest change of a unit normal in one step."""


class CurveTarget(NamedTuple):
    """A curve that a network is to follow.

    Attributes:
        path: Load path.
        response: The response to it, with a row for every increment.
    """

    path: LoadPath
    response: Response


class StiffnessTarget(NamedTuple):
    """A stiffness that a network is to have.

    Attributes:
        elasticity: Crystals, as for `MaterialNetwork.stiffness`.
        stiffness: Mandel stiffness. [MPa]
    """

    elasticity: Elasticity | Mapping[str, Elasticity]
    stiffness: Float[Tensor, "6 6"]


@dataclass(frozen=True, eq=False)
class NetworkFit:
    """A fitted network, and how it went.

    Attributes:
        network: The network of the least error.
        errors: Root mean square of the errors: in stress, over the increments of each curve, all
            curves alike, relative to each curve's largest stress; in stiffness, relative Frobenius
            errors. First of the network that was given, then of each that was tried. [-]
    """

    network: MaterialNetwork
    errors: tuple[float, ...]

    @property
    def error(self) -> float:
        """The least of the errors: that of `network`. [-]"""
        return min(self.errors)


def fit_network(
    network: MaterialNetwork,
    material: Material | Mapping[str, Material] | None = None,
    curves: Sequence[CurveTarget | tuple[LoadPath, Response]] = (),
    stiffness: Sequence[StiffnessTarget | tuple[Any, Tensor]] = (),
    iterations: int = 8,
    stiffness_weight: float = 1.0,
    on_iteration: Callable[[int, float], None] | None = None,
) -> NetworkFit:
    """Turn a network's normals until it follows given curves; leaves and tree stay.

    Compared is the stress that does work, (P - P_target) : ΔF / (|ΔF| max |P_target|), at every
    increment, and the stiffness, (C - C_target) / |C_target|.

    Args:
        network: Where to begin.
        material: Of the curves, as for `MaterialNetwork.respond`.
        curves: Load paths and the responses to them.
        stiffness: Crystals, and the stiffness that the polycrystal has with them.
        iterations: Gauss-Newton steps, each the cost of all curves.
        stiffness_weight: What an error in stiffness weighs beside one in stress. [-]
        on_iteration: Called with the iterations done and the least error so far.
    Raises:
        ValueError: if there is no target, or a response does not belong to its path.
        ConvergenceError: if the network that is given can not follow a path.

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
    goals = _Goals(
        material,
        tuple(CurveTarget(*curve) for curve in curves),
        tuple(StiffnessTarget(*one) for one in stiffness),
        float(stiffness_weight),
    )
    goals.check()
    if not (isinstance(iterations, Integral) and 0 <= iterations <= 10_000):
        raise ValueError(
            f"Argument `iterations` must be whole and from 0 to 10000, but is {iterations}."
        )
    least, damping, most = DAMPING
    best = _Linearised(network, *goals.linearise(network))
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
            tried = _Linearised(candidate, *goals.linearise(candidate))
        except ConvergenceError:
            damping *= 10
            continue
        errors.append(tried.error)
        if tried.error < best.error:
            best, damping = tried.corrected(best), max(least, damping / 3)
        else:
            best, damping = best.corrected(tried), damping * 3
    return NetworkFit(best.network, tuple(errors))


@dataclass(frozen=True, eq=False)
class _Goals:
    """All that a network is to follow."""

    material: Material | Mapping[str, Material] | None
    curves: tuple[CurveTarget, ...]
    stiffness: tuple[StiffnessTarget, ...]
    weight: float

    def check(self) -> None:
        if not self.curves and not self.stiffness:
            raise ValueError(
                "Arguments `curves` and `stiffness` must hold at least one target, but are empty."
            )
        if self.curves and self.material is None:
            raise ValueError("Argument `material` must be given with `curves`, but is None.")
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise ValueError(f"Argument `stiffness_weight` must be positive, but is {self.weight}.")
        for number, curve in enumerate(self.curves):
            _check_curve(number, curve)
        for number, (_, stiffness) in enumerate(self.stiffness):
            shape, size = tuple(stiffness.shape), float(stiffness.abs().sum())
            if shape != (6, 6) or not (math.isfinite(size) and size > 0):
                raise ValueError(
                    "Argument `stiffness` must hold finite (6, 6) Mandel matrices that are not "
                    f"zero, but number {number} is not one."
                )

    def linearise(self, network: MaterialNetwork) -> tuple[Tensor, Tensor]:
        """Compute residuals, whose square sum is the mean square error, and their derivatives."""
        parts = [(_follow(network, self.material, curve), 1.0) for curve in self.curves]
        parts += [(part, self.weight) for part in self._stiffness(network)]
        total = sum(weight for _, weight in parts)
        residuals, jacobians = [], []
        for (residual, jacobian), weight in parts:
            share = (weight / total) ** 0.5
            residuals.append(share * residual)
            jacobians.append(share * jacobian)
        return torch.cat(residuals), torch.cat(jacobians)

    def _stiffness(self, network: MaterialNetwork) -> list[tuple[Tensor, Tensor]]:
        if not self.stiffness:
            return []
        leaf = torch.stack([network.leaf_stiffness(one.elasticity) for one in self.stiffness])
        found = stiffness_sensitivity(network.tree, leaf, network.weights, network.normals)
        truth = torch.stack([one.stiffness.to(leaf) for one in self.stiffness])
        size = torch.linalg.matrix_norm(truth)
        residual = (found.stiffness - truth) / size[:, None, None]
        jacobian = found.by_normal / size[:, None, None, None, None]
        return list(zip(residual.flatten(1), jacobian.flatten(1, 2), strict=True))


class _Linearised(NamedTuple):
    """A network with its residuals and what the normals do to them."""

    network: MaterialNetwork
    residual: Float[Tensor, "rows"]
    jacobian: Float[Tensor, "rows inner 3"]

    @property
    def error(self) -> float:
        return float(torch.linalg.vector_norm(self.residual))

    def corrected(self, other: _Linearised) -> _Linearised:
        """Bend the derivative so that it tells the other network's residuals (Broyden's secant)."""
        change = other.network.normals - self.network.normals
        missed = other.residual - self.residual
        missed = missed - torch.einsum("rkj,kj->r", self.jacobian, change)
        bend = torch.einsum("r,kj->rkj", missed, change / change.square().sum())
        return self._replace(jacobian=self.jacobian + bend)


def _turned(at: _Linearised, damping: float) -> MaterialNetwork | None:
    """Take the damped Gauss-Newton step of least length; None if no normal matters or turns."""
    normals = at.network.normals
    # Only the part across the normal turns it.
    along = torch.einsum("rkj,kj->rk", at.jacobian, normals)
    rows = (at.jacobian - along[..., None] * normals).flatten(1)
    gram = rows @ rows.T
    scale = gram.diagonal().mean()
    if not float(scale) > EXACT**2:  # leaves alike: any normals do
        return None
    system = gram + damping * scale * torch.eye(len(gram), dtype=gram.dtype)
    step = -(rows.T @ torch.linalg.solve(system, at.residual)).reshape_as(normals)
    longest = torch.linalg.vector_norm(step, dim=1).max().clamp_min(LONGEST_TURN)
    turned = normals + step * (LONGEST_TURN / longest)
    turned = turned / torch.linalg.vector_norm(turned, dim=1, keepdim=True)
    if not float((turned - normals).abs().max()) > EXACT:
        return None
    return replace(at.network, normals=turned)


def _follow(
    network: MaterialNetwork,
    material: Material | Mapping[str, Material] | None,
    target: CurveTarget,
) -> tuple[Float[Tensor, "increments"], Float[Tensor, "increments inner 3"]]:
    assert material is not None
    stepper = network.online(material, tolerance=TOLERANCE)
    history = [(stepper.averages()[0], *stepper.interfaces())]

    def keep(_: float) -> None:
        history.append((stepper.averages()[0], *stepper.interfaces()))

    follow(target.path, stepper, keep)
    deformation, interaction, stress = (
        torch.from_numpy(np.stack(column)) for column in zip(*history, strict=True)
    )
    step, jump_step = deformation.diff(dim=0), interaction.diff(dim=0)
    tree, nodes = network.tree, node_weights(network.tree, network.weights)
    share = nodes[tree.left] / nodes[network.leaves :]
    volume = nodes[network.leaves :] * share * (1 - share)
    after = stress[1:]
    jump = after[:, tree.left] - after[:, tree.right]
    work = torch.einsum("k,tki,tkij->tkj", volume, jump_step, jump)
    length = torch.linalg.vector_norm(step, dim=(1, 2))
    truth = target.response.P[1:].to(after)
    scale = length.clamp_min(SMALLEST_STEP) * truth.abs().max()
    worked = (length > SMALLEST_STEP).to(after)
    # The square sum of the residuals is the mean square over the increments.
    factor = worked / scale / len(step) ** 0.5
    residual = ((after[:, tree.root] - truth) * step).sum((1, 2)) * factor
    return residual, work * factor[:, None, None]


def _check_curve(number: int, target: CurveTarget) -> None:
    increments = target.path.increments
    if len(target.response.time) != increments + 1:
        raise ValueError(
            "Argument `curves` must hold responses with a row for the start and each increment, "
            f"but number {number} has {len(target.response.time)} rows for {increments} increments."
        )
    lengths = np.concatenate([step.time_increments() for step in target.path])
    if not np.allclose(target.response.time[1:].numpy(), np.cumsum(lengths), rtol=1e-6):
        raise ValueError(
            "Argument `curves` must hold responses to their paths, but number "
            f"{number} is given at other times than the path's increments end."
        )
    stress = target.response.P
    if not bool(torch.isfinite(stress).all()) or not bool(stress.abs().max() > 0):
        raise ValueError(
            "Argument `curves` must hold finite stresses that are not all zero, but number "
            f"{number} does not."
        )
