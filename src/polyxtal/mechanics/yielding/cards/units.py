"""Systems of consistent units."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UnitSystem:
    """A system of units of finite elements.

    Attributes:
        name: Length, mass and time.
        stress_unit: Unit of stress.
        stress: Factor from MPa.
        density_unit: Unit of density.
        density: Factor from kg/m³.
    """

    name: str
    stress_unit: str
    stress: float
    density_unit: str
    density: float


UNITS = {
    system.name: system
    for system in (
        UnitSystem("mm-t-s", "MPa", 1.0, "t/mm3", 1e-12),
        UnitSystem("m-kg-s", "Pa", 1e6, "kg/m3", 1.0),
        UnitSystem("mm-kg-ms", "GPa", 1e-3, "kg/mm3", 1e-9),
    )
}
"""Systems of units by name."""
