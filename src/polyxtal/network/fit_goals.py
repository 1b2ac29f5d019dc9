"""Targets of a fit, stress-strain curves and stiffness: their residuals and Jacobians."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import follow
from polyxtal.mechanics.response import Response
from polyxtal.network.offline import node_weights
from polyxtal.network.online_compiled import CompiledOnline
from polyxtal.network.sensitivity import stiffness_sensitivity
from polyxtal.network.tree import MaterialNetwork

TOLERANCE = 1e-5
"""Tolerance of the networks' solution while fitting, see `MaterialNetwork.respond`. [-]"""
SMALLEST_STEP = 1e-9
"""Smallest change of F of increments that are compared. [-]"""


class CurveTarget(NamedTuple):
    """A stress-strain curve to fit.

    Attributes:
        path: Load path.
        response: Response to it, with a row for every increment.
    """

    path: LoadPath
    response: Response


class StiffnessTarget(NamedTuple):
    """A stiffness to fit.

    Attributes:
        elasticity: Elastic constants, as for `MaterialNetwork.stiffness`.
        stiffness: Mandel stiffness. [MPa]
    """

    elasticity: Elasticity | Mapping[str, Elasticity]
    stiffness: Float[Tensor, "6 6"]


@dataclass(frozen=True, eq=False)
class Goals:
    """All targets of a fit."""

    material: Material | Mapping[str, Material] | None
    curves: tuple[CurveTarget, ...]
    stiffness: tuple[StiffnessTarget, ...]
    weight: float
    tolerance: float = TOLERANCE

    def check(self) -> None:
        """Validate the targets.

        Raises:
            ValueError: if there is none, or one is invalid.
        """
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

    def linearise(
        self, network: MaterialNetwork, follower: CurveFollower | None
    ) -> tuple[Tensor, Tensor]:
        """Return residuals, whose sum of squares is the mean square error, and their Jacobian.

        Args:
            network: The network.
            follower: Follows the curves, see `follower`; None if there are none.
        """
        parts = [] if follower is None else [(part, 1.0) for part in follower.follow(network)]
        parts += [(part, self.weight) for part in self._stiffness(network)]
        total = sum(weight for _, weight in parts)
        residuals, jacobians = [], []
        for (residual, jacobian), weight in parts:
            share = (weight / total) ** 0.5
            residuals.append(share * residual)
            jacobians.append(share * jacobian)
        return torch.cat(residuals), torch.cat(jacobians)

    def follower(self, network: MaterialNetwork) -> CurveFollower | None:
        """Return what follows the curves of the network, whatever its normals."""
        if not self.curves:
            return None
        assert self.material is not None
        return CurveFollower(network, self.material, self.curves, self.tolerance)

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


class CurveFollower:
    """Follows curves with a network whose normals change.

    Args:
        network: Network with the leaves and the tree.
        material: Material of its leaves, as for `MaterialNetwork.respond`.
        targets: Curves.
        tolerance: Tolerance of the network's solution. [-]
    """

    def __init__(
        self,
        network: MaterialNetwork,
        material: Material | Mapping[str, Material],
        targets: Sequence[CurveTarget],
        tolerance: float = TOLERANCE,
    ) -> None:
        """Allocate the undeformed network."""
        law, laminates = network.law(material), network.laminates()
        self._targets = targets
        self._stepper = CompiledOnline(
            laminates, law, law.initial_state(network.orientations), tolerance
        )
        tree, nodes = network.tree, node_weights(network.tree, network.weights).numpy()
        inner = nodes[network.leaves :]
        share = nodes[tree.left] / inner
        self._left, self._right, self._root = tree.left, tree.right, tree.root
        self._volume = inner * share * (1 - share)

    def follow(self, network: MaterialNetwork) -> list[tuple[Tensor, Tensor]]:
        """Return residuals along every curve and their derivatives by the normals.

        The sum of squares of a curve's residuals is the mean square error over its increments.

        Args:
            network: The network with its present normals.
        Returns:
            For every curve, residuals (increments,) and derivatives (increments, inner, 3).
        Raises:
            ConvergenceError: if the network does not converge along a curve.
        """
        normals = network.normals.detach().numpy()
        return [self._curve(target, normals) for target in self._targets]

    def _curve(self, target: CurveTarget, normals: np.ndarray) -> tuple[Tensor, Tensor]:
        stepper = self._stepper
        stepper.restart(normals)
        history = [(stepper.averages()[0], *stepper.interfaces())]

        def keep(_: float) -> None:
            history.append((stepper.averages()[0], *stepper.interfaces()))

        follow(target.path, stepper, keep)
        deformation, interaction, stress = map(np.stack, zip(*history, strict=True))
        step, jump_step = np.diff(deformation, axis=0), np.diff(interaction, axis=0)
        after = stress[1:]
        jump = after[:, self._left] - after[:, self._right]
        length = np.linalg.norm(step, axis=(1, 2))
        truth = target.response.P[1:].to(torch.float64).numpy()
        scale = np.maximum(length, SMALLEST_STEP) * np.abs(truth).max()
        factor = (length > SMALLEST_STEP) / scale / len(step) ** 0.5
        residual = ((after[:, self._root] - truth) * step).sum((1, 2)) * factor
        weight = factor[:, None] * self._volume
        jacobian = np.einsum("tk,tki,tkij->tkj", weight, jump_step, jump)
        return torch.from_numpy(residual), torch.from_numpy(jacobian)


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
