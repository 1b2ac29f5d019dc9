"""Sachs's model: every grain has the same stress. The soft counterpart of Taylor's.

At finite strain the grains cannot share the first Piola-Kirchhoff stress P, since P F_gᵀ would not
be symmetric in each. Instead they share the rotation R of the macroscopic F = R U and the stress
conjugate to U, the symmetric Biot stress T; the stretch U_g is each grain's own:

    F_g = R U_g,   Σ_g f_g U_g = U,   sym(Rᵀ P_g) = T

P_g F_gᵀ is symmetric, so no work is done on the rotation, P_g : Ḟ_g = T : U̇_g, and the mean work
is the work of the mean. With the macroscopic P conjugate to F, Hill's condition is exact,

    P = (∂U/∂F)ᵀ T,   P : Ḟ = T : U̇ = Σ_g f_g P_g : Ḟ_g,

and P Fᵀ is symmetric. sym(Rᵀ P) is the mean of sym(Rᵀ P_g). The mean of P_g itself differs from P
by the skew part of Rᵀ P, of second order in U_g - U, which would violate both conditions.

With A_g = ∂T_g/∂U_g, one step of Newton's method for all grains condenses to one 6x6 system,

    A = (Σ_g f_g A_g⁻¹)⁻¹,   T = A (U - Σ_g f_g U_g + Σ_g f_g A_g⁻¹ T_g),   dU_g = A_g⁻¹ (T - T_g).

At small strain this is Reuss's elasticity [Reuss1929] and the iso-stress model of plasticity named
after [Sachs1928]. Sachs himself scaled the stress of each grain to its yield stress, with a mean of
2.24 τ for random fcc crystals in tension. With one stress in all grains the softest yield first, at
2 τ, somewhat above with rate sensitivity; Taylor's model gives 3.07 τ [Taylor1938].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.mandel import mandel_to_matrix, matrix_to_mandel, tensor4_to_mandel
from polyxtal.algebra.rotation import rotational_part
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.state import CrystalState, LawUpdate
from polyxtal.crystal.update.compiled import CompiledCrystalPlasticity
from polyxtal.mechanics.loading.mixed_control import STRESS_FLOOR, MixedControl
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepper import StepResult
from polyxtal.mechanics.loading.stepping import respond
from polyxtal.mechanics.mean_field.crystals import crystals_of
from polyxtal.mechanics.mean_field.polar import Polar
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal

MAX_ITERATIONS = 60
MAX_SEARCHES = 8
"""Largest number of trial steps along one Newton direction."""
SLOPE = 0.5
"""Share of the initial slope below which a step is accepted. [-]"""


@dataclass(frozen=True, eq=False)
class IsoStress:
    """Newton's system at trial stretches, condensed to the macroscopic U.

    Attributes:
        grains: T_g. [MPa]
        compliance: A_g⁻¹. [1/MPa]
        weights: Volume fractions f_g. [-]
        mean: Σ_g f_g (A_g⁻¹ T_g - U_g). [-]
        stiffness: A. [MPa]
    """

    grains: Float[Tensor, "grains 6"]
    compliance: Float[Tensor, "grains 6 6"]
    weights: Float[Tensor, " grains"]
    mean: Float[Tensor, "6"]
    stiffness: Float[Tensor, "6 6"]

    @classmethod
    def of(
        cls, stretches: Float[Tensor, "grains 6"], update: LawUpdate, weights: Tensor
    ) -> IsoStress:
        """Linearise all grains and condense."""
        grains = matrix_to_mandel(update.stress)
        compliance = torch.linalg.inv(tensor4_to_mandel(update.tangent))
        elastic = torch.einsum("gmn,gn->gm", compliance, grains) - stretches
        return cls(
            grains,
            compliance,
            weights,
            weights @ elastic,
            torch.linalg.inv(torch.einsum("g,gmn->mn", weights, compliance)),
        )

    def stress(self, stretch: Float[Tensor, "6"]) -> Float[Tensor, "6"]:
        """Return the common T that goes with a macroscopic U. [MPa]"""
        return self.stiffness @ (stretch + self.mean)

    def changes(self, stretch: Float[Tensor, "6"]) -> Float[Tensor, "grains 6"]:
        """Return dU_g that takes every grain to the common T. [-]"""
        return torch.einsum("gmn,gn->gm", self.compliance, self.stress(stretch) - self.grains)


@dataclass(frozen=True, eq=False)
class _Point:
    """An iterate of Newton's method: F, U_g, T and the state of the law."""

    deformation: Float[Tensor, "3 3"]
    stretches: Float[Tensor, "grains 6"]
    biot: Float[Tensor, "6"]
    state: CrystalState


class Sachs:
    """Grains that share one stress, as a stepper along a load path."""

    def __init__(
        self,
        law: CompiledCrystalPlasticity,
        start: CrystalState,
        weights: Float[Tensor, " grains"],
        tolerance: float = 1e-8,
    ) -> None:
        """Start undeformed."""
        self.law, self.weights, self.tolerance = law, weights, tolerance
        identity = torch.eye(3, dtype=torch.float64)
        stretches = matrix_to_mandel(identity).repeat(len(weights), 1)
        self._accepted = _Point(identity, stretches, identity.new_zeros(6), start)
        self._attempted, self._length = self._accepted, 0.0
        self._rates: tuple[Tensor, Tensor] | None = None

    def averages(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the accepted F [-] and P [MPa], (3, 3) each."""
        at = self._accepted
        return at.deformation.numpy().copy(), Polar.of(at.deformation).stress(at.biot).numpy()

    def deformation(self) -> Float[Tensor, "grains 3 3"]:
        """Return the accepted F_g = R U_g. [-]"""
        rotation = rotational_part(self._accepted.deformation)
        return rotation @ mandel_to_matrix(self._accepted.stretches)

    def crystal_state(self) -> CrystalState:
        """Return the accepted state of the grains."""
        return self._accepted.state

    def elastic_deformation(self) -> Float[Tensor, "grains 3 3"]:
        """Return the accepted F_e of every grain. [-]"""
        return self.deformation() @ self._accepted.state.plastic_inverse

    def attempt(self, dt: float, control: MixedControl, new_direction: bool) -> StepResult:
        """Try to reach the goal by Newton's method for U_g and the free components of F.

        It starts from the extrapolated last rates; after a change of direction, or if that fails,
        elastically.
        """
        spent = 0
        if self._rates is not None and not new_direction:
            result = self._newton(dt, control, self._rates)
            if result.converged:
                return result
            spent = result.iterations
        result = self._newton(dt, control, None)
        return result._replace(iterations=result.iterations + spent)

    def _newton(
        self, dt: float, control: MixedControl, rates: tuple[Tensor, Tensor] | None
    ) -> StepResult:
        """Iterate from the extrapolation by `rates`, or elastically from the accepted state."""
        start, residual = self._accepted, float("inf")
        deformation, stretches = start.deformation, start.stretches
        if rates is not None:
            deformation = control.placed(deformation + dt * rates[0])
            stretches = stretches + dt * rates[1]
        update = self._law(stretches, start.state, 0.0 if rates is None else dt)
        for iteration in range(MAX_ITERATIONS):
            if update is None:
                return StepResult(False, iteration, residual, crystal_failed=True)
            elastic = iteration == 0 and rates is None
            system, polar = IsoStress.of(stretches, update, self.weights), Polar.of(deformation)
            biot = system.stress(polar.stretch)
            stress = polar.stress(biot)
            off = control.stress_error(stress)
            spread = (system.grains - biot).abs().max()
            scale = max(float(system.grains.abs().max()), STRESS_FLOOR)
            residual = max(float(off), float(spread)) / scale
            reached = control.holds_for(deformation)
            if reached and residual < self.tolerance and not elastic:
                self._attempted = _Point(deformation, stretches, biot, update.state)
                self._length = dt
                return StepResult(True, iteration + 1, residual)
            if not residual < float("inf"):
                break
            tangent = polar.tangent(biot, system.stiffness)
            change = control.newton_change(deformation, stress, tangent)
            change = control.placed(deformation + change) - deformation
            if not torch.linalg.det(deformation + change) > 0:
                break
            step = system.changes(Polar.of(deformation + change).stretch)
            work = control.work(change)
            slope = None if elastic or not reached else self._slope(system.grains, step, work)
            share, update = self._search(stretches, step, dt, update.state, slope, work)
            stretches = stretches + share * step
            deformation = deformation + share * change
            if share == 1.0:
                deformation = control.placed(deformation)
        return StepResult(False, MAX_ITERATIONS, residual)

    def _slope(self, grains: Tensor, step: Tensor, work: float) -> float:
        """Return the slope of the energy, Σ_g f_g T_g : dU_g - P_target : dF. [MPa]"""
        return float(torch.einsum("g,gm,gm->", self.weights, grains, step)) - work

    def _search(
        self,
        stretches: Tensor,
        step: Tensor,
        dt: float,
        last: CrystalState,
        slope: float | None,
        work: float,
    ) -> tuple[float, LawUpdate | None]:
        """Return the share of Newton's step that brings the slope of the energy near zero.

        The energy of stable grains is convex: its slope is negative at first and rises. Otherwise,
        or if it is None, the largest share is taken for which the law has a solution.
        """
        low, high = (0.0, slope), (1.0, None)
        share, tried, update = 1.0, 1.0, None
        for _ in range(MAX_SEARCHES):
            tried, update = share, self._law(stretches + share * step, last, dt)
            if update is None:
                high = (tried, None)
            elif slope is None or slope >= 0:
                break
            else:
                here = self._slope(matrix_to_mandel(update.stress), step, work)
                if abs(here) <= -SLOPE * slope or (tried == 1.0 and here < 0):
                    break
                low, high = (low, (tried, here)) if here > 0 else ((tried, here), high)
            share = _between(low, high)
        return tried, update

    def _law(
        self, stretches: Float[Tensor, "grains 6"], last: CrystalState, dt: float
    ) -> LawUpdate | None:
        """Update unrotated grains, with the last stress as initial value; None if the law fails."""
        start = self._accepted.state
        guess = CrystalState(start.plastic_inverse, start.internal, last.stress)
        try:
            return self.law.update(mandel_to_matrix(stretches), guess, dt)
        except (ConvergenceError, ValueError):
            return None

    def accept(self) -> None:
        """Make the state reached by the last attempt the accepted one."""
        new, old, dt = self._attempted, self._accepted, self._length
        self._rates = (
            (new.deformation - old.deformation) / dt,
            (new.stretches - old.stretches) / dt,
        )
        self._accepted = new


def _between(low: tuple[float, float | None], high: tuple[float, float | None]) -> float:
    """Return the zero of the secant between two (share, slope), away from both, or the midpoint."""
    (left, below), (right, above) = low, high
    if below is None or above is None:
        return 0.5 * (left + right)
    margin = 0.1 * (right - left)
    zero = left - below * (right - left) / (above - below)
    return min(max(zero, left + margin), right - margin)


def sachs_response(
    rve: Polycrystal,
    material: Material | Mapping[str, Material],
    path: LoadPath,
    on_increment: Callable[[float], None] | None = None,
) -> Response:
    """Return the response to a load path if all grains share one stress [Sachs1928].

        F_g = R U_g,   Σ_g f_g U_g = U,   sym(Rᵀ P_g) = T in every grain g,   F = R U

    The soft counterpart of Taylor's stiff model: neighbours do not constrain a grain. T and P are
    nominal stresses: a grain beyond its own maximum takes all further strain, and the curve falls.
    The curve is therefore meaningful up to its maximum only.

    Args:
        rve: Polycrystal; grains without voxels are left out.
        material: One material for all grains, or one for each phase name.
        path: Load path.
        on_increment: Called with the time [s] after every increment, for progress.
    Returns:
        Response with the orientation of every grain at every increment; its P [MPa] is the stress
        conjugate to F.
    Raises:
        ConvergenceError: if an increment does not converge in its smallest pieces.
        ValueError: if a phase has no material.
    """
    law, start, weights = crystals_of(rve, material)
    return respond(path, Sachs(law, start, weights), weights, on_increment)
