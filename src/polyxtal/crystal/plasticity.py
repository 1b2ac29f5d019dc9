"""Finite-strain crystal plasticity with the phenomenological power law, in readable form.

Kinematics F = F_e F_p with F_p(0) = R(q)ᵀ, so the intermediate configuration has crystal axes.

    S = C : ½ (F_eᵀ F_e - I)                      second Piola-Kirchhoff stress      [Roters2019]
    τ_a = S : (s_a ⊗ n_a)                         resolved shear stress
    γ̇_a = γ̇_0 sgn(τ_a) |τ_a / ξ_a|^n             slip rate
    ξ̇_a = h_0 w(ξ_a) Σ_b h_ab |γ̇_b|,   w(ξ) = sgn(1 - ξ/ξ_∞) |1 - ξ/ξ_∞|^a
    L_p = Σ_a γ̇_a s_a ⊗ n_a

A step of length Δt is implicit (backward Euler) in stress and slip resistance,

    F_p⁻¹ = F_p⁻¹(old) (I - Δt L_p),   F_e = F F_p⁻¹,   P = F_e S F_p⁻ᵀ,

and F_p is scaled back to det F_p = 1 after it, as DAMASK does. Newton solves for (S, ξ):

    r_S = C⁻¹ : S - ½ (F_eᵀ F_e - I) = 0,     r_ξ = ξ - ξ(old) - w(ξ) h_0 Σ_b h_ab |Δγ_b| = 0

`CompiledCrystalPlasticity` is the fast form of the same law, tested equal to this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.mandel import mandel_basis, mandel_to_matrix, matrix_to_mandel
from polyxtal.algebra.rotation import (
    matrix_to_quaternion,
    quaternion_to_matrix,
    rotational_part,
)
from polyxtal.crystal.material import Material
from polyxtal.crystal.slip import fcc_interaction_matrix, fcc_schmid_tensors

MAX_ITERATIONS = 60
MAX_HALVINGS = 10
GROWTH = 10.0
"""Newton visits no |τ/ξ| that would slip more than this many times the trial strain. [-]"""
QUADRATIC = 1e-13
"""Newton stops once n δ², the error its relative step δ leaves behind, is below this. [-]"""
SMALLEST_STRIDE = 1e-5
"""Continuation gives up below this share of the way. [-]"""


@dataclass(frozen=True, eq=False)
class CrystalState:
    """What the past leaves in each material point.

    Attributes:
        plastic_inverse: F_p⁻¹, determinant 1; R(q) at the start. [-]
        slip_resistance: ξ of the 12 systems. [MPa]
        stress: S in Mandel form, crystal frame: where the next Newton starts. [MPa]
    """

    plastic_inverse: Float[Tensor, "points 3 3"]
    slip_resistance: Float[Tensor, "points 12"]
    stress: Float[Tensor, "points 6"]

    def orientations(self, deformation: Float[Tensor, "points 3 3"]) -> Float[Tensor, "points 4"]:
        """Find the current orientations: the rotation of F_e = F F_p⁻¹. [-]"""
        return matrix_to_quaternion(rotational_part(deformation @ self.plastic_inverse))


class LawUpdate(NamedTuple):
    """Outcome of one step: P [MPa], consistent tangent ∂P/∂F [MPa], the new state."""

    stress: Float[Tensor, "points 3 3"]
    tangent: Float[Tensor, "points 3 3 3 3"]
    state: CrystalState


class SlipStep(NamedTuple):
    """The law evaluated at trial values (S, ξ) of the end of the step."""

    slip: Float[Tensor, "points 12"]  # Δγ
    softening: Float[Tensor, "points 12"]  # ∂Δγ/∂τ
    elastic: Float[Tensor, "points 3 3"]  # F_e
    saturation: Float[Tensor, "points 12"]  # h_0 w(ξ)
    saturation_slope: Float[Tensor, "points 12"]  # h_0 dw/dξ
    stress_residual: Float[Tensor, "points 6"]  # r_S
    resistance_residual: Float[Tensor, "points 12"]  # r_ξ

    @property
    def norm(self) -> Float[Tensor, "points"]:
        """Residual in units of strain; a relative error of ξ counts as that of the strain 1e-3."""
        return torch.maximum(
            self.stress_residual.abs().amax(1), 1e-3 * self.resistance_residual.abs().amax(1)
        )


class CrystalPlasticity:
    """The local law of a batch of material points, on torch.

    Args:
        materials: The material, or one material per phase.
        phase: Phase of every point, an index into `materials`; None for a single material.
        device: Where points and constants live; None is the CPU.

    A material without plasticity answers elastically.
    """

    def __init__(
        self,
        materials: Material | Sequence[Material],
        phase: Int[Tensor, "points"] | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        """Gather the constants of every point."""
        self.materials = (materials,) if isinstance(materials, Material) else tuple(materials)
        self.phase = None if phase is None else phase.to(device)
        self.schmid = fcc_schmid_tensors().to(device)
        self.schmid_mandel = matrix_to_mandel(self.schmid)
        self._identity = torch.eye(3, dtype=torch.float64, device=device)
        laws = [m.plasticity for m in self.materials]

        def column(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float64, device=device)[:, None]

        self._compliance = torch.stack(
            [torch.linalg.inv(m.elasticity.stiffness()) for m in self.materials]
        ).to(device)
        self._rate = column([law.slip_rate_reference if law else 0.0 for law in laws])
        self._exponent = column([law.stress_exponent if law else 1.0 for law in laws])
        self._hardening_exponent = column([law.hardening_exponent if law else 1.0 for law in laws])
        self._initial = column([law.slip_resistance_initial if law else 1.0 for law in laws])
        self._saturation = column([law.slip_resistance_saturation if law else 2.0 for law in laws])
        self._modulus = column([law.hardening_modulus if law else 0.0 for law in laws])
        self._interaction = torch.stack(
            [
                fcc_interaction_matrix(law.interaction if law else (0.0,) * 7).to(torch.float64)
                for law in laws
            ]
        ).to(device)

    def initial_state(self, orientations: Float[Tensor, "points 4"]) -> CrystalState:
        """Build the stress-free state of crystals with the given orientations."""
        points = len(orientations)
        index = self._index(points)
        return CrystalState(
            quaternion_to_matrix(orientations.to(torch.float64)),
            self._initial[index].expand(points, 12).clone(),
            torch.zeros(points, 6, dtype=torch.float64, device=self.schmid.device),
        )

    def update(
        self, deformation: Float[Tensor, "points 3 3"], state: CrystalState, dt: float
    ) -> LawUpdate:
        """Take every point through one step.

        Args:
            deformation: F at the end of the step. [-]
            state: State at its start.
            dt: Length of the step. [s]
        Returns:
            P [MPa], ∂P_ij/∂F_kl [MPa] and the state at the end of the step.
        Raises:
            ValueError: if F is not finite or not invertible.
            ConvergenceError: if a point has no solution that Newton finds.
        """
        check_deformation(deformation)
        stress, resistance = self._solve(deformation, state, dt)
        trial = deformation @ state.plastic_inverse
        step = self._evaluate(trial, state, dt, stress, resistance)
        inverse = state.plastic_inverse @ (
            self._identity - torch.einsum("pa,aij->pij", step.slip, self.schmid)
        )
        determinant = torch.linalg.det(inverse)
        if not bool((determinant > 0).all()):
            raise ConvergenceError(
                "The plasticity law must converge to det F_p > 0, but point "
                f"{int((~(determinant > 0)).nonzero()[0])} does not; take a smaller step.",
                float(step.norm.nan_to_num(torch.inf, torch.inf).max()),
            )
        second = mandel_to_matrix(stress)
        piola = step.elastic @ second @ inverse.transpose(1, 2)
        tangent = self._tangent(deformation, state, step, resistance, inverse, second)
        unit = inverse / determinant[:, None, None] ** (1 / 3)
        return LawUpdate(piola, tangent, CrystalState(unit, resistance, stress))

    def _index(self, points: int) -> Tensor:
        if self.phase is None:
            return torch.zeros(points, dtype=torch.int64, device=self.schmid.device)
        return self.phase

    def _evaluate(
        self, trial: Tensor, state: CrystalState, dt: float, stress: Tensor, resistance: Tensor
    ) -> SlipStep:
        """Slip, elastic deformation and residuals at (S, ξ); `trial` is A = F F_p⁻¹(old)."""
        index = self._index(len(trial))
        rate, exponent = dt * self._rate[index], self._exponent[index]
        resolved = stress @ self.schmid_mandel.T
        softening = rate * (resolved / resistance).abs() ** (exponent - 1) / resistance
        slip = softening * resolved
        identity = self._identity
        elastic = trial @ (identity - torch.einsum("pa,aij->pij", slip, self.schmid))
        strain = matrix_to_mandel(0.5 * (elastic.transpose(1, 2) @ elastic - identity))
        distance = 1 - resistance / self._saturation[index]
        size = distance.abs().clamp_min(1e-300)
        power = self._hardening_exponent[index]
        saturation = self._modulus[index] * distance.sign() * size**power
        slope = -self._modulus[index] * power * size ** (power - 1) / self._saturation[index]
        accumulated = torch.einsum("pab,pb->pa", self._interaction[index], slip.abs())
        return SlipStep(
            slip,
            exponent * softening,
            elastic,
            saturation,
            slope * accumulated,
            torch.einsum("pmn,pn->pm", self._compliance[index], stress) - strain,
            (resistance - state.slip_resistance - saturation * accumulated) / resistance,
        )

    def _jacobian(self, trial: Tensor, step: SlipStep, resistance: Tensor) -> Tensor:
        """∂(r_S, r_ξ)/∂(S, ξ), (points, 18, 18); r_ξ and ξ both divided by ξ."""
        index = self._index(len(trial))
        pull = step.elastic.transpose(1, 2) @ trial
        # ∂r_S/∂Δγ_a = mandel(sym(F_eᵀ A s_a ⊗ n_a))
        direction = matrix_to_mandel(torch.einsum("pik,akj->paij", pull, self.schmid))
        slip_by_stress = step.softening[:, :, None] * self.schmid_mandel
        slip_by_resistance = -self._exponent[index] * step.slip  # ∂Δγ_a/∂ln ξ_a
        hardening = (
            step.saturation[:, :, None] / resistance[:, :, None] * self._interaction[index]
        ) * step.slip.sign()[:, None, :]  # -∂r_ξ/∂Δγ, row a, column b
        jacobian = trial.new_zeros(len(trial), 18, 18)
        jacobian[:, :6, :6] = self._compliance[index] + torch.einsum(
            "pam,pan->pmn", direction, slip_by_stress
        )
        jacobian[:, :6, 6:] = (direction * slip_by_resistance[:, :, None]).transpose(1, 2)
        jacobian[:, 6:, :6] = -hardening @ slip_by_stress
        jacobian[:, 6:, 6:] = torch.diag_embed(1 - step.saturation_slope) - (
            hardening * slip_by_resistance[:, None, :]
        )
        return jacobian

    def _solve(self, deformation: Tensor, state: CrystalState, dt: float) -> tuple[Tensor, Tensor]:
        """Find (S, ξ) by Newton, where it fails by continuation from the stress-free state."""
        stress, resistance, done = self._newton(
            deformation, state, dt, state.stress, state.slip_resistance
        )
        for point in (~done).nonzero().flatten().tolist():
            one = slice(point, point + 1)
            law = CrystalPlasticity(
                self.materials[int(self._index(len(done))[point])], device=self.schmid.device
            )
            part = CrystalState(
                state.plastic_inverse[one], state.slip_resistance[one], state.stress[one]
            )
            stress[one], resistance[one] = law._continue(deformation[one], part, dt, point)
        return stress, resistance

    def _continue(
        self, deformation: Tensor, state: CrystalState, dt: float, point: int
    ) -> tuple[Tensor, Tensor]:
        """Solve one point along F(λ) = (1 - λ) F_p(old) + λ F, stress-free at λ = 0."""
        relaxed = torch.linalg.inv(state.plastic_inverse)
        stress, resistance = torch.zeros_like(state.stress), state.slip_resistance
        reached, stride = 0.0, 0.125
        while reached < 1.0:
            goal = min(1.0, reached + stride)
            new = self._newton(
                torch.lerp(relaxed, deformation, goal), state, dt, stress, resistance
            )
            if bool(new[2]):
                stress, resistance, reached, stride = new[0], new[1], goal, 1.5 * stride
            else:
                stride *= 0.25
                if stride < SMALLEST_STRIDE:
                    residual = float(
                        self._evaluate(
                            deformation @ state.plastic_inverse, state, dt, stress, resistance
                        ).norm.nan_to_num(torch.inf)
                    )
                    raise ConvergenceError(
                        f"The plasticity law must converge, but at point {point} the strain "
                        f"residual is still {residual:.3g}; take a smaller step.",
                        residual,
                    )
        return stress, resistance

    def _newton(
        self,
        deformation: Tensor,
        state: CrystalState,
        dt: float,
        stress: Tensor,
        resistance: Tensor,
    ) -> tuple[Tensor, Tensor, Bool[Tensor, "points"]]:
        """Newton with growth limit and line search; the last value tells which points converged."""
        trial = deformation @ state.plastic_inverse
        index = self._index(len(trial))
        exponent = self._exponent[index]
        limit = self._ratio_limit(trial, dt)
        ratio = (stress @ self.schmid_mandel.T).abs() / resistance
        stress = stress * (limit / ratio.amax(1).clamp_min(1e-300)).clamp_max(1.0)[:, None]
        step = self._evaluate(trial, state, dt, stress, resistance)
        converged = torch.zeros(len(trial), dtype=torch.bool, device=trial.device)
        for _ in range(MAX_ITERATIONS):
            residual = torch.cat([step.stress_residual, step.resistance_residual], 1)
            jacobian = self._jacobian(trial, step, resistance)
            usable = torch.isfinite(jacobian).all(-1).all(-1) & torch.isfinite(residual).all(-1)
            jacobian = torch.where(usable[:, None, None], jacobian, torch.eye(18).to(jacobian))
            change, _ = torch.linalg.solve_ex(jacobian, -residual)
            change = torch.where((usable & ~converged)[:, None], change, torch.zeros_like(change))
            stress_step, growth = change[:, :6], change[:, 6:]
            resolved, resolved_step = (s @ self.schmid_mandel.T for s in (stress, stress_step))
            relative = ((resolved_step / resistance).abs() + growth.abs()).amax(1)
            new = (resolved + resolved_step).abs() / (resistance * (1 + growth.clamp_min(-0.5)))
            old = resolved.abs() / resistance
            room = ((limit[:, None] - old) / (new - old)).clamp_min(0.05)
            allowed = torch.where((new > limit[:, None]) & (new > old), room, torch.ones_like(room))
            positive = torch.where(growth < -0.5, -0.5 / growth, torch.ones_like(growth))
            share = torch.minimum(allowed, positive).amin(1).clamp_max(1.0)
            before = step.norm
            stress_new, resistance_new = stress, resistance
            for _ in range(MAX_HALVINGS):
                stress_new = stress + share[:, None] * stress_step
                resistance_new = resistance * (1 + share[:, None] * growth)
                step = self._evaluate(trial, state, dt, stress_new, resistance_new)
                worse = ~(step.norm <= before) & (relative > 1e-2) & ~converged
                if not worse.any():
                    break
                share = torch.where(worse, 0.5 * share, share)
            stress, resistance = stress_new, resistance_new
            small = exponent[:, 0] * relative**2 < QUADRATIC
            converged = converged | (usable & small & (share == 1) & (step.norm < 1e-9))
            if converged.all():
                break
        return stress, resistance, converged

    def _ratio_limit(self, trial: Tensor, dt: float) -> Tensor:
        """Largest |τ/ξ| worth visiting, (points,)."""
        index = self._index(len(trial))
        strain = matrix_to_mandel(0.5 * (trial.transpose(1, 2) @ trial - torch.eye(3).to(trial)))
        slip = GROWTH * strain.abs().amax(1).clamp_min(1e-6)
        return (slip / (dt * self._rate[index, 0])) ** (1 / self._exponent[index, 0])

    def _tangent(
        self,
        deformation: Tensor,
        state: CrystalState,
        step: SlipStep,
        resistance: Tensor,
        inverse: Tensor,
        second: Tensor,
    ) -> Tensor:
        """∂P/∂F from the implicit function theorem at the converged (S, ξ)."""
        trial = deformation @ state.plastic_inverse
        index = self._index(len(trial))
        basis = mandel_basis().to(trial)
        # ∂E/∂F at fixed slip: mandel(sym(F_eᵀ dF F_p⁻¹)); Newton's matrix turns it into ∂(S, ξ)/∂F.
        strain = torch.einsum("mab,pia,pjb->pmij", basis, step.elastic, inverse)
        right = torch.cat([strain, torch.zeros_like(strain), torch.zeros_like(strain)], 1)
        solution = torch.linalg.solve(
            self._jacobian(trial, step, resistance), right.reshape(-1, 18, 9)
        ).reshape(-1, 18, 3, 3)
        by_stress, by_resistance = solution[:, :6], solution[:, 6:]
        slip = (
            step.softening[:, :, None, None]
            * torch.einsum("am,pmij->paij", self.schmid_mandel, by_stress)
            - (self._exponent[index] * step.slip)[:, :, None, None] * by_resistance
        )
        plastic = -torch.einsum("pab,sbc,pskl->packl", state.plastic_inverse, self.schmid, slip)
        stress = torch.einsum("mab,pmkl->pabkl", basis, by_stress)
        carried, pulled = step.elastic @ second, second @ inverse.transpose(1, 2)
        identity = self._identity
        # P = F F_p⁻¹ S F_p⁻ᵀ by the product rule
        return (
            torch.einsum("ik,pla,paj->pijkl", identity, inverse, pulled)
            + torch.einsum("pia,pabkl,pbj->pijkl", deformation, plastic, pulled)
            + torch.einsum("pia,pabkl,pjb->pijkl", step.elastic, stress, inverse)
            + torch.einsum("pia,pjakl->pijkl", carried, plastic)
        )


def check_deformation(deformation: Tensor) -> None:
    """Refuse deformation gradients that no body can have.

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
