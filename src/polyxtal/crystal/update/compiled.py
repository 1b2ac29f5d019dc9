"""The laws of `crystal.py` for a batch of points, by the compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.crystal.kernel.batches import SOLVED, linearise_points, solve_points
from polyxtal.crystal.kernel.records import ACCURATE, EXACT, LANES
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.law import PlasticityLaw
from polyxtal.crystal.plasticity.state import CrystalState, LawUpdate
from polyxtal.crystal.update.crystal import CrystalPlasticity, check_deformation
from polyxtal.crystal.update.newton import LawFailure


@dataclass(frozen=True, eq=False)
class LawGroup:
    """Points of one compiled kernel: same law and same number of systems.

    Attributes:
        constants: One record for each phase.
        phase: Index into `constants` of every point of the group.
        members: The points, ascending in each phase.
        batches: First and last (exclusive) member of every batch, of one phase each; (batches, 2).
        law: The law of one of the phases, for the shape of the scratch.
    """

    constants: np.ndarray
    phase: np.ndarray
    members: np.ndarray
    batches: np.ndarray
    law: PlasticityLaw

    def points(self) -> tuple[np.ndarray, ...]:
        """Return the first arguments of `solve_points`."""
        return self.constants, self.phase, self.members, self.batches

    def scratch(self) -> tuple[np.void, np.void | None]:
        """Allocate the scratch records of one thread."""
        return self.law.workspace(), self.law.lanes()


def law_groups(
    materials: Sequence[Material], laws: Sequence[PlasticityLaw], phase: np.ndarray
) -> list[LawGroup]:
    """Return the points grouped by compiled kernel.

    Args:
        materials: Material of every phase.
        laws: Law of every phase.
        phase: Phase of every point; negative in voids.
    """
    records = [law.record(m.elasticity) for law, m in zip(laws, materials, strict=True)]
    groups = []
    for kind in dict.fromkeys(record.dtype for record in records):
        phases = [index for index, record in enumerate(records) if record.dtype == kind]
        place = np.full(len(records) + 1, -1)  # the last entry is that of voids
        place[phases] = np.arange(len(phases))
        members = np.flatnonzero(np.isin(phase, phases))
        if len(members):
            constants = np.concatenate([records[index] for index in phases])
            members = members[np.argsort(place[phase[members]], kind="stable")]
            index = place[phase[members]]
            group = LawGroup(constants, index, members, _batches(index), laws[phases[0]])
            groups.append(group)
    return groups


def _batches(phase: np.ndarray) -> np.ndarray:
    """Divide members, sorted by phase, into batches of one phase."""
    found = []
    for kind in np.unique(phase):
        first, last = np.searchsorted(phase, [kind, kind + 1])
        starts = np.arange(first, last, LANES)
        found.append(np.stack([starts, np.minimum(starts + LANES, last)], 1))
    return np.concatenate(found)


class CompiledCrystalPlasticity:
    """The local law of a batch of material points, compiled for CPU (float64).

    Same arguments and results as `CrystalPlasticity`, without derivatives through torch.
    """

    def __init__(
        self, materials: Material | Sequence[Material], phase: Int[Tensor, " points"] | None = None
    ) -> None:
        """Build the law of every material."""
        self.reference = CrystalPlasticity(materials, phase)
        self._groups: list[tuple[LawGroup, tuple[np.void, np.void | None]]] | None = None

    def initial_state(self, orientations: Float[Tensor, "points 4"]) -> CrystalState:
        """Return the stress-free state of crystals with given orientations."""
        return self.reference.initial_state(orientations)

    def update(
        self, deformation: Float[Tensor, "points 3 3"], state: CrystalState, dt: float
    ) -> LawUpdate:
        """Advance every point by one step; see `CrystalPlasticity.update`."""
        check_deformation(deformation)
        points = len(deformation)
        stress, internal = state.stress.numpy().copy(), state.internal.numpy().copy()
        inverse, piola = np.empty((points, 3, 3)), np.empty((9, points))
        tangent = np.empty((points, 9, 9))
        start = (
            np.ascontiguousarray(deformation.detach().numpy().reshape(points, 9).T),
            *(np.ascontiguousarray(a.numpy()) for a in (state.plastic_inverse, state.internal)),
        )
        gradient = np.empty((points, 6, 9))
        for group, scratch in self._law_groups(points):
            given = *group.points(), *scratch, *start, float(dt)
            out = stress, internal, inverse, piola
            failed = solve_points(*given, ACCURATE, *out, 0, len(group.batches))
            if failed != SOLVED:
                raise self._failure(failed, deformation, state, dt, stress, internal)
            linearise_points(*given, stress, internal, EXACT, tangent, gradient)
        unit = inverse / np.linalg.det(inverse)[:, None, None] ** (1 / 3)
        new = CrystalState(*(torch.from_numpy(a) for a in (unit, internal, stress)))
        return LawUpdate(
            torch.from_numpy(piola.T.copy()).reshape(points, 3, 3),
            torch.from_numpy(tangent).reshape(points, 3, 3, 3, 3),
            new,
        )

    def _law_groups(self, points: int) -> list[tuple[LawGroup, tuple[np.void, np.void | None]]]:
        """Return groups with scratch records, rebuilt if the number of points changes."""
        law = self.reference
        if self._groups is None or (
            law.phase is None and len(self._groups[0][0].members) != points
        ):
            groups = law_groups(law.materials, law.laws, law.index(points).numpy())
            self._groups = [(group, group.scratch()) for group in groups]
        return self._groups

    def _failure(
        self,
        point: int,
        deformation: Tensor,
        state: CrystalState,
        dt: float,
        stress: np.ndarray,
        internal: np.ndarray,
    ) -> LawFailure:
        """Return the error of a point that the kernel could not solve."""
        one = torch.tensor([point])
        phase = int(self.reference.index(len(deformation))[point])
        start = state.at(one, self.reference.laws[phase].states)
        left = torch.from_numpy(stress)[one], torch.from_numpy(internal)[one]
        trial = deformation[one].detach() @ start.plastic_inverse
        norm = (
            self.reference.points[phase]
            .evaluate(trial, start, dt, left[0], left[1][:, : start.internal.shape[1]])
            .norm
        )
        return LawFailure(point, float(norm.nan_to_num(torch.inf)))
