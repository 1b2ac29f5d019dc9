"""Targets of a fit, stress-strain curves and stiffness: their residuals and Jacobians."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
from polyxtal.network.sensitivity import stiffness_sensitivity
from polyxtal.network.tree import MaterialNetwork

TOLERANCE = 1e-3
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

    def linearise(self, network: MaterialNetwork) -> tuple[Tensor, Tensor]:
        """Return residuals, whose sum of squares is the mean square error, and their Jacobian."""
        parts = [(follow_curve(network, self.material, curve), 1.0) for curve in self.curves]
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


def follow_curve(
    network: MaterialNetwork,
    material: Material | Mapping[str, Material] | None,
    target: CurveTarget,
) -> tuple[Float[Tensor, " increments"], Float[Tensor, "increments inner 3"]]:
    """Return residuals along a curve and their derivatives by the normals.

    The sum of squares of the residuals is the mean square error over the increments.
    """
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
