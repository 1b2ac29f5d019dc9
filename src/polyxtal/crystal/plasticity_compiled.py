"""The plasticity law of `plasticity.py` for a batch of points, through the compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity import (
    CrystalPlasticity,
    CrystalState,
    LawUpdate,
    check_deformation,
)
from polyxtal.crystal.plasticity_kernel import LawConstants, point_workspace, update_points


def law_constants(law: CrystalPlasticity) -> LawConstants:
    """Lay the constants of every phase out as the kernel wants them."""

    def flat(column: Tensor) -> np.ndarray:
        return np.ascontiguousarray(column[:, 0].numpy())

    hardening = law._modulus[:, :, None] * law._interaction
    return LawConstants(
        compliance=law._compliance.numpy(),
        rate=flat(law._rate),
        exponent=flat(law._exponent),
        hardening_exponent=flat(law._hardening_exponent),
        saturation=flat(law._saturation),
        hardening=np.ascontiguousarray(hardening.transpose(1, 2).numpy()),
        schmid=law.schmid.numpy(),
        schmid_mandel=np.ascontiguousarray(law.schmid_mandel.T.numpy()),
    )


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
            point_workspace(),
        )
        if failed >= 0:
            raise ConvergenceError(
                f"The plasticity law must converge, but point {failed} found no solution; "
                "take a smaller step."
            )
        unit = inverse / np.linalg.det(inverse)[:, None, None] ** (1 / 3)
        new = CrystalState(*(torch.from_numpy(a) for a in (unit, resistance, stress)))
        return LawUpdate(
            torch.from_numpy(piola), torch.from_numpy(tangent).reshape(points, 3, 3, 3, 3), new
        )
