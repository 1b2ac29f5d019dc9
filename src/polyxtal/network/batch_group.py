"""The points of a batch that have the same network: their state, and how threads advance them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyxtal.crystal.material import Material
from polyxtal.crystal.update.compiled import LawGroup, law_groups
from polyxtal.crystal.update.crystal import CrystalPlasticity
from polyxtal.microstructure.phased_materials import PhasedMaterials
from polyxtal.network.batch_kernel import advance_points
from polyxtal.network.condense_kernel import (
    TreeArrays,
    TreeState,
    place_deformation,
    tree_workspace,
)
from polyxtal.network.point_state import Network, PointArrays, point_arrays, scratch
from polyxtal.network.stress_floor import stress_floor
from polyxtal.network.tree import MaterialNetwork


@dataclass(frozen=True, eq=False)
class IncrementArrays:
    """Arguments and results of an increment, for all points of a batch; see `advance_points`."""

    goal: np.ndarray
    dt: float
    with_tangent: bool
    piola: np.ndarray
    tangent: np.ndarray
    pieces: np.ndarray
    status: np.ndarray


class PointGroup:
    """The points that have one network.

    Attributes:
        members: Their numbers in the batch.
        before, accepted, trial: The last two accepted states, and that of the last attempt.
        laws: The leaves by compiled kernel.
    """

    def __init__(
        self,
        network: MaterialNetwork,
        material: Material | Mapping[str, Material],
        members: np.ndarray,
        interfaces: bool,
        tolerance: float,
    ) -> None:
        """Allocate the undeformed points."""
        self.members = members
        self.leaves = network.leaves
        phased = PhasedMaterials.of(material, network.phase, network.phase_names, network.lattices)
        law = CrystalPlasticity(phased.materials, phased.place)
        self.laws: list[LawGroup] = law_groups(
            law.materials, law.laws, law.index(self.leaves).numpy()
        )
        laminates = network.laminates()
        self._tree = TreeArrays(
            laminates.tree.left,
            laminates.tree.right,
            np.ascontiguousarray(laminates.normals.detach().numpy()),
            np.ascontiguousarray(laminates.fractions.detach().numpy()),
            np.zeros(self.leaves, dtype=np.int8),
        )
        self._network = Network(
            np.ascontiguousarray(network.weights.detach().numpy()),
            law.positive(self.leaves).numpy(),
            interfaces,
            tolerance,
            stress_floor(law.materials, tolerance),
        )
        start = law.initial_state(network.orientations.detach())
        self._start = np.ascontiguousarray(start.plastic_inverse.numpy())
        self.accepted = point_arrays(len(members), self.leaves, start.internal.shape[1])
        self.accepted.plastic_inverse[:] = start.plastic_inverse.numpy()
        self.accepted.internal[:] = start.internal.numpy()
        self.before = PointArrays(*(values.copy() for values in self.accepted))
        self.trial = PointArrays(*(values.copy() for values in self.accepted))
        self._scratch: list[Any] = []

    def jobs(
        self, increment: IncrementArrays, axes: np.ndarray, threads: int
    ) -> list[Callable[[], None]]:
        """Return the increment of contiguous ranges of points, one for each thread."""
        while len(self._scratch) < threads:
            self._scratch.append(self._thread())
        bounds = np.linspace(0, len(self.members), threads + 1).astype(int)

        def job(k: int) -> Callable[[], None]:
            laws, state, workspace, own = self._scratch[k]
            return lambda: advance_points(
                int(bounds[k]),
                int(bounds[k + 1]),
                self.members,
                axes,
                increment.goal,
                increment.dt,
                increment.with_tangent,
                self.before,
                self.accepted,
                self.trial,
                self._tree,
                laws,
                self._network,
                state,
                workspace,
                own,
                increment.piola,
                increment.tangent,
                increment.pieces,
                increment.status,
            )

        return [job(k) for k in range(threads) if bounds[k] < bounds[k + 1]]

    def accept(self) -> None:
        """Make the trial state the accepted one, and that the one before."""
        self.before, self.accepted, self.trial = self.accepted, self.trial, self.before

    def description(self) -> list[np.ndarray]:
        """Return what the meaning of the state depends on."""
        laws = (part for g in self.laws for part in (g.constants, g.phase, g.members))
        return [*self._tree, self._network.weights, *laws, self._start]

    def elastic_deformation(self, k: int) -> np.ndarray:
        """Return the accepted F_e of the leaves of the group's point k, (leaves, 3, 3). [-]"""
        now = self.accepted
        state = self._thread()[1]
        state.deformation[-1] = now.deformation[k]
        if self._network.interfaces:
            place_deformation(self._tree, now.interaction[k], state.deformation)
        else:
            state.deformation[:] = now.deformation[k]
        return state.deformation[: self.leaves] @ now.plastic_inverse[k]

    def _thread(self) -> tuple[Any, ...]:
        nodes, width = 2 * self.leaves - 1, self.accepted.internal.shape[2]
        state = TreeState(
            plastic_start=np.zeros((self.leaves, 3, 3)),
            internal_start=np.zeros((self.leaves, width)),
            plastic_inverse=np.zeros((self.leaves, 3, 3)),
            internal=np.zeros((self.leaves, width)),
            stress=np.zeros((self.leaves, 6)),
            interaction=np.zeros((self.leaves - 1, 3)),
            deformation=np.zeros((nodes, 3, 3)),
            piola=np.zeros((nodes, 3, 3)),
        )
        laws = tuple((*g.points(), *g.scratch()) for g in self.laws)
        return laws, state, tree_workspace(self.leaves), scratch()
