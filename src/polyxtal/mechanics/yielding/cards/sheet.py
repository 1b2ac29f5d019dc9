"""What all cards are written from: elasticity, yield function and flow curve of a sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from polyxtal.mechanics.bounds.moduli import (
    bulk_modulus,
    bulk_modulus_voigt,
    mean_shear_modulus_reuss,
    mean_shear_modulus_voigt,
)
from polyxtal.mechanics.yielding.cards.units import UnitSystem
from polyxtal.mechanics.yielding.cpb06 import CPB06
from polyxtal.mechanics.yielding.function import YieldFunction
from polyxtal.mechanics.yielding.hardening import HardeningLaw
from polyxtal.mechanics.yielding.hill48 import Hill48
from polyxtal.mechanics.yielding.tensors import Array

POINTS = 60
"""Number of points of a flow curve in a card."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A sheet material in one system of units.

    Attributes:
        name: Name of the material.
        function: Yield function.
        hardening: Hardening law of its reference stress.
        stiffness: Stiffness in Voigt notation, 11, 22, 33, 23, 13, 12 (6, 6). [MPa]
        density: Density, or None. [kg/m³]
        units: System of units of the card.
        largest_strain: Plastic strain at which the flow curve ends. [-]
        origin: Lines that say what the card comes from.
    """

    name: str
    function: YieldFunction
    hardening: HardeningLaw
    stiffness: Array
    density: float | None
    units: UnitSystem
    largest_strain: float
    origin: tuple[str, ...]

    def header(self, mark: str, remarks: tuple[str, ...] = ()) -> list[str]:
        """Return comment lines: origin, units, axes, remarks."""
        lines = (
            *self.origin,
            f"Units {self.units.name}: stress in {self.units.stress_unit}, "
            f"density in {self.units.density_unit}.",
            "Material axes: 1 rolling direction, 2 transverse direction, 3 sheet normal.",
            *remarks,
        )
        return [f"{mark} {line}" for line in lines]

    def flow_curve(self, scale: float = 1.0) -> tuple[Array, Array]:
        """Return plastic strains and flow stresses in the card's unit, dense at the beginning.

        Args:
            scale: Yield stress over the reference stress in the test that the curve is to
                describe; the strain is divided by it, so that the plastic work is the same.
        """
        strain = self.largest_strain * np.linspace(0.0, 1.0, POINTS) ** 2
        return strain / scale, scale * self.units.stress * self.hardening.stress(strain)

    @property
    def isotropic(self) -> tuple[float, float]:
        """Young's modulus in the card's unit, and Poisson's ratio, of Hill's average."""
        scale = torch.tensor([1.0] * 3 + [2.0**0.5] * 3, dtype=torch.float64)
        mandel = torch.from_numpy(self.stiffness) * scale[:, None] * scale
        k = float(bulk_modulus(mandel) + bulk_modulus_voigt(mandel)) / 2
        g = float(mean_shear_modulus_reuss(mandel) + mean_shear_modulus_voigt(mandel)) / 2
        young = 9 * k * g / (3 * k + g)
        return young * self.units.stress, young / (2 * g) - 1

    def hill(self) -> tuple[Hill48, float, tuple[str, ...]]:
        """Return Hill's function, the scale of its flow curve, and remarks.

        Another function is represented by its r-values, with the flow curve in tension along x.
        """
        if isinstance(self.function, Hill48):
            return self.function, 1.0, ()
        hill = Hill48.from_r_values(*map(float, self.function.r_value([0.0, 45.0, 90.0])))
        return hill, *self.along_x("Hill's function")

    def along_x(self, whose: str) -> tuple[float, tuple[str, ...]]:
        """Return the scale of the flow curve in tension along x, and remarks on what is kept."""
        lost = " in tension; the asymmetry is lost" * isinstance(self.function, CPB06)
        remark = (
            f"{whose} has the r-values of {self.function.kind} at 0, 45 and 90 degrees{lost}; "
            "the flow curve is that in tension along the rolling direction."
        )
        return float(self.function.yield_stress(0.0)), (remark,)


def hill90_exponent(function: YieldFunction) -> float:
    """Return the exponent of Hill's function of 1990.

    m = ln[2 (1 + r45)] / ln(2 σ_b / σ_45)    [Hill1990]

    Raises:
        ValueError: if the equibiaxial yield stress is too small for one.
    """
    ratio = 2.0 * function.biaxial_yield_stress() / float(function.yield_stress(45.0))
    exponent = math.log(2.0 * (1.0 + float(function.r_value(45.0)))) / math.log(ratio)
    if not (ratio > 1.0 and exponent > 1.0):
        raise ValueError(
            "A card for Hill's function of 1990 must have an exponent above 1, but the yield "
            f"stresses and r-values give {exponent:.3g}."
        )
    return exponent
