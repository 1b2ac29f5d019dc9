"""A periodic cell of voxels in equilibrium, advanced step by step.

    F = F̄ + Grad u,   Div P(F) = 0,   <F> = F̄ and <P> prescribed component by component

u is periodic, with the Fourier coefficients v̂ of `fourier.py`.

Newton's method linearises the law at every voxel, ∂P/∂F : δF. Conjugate gradients solve for the
displacements and the free components of F̄ together, preconditioned by a reference medium: the
mean stiffness of the undeformed cell. They run in single precision, which is enough for a Newton
step; equilibrium itself is always checked in double precision.

A tangent is reused as long as it reduces the residual. It also tells how a correction of F changes
the stress that the law starts from.

Where systems harden each other more than themselves, soft crystals within a large step make the
tangent indefinite. If Newton's method fails, it starts again with steps that are damped by a share
of the elastic stiffness [Levenberg1944].
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.mechanics.fullfield.cell_law import CellLaw
from polyxtal.mechanics.fullfield.fourier import FourierGrid, green_of_tangent
from polyxtal.mechanics.fullfield.imbalance import Imbalance
from polyxtal.mechanics.fullfield.krylov import conjugate_gradients
from polyxtal.mechanics.fullfield.linearised import LinearisedCell
from polyxtal.mechanics.fullfield.predictor import Predictor
from polyxtal.mechanics.loading.mixed_control import MixedControl
from polyxtal.mechanics.loading.stepper import StepResult

STRAIN_FLOOR = 1e-7
"""Residuals are relative to at least the stress of this elastic strain. [-]"""
MAX_ITERATIONS = 20
MAX_KRYLOV_ITERATIONS = 500
LINEAR_TOLERANCE = 0.05
"""Largest relative residual of linear systems, where the step does not need a smaller one. [-]"""
SLOW = 0.1
"""A tangent is renewed when the residual falls by less than this factor. [-]"""
DIVERGED = 1e3
"""Newton gives up when the residual grows by this factor. [-]"""
DAMPING, MAX_DAMPING = 0.1, 10.0
"""First and largest share of the elastic stiffness that damps Newton's steps. [-]"""
MAX_DAMPED_ITERATIONS = 40


class PeriodicCell:
    """A periodic cell of voxels that follows a load path (a `Stepper`)."""

    def __init__(
        self,
        law: CellLaw,
        grid: tuple[int, int, int],
        spacing: tuple[float, float, float],
        scheme: str,
        tolerance: float,
    ) -> None:
        """Start undeformed and stress-free."""
        self.law, self.grid, self.tolerance = law, grid, tolerance
        device = law.piola.device
        self._fourier = FourierGrid.of(grid, spacing, scheme, device)
        self._single = self._fourier.single()
        squared = (self._fourier.k**2).sum(0)
        self._inverse_square = torch.where(squared > 0, 1 / squared.clamp_min(1e-300), 0.0)
        self._mean = torch.eye(3, dtype=torch.float64, device=device).reshape(9)
        self._displacement = torch.zeros(
            self._fourier.k.shape, dtype=torch.complex128, device=device
        )
        self._deformation = self._deform()
        self._accepted = self._unknowns()
        self._accepted_stress = torch.zeros(9, dtype=torch.float64, device=device)
        self._accepted_fields = self._deformation, law.piola.clone()
        self._predictor = Predictor()
        self._mean_stress = self._accepted_stress
        self._attempted = (0.0, True)
        self._tangent_is_slow = False
        law.evaluate(self._deformation, 0.0)
        law.linearise()
        stiffness = law.mean_tangent()
        self._stiffness = stiffness.float()
        self._green = green_of_tangent(self._fourier.k, stiffness).float()
        self._stress_floor = STRAIN_FLOOR * float(stiffness.diagonal().mean())
        self.krylov_iterations = self.evaluations = self.tangents = 0
        self.max_iterations, self.damps = MAX_ITERATIONS, True  # may be less where haste pays

    def averages(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the accepted volume averages F [-] and P [MPa], (3, 3) each."""
        mean, stress = self._accepted["mean"], self._accepted_stress
        return mean.reshape(3, 3).cpu().numpy().copy(), stress.reshape(3, 3).cpu().numpy().copy()

    def deformation(self) -> Float[Tensor, "voxels 3 3"]:
        """Return the accepted F of every voxel. [-]"""
        return self._accepted_fields[0].mT.reshape(-1, 3, 3)

    def stress(self) -> Float[Tensor, "voxels 3 3"]:
        """Return the accepted P of every voxel. [MPa]"""
        return self._accepted_fields[1].mT.reshape(-1, 3, 3)

    def orientations(self) -> Float[Tensor, "voxels 4"]:
        """Return the accepted rotation of F_e of every voxel; undefined in voids. [-]"""
        return self.law.orientations(self._accepted_fields[0])

    def attempt(self, dt: float, control: MixedControl, new_direction: bool) -> StepResult:
        """Try to reach the goal from the accepted state, at last by damped steps."""
        control = control.to(self._mean.device)
        result = self._newton(dt, control, new_direction)
        if result.converged or not self.damps:
            return result
        self._tangent_is_slow = True
        damped = self._damped(dt, control)
        chosen = damped if damped.converged else result
        return chosen._replace(iterations=result.iterations + damped.iterations)

    def _newton(self, dt: float, control: MixedControl, new_direction: bool) -> StepResult:
        """Iterate from the extrapolated last steps, or elastically from the accepted state."""
        elastic_start = new_direction or not self._predictor.ready
        self._attempted = (dt, elastic_start)
        if elastic_start:
            self._set_unknowns(self._accepted)
            solved = self._evaluate(0.0)
        else:
            self._set_unknowns(self._predictor.predict(self._accepted, dt))
            self._mean = control.placed(self._mean)
            solved = self._evaluate(dt)
        fresh = elastic_start or self._tangent_is_slow
        if solved and fresh:
            self._linearise()
        error = first = float("inf")
        for iteration in range(1, self.max_iterations + 1):
            if not solved:
                return StepResult(False, iteration, error, crystal_failed=True)
            imbalance = self._imbalance(control)
            before, error = error, imbalance.error
            done_elastically = elastic_start and iteration == 1
            if not done_elastically:
                if error <= self.tolerance:
                    self._tangent_is_slow = iteration > 2
                    self._mean_stress = imbalance.mean_stress
                    return StepResult(True, iteration, error)
                first = min(first, error) if math.isfinite(first) else error
                if not error < DIVERGED * first:
                    return StepResult(False, iteration, error)
                if not fresh and error > SLOW * before and math.isfinite(before):
                    self._linearise()
            self._correct(imbalance, control)
            solved, fresh = self._evaluate(dt, anticipate=not done_elastically), False
        return StepResult(False, self.max_iterations, error)

    def _damped(self, dt: float, control: MixedControl) -> StepResult:
        """Iterate elastically from the accepted state by steps that must reduce the residual."""
        self._set_unknowns(self._accepted)
        self._evaluate(0.0)
        self._linearise()
        self._correct(self._imbalance(control), control)
        if not self._evaluate(dt):
            return StepResult(False, 1, float("inf"), crystal_failed=True)
        self._linearise()
        at, damping = self._imbalance(control), DAMPING
        for iteration in range(2, MAX_DAMPED_ITERATIONS + 1):
            if at.error <= self.tolerance:
                self._mean_stress = at.mean_stress
                return StepResult(True, iteration, at.error)
            before = self._unknowns()
            self._correct(at, control, damping)
            solved = self._evaluate(dt)
            tried = self._imbalance(control) if solved else at
            if tried.error < at.error:
                at, damping = tried, damping / 4
                self._linearise()
                continue
            self._set_unknowns(before)
            damping *= 8
            if damping > MAX_DAMPING:
                return StepResult(False, iteration, at.error)
        return StepResult(False, MAX_DAMPED_ITERATIONS, at.error)

    def accept(self) -> None:
        """Make the state reached by the last attempt the accepted one."""
        dt, elastic_start = self._attempted
        self.law.accept()
        reached = self._unknowns()
        self._predictor.accept(self._accepted, reached, dt, elastic_start)
        self._accepted = reached
        self._accepted_stress = self._mean_stress
        self._accepted_fields = self._deformation, self.law.piola.clone()

    def _unknowns(self) -> dict[str, Tensor]:
        guess = {name: field.clone() for name, field in self.law.guess.items()}
        return {"mean": self._mean, "displacement": self._displacement, **guess}

    def _set_unknowns(self, unknowns: Mapping[str, Tensor]) -> None:
        self._mean, self._displacement = unknowns["mean"], unknowns["displacement"]
        for name in self.law.guess:
            self.law.guess[name] = unknowns[name].clone()

    def _deform(self) -> Float[Tensor, "9 voxels"]:
        """Return F of every voxel."""
        return self._fourier.gradient(self._displacement).add_(self._mean[:, None])

    def _evaluate(self, dt: float, anticipate: bool = False) -> bool:
        self.evaluations += 1
        before, self._deformation = self._deformation, self._deform()
        if anticipate:
            self.law.anticipate(self._deformation - before)
        return self.law.evaluate(self._deformation, dt)

    def _linearise(self) -> None:
        self.tangents += 1
        self.law.linearise()

    def _imbalance(self, control: MixedControl) -> Imbalance:
        stress = self.law.piola
        force, mean = self._fourier.force(stress)
        rms = max(
            float(torch.linalg.vector_norm(stress)) / stress.shape[1] ** 0.5, self._stress_floor
        )
        out_of_balance = (torch.view_as_real(force) ** 2).sum((0, -1)) * self._inverse_square
        local = float((out_of_balance * self._fourier.weight).sum()) ** 0.5
        macroscopic = float(control.stress_error(mean))
        error = max(local, macroscopic) / rms
        return Imbalance(force, mean, error if math.isfinite(error) else float("inf"))

    def linearised(self, free: Float[Tensor, "free 9"], damping: float = 0.0) -> LinearisedCell:
        """Return Newton's linear system for the last tangents, damped or not.

        Args:
            free: `MixedControl.stress_rows`.
            damping: Share of the elastic stiffness to add to every tangent. [-]
        """
        added = damping * self._stiffness if damping > 0 else None
        return LinearisedCell(self.law, self._single, self._green, free, added)

    def _correct(self, imbalance: Imbalance, control: MixedControl, damping: float = 0.0) -> None:
        """Take the Newton step in displacement and mean F."""
        rows, free = control.stress_rows(), control.stress_controlled
        system = self.linearised(rows, damping)
        wanted = control.target[free] - rows @ imbalance.mean_stress
        right = system.pack(-imbalance.force, wanted)
        if not control.holds_for(self._mean):
            gap = control.deformation_gap(self._mean)
            uniform = gap.float()[:, None].expand(9, self.law.piola.shape[1]).contiguous()
            force, mean = self._single.force(self.law.multiply(uniform))
            right -= system.pack(force, rows.to(mean) @ mean)
        enough = 0.3 * self.tolerance / max(imbalance.error, 1e-300)
        solution = conjugate_gradients(
            system.apply,
            system.precondition,
            system.inner,
            right,
            min(max(LINEAR_TOLERANCE, enough), 0.3),
            MAX_KRYLOV_ITERATIONS,
        )
        self.krylov_iterations += solution.iterations
        displacement, mean = system.unpack(solution.x)
        self._displacement = self._displacement + displacement.to(torch.complex128)
        self._mean = control.placed(self._mean + rows.T @ mean.to(torch.float64))

    def state(self) -> dict[str, Tensor]:
        """Return the accepted state, for a checkpoint."""
        kept = {f"accepted/{name}": field for name, field in self._accepted.items()}
        kept |= {f"law/{name}": field for name, field in self.law.state().items()}
        kept |= {f"predictor/{name}": field for name, field in self._predictor.state().items()}
        kept["mean_stress"], kept["piola"] = self._accepted_stress, self._accepted_fields[1]
        work = (self.evaluations, self.tangents, self.krylov_iterations)
        kept["work"] = torch.tensor(work)
        kept["tangent_is_slow"] = torch.tensor(int(self._tangent_is_slow))
        return kept

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned."""

        def part(prefix: str) -> dict[str, Tensor]:
            device = self._mean.device
            return {
                name.removeprefix(prefix): field.to(device)
                for name, field in state.items()
                if name.startswith(prefix)
            }

        self.law.restore(part("law/"))
        self._predictor.restore(part("predictor/"))
        self._accepted = part("accepted/")
        self._set_unknowns(self._accepted)
        self._accepted_stress = state["mean_stress"].to(self._mean.device)
        self._tangent_is_slow = bool(state["tangent_is_slow"])
        self.evaluations, self.tangents, self.krylov_iterations = state["work"].tolist()
        self._deformation = self._deform()
        self._accepted_fields = self._deformation, state["piola"].to(self._mean.device)
