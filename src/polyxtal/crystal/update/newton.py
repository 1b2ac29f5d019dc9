"""Newton's method for the points of one law, in readable form on torch.

Kinematics F = F_e F_p with F_p(0) = R(q)ᵀ, so the intermediate configuration has crystal axes.

    S = C : ½ (F_eᵀ F_e - I)               second Piola-Kirchhoff stress                [Roters2019]
    L_p = Σ_a γ̇_a(τ_a, z) P_a,             P_a = s_a ⊗ n_a,   τ_a = S : P_a

A step of length Δt is implicit (backward Euler) in stress and internal variables,

    F_p⁻¹ = F_p⁻¹(old) (I - Δt L_p),   F_e = F F_p⁻¹,   P = F_e S F_p⁻ᵀ,

and F_p is scaled back to det F_p = 1 after it, as DAMASK does. Newton solves for (S, z):

    r_S = C⁻¹ : S - ½ (F_eᵀ F_e - I) = 0,     r_z = z - z(old) - E(z, Δγ) = 0
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.mandel import matrix_to_mandel
from polyxtal.crystal.plasticity.law import LawStep, PlasticityLaw
from polyxtal.crystal.plasticity.state import CrystalState

MAX_ITERATIONS = 60
MAX_HALVINGS = 10
GROWTH = 10.0
"""Largest slip that the drives of Newton's iterates may cause, in trial strains. [-]"""
QUADRATIC = 1e-13
"""Newton stops when n δ², the error that remains after a relative step δ, is below this. [-]"""
FIRST_STRIDE, SMALLEST_STRIDE = 0.125, 1e-5
"""First and smallest step of the continuation parameter. [-]"""
CONVERGED = 1e-9
"""Largest residual of a solution, in units of strain. [-]"""


MAX_SWEEPS, SWEPT = 100, 1e-6
"""Most alternating sweeps over stress and state, and the relative change that ends them."""
DAMPED = (0.5, 0.25)
"""Shares of each change of the state that the last sweeps take. [-]"""

_STATE_PARTS = ("by_state", "evolved_by_state", "evolved_by_slip")


class Trial(NamedTuple):
    """The equations at trial values (S, z) of the end of the step."""

    law: LawStep
    elastic: Float[Tensor, "points 3 3"]  # F_e
    stress_residual: Float[Tensor, "points 6"]  # r_S
    state_residual: Float[Tensor, "points states"]  # r_z, relative to `scale`
    scale: Float[Tensor, "points states"]

    @property
    def norm(self) -> Float[Tensor, " points"]:
        """Residual in units of strain; a relative error of z counts 1e-3 times."""
        norm = self.stress_residual.abs().amax(1)
        if self.state_residual.shape[1]:
            norm = torch.maximum(norm, 1e-3 * self.state_residual.abs().amax(1))
        return norm


class LawPoints:
    """Points of one law and one crystal under load.

    Args:
        law: The law.
        stiffness: Mandel stiffness in the crystal frame. [MPa]
    """

    def __init__(self, law: PlasticityLaw, stiffness: Float[Tensor, "6 6"]) -> None:
        """Compute the constants of all points."""
        self.law = law
        self.schmid = law.schmid
        self.schmid_mandel = matrix_to_mandel(law.schmid)
        self.compliance = torch.linalg.inv(stiffness)
        self.identity = torch.eye(3).to(stiffness)
        self._scale = law.state_scale().to(stiffness)

    def evaluate(
        self, trial: Tensor, start: CrystalState, dt: float, stress: Tensor, state: Tensor
    ) -> Trial:
        """Evaluate the equations at (S, z); `trial` is A = F F_p⁻¹(old)."""
        step = self.law.linearise(stress @ self.schmid_mandel.mT, state, dt)
        elastic = trial @ (self.identity - torch.einsum("pa,aij->pij", step.slip, self.schmid))
        strain = matrix_to_mandel(0.5 * (elastic.mT @ elastic - self.identity))
        scale = torch.where(self._scale > 0, self._scale, state)
        residual = (state - start.internal - step.evolved) / scale
        return Trial(step, elastic, stress @ self.compliance - strain, residual, scale)

    def _evaluate(
        self,
        trial: Tensor,
        start: CrystalState,
        dt: float,
        stress: Tensor,
        state: Tensor,
        fixed: bool,
    ) -> Trial:
        at = self.evaluate(trial, start, dt, stress, state)
        return at._replace(state_residual=torch.zeros_like(state)) if fixed else at

    def jacobian(
        self, trial: Tensor, at: Trial, fixed: bool = False
    ) -> Float[Tensor, "points n n"]:
        """Return ∂(r_S, r_z)/∂(S, z), z and r_z both divided by `scale`; of r_S alone if fixed."""
        law = at.law
        # ∂r_S/∂Δγ_a = mandel(sym(F_eᵀ A s_a ⊗ n_a))
        pull = at.elastic.mT @ trial
        direction = matrix_to_mandel(torch.einsum("pik,akj->paij", pull, self.schmid))
        by_stress = law.by_stress[:, :, None] * self.schmid_mandel
        if fixed:
            law = law._replace(**{name: 0 * getattr(law, name) for name in _STATE_PARTS})
        evolved = law.evolved_by_slip / at.scale[:, :, None]
        by_state = law.by_state * at.scale[:, None, :]
        own = law.evolved_by_state * at.scale[:, None, :] / at.scale[:, :, None]
        top = torch.cat([self.compliance + direction.mT @ by_stress, direction.mT @ by_state], 2)
        identity = torch.eye(own.shape[1]).to(own)
        bottom = torch.cat([-evolved @ by_stress, identity - own - evolved @ by_state], 2)
        return torch.cat([top, bottom], 1)

    def solve(
        self, deformation: Tensor, start: CrystalState, dt: float
    ) -> tuple[Float[Tensor, "points 6"], Float[Tensor, "points states"]]:
        """Return (S, z) by Newton's method or else by sweeps, continuation or damped sweeps.

        Raises:
            ConvergenceError: if no solution is found for a point, which it names.
        """
        stress, state, done = self._newton(deformation, start, dt, start.stress, start.internal)
        for point in (~done).nonzero().flatten().tolist():
            one = torch.tensor([point], device=deformation.device)
            part = deformation[one], start.at(one), dt
            found = self._sweep(*part, 1.0) or self._continue(*part)
            for share in DAMPED:
                found = found or self._sweep(*part, share)
            if found is None:
                at = self.evaluate(
                    part[0] @ part[1].plastic_inverse, *part[1:], stress[one], state[one]
                )
                raise LawFailure(point, float(at.norm.nan_to_num(torch.inf)))
            stress[one], state[one] = found
        norm = self.evaluate(deformation @ start.plastic_inverse, start, dt, stress, state).norm
        wrong = ~(norm < CONVERGED)
        if bool(wrong.any()):
            raise LawFailure(int(wrong.nonzero()[0]), float(norm.nan_to_num(torch.inf).max()))
        return stress, state

    def _sweep(
        self, deformation: Tensor, start: CrystalState, dt: float, share: float
    ) -> tuple[Tensor, Tensor] | None:
        """Solve one point for S at fixed z and z at fixed slip alternately, then by Newton.

        Where systems harden each other more than themselves the equations have several solutions;
        this finds the one nearest to the start of the step. z takes a share of each change, because
        whole ones overshoot where it changes much, as in soft crystals within a large step.
        """
        trial = deformation @ start.plastic_inverse
        stress, state = torch.zeros_like(start.stress), start.internal
        for _ in range(MAX_SWEEPS):
            stress, _, done = self._newton(deformation, start, dt, stress, state, fixed=True)
            if not bool(done):
                return None
            at = self.evaluate(trial, start, dt, stress, state)
            change = -share * at.state_residual
            change = torch.where(self._scale == 0, change.clamp_min(-0.5), change)
            state = state + at.scale * change
            if not bool((change.abs() >= SWEPT).any()):
                break
        stress, state, done = self._newton(deformation, start, dt, stress, state)
        return (stress, state) if bool(done) else None

    def _continue(
        self, deformation: Tensor, start: CrystalState, dt: float
    ) -> tuple[Tensor, Tensor] | None:
        """Solve one point along F(λ) = (1 - λ) F_p(old) + λ F, stress-free at λ = 0."""
        relaxed = torch.linalg.inv(start.plastic_inverse)
        stress, state = torch.zeros_like(start.stress), start.internal
        reached, stride = 0.0, FIRST_STRIDE
        while reached < 1.0:
            goal = min(1.0, reached + stride)
            way = torch.lerp(relaxed, deformation, goal)
            new = self._newton(way, start, dt, stress, state)
            if bool(new[2]):
                stress, state, reached, stride = new[0], new[1], goal, 1.5 * stride
            else:
                stride *= 0.25
                if stride < SMALLEST_STRIDE:
                    return None
        return stress, state

    def _newton(
        self,
        deformation: Tensor,
        start: CrystalState,
        dt: float,
        stress: Tensor,
        state: Tensor,
        fixed: bool = False,
    ) -> tuple[Tensor, Tensor, Bool[Tensor, " points"]]:
        """Newton with growth limit and line search, for S only if the state is fixed.

        The last value is the mask of converged points.
        """
        trial = deformation @ start.plastic_inverse
        limit = self._drive_limit(trial, dt)
        stress = stress * self._scaling(stress, state, limit)
        at = self._evaluate(trial, start, dt, stress, state, fixed)
        converged = torch.zeros(len(trial), dtype=torch.bool, device=trial.device)
        for _ in range(MAX_ITERATIONS):
            residual = torch.cat([at.stress_residual, at.state_residual], 1)
            jacobian = self.jacobian(trial, at, fixed)
            usable = torch.isfinite(jacobian).all(-1).all(-1) & torch.isfinite(residual).all(-1)
            jacobian = torch.where(
                usable[:, None, None], jacobian, torch.eye(jacobian.shape[1]).to(jacobian)
            )
            change, _ = torch.linalg.solve_ex(jacobian, -residual)
            change = torch.where((usable & ~converged)[:, None], change, torch.zeros_like(change))
            stress_step, state_step = change[:, :6], at.scale * change[:, 6:]
            share, relative = self._share(stress, state, stress_step, state_step, limit)
            before, old_stress, old_state = at.norm, stress, state
            for _ in range(MAX_HALVINGS):
                stress = old_stress + share[:, None] * stress_step
                state = old_state + share[:, None] * state_step
                at = self._evaluate(trial, start, dt, stress, state, fixed)
                worse = ~(at.norm <= before) & (relative > 1e-2) & ~converged
                if not worse.any():
                    break
                share = torch.where(worse, 0.5 * share, share)
            small = self.law.exponent * relative**2 < QUADRATIC
            converged = converged | (usable & small & (share == 1) & (at.norm < CONVERGED))
            if converged.all():
                break
        return stress, state, converged

    def _drive_limit(self, trial: Tensor, dt: float) -> Float[Tensor, "points systems"]:
        """Return the largest admissible drive: it causes a slip of ten trial strains."""
        strain = matrix_to_mandel(0.5 * (trial.mT @ trial - self.identity))
        slip = GROWTH * strain.abs().amax(1, keepdim=True).clamp_min(1e-6)
        return self.law.drive_at(slip / dt) if dt > 0 else self.law.drive_at(slip * torch.inf)

    def _scaling(self, stress: Tensor, state: Tensor, limit: Tensor) -> Float[Tensor, "points 1"]:
        """Return the share of a stress at which all drives are within their limits."""
        drive = self.law.drive(stress @ self.schmid_mandel.mT, state)
        share = (limit / drive.clamp_min(1e-300)).clamp_max(1.0)
        return share.amin(1, keepdim=True) if share.shape[1] else torch.ones_like(stress[:, :1])

    def _share(
        self, stress: Tensor, state: Tensor, stress_step: Tensor, state_step: Tensor, limit: Tensor
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, " points"]]:
        """Return the share of a step that keeps drives and state admissible, and its size."""
        if not self.schmid.shape[0]:  # without systems Newton's step is exact
            return torch.ones_like(stress[:, 0]), torch.zeros_like(stress[:, 0])
        positive = self._scale == 0
        growth = torch.where(positive, state_step / state, 0.0)
        reached = state + state_step
        clipped = torch.where(positive, torch.maximum(reached, 0.5 * state), reached)
        resolved, change = (s @ self.schmid_mandel.mT for s in (stress, stress_step))
        old = self.law.drive(resolved, state)
        new = self.law.drive(resolved + change, clipped)
        room = ((limit - old) / (new - old)).clamp_min(0.05)
        allowed = torch.where((new > limit) & (new > old), room, torch.ones_like(room))
        shrink = torch.where(growth < -0.5, -0.5 / growth, torch.ones_like(growth))
        share = torch.minimum(allowed.amin(1), shrink.amin(1)).clamp_max(1.0)
        moved = (change / self.law.strength(state)).abs().amax(1)
        return share, moved + growth.abs().amax(1)


class LawFailure(ConvergenceError):
    """The error of a point without a solution.

    Attributes:
        point: Index of the point in the batch.
    """

    def __init__(self, point: int, residual: float) -> None:
        """Name the point and its residual."""
        super().__init__(
            f"The plasticity law must converge, but at point {point} the strain residual is still "
            f"{residual:.3g}; take a smaller step.",
            residual,
        )
        self.point = point
