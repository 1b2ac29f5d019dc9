"""Names, units and meanings of the quantities in results, the same in every format.

`label` gives the name of a field or column, such as `P [MPa]`; DAMASK's files have names and units
of their own.
"""

from __future__ import annotations

from typing import NamedTuple

from polyxtal.crystal.phase_section import PASCAL


class Quantity(NamedTuple):
    """A quantity of a result.

    Attributes:
        unit: Unit; "-" if it has none.
        damask: Name in DAMASK's result files.
        description: What it is.
    """

    unit: str
    damask: str
    description: str

    @property
    def damask_unit(self) -> str:
        """Unit in DAMASK's result files."""
        return "Pa" if self.unit == "MPa" else "1"

    @property
    def damask_factor(self) -> float:
        """Number of DAMASK's units in the unit."""
        return 1 / PASCAL if self.unit == "MPa" else 1.0


QUANTITIES = {
    "F": Quantity("-", "F", "deformation gradient"),
    "P": Quantity("MPa", "P", "first Piola-Kirchhoff stress"),
    "true_strain": Quantity("-", "epsilon_V^0.0(F)", "Hencky strain ln V"),
    "true_stress": Quantity("MPa", "sigma", "Cauchy stress"),
    "equivalent_strain": Quantity(
        "-", "epsilon_V^0.0(F)_vM", "von Mises equivalent of the Hencky strain"
    ),
    "equivalent_plastic_strain": Quantity(
        "-", "epsilon_V^0.0(F_p)_vM", "von Mises equivalent of the plastic Hencky strain"
    ),
    "equivalent_stress": Quantity("MPa", "sigma_vM", "von Mises equivalent of the Cauchy stress"),
    "orientation": Quantity("-", "O", "crystal orientation as quaternion"),
    "plastic_deformation": Quantity("-", "F_p", "plastic deformation gradient"),
    "slip": Quantity("-", "gamma_sl", "accumulated slip of each slip system"),
    "twin_shear": Quantity("-", "gamma_tw", "accumulated shear of each twin system"),
    "slip_resistance": Quantity("MPa", "xi_sl", "resistance of each slip system"),
    "twin_resistance": Quantity("MPa", "xi_tw", "resistance of each twin system"),
    "back_stress": Quantity("MPa", "chi_sl", "back stress of each slip system"),
    "twin_fraction": Quantity("-", "f_tw", "volume fraction of twins"),
    "accumulated_slip": Quantity("-", "gamma", "slip accumulated by all slip systems"),
}


def quantity(name: str) -> Quantity:
    """Return a quantity; that of a law from elsewhere by the ending of its name."""
    known = QUANTITIES.get(name)
    if known is not None:
        return known
    unit = "MPa" if name.endswith(("resistance", "stress")) else "-"
    return Quantity(unit, name, name.replace("_", " "))


def label(name: str, component: str = "") -> str:
    """Return the name of a quantity, or of one of its components, with its unit."""
    return f"{name}{component and '_' + component} [{quantity(name).unit}]"
