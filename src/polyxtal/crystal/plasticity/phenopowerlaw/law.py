"""The phenomenological power law, in readable form; `PhenoPowerlaw` states its equations.

State z: ξ of the slip systems; with twins also ξ of the twin systems, the twinned fraction f and
the accumulated slip Γ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.plasticity.families import spread
from polyxtal.crystal.plasticity.law import LawStep, PlasticityLaw, register
from polyxtal.crystal.plasticity.phenopowerlaw import damask, kernel, twin_kernel
from polyxtal.crystal.plasticity.phenopowerlaw.parameters import PhenoPowerlaw, Twinning
from polyxtal.crystal.plasticity.state import StateField
from polyxtal.crystal.slip.systems import interaction_matrix, slip_systems, twin_systems

TINY = 1e-300
MOST_QUARTERS = 64
"""Hardening exponents of up to a quarter of this are raised to by squaring, if they are whole."""
SMALLEST_FRACTION = 1e-12
"""√f is linear below this, so that its slope stays finite. [-]"""


@register
class PhenoPowerlawLaw(PlasticityLaw):
    """The phenomenological power law of slip and, optionally, twins."""

    name = "phenopowerlaw"
    parameters = PhenoPowerlaw

    def __init__(self, parameters: PhenoPowerlaw, lattice: Lattice) -> None:
        """Assign the parameters to the systems of a lattice."""
        p, counts = parameters, parameters.slip_systems
        slip = slip_systems(lattice, counts)
        self.slips = slip.count
        self.schmid = slip.schmid()
        self.rate = spread(p.slip_rate_reference, counts)
        self.exponents = spread(p.stress_exponent, counts)
        self.hardening_exponent = spread(p.hardening_exponent, counts)
        self.saturation = spread(p.slip_resistance_saturation, counts)
        initial = spread(p.slip_resistance_initial, counts)
        self.hardening = spread(p.hardening_modulus, counts)[:, None] * interaction_matrix(
            lattice, "sl-sl", counts, counts, p.interaction
        )
        self.fields: tuple[StateField, ...] = (
            StateField("slip_resistance", self.slips, "MPa", initial=tuple(initial.tolist())),
        )
        self.twins = p.twinning is not None and sum(p.twinning.systems) > 0
        self.kernel = twin_kernel if self.twins else kernel
        if p.twinning is not None and self.twins:
            self._add_twins(p.twinning, lattice, counts)
        self.exponent = float(self.exponents.max())

    def _add_twins(self, t: Twinning, lattice: Lattice, counts: tuple[int, ...]) -> None:
        twin = twin_systems(lattice, t.systems)
        self.schmid = torch.cat([self.schmid, twin.schmid()])
        self.rate = torch.cat([self.rate, spread(t.rate_reference, t.systems)])
        self.exponents = torch.cat([self.exponents, spread(t.stress_exponent, t.systems)])
        self.shear = twin.shear
        self.saturation_increase = spread(t.saturation_increase, counts)
        self.c_1, self.c_2 = spread(t.c_1, counts), spread(t.c_2, counts)
        self.c_3, self.c_4 = spread(t.c_3, t.systems), spread(t.c_4, t.systems)

        def matrix(kind: str, reacting: Any, acting: Any, values: Any) -> Tensor:
            return interaction_matrix(lattice, kind, reacting, acting, values)

        self.slip_by_twin = matrix("sl-tw", counts, t.systems, t.interaction_slip_twin)
        by_slip = spread(t.hardening_by_slip, t.systems)[:, None]
        self.twin_by_slip = by_slip * matrix("tw-sl", t.systems, counts, t.interaction_twin_slip)
        by_twin = spread(t.hardening_by_twins, t.systems)[:, None]
        self.twin_by_twin = by_twin * matrix("tw-tw", t.systems, t.systems, t.interaction_twin_twin)
        initial = spread(t.resistance_initial, t.systems)
        self.fields += (
            StateField("twin_resistance", twin.count, "MPa", initial=tuple(initial.tolist())),
            StateField("twin_fraction", 1, scale=1.0),
            StateField("accumulated_slip", 1, scale=1.0),
        )

    def systems(self) -> tuple[int, int]:
        """Return the numbers of slip systems and of twin systems."""
        return self.slips, len(self.schmid) - self.slips

    def slip_rates(self, resolved: Tensor, state: Tensor) -> Tensor:
        """Return γ̇_0 sgn(τ) |τ/ξ|^n, of twins (1 - f) γ̇_0 (τ/ξ)^n for τ > 0."""
        resistance = state[..., : len(self.schmid)]
        size = (resolved / resistance).abs().clamp_min(TINY) ** (self.exponents - 1)
        rates = self.rate * size * resolved / resistance
        if not self.twins:
            return rates
        left = (1 - state[..., -2:-1]).clamp_min(0.0)
        twin = left * rates[..., self.slips :].clamp_min(0.0)
        return torch.cat([rates[..., : self.slips], twin], -1)

    def evolution(self, state: Tensor, slip: Tensor, dt: float) -> Tensor:
        """Return the increment of ξ by slip; with twins also of their ξ, of f and of Γ."""
        resistance, gamma = state[..., : self.slips], slip[..., : self.slips].abs()
        accumulated = gamma @ self.hardening.mT
        if not self.twins:
            return self.saturation_factor(resistance, self.saturation) * accumulated
        twin = slip[..., self.slips :]
        f, total = state[..., -2:-1], state[..., -1:]
        root = torch.where(
            f > SMALLEST_FRACTION,
            f.clamp_min(SMALLEST_FRACTION).sqrt(),
            f.clamp_min(0.0) / SMALLEST_FRACTION**0.5,
        )
        level = self.saturation + self.saturation_increase * root
        more = 1 + self.c_1 * _power(f, self.c_2)
        by_slip = _power(total, self.c_3) * (gamma @ self.twin_by_slip.mT)
        by_twin = _power(f, self.c_4) * (twin @ self.twin_by_twin.mT)
        return torch.cat(
            [
                self.saturation_factor(resistance, level) * more * accumulated
                + twin @ self.slip_by_twin.mT,
                by_slip + by_twin,
                (twin / self.shear).sum(-1, keepdim=True),
                gamma.sum(-1, keepdim=True),
            ],
            -1,
        )

    def saturation_factor(self, resistance: Tensor, level: Tensor) -> Tensor:
        """Return w(ξ) = sgn(1 - ξ/ξ_∞) |1 - ξ/ξ_∞|^a."""
        distance = 1 - resistance / level
        return distance.sign() * distance.abs().clamp_min(TINY) ** self.hardening_exponent

    def drive(self, resolved: Tensor, state: Tensor) -> Tensor:
        """Return |τ/ξ|, of twins only where τ > 0."""
        drive = resolved / state[..., : len(self.schmid)]
        twin = drive[..., self.slips :].clamp_min(0.0)
        return torch.cat([drive[..., : self.slips].abs(), twin], -1)

    def strength(self, state: Tensor) -> Tensor:
        """Return ξ."""
        return state[..., : len(self.schmid)]

    def drive_at(self, rate: Tensor) -> Tensor:
        """Return (γ̇/γ̇_0)^(1/n)."""
        return (rate / self.rate) ** (1 / self.exponents)

    def linearise(
        self, resolved: Float[Tensor, "points systems"], state: Tensor, dt: float
    ) -> LawStep:
        """Evaluate the law and its derivatives, which are explicit without twins."""
        if self.twins:
            return super().linearise(resolved, state, dt)
        size = (resolved / state).abs() ** (self.exponents - 1)
        by_stress = dt * self.rate * size / state
        slip = by_stress * resolved
        accumulated = slip.abs() @ self.hardening.mT
        distance = 1 - state / self.saturation
        width, power = distance.abs().clamp_min(TINY), self.hardening_exponent
        factor = distance.sign() * width**power
        slope = -power / self.saturation * width ** (power - 1)
        return LawStep(
            slip,
            self.exponents * by_stress,
            torch.diag_embed(-self.exponents * slip / state),
            factor * accumulated,
            torch.diag_embed(slope * accumulated),
            factor[:, :, None] * self.hardening * slip.sign()[:, None, :],
        )

    def constants(self) -> dict[str, np.ndarray]:
        """Return the constants of the compiled form beyond those of all laws."""
        common = self.exponent if bool((self.exponents == self.exponent).all()) else -1.0
        values: dict[str, Any] = {
            "common_exponent": np.array(common),
            "rate": self.rate,
            "exponents": self.exponents,
        }
        if not self.twins:
            quarters = 4 * float(self.hardening_exponent[0])
            shared = bool((self.hardening_exponent == self.hardening_exponent[0]).all())
            whole = shared and quarters == int(quarters) and quarters <= MOST_QUARTERS
            values |= {
                "quarters": np.array(quarters if whole else -1.0),
                "hardening_exponent": self.hardening_exponent,
                "saturation_inverse": 1 / self.saturation,
                "hardening": self.hardening.mT,
            }
        else:
            values |= twin_kernel.twin_constants(self)
        return {name: np.asarray(value) for name, value in values.items()}

    @classmethod
    def from_damask(cls, plastic: Mapping[str, Any], lattice: Lattice, at: str) -> PhenoPowerlaw:
        """Return the parameters from the section `plastic` of a phase file [Pa]."""
        return damask.read(plastic, at)

    @classmethod
    def to_damask(cls, parameters: PhenoPowerlaw) -> dict[str, Any]:
        """Return the section `plastic` of a phase file [Pa] from the parameters."""
        return damask.write(parameters)


def _power(base: Tensor, exponent: Tensor) -> Tensor:
    """Return base^exponent with 0^0 = 1 and a finite slope at 0."""
    return torch.where(exponent == 0, 1.0, base.clamp_min(TINY) ** exponent)
