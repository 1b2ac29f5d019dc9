"""Parameters of Voce hardening with back stress. [MPa, 1/s]"""

from __future__ import annotations

from dataclasses import dataclass

from polyxtal.crystal.plasticity.families import PerFamily, check_slip


@dataclass(frozen=True)
class VoceKinematic:
    """Parameters of Voce's isotropic hardening with a back stress χ on every slip system.

        dγ_a/dt = γ̇_0 sgn(τ_a - χ_a) |(τ_a - χ_a)/ξ_a|^n
        dξ_a/dt = θ(Γ) Σ_b h_ab |dγ_b/dt|,   Γ = Σ_a ∫ |dγ_a|
        dχ_a/dt = c dγ_a/dt - d χ_a |dγ_a/dt|

    θ is the slope of the extended Voce curve [Tome1984], ξ_0 + (ξ_1 + θ_1 Γ) (1 - exp(-θ_0 Γ/ξ_1)):

        θ(Γ) = θ_1 + (θ_0 - θ_1 + θ_0 θ_1 Γ/ξ_1) exp(-θ_0 Γ/ξ_1)

    and χ saturates at c/d [Armstrong1966]. After a load reversal slip resumes at a lower stress:
    the Bauschinger effect, which the phenomenological power law lacks.

    Every parameter may be one value, or a tuple with one for each family.

    Attributes:
        slip_rate_reference: γ̇_0 > 0. [1/s]
        stress_exponent: n >= 1. [-]
        slip_resistance_initial: ξ_0 > 0. [MPa]
        voce_stress: Voce stress ξ_1 > 0, the increase of ξ by saturating hardening. [MPa]
        hardening_initial: Initial slope θ_0 >= 0. [MPa]
        hardening_final: Final slope θ_1 >= 0. [MPa]
        back_stress_modulus: c >= 0. [MPa]
        back_stress_recovery: d >= 0. [-]
        interaction: Coefficients >= 0 by type of interaction (`crystal.slip`). [-]
        slip_systems: Number of systems of each slip family of the lattice.

    Raises:
        ValueError: if a value that is used is not finite or outside these bounds.
    """

    slip_rate_reference: PerFamily
    stress_exponent: PerFamily
    slip_resistance_initial: PerFamily
    voce_stress: PerFamily
    hardening_initial: PerFamily
    hardening_final: PerFamily
    back_stress_modulus: PerFamily
    back_stress_recovery: PerFamily
    interaction: tuple[float, ...]
    slip_systems: tuple[int, ...] = (12,)

    def __post_init__(self) -> None:
        """Validate all that does not depend on the lattice."""
        bounds = {
            "slip_rate_reference": (0.0, True),
            "stress_exponent": (1.0, False),
            "slip_resistance_initial": (0.0, True),
            "voce_stress": (0.0, True),
            "hardening_initial": (0.0, False),
            "hardening_final": (0.0, False),
            "back_stress_modulus": (0.0, False),
            "back_stress_recovery": (0.0, False),
        }
        check_slip(self, bounds)
