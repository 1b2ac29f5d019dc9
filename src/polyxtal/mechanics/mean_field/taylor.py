"""Taylor's model: every grain has the macroscopic deformation gradient. The stiff baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.mandel import mandel_to_matrix
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.state import CrystalState
from polyxtal.crystal.update.compiled import CompiledCrystalPlasticity
from polyxtal.mechanics.loading.mixed_control import STRESS_FLOOR, MixedControl
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepper import StepResult
from polyxtal.mechanics.loading.stepping import respond
from polyxtal.mechanics.mean_field.crystals import crystals_of
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal

MAX_ITERATIONS = 30
TOLERANCE = 1e-8


class Taylor:
    """Grains that share one deformation gradient, as a stepper along a load path."""

    def __init__(
        self,
        law: CompiledCrystalPlasticity,
        start: CrystalState,
        weights: Float[Tensor, " grains"],
        tolerance: float = TOLERANCE,
    ) -> None:
        """Start undeformed."""
        self.law, self.weights, self.tolerance = law, weights, tolerance
        identity = torch.eye(3, dtype=torch.float64)
        self._accepted = (identity, torch.zeros_like(identity), start)
        self._attempted = self._accepted
        self._before, self._length, self._tried = self._accepted, 0.0, 0.0

    def averages(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the accepted F [-] and volume average of P [MPa], (3, 3) each."""
        return self._accepted[0].numpy().copy(), self._accepted[1].numpy().copy()

    def elastic_deformation(self) -> Float[Tensor, "grains 3 3"]:
        """Return the accepted F_e of every grain. [-]"""
        deformation, _, state = self._accepted
        return deformation @ state.plastic_inverse

    def stress(self) -> Float[Tensor, "grains 3 3"]:
        """Return the accepted P = F_e S F_p⁻ᵀ of every grain. [MPa]"""
        inverse = self._accepted[2].plastic_inverse
        second = mandel_to_matrix(self._accepted[2].stress)
        return self.elastic_deformation() @ second @ inverse.mT

    def attempt(self, dt: float, control: MixedControl, new_direction: bool) -> StepResult:
        """Try to reach the goal by Newton's method for the free components of F.

        It starts from the last increment continued, and where that fails, or the load changes its
        direction, from the elastic response.
        """
        self._tried = dt
        deformation, _, state = self._accepted
        iterations = 0
        if not new_direction and self._length > 0.0:
            share = dt / self._length
            before, _, earlier = self._before
            stress = state.stress + share * (state.stress - earlier.stress)
            goal = control.placed(deformation + share * (deformation - before))
            result = self._newton(dt, control, goal, stress, elastic=False)
            if result.converged:
                return result
            iterations = result.iterations
        result = self._newton(dt, control, deformation, state.stress, elastic=True)
        return result._replace(iterations=result.iterations + iterations)

    def _newton(
        self,
        dt: float,
        control: MixedControl,
        deformation: Float[Tensor, "3 3"],
        guess: Float[Tensor, "grains 6"],
        elastic: bool,
    ) -> StepResult:
        start = self._accepted[2]
        residual = float("inf")
        for iteration in range(MAX_ITERATIONS):
            first = elastic and iteration == 0
            grains = deformation.expand(len(self.weights), 3, 3)
            state = CrystalState(start.plastic_inverse, start.internal, guess)
            try:
                update = self.law.update(grains, state, 0.0 if first else dt)
            except (ConvergenceError, ValueError):
                return StepResult(False, iteration + 1, residual, crystal_failed=True)
            stress = torch.einsum("g,gij->ij", self.weights, update.stress)
            tangent = torch.einsum("g,gijkl->ijkl", self.weights, update.tangent)
            scale = max(float(update.stress.abs().max()), STRESS_FLOOR)
            residual = float(control.stress_error(stress)) / scale
            reached = control.holds_for(deformation) and residual < self.tolerance
            if reached and not first:
                self._attempted = (deformation, stress, update.state)
                return StepResult(True, iteration + 1, residual)
            change = control.newton_change(deformation, stress, tangent)
            deformation = control.placed(deformation + change)
            guess = update.state.stress
        return StepResult(False, MAX_ITERATIONS, residual)

    def accept(self) -> None:
        """Make the state reached by the last attempt the accepted one."""
        self._before, self._length = self._accepted, self._tried
        self._accepted = self._attempted


def taylor_response(
    rve: Polycrystal,
    material: Material | Mapping[str, Material],
    path: LoadPath,
    on_increment: Callable[[float], None] | None = None,
    tolerance: float = TOLERANCE,
) -> Response:
    """Return the response to a load path in Taylor's model [Taylor1938].

    The baseline of all predictions.

    Args:
        rve: Polycrystal; grains without voxels are left out.
        material: One material for all grains, or one for each phase name.
        path: Load path.
        on_increment: Called with the time [s] after every increment, for progress.
        tolerance: Largest deviation of the mean stress from its prescribed value, over the largest
            stress in the grains. [-]
    Returns:
        Response with the orientation of every grain at every increment.
    Raises:
        ConvergenceError: if an increment does not converge in its smallest pieces.
        ValueError: if a phase has no material.

    Example:
        >>> import polyxtal as px
        >>> rve, alloy = px.tessellate(grid=4, grains=4, seed=0), px.load_material("AA6022-T4")
        >>> response = px.taylor_response(rve, alloy, px.LoadPath.uniaxial(0.01, increments=5))
        >>> round(float(response.stress("xx")[-1]))  # MPa; the full field: 237
        270
    """
    law, start, weights = crystals_of(rve, material)
    return respond(path, Taylor(law, start, weights, tolerance), weights, on_increment)
