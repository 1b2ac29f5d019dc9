"""Parameters of the phenomenological power law. [MPa, 1/s]"""

from __future__ import annotations

from dataclasses import dataclass

from polyxtal.crystal.plasticity.families import (
    PerFamily,
    check_slip,
    checked,
    checked_counts,
    checked_list,
)


@dataclass(frozen=True)
class Twinning:
    """Parameters of twinning in the phenomenological power law, see `PhenoPowerlaw`.

    Attributes:
        systems: Number of twin systems of each family.
        rate_reference: γ̇_0 > 0 of twins, per family. [1/s]
        stress_exponent: n >= 1 of twins, per family. [-]
        resistance_initial: ξ_0 > 0 of twins, per family. [MPa]
        hardening_by_slip: h_0,tw-sl >= 0 per family. [MPa]
        hardening_by_twins: h_0,tw-tw >= 0 per family. [MPa]
        interaction_twin_slip: Coefficients by type, twins hardened by slip. [-]
        interaction_twin_twin: Coefficients by type, twins hardened by twins. [-]
        interaction_slip_twin: Coefficients by type, slip hardened by twins. [MPa]
        saturation_increase: f_sat >= 0 per slip family, increase of ξ_∞ per √f. [MPa]
        c_1, c_2: Factor 1 + c_1 f^c_2 of the hardening of slip, per slip family. [-]
        c_3, c_4: Exponents of Γ and f in the hardening of twins, per twin family. [-]

    Raises:
        ValueError: if a value that is used is not finite or outside these bounds.
    """

    systems: tuple[int, ...]
    rate_reference: PerFamily
    stress_exponent: PerFamily
    resistance_initial: PerFamily
    hardening_by_slip: PerFamily = 0.0
    hardening_by_twins: PerFamily = 0.0
    interaction_twin_slip: tuple[float, ...] = ()
    interaction_twin_twin: tuple[float, ...] = ()
    interaction_slip_twin: tuple[float, ...] = ()
    saturation_increase: PerFamily = 0.0
    c_1: PerFamily = 0.0
    c_2: PerFamily = 1.0
    c_3: PerFamily = 1.0
    c_4: PerFamily = 0.0

    def __post_init__(self) -> None:
        """Validate all that does not depend on slip."""
        counts = checked_counts(self.systems, "systems")
        object.__setattr__(self, "systems", counts)
        bounds = {
            "rate_reference": (0.0, True),
            "stress_exponent": (1.0, False),
            "resistance_initial": (0.0, True),
            "hardening_by_slip": (0.0, False),
            "hardening_by_twins": (0.0, False),
            "c_3": (0.0, False),
            "c_4": (0.0, False),
        }
        for name, (least, open_bound) in bounds.items():
            value = checked(getattr(self, name), counts, name, least, open_bound)
            object.__setattr__(self, name, value)
        for kind in ("twin_slip", "twin_twin", "slip_twin"):
            name = f"interaction_{kind}"
            object.__setattr__(self, name, checked_list(getattr(self, name), name))


@dataclass(frozen=True)
class PhenoPowerlaw:
    """Parameters of the phenomenological power law of slip and twinning.

        dγ_a/dt = γ̇_0 sgn(τ_a) |τ_a/ξ_a|^n
        dξ_a/dt = h_0 sgn(1 - ξ_a/ξ_∞) |1 - ξ_a/ξ_∞|^a Σ_b h_ab |dγ_b/dt|

    Twins t with volume fraction f = Σ_t γ_t/γ_char shear the untwinned volume without reorienting
    it. With the accumulated slip Γ [Salem2005, Roters2019]:

        dγ_t/dt = (1 - f) γ̇_0 (τ_t/ξ_t)^n   for τ_t > 0
        dξ_t/dt = h_0,tw-sl Γ^c_3 Σ_b h_tb |dγ_b/dt| + h_0,tw-tw f^c_4 Σ_u h_tu dγ_u/dt

    For slip, h_0 becomes h_0 (1 + c_1 f^c_2), ξ_∞ becomes ξ_∞ + f_sat √f, and Σ_t h_at dγ_t/dt is
    added to dξ_a/dt.

    Every parameter of slip may be one value, or a tuple with one for each family.

    Attributes:
        slip_rate_reference: γ̇_0 > 0. [1/s]
        stress_exponent: n >= 1. [-]
        hardening_exponent: a > 0. [-]
        slip_resistance_initial: ξ_0 > 0. [MPa]
        slip_resistance_saturation: ξ_∞ > 0; below ξ_0 the crystal softens. [MPa]
        hardening_modulus: h_0 >= 0. [MPa]
        interaction: Coefficients >= 0 by type of interaction (`crystal.slip`). [-]
        slip_systems: Number of systems of each slip family of the lattice.
        twinning: Parameters of twinning; None without twins.

    Raises:
        ValueError: if a value that is used is not finite or outside these bounds.

    Example:
        >>> import polyxtal as px
        >>> law = px.load_material("AA6022-T4").plasticity
        >>> law.slip_resistance_initial, law.slip_resistance_saturation, law.stress_exponent
        (76.0, 266.0, 20.0)
    """

    slip_rate_reference: PerFamily
    stress_exponent: PerFamily
    hardening_exponent: PerFamily
    slip_resistance_initial: PerFamily
    slip_resistance_saturation: PerFamily
    hardening_modulus: PerFamily
    interaction: tuple[float, ...]
    slip_systems: tuple[int, ...] = (12,)
    twinning: Twinning | None = None

    def __post_init__(self) -> None:
        """Validate all that does not depend on the lattice."""
        bounds = {
            "slip_rate_reference": (0.0, True),
            "hardening_exponent": (0.0, True),
            "slip_resistance_initial": (0.0, True),
            "slip_resistance_saturation": (0.0, True),
            "stress_exponent": (1.0, False),
            "hardening_modulus": (0.0, False),
        }
        check_slip(self, bounds)
        if not isinstance(self.twinning, Twinning | None):
            raise ValueError(
                "Argument `twinning` must be a Twinning or None, "
                f"but is a {type(self.twinning).__name__}."
            )
        if self.twinning is not None:
            for name in ("saturation_increase", "c_1", "c_2"):
                value = getattr(self.twinning, name)
                checked(value, self.slip_systems, f"twinning.{name}", 0.0, False)
