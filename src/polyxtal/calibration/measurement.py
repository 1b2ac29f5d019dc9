"""A measured stress-strain curve, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyxtal.algebra.number_arrays import number_array
from polyxtal.argument_types import require_number, require_type
from polyxtal.mechanics.measures import AXES

Array = NDArray[np.float64]

FEWEST, MOST = 8, 2_000_000
"""Number of points of a curve."""
SHORTEST = 2e-3
"""Smallest range of strain of a curve. [-]"""
WIDEST = 1.0
"""Strain from which percent are taken for fractions. [-]"""
LARGEST, SMALLEST = 2e4, 0.1
"""Largest stress of a metal, and the smallest one worth a test. [MPa]"""
HOTTEST = 5e3
"""Highest temperature of a test. [K]"""
PRELOAD = 0.05
"""Stress at the start, over the largest one, that is a preload. [-]"""
BACKWARD = 0.01
"""Fall of the strain, over its range, that is a reversal. [-]"""


@dataclass(frozen=True, eq=False)
class Measurement:
    """A measured curve of tension or compression.

    Attributes:
        strain: Engineering strain, (points,). [-]
        stress: Engineering stress, (points,). [MPa]
        name: Name, for messages and legends.
        direction: Loaded axis, "x", "y" or "z", or the angle from x towards y. [degrees]
        rate: Strain rate. [1/s]
        deviation: Standard deviation of the stress, one or one a point; None to estimate it from
            the scatter of neighbouring points. [MPa]
        cyclic: Whether the strain reverses, as in unloading and cycles.
        toe: Whether the origin of the strain is unknown, because of a preload or a toe.
        frame: Whether the strain includes that of the load frame, as a crosshead's does: its
            compliance is then fitted.
        r_value: r-value and its standard deviation over the last half of the strain, or None. [-]
        temperature: Temperature, or None if unknown; the same of all tests of a calibration. [K]

    Raises:
        ValueError: if a value is not finite, the curve is too short, starts at a preload, reverses
            without `cyclic`, or has a sign or numbers that look like another unit's.

    Example:
        >>> import numpy as np
        >>> import polyxtal as px
        >>> strain = np.linspace(0.0, 0.02, 50)
        >>> test = px.Measurement(strain, 200 * np.tanh(350 * strain), name="rolling direction")
        >>> test
        Measurement('rolling direction', direction='x', points=50, strain up to 0.02)
    """

    strain: Any  # (points,) of any kind, kept as NumPy's
    stress: Any
    name: str = "test"
    direction: str | float = "x"
    rate: float = 1e-3
    deviation: Any = None
    cyclic: bool = False
    toe: bool = False
    frame: bool = False
    r_value: tuple[float, float] | None = None
    temperature: float | None = None

    def __post_init__(self) -> None:
        """Validate everything that needs no material."""
        require_type(self.name, str, "name")
        for field in ("cyclic", "toe", "frame"):
            require_type(getattr(self, field), bool, field)
        for field in ("strain", "stress"):
            values = np.array(number_array(getattr(self, field), field), dtype=np.float64)
            object.__setattr__(self, field, values)
        self._check_arrays()
        require_number(self.rate, "rate")
        if not 1e-12 <= self.rate <= 1e8:
            raise ValueError(f"The rate of '{self.name}' must be positive, but is {self.rate} 1/s.")
        if self.temperature is not None:
            require_number(self.temperature, "temperature")
            if not 0 < self.temperature < HOTTEST:
                raise ValueError(
                    f"The temperature of '{self.name}' must be 0 to {HOTTEST:g} K, but is "
                    f"{self.temperature:g} K."
                )
        self._check_direction()
        object.__setattr__(self, "deviation", self._checked_deviation())
        if self.r_value is not None:
            self._check_r_value()
        self._check_sizes()
        self._check_signs()
        if not self.toe:
            self._check_preload()
        if not self.cyclic:
            self._check_monotone()

    def __repr__(self) -> str:
        """Describe without dumping arrays."""
        reach = self.strain[np.abs(self.strain).argmax()]
        return (
            f"Measurement({self.name!r}, direction={self.direction!r}, points={len(self.strain)}, "
            f"strain up to {reach:.3g})"
        )

    @property
    def axis(self) -> Array:
        """Unit vector of the loaded axis, (3,). [-]"""
        if isinstance(self.direction, str):
            return np.eye(3)[AXES[self.direction]]
        angle = math.radians(self.direction)
        return np.array([math.cos(angle), math.sin(angle), 0.0])

    @property
    def sign(self) -> float:
        """-1 of a compression, else 1."""
        moved = np.flatnonzero(np.abs(self.strain - self.strain[0]) > 0.25 * np.ptp(self.strain))
        return float(np.sign(self.strain[moved[0]] - self.strain[0]))

    def _check_arrays(self) -> None:
        points, name = len(np.atleast_1d(self.strain)), self.name
        if self.strain.ndim != 1 or self.strain.shape != self.stress.shape:
            raise ValueError(
                f"Strain and stress of '{name}' must be vectors of one length, but have shapes "
                f"{self.strain.shape} and {self.stress.shape}."
            )
        if not FEWEST <= points <= MOST:
            raise ValueError(
                f"A curve must have {FEWEST} to {MOST} points, but '{name}' has {points}."
            )
        for label, values in (("strain", self.strain), ("stress", self.stress)):
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                raise ValueError(
                    f"The {label} of '{name}' must be finite, but is {values[bad[0]]} at point "
                    f"{bad[0] + 1}."
                )

    def _check_direction(self) -> None:
        if isinstance(self.direction, str):
            if self.direction not in AXES:
                raise ValueError(
                    f"The direction of '{self.name}' must be x, y, z or an angle in degrees from x "
                    f"towards y, but is {self.direction!r}."
                )
            return
        require_number(self.direction, "direction")
        if not abs(self.direction) <= 360:
            raise ValueError(
                f"The direction of '{self.name}' must be within 360 degrees, "
                f"but is {self.direction:g}."
            )

    def _checked_deviation(self) -> Any:
        if self.deviation is None:
            return None
        given = np.array(number_array(self.deviation, "deviation"), dtype=np.float64)
        fits = given.ndim == 0 or given.shape == self.stress.shape
        if not fits or not (np.isfinite(given) & (given > 0)).all():
            raise ValueError(
                f"The deviation of '{self.name}' must be positive, one or one a point, [MPa], "
                "but is not."
            )
        return np.broadcast_to(given, self.stress.shape).copy()

    def _check_r_value(self) -> None:
        pair = isinstance(self.r_value, tuple | list) and len(self.r_value) == 2
        for value in self.r_value if pair else ("",):  # type: ignore[union-attr]
            require_number(value, "r_value")
        if not (self.r_value[0] > 0 and self.r_value[1] > 0):  # type: ignore[index]
            raise ValueError(
                f"The r-value of '{self.name}' and its deviation must be positive, "
                f"but are {self.r_value}."
            )
        if self.direction == "z":
            raise ValueError(
                f"'{self.name}' must be along the sheet to have an r-value, but is along z."
            )

    def _check_sizes(self) -> None:
        name, reach, height = self.name, np.abs(self.strain).max(), np.abs(self.stress).max()
        if reach >= WIDEST:
            raise ValueError(
                f"The strain of '{name}' must be a fraction below {WIDEST:g}, but reaches "
                f"{reach:.4g}: it looks like percent (unit '%')."
            )
        if np.ptp(self.strain) < SHORTEST:
            raise ValueError(
                f"The strain of '{name}' must span at least {100 * SHORTEST:g} %, but spans "
                f"{100 * np.ptp(self.strain):.2g} %: it is too short to show plastic flow, or its "
                "unit is fractions, not '%'."
            )
        if height > LARGEST:
            raise ValueError(
                f"The stress of '{name}' must be below {LARGEST:g} MPa, but reaches {height:.4g}: "
                "it looks like Pa (unit 'Pa')."
            )
        if height < SMALLEST:
            raise ValueError(
                f"The stress of '{name}' must exceed {SMALLEST:g} MPa, but reaches only "
                f"{height:.3g}: it looks like GPa or a force."
            )

    def _check_signs(self) -> None:
        first = max(2, int(np.abs(self.strain - self.strain[0]).argmax()) + 1)
        work = np.trapezoid(self.stress[:first], self.strain[:first])
        if not work > 0:
            raise ValueError(
                f"The stress of '{self.name}' must have the sign of its strain, positive in "
                "tension and negative in compression, but its work up to the largest strain is "
                f"{work:.3g} MJ/m³."
            )

    def _check_preload(self) -> None:
        start, height = abs(self.stress[0]), np.abs(self.stress).max()
        # Points that are far apart may start on the elastic line.
        slope = abs(self.stress[: max(3, len(self.stress) // 50)]).max() / max(
            np.ptp(self.strain[: max(3, len(self.stress) // 50)]), 1e-12
        )
        if start - slope * abs(self.strain[0]) > PRELOAD * height:
            raise ValueError(
                f"The stress of '{self.name}' must start near 0, but starts at a preload of "
                f"{self.stress[0]:.4g} MPa at a strain of {self.strain[0]:.2g}; take it off, or "
                "let the origin of the strain be fitted (toe)."
            )

    def _check_monotone(self) -> None:
        along = self.sign * self.strain
        fall = np.maximum.accumulate(along) - along
        if fall.max() > BACKWARD * np.ptp(self.strain):
            at = int(fall.argmax())
            raise ValueError(
                f"The strain of '{self.name}' must not reverse unless it is cyclic, but falls back "
                f"by {100 * fall.max():.2g} % up to point {at + 1}; declare `cyclic` or cut it off."
            )
