"""Voce hardening with back stress, in readable form; `VoceKinematic` states its equations.

State z: ξ and χ of the slip systems, and the accumulated slip Γ. The derivatives come from
automatic differentiation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.phase_section import PASCAL, counts, numbers, per_family, section
from polyxtal.crystal.plasticity.families import spread
from polyxtal.crystal.plasticity.law import PlasticityLaw, register
from polyxtal.crystal.plasticity.state import StateField
from polyxtal.crystal.plasticity.voce_kinematic import kernel
from polyxtal.crystal.plasticity.voce_kinematic.parameters import VoceKinematic
from polyxtal.crystal.slip.systems import interaction_matrix, slip_systems

TINY = 1e-300

_KEYS = {
    "dot_gamma_0_sl": ("slip_rate_reference", 1.0),
    "n_sl": ("stress_exponent", 1.0),
    "xi_0_sl": ("slip_resistance_initial", PASCAL),
    "xi_1_sl": ("voce_stress", PASCAL),
    "theta_0_sl": ("hardening_initial", PASCAL),
    "theta_1_sl": ("hardening_final", PASCAL),
    "c_chi": ("back_stress_modulus", PASCAL),
    "d_chi": ("back_stress_recovery", 1.0),
}


@register
class VoceKinematicLaw(PlasticityLaw):
    """Slip with Voce hardening and Armstrong-Frederick back stress."""

    name = "voce_kinematic"
    parameters = VoceKinematic
    in_damask = False
    kernel = kernel

    def __init__(self, parameters: VoceKinematic, lattice: Lattice) -> None:
        """Assign the parameters to the systems of a lattice."""
        p, families = parameters, parameters.slip_systems
        self.schmid = slip_systems(lattice, families).schmid()
        systems = len(self.schmid)
        self.rate = spread(p.slip_rate_reference, families)
        self.exponents = spread(p.stress_exponent, families)
        self.voce_stress = spread(p.voce_stress, families)
        self.hardening_initial = spread(p.hardening_initial, families)
        self.hardening_final = spread(p.hardening_final, families)
        self.modulus = spread(p.back_stress_modulus, families)
        self.recovery = spread(p.back_stress_recovery, families)
        self.interaction = interaction_matrix(lattice, "sl-sl", families, families, p.interaction)
        initial = spread(p.slip_resistance_initial, families)
        self.fields = (
            StateField("slip_resistance", systems, "MPa", initial=tuple(initial.tolist())),
            StateField("back_stress", systems, "MPa", scale=float(initial.mean())),
            StateField("accumulated_slip", 1, scale=1.0),
        )
        self.exponent = float(self.exponents.max())

    def _split(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        systems = len(self.schmid)
        return (
            state[..., :systems],
            state[..., systems : 2 * systems],
            state[..., 2 * systems :],
        )

    def slip_rates(self, resolved: Tensor, state: Tensor) -> Tensor:
        """Return γ̇_0 sgn(τ - χ) |(τ - χ)/ξ|^n."""
        resistance, back, _ = self._split(state)
        ratio = (resolved - back) / resistance
        return self.rate * ratio * ratio.abs().clamp_min(TINY) ** (self.exponents - 1)

    def evolution(self, state: Tensor, slip: Tensor, dt: float) -> Tensor:
        """Return the increment of ξ, χ and Γ by slip."""
        _, back, total = self._split(state)
        gamma = slip.abs()
        decay = torch.exp(-self.hardening_initial * total.clamp_min(0) / self.voce_stress)
        bent = self.hardening_initial * self.hardening_final * total / self.voce_stress
        theta = self.hardening_final + decay * (
            self.hardening_initial - self.hardening_final + bent
        )
        return torch.cat(
            [
                theta * (gamma @ self.interaction.mT),
                self.modulus * slip - self.recovery * back * gamma,
                gamma.sum(-1, keepdim=True),
            ],
            -1,
        )

    def drive(self, resolved: Tensor, state: Tensor) -> Tensor:
        """Return |τ - χ|/ξ."""
        resistance, back, _ = self._split(state)
        return ((resolved - back) / resistance).abs()

    def strength(self, state: Tensor) -> Tensor:
        """Return ξ."""
        return self._split(state)[0]

    def drive_at(self, rate: Tensor) -> Tensor:
        """Return (γ̇/γ̇_0)^(1/n)."""
        return (rate / self.rate) ** (1 / self.exponents)

    def constants(self) -> dict[str, np.ndarray]:
        """Return the constants of the compiled form beyond those of all laws."""
        names = ("rate", "exponents", "voce_stress", "hardening_initial", "hardening_final")
        values = {name: getattr(self, name) for name in (*names, "modulus", "recovery")}
        values["interaction"] = self.interaction.mT
        return {name: value.numpy() for name, value in values.items()}

    @classmethod
    def from_damask(cls, plastic: Mapping[str, Any], lattice: Lattice, at: str) -> VoceKinematic:
        """Return the parameters from the section `plastic` of a phase file [Pa]."""
        body = section(plastic, at, required=("type", "N_sl", *_KEYS, "h_sl-sl"))
        families = counts(body["N_sl"], f"{at} N_sl")
        values: dict[str, Any] = {
            name: per_family(body[key], len(families), f"{at} {key}", unit)
            for key, (name, unit) in _KEYS.items()
        }
        try:
            return VoceKinematic(
                **values,
                interaction=numbers(body["h_sl-sl"], f"{at} h_sl-sl"),
                slip_systems=families,
            )
        except ValueError as error:
            raise ValueError(f"{at}: {error}") from error

    @classmethod
    def to_damask(cls, parameters: VoceKinematic) -> dict[str, Any]:
        """Return the section `plastic` of a phase file [Pa] from the parameters."""
        families = len(parameters.slip_systems)
        body: dict[str, Any] = {"type": cls.name, "N_sl": list(parameters.slip_systems)}
        for key, (name, unit) in _KEYS.items():
            value = getattr(parameters, name)
            each = value if isinstance(value, tuple) else (value,) * families
            body[key] = [v if unit == 1.0 else v / unit for v in each]
        return body | {"h_sl-sl": list(parameters.interaction)}
