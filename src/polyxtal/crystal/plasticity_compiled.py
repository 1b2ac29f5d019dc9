"""The plasticity law of `plasticity.py` for a batch of points, through the compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.kernel.points import update_points
from polyxtal.crystal.kernel.records import EXACT, LAW_CONSTANTS, point_workspace
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity import (
    CrystalPlasticity,
    CrystalState,
    LawUpdate,
    check_deformation,
)


def law_constants(law: CrystalPlasticity) -> np.ndarray:
    """Lay the constants of every phase out as the kernel wants them: one record a phase."""
    records = np.zeros(len(law.materials), LAW_CONSTANTS)
    hardening = law._modulus[:, :, None] * law._interaction
    records["compliance"] = law._compliance.numpy()
    records["rate"] = law._rate[:, 0].numpy()
    records["exponent"] = law._exponent[:, 0].numpy()
    records["hardening_exponent"] = law._hardening_exponent[:, 0].numpy()
    records["saturation"] = law._saturation[:, 0].numpy()
    records["hardening"] = hardening.transpose(1, 2).numpy()
    records["schmid"] = law.schmid.numpy()
    records["schmid_mandel"] = law.schmid_mandel.T.numpy()
    return records


class CompiledCrystalPlasticity:
    """The local law of a batch of material points, compiled for CPU (float64).

    Same arguments and results as `CrystalPlasticity`, without derivatives through torch.
    """

    def __init__(
        self, materials: Material | Sequence[Material], phase: Int[Tensor, "points"] | None = None
    ) -> None:
        """Gather the constants of every phase."""
        self.reference = CrystalPlasticity(materials, phase)
        self.constants = law_constants(self.reference)

    def initial_state(self, orientations: Float[Tensor, "points 4"]) -> CrystalState:
        """Build the stress-free state of crystals with the given orientations."""
        return self.reference.initial_state(orientations)

    def update(
        self, deformation: Float[Tensor, "points 3 3"], state: CrystalState, dt: float
    ) -> LawUpdate:
        """Take every point through one step; see `CrystalPlasticity.update`."""
        check_deformation(deformation)
        points = len(deformation)
        phase = self.reference._index(points).numpy()
        stress = state.stress.numpy().copy()
        resistance = state.slip_resistance.numpy().copy()
        inverse, piola = np.empty((points, 3, 3)), np.empty((points, 3, 3))
        tangent = np.empty((points, 9, 9))
        failed = update_points(
            self.constants,
            phase,
            np.ascontiguousarray(deformation.detach().numpy()),
            np.ascontiguousarray(state.plastic_inverse.numpy()),
            np.ascontiguousarray(state.slip_resistance.numpy()),
            float(dt),
            stress,
            resistance,
            inverse,
            piola,
            tangent,
            np.empty((points, 6, 9)),
            True,
            EXACT,
            point_workspace(),
        )
        if failed >= 0:
            raise ConvergenceError(
                f"The plasticity law must converge, but point {failed} found no solution; "
                "take a smaller step.",
                self._residual(failed, deformation, state, dt, stress, resistance),
            )
        unit = inverse / np.linalg.det(inverse)[:, None, None] ** (1 / 3)
        new = CrystalState(*(torch.from_numpy(a) for a in (unit, resistance, stress)))
        return LawUpdate(
            torch.from_numpy(piola), torch.from_numpy(tangent).reshape(points, 3, 3, 3, 3), new
        )

    def _residual(
        self,
        point: int,
        deformation: Tensor,
        state: CrystalState,
        dt: float,
        stress: np.ndarray,
        resistance: np.ndarray,
    ) -> float:
        """Evaluate the strain residual that one point was left with."""
        one = slice(point, point + 1)
        law = CrystalPlasticity(
            self.reference.materials[int(self.reference._index(len(stress))[point])]
        )
        start = CrystalState(
            state.plastic_inverse[one], state.slip_resistance[one], state.stress[one]
        )
        trial = deformation[one].detach() @ start.plastic_inverse
        left = (torch.from_numpy(values[one]) for values in (stress, resistance))
        return float(law._evaluate(trial, start, dt, *left).norm.nan_to_num(torch.inf))
