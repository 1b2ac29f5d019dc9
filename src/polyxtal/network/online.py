"""The material network at finite strain, in readable form on torch.

Every inner node joins a left and a right domain of volume fractions f_l + f_r = 1 across an
interface of normal N; its interaction vector a is the jump of deformation across it,

    F_l = F + f_r a ⊗ N,    F_r = F - f_l a ⊗ N,

and equilibrium requires equal tractions, (P_l - P_r) · N = 0. Newton's linear system for all
interaction vectors and the free part of the macroscopic F is condensed from the leaves up,

    K = N · (f_r A_l + f_l A_r) · N
    A = f_l A_l + f_r A_r - f_l f_r [(A_l - A_r) · N] K⁻¹ [N · (A_l - A_r)]
    P = f_l P_l + f_r P_r - f_l f_r [(A_l - A_r) · N] K⁻¹ [(P_l - P_r) · N],

solved at the root under the mixed boundary conditions, and substituted back down,

    da = -K⁻¹ ((P_l - P_r) · N + [N · (A_l - A_r)] : dF).

`online_compiled.py` is the fast form, tested equal to this one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.plasticity.state import CrystalState, LawUpdate
from polyxtal.crystal.update.crystal import CrystalPlasticity
from polyxtal.mechanics.loading.mixed_control import STRESS_FLOOR, MixedControl
from polyxtal.mechanics.loading.stepper import StepResult
from polyxtal.network.topology import BinaryTree

MAX_ITERATIONS = 25


@dataclass(frozen=True, eq=False)
class Laminates:
    """The geometry of a network.

    Attributes:
        tree: Topology.
        normals: Unit interface normal N of every inner node. [-]
        fractions: Volume fraction f_l of the left child in every inner node. [-]
    """

    tree: BinaryTree
    normals: Float[Tensor, "inner 3"]
    fractions: Float[Tensor, " inner"]

    def leaf_fractions(self) -> Float[Tensor, " leaves"]:
        """Return the volume fraction of every leaf. [-]"""
        nodes = [torch.ones((), dtype=torch.float64)] * (2 * self.tree.leaves - 1)
        for k in range(self.tree.leaves - 2, -1, -1):
            parent, share = nodes[self.tree.leaves + k], self.fractions[k]
            nodes[self.tree.left[k]], nodes[self.tree.right[k]] = (
                share * parent,
                parent - share * parent,
            )
        return torch.stack(nodes[: self.tree.leaves])

    def place(
        self, deformation: Float[Tensor, "3 3"], interaction: Float[Tensor, "inner 3"]
    ) -> Float[Tensor, "leaves 3 3"]:
        """Return the F of every leaf from the macroscopic F. [-]"""
        nodes: list[Tensor] = [deformation] * (2 * self.tree.leaves - 1)
        for k in range(self.tree.leaves - 2, -1, -1):
            parent, share = nodes[self.tree.leaves + k], self.fractions[k]
            jump = torch.outer(interaction[k], self.normals[k])
            nodes[self.tree.left[k]] = parent + (1 - share) * jump
            nodes[self.tree.right[k]] = parent - share * jump
        return torch.stack(nodes[: self.tree.leaves])


@dataclass(frozen=True, eq=False)
class Condensation:
    """Newton's linear system, condensed to the root.

    Attributes:
        stress: P of every node, averaged over its leaves. [MPa]
        condensed: P of every node after its linearised equilibrium. [MPa]
        tangent: Condensed ∂P/∂F of every node. [MPa]
        mismatch: Condensed traction jump of every inner node. [MPa]
        coupling: N · (A_l - A_r) of every inner node. [MPa]
        compliance: K⁻¹ of every inner node. [1/MPa]
    """

    stress: Float[Tensor, "nodes 3 3"]
    condensed: Float[Tensor, "nodes 3 3"]
    tangent: Float[Tensor, "nodes 3 3 3 3"]
    mismatch: Float[Tensor, "inner 3"]
    coupling: Float[Tensor, "inner 3 3 3"]
    compliance: Float[Tensor, "inner 3 3"]


def condense(
    laminates: Laminates,
    leaf_stress: Float[Tensor, "leaves 3 3"],
    leaf_tangent: Float[Tensor, "leaves 3 3 3 3"],
) -> Condensation:
    """Condense stresses and tangents of the leaves to the root, level by level."""
    tree = laminates.tree
    nodes, inner = 2 * tree.leaves - 1, tree.leaves - 1
    stress, condensed = (leaf_stress.new_zeros(nodes, 3, 3) for _ in range(2))
    tangent = leaf_tangent.new_zeros(nodes, 3, 3, 3, 3)
    stress[: tree.leaves] = condensed[: tree.leaves] = leaf_stress
    tangent[: tree.leaves] = leaf_tangent
    mismatch, coupling = leaf_stress.new_zeros(inner, 3), leaf_stress.new_zeros(inner, 3, 3, 3)
    compliance = leaf_stress.new_zeros(inner, 3, 3)
    for level in tree.levels:
        left, right, normal = tree.left[level], tree.right[level], laminates.normals[level]
        share = laminates.fractions[level]

        def mix(values: Tensor, left=left, right=right, share=share) -> Tensor:
            f = share.reshape(-1, *[1] * (values.ndim - 1))
            return f * values[left] + (1 - f) * values[right]

        jump = tangent[left] - tangent[right]
        swapped = tangent[left] + tangent[right] - mix(tangent)  # f_r A_l + f_l A_r
        acoustic = torch.einsum("nj,nijkl,nl->nik", normal, swapped, normal)
        compliance[level] = torch.linalg.inv(acoustic)
        coupling[level] = torch.einsum("nj,nijkl->nikl", normal, jump)
        mismatch[level] = torch.einsum("nij,nj->ni", condensed[left] - condensed[right], normal)
        push = (share * (1 - share))[:, None, None, None] * torch.einsum(
            "nijkl,nl->nijk", jump, normal
        )
        solved = compliance[level]
        parents = tree.leaves + level
        stress[parents] = mix(stress)
        condensed[parents] = mix(condensed) - torch.einsum(
            "nijk,nkm,nm->nij", push, solved, mismatch[level]
        )
        tangent[parents] = mix(tangent) - torch.einsum(
            "nija,nab,nbkl->nijkl", push, solved, coupling[level]
        )
    return Condensation(stress, condensed, tangent, mismatch, coupling, compliance)


def substitute(
    laminates: Laminates, system: Condensation, change: Float[Tensor, "3 3"]
) -> Float[Tensor, "inner 3"]:
    """Return the change of every interaction vector from the change of the macroscopic F."""
    tree = laminates.tree
    changes: list[Tensor] = [change] * (2 * tree.leaves - 1)
    interaction = torch.zeros_like(system.mismatch)
    for k in range(tree.leaves - 2, -1, -1):
        parent, share = changes[tree.leaves + k], laminates.fractions[k]
        traction = system.mismatch[k] + torch.einsum("ikl,kl->i", system.coupling[k], parent)
        interaction[k] = -system.compliance[k] @ traction
        jump = torch.outer(interaction[k], laminates.normals[k])
        changes[tree.left[k]] = parent + (1 - share) * jump
        changes[tree.right[k]] = parent - share * jump
    return interaction


def traction_jump(laminates: Laminates, stress: Float[Tensor, "nodes 3 3"]) -> float:
    """Return the largest component of (P_l - P_r) · N over all interfaces. [MPa]"""
    tree = laminates.tree
    if tree.leaves == 1:
        return 0.0
    jump = stress[torch.from_numpy(tree.left)] - stress[torch.from_numpy(tree.right)]
    return float(torch.einsum("nij,nj->ni", jump, laminates.normals).abs().max())


class Online:
    """A network under load (a `Stepper`), on torch.

    Each step starts from the accepted state: the first Newton iteration uses stresses and
    tangents without slip, the others those of the whole step.
    """

    def __init__(
        self,
        laminates: Laminates,
        law: CrystalPlasticity,
        start: CrystalState,
        tolerance: float = 1e-8,
    ) -> None:
        """Start undeformed."""
        self.laminates, self.law, self.tolerance = laminates, law, tolerance
        identity = torch.eye(3, dtype=torch.float64)
        leaves = laminates.tree.leaves
        interaction = torch.zeros(leaves - 1, 3, dtype=torch.float64)
        stress = torch.zeros(2 * leaves - 1, 3, 3, dtype=torch.float64)
        self._accepted = (identity, stress, interaction, start)
        self._attempted = self._accepted

    def averages(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the accepted volume averages F [-] and P [MPa], (3, 3) each."""
        return self._accepted[0].numpy().copy(), self._accepted[1][-1].numpy().copy()

    def attempt(self, dt: float, control: MixedControl, new_direction: bool) -> StepResult:
        """Try to reach the goal from the accepted state, starting elastically."""
        deformation, _, interaction, start = self._accepted
        state, residual = start, float("inf")
        for iteration in range(MAX_ITERATIONS):
            leaf_deformation = self.laminates.place(deformation, interaction)
            try:
                update = self._update(leaf_deformation, start, state, dt if iteration else 0.0)
            except (ConvergenceError, ValueError):
                return StepResult(False, iteration + 1, residual, crystal_failed=True)
            system = condense(self.laminates, update.stress, update.tangent)
            average = system.stress[-1]
            off = control.stress_error(average)
            scale = max(float(update.stress.abs().max()), STRESS_FLOOR)
            residual = max(traction_jump(self.laminates, system.stress), float(off)) / scale
            if iteration and control.holds_for(deformation) and residual < self.tolerance:
                self._attempted = (deformation, system.stress, interaction, update.state)
                return StepResult(True, iteration + 1, residual)
            root = system.condensed[-1], system.tangent[-1]
            change = control.newton_change(deformation, *root)
            interaction = interaction + substitute(self.laminates, system, change)
            deformation = control.placed(deformation + change)
            state = update.state
        return StepResult(False, MAX_ITERATIONS, residual)

    def _update(
        self, deformation: Tensor, start: CrystalState, last: CrystalState, dt: float
    ) -> LawUpdate:
        """Update the leaves from the accepted state; the last stress is the initial value."""
        guess = CrystalState(start.plastic_inverse, start.internal, last.stress)
        return self.law.update(deformation, guess, dt)

    def accept(self) -> None:
        """Make the state reached by the last attempt the accepted one."""
        self._accepted = self._attempted

    def interfaces(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the accepted a (inner, 3) [-] and every node's P (nodes, 3, 3) [MPa]."""
        _, stress, interaction, _ = self._accepted
        return interaction.numpy().copy(), stress.numpy().copy()

    def crystal_state(self) -> CrystalState:
        """Return the accepted state of the leaves."""
        return self._accepted[3]

    def elastic_deformation(self) -> Float[Tensor, "leaves 3 3"]:
        """Return the accepted F_e of every leaf. [-]"""
        deformation, _, interaction, state = self._accepted
        return self.laminates.place(deformation, interaction) @ state.plastic_inverse

    def hill_mandel_residual(self) -> float:
        """Return |Σ w P : F - P̄ : F̄| of the accepted state, relative to the largest stress. [-]"""
        deformation, stress, interaction, _ = self._accepted
        leaf = self.laminates.place(deformation, interaction)
        weights = self.laminates.leaf_fractions()
        work = torch.einsum("l,lij,lij->", weights, stress[: len(leaf)], leaf)
        scale = max(float(stress[-1].abs().max()), STRESS_FLOOR)
        return float((work - (stress[-1] * deformation).sum()).abs()) / scale
