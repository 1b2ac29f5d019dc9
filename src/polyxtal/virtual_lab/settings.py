"""Which virtual tests are made of a sheet, and how accurately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from polyxtal.argument_types import require_number, require_type
from polyxtal.mechanics.ladder.accuracy import check_accuracy
from polyxtal.virtual_lab.measure import CROSS
from polyxtal.virtual_lab.programme import (
    VirtualTest,
    crossed_tests,
    deviatoric_tests,
    plane_strain_tests,
    section_tests,
    shear_test,
    uniaxial_tests,
)

ACCURACY = 0.01
ANGLES = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0)
LEVELS = (0.002, 0.01)
MAIN = (0.0, 45.0, 90.0)
"""Angles at which is measured what a stress across does to r, if tested. [degrees]"""
MARGIN = 2.0
"""Equivalent strain of tests for yielding alone, over the largest level, beyond the elastic one."""
ELASTIC = 0.004
"""Equivalent strain before any metal of interest yields. [-]"""


@dataclass(frozen=True)
class LaboratorySettings:
    """Which tests are made, and how accurately.

    Attributes:
        angles: In-plane angles of tensions to x. [degrees]
        section: Number of directions of the plane-stress section, even and at least 8.
        directions: Number of deviatoric stresses in any direction.
        levels: Plastic strains of the tension along x at which yield surfaces are given,
            ascending. [-]
        strain: Strain of the tensions and of equibiaxial tension. [-]
        rate: Equivalent strain rate. [1/s]
        accuracy: Largest bound of the stress in tension along x relative to it, see `predict`. [-]
        taylor: Whether Taylor's model makes the same tests.
    """

    angles: tuple[float, ...] = ANGLES
    section: int = 24
    directions: int = 16
    levels: tuple[float, ...] = LEVELS
    strain: float = 0.05
    rate: float = 1e-3
    accuracy: float = ACCURACY
    taylor: bool = True

    def __post_init__(self) -> None:
        """Validate everything that does not depend on the polycrystal."""
        require_type(self.angles, Sequence, "angles")
        for angle in self.angles:
            require_number(angle, "angles")
            if not -360 <= angle <= 360:
                raise ValueError(
                    "Argument `angles` must hold angles in the plane of the sheet, from -360 to "
                    f"360 degrees, but holds {angle}."
                )
        if 0.0 not in self.angles or len(set(self.angles)) < len(self.angles):
            raise ValueError(
                "Argument `angles` must hold 0, to which yield stresses are related, and no angle "
                f"twice, but is {self.angles}."
            )
        if self.section < 8 or self.section % 2:
            raise ValueError(
                f"Argument `section` must be even and at least 8, but is {self.section}."
            )
        if self.directions < 0:
            raise ValueError(
                f"Argument `directions` must not be negative, but is {self.directions}."
            )
        for level in self.levels:
            require_number(level, "levels")
        ascending = list(self.levels) == sorted(set(self.levels))
        if not self.levels or not ascending or not self.levels[0] > 0:
            raise ValueError(
                f"Argument `levels` must be positive and ascend, but is {self.levels}."
            )
        check_accuracy(self.accuracy, None)
        require_number(self.strain, "strain")
        if not self.reach <= self.strain < 1:
            raise ValueError(
                "Argument `strain` must be below 1 and reach the largest of the `levels`, at least "
                f"{self.reach:g}, but is {self.strain:g}."
            )

    @property
    def reach(self) -> float:
        """Equivalent strain of tests for yielding alone. [-]"""
        return ELASTIC + MARGIN * self.levels[-1]

    def outline(self) -> LaboratorySettings:
        """Return settings of the fewest tests with the same yield surface in plane stress."""
        return replace(self, angles=(0.0,), directions=0, strain=self.reach, taylor=False)

    def tests(self, half: bool, seed: int) -> list[VirtualTest]:
        """Return the tests; those along x, and equibiaxial tension, are among them."""
        long, short = (self.strain, self.rate), (self.reach, self.rate)
        chosen = uniaxial_tests(self.angles, *long)
        chosen += section_tests(self.section, *short, half)
        (biaxial,) = [t for t in section_tests(8, *long, False) if t.angle == 45.0]
        chosen = [t for t in chosen if (t.kind, t.angle) != ("plane stress", 45.0)] + [biaxial]
        chosen += plane_strain_tests((0.0, 45.0, 90.0), *short)
        chosen.append(shear_test(*short))
        chosen += crossed_tests([a for a in MAIN if a in self.angles], CROSS, *short)
        return chosen + deviatoric_tests(self.directions, *short, seed)
