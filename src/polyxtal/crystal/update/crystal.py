"""Material points of one or several phases under load, in readable form on torch.

`CompiledCrystalPlasticity` is the fast form, tested equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.mandel import mandel_to_matrix
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.law import PlasticityLaw
from polyxtal.crystal.plasticity.state import CrystalState, LawUpdate
from polyxtal.crystal.update.newton import LawFailure, LawPoints
from polyxtal.crystal.update.tangent import consistent_tangent


class CrystalPlasticity:
    """The local law of a batch of material points, on torch.

    Args:
        materials: Material, or one for each phase with its own law and lattice.
        phase: Phase of every point, an index into `materials`; None for a single material.
        device: Device of points and constants; None is the CPU.
    """

    def __init__(
        self,
        materials: Material | Sequence[Material],
        phase: Int[Tensor, " points"] | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        """Build the law of every material."""
        self.materials = (materials,) if isinstance(materials, Material) else tuple(materials)
        self.phase = None if phase is None else phase.to(device)
        self.device = device
        self.laws = [material.law().to(device) for material in self.materials]
        self.width = max(law.states for law in self.laws)
        self.points = [
            LawPoints(law, material.elasticity.stiffness().to(device))
            for law, material in zip(self.laws, self.materials, strict=True)
        ]

    def index(self, points: int) -> Int[Tensor, " points"]:
        """Return the phase of every point."""
        if self.phase is None:
            return torch.zeros(points, dtype=torch.int64, device=self.device)
        return self.phase

    def groups(self, points: int) -> Iterator[tuple[int, Tensor]]:
        """Iterate over the phases that occur, with their points in ascending order."""
        index = self.index(points)
        for phase in range(len(self.materials)):
            members = (index == phase).nonzero().flatten()
            if len(members):
                yield phase, members

    def initial_state(self, orientations: Float[Tensor, "points 4"]) -> CrystalState:
        """Return the stress-free state of crystals with given orientations."""
        points = len(orientations)
        internal = torch.zeros(points, self.width, dtype=torch.float64, device=self.device)
        for phase, members in self.groups(points):
            start = self.laws[phase].initial_state().to(internal)
            internal[members, : len(start)] = start
        return CrystalState(
            quaternion_to_matrix(orientations.to(torch.float64)),
            internal,
            torch.zeros(points, 6, dtype=torch.float64, device=self.device),
        )

    def update(
        self, deformation: Float[Tensor, "points 3 3"], state: CrystalState, dt: float
    ) -> LawUpdate:
        """Advance every point by one step.

        Args:
            deformation: F at the end of the step. [-]
            state: State at its start.
            dt: Length of the step. [s]
        Returns:
            P [MPa], ∂P_ij/∂F_kl [MPa] and the state at the end of the step.
        Raises:
            ValueError: if F is not finite or not invertible.
            ConvergenceError: if no solution is found for a point.
        """
        check_deformation(deformation)
        n = len(deformation)
        piola, inverse = torch.zeros_like(deformation), state.plastic_inverse.clone()
        tangent = deformation.new_zeros(n, 3, 3, 3, 3)
        internal, stress = state.internal.clone(), state.stress.clone()
        for phase, members in self.groups(n):
            part = self._update(phase, members, deformation[members], state, dt)
            piola[members], tangent[members] = part.stress, part.tangent
            inverse[members], stress[members] = part.state.plastic_inverse, part.state.stress
            internal[members, : part.state.internal.shape[1]] = part.state.internal
        return LawUpdate(piola, tangent, CrystalState(inverse, internal, stress))

    def _update(
        self, phase: int, members: Tensor, deformation: Tensor, state: CrystalState, dt: float
    ) -> LawUpdate:
        """Advance the points of one phase by the step."""
        points, law = self.points[phase], self.laws[phase]
        start = state.at(members, law.states)
        try:
            stress, internal = points.solve(deformation, start, dt)
        except LawFailure as failure:
            raise LawFailure(int(members[failure.point]), failure.residual) from failure
        trial = deformation @ start.plastic_inverse
        at = points.evaluate(trial, start, dt, stress, internal)
        slip = torch.einsum("pa,aij->pij", at.law.slip, law.schmid)
        inverse = start.plastic_inverse @ (points.identity - slip)
        determinant = torch.linalg.det(inverse)
        if not bool((determinant > 0).all()):
            point = int(members[int((~(determinant > 0)).nonzero()[0])])
            raise ConvergenceError(
                f"The plasticity law must converge to det F_p > 0, but point {point} does not; "
                "take a smaller step.",
                float(at.norm.nan_to_num(torch.inf, torch.inf).max()),
            )
        second = mandel_to_matrix(stress)
        piola = at.elastic @ second @ inverse.mT
        tangent = consistent_tangent(points, deformation, start, at, inverse, second)
        unit = inverse / determinant[:, None, None] ** (1 / 3)
        return LawUpdate(piola, tangent, CrystalState(unit, internal, stress))

    def positive(self, points: int) -> Bool[Tensor, "points width"]:
        """Return which internal variables of every point must stay positive."""
        out = torch.zeros(points, self.width, dtype=torch.bool, device=self.device)
        for phase, members in self.groups(points):
            scale = self.laws[phase].state_scale()
            out[members, : len(scale)] = (scale == 0).to(out.device)
        return out

    def named(self, state: CrystalState) -> dict[str, Tensor]:
        """Return the internal variables by name, (points, size); zero where a law has none."""
        return named_fields(self.laws, self.index(len(state.stress)), state.internal)


def named_fields(
    laws: Sequence[PlasticityLaw],
    phase: Int[Tensor, " points"],
    internal: Float[Tensor, "points width"],
) -> dict[str, Tensor]:
    """Return internal variables by name, (points, size); zero where a point's law has none.

    Args:
        laws: Law of each phase.
        phase: Phase of every point; negative in voids.
        internal: Internal variables of every point.
    """
    out: dict[str, Tensor] = {}
    for index, law in enumerate(laws):
        members = (phase == index).nonzero().flatten()
        for name, values in law.named(internal[members]).items():
            size = values.shape[1]
            field = out.get(name)
            if field is None or field.shape[1] < size:
                wider = internal.new_zeros(len(internal), size)
                if field is not None:
                    wider[:, : field.shape[1]] = field
                out[name] = wider
            out[name][members, :size] = values
    return out


def check_deformation(deformation: Tensor) -> None:
    """Validate deformation gradients.

    Raises:
        ValueError: if F is not finite or det F is not positive.
    """
    determinant = torch.linalg.det(torch.nan_to_num(deformation, nan=torch.nan))
    bad = ~(determinant > 0) | ~torch.isfinite(deformation).flatten(1).all(1)
    if bad.any():
        point = int(bad.nonzero()[0])
        raise ValueError(
            "Argument `deformation` must be finite with a positive determinant, "
            f"but det F is {float(determinant[point]):.3g} at point {point}."
        )
