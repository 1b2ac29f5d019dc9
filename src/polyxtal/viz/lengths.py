"""Lengths in the unit in which they are numbers of 1 to 1000."""

from __future__ import annotations

from typing import NamedTuple


class LengthUnit(NamedTuple):
    """A unit of length.

    Attributes:
        name: Symbol, such as "nm".
        micrometres: The unit. [µm]
    """

    name: str
    micrometres: float


UNITS = (
    LengthUnit("m", 1e6),
    LengthUnit("mm", 1e3),
    LengthUnit("µm", 1.0),
    LengthUnit("nm", 1e-3),
)
_ROUNDING = 1e-6
"""Share by which 999.9995 nm, which six digits write as 1000, is taken for 1 µm."""


def length_unit(length: float) -> LengthUnit:
    """Return the unit in which a length is a number of 1 to 1000; nm and m beyond their ends.

    Args:
        length: Length; of several that share an axis or a picture, the largest. [µm]
    """
    fits = (unit for unit in UNITS if length >= (1 - _ROUNDING) * unit.micrometres)
    return next(fits, UNITS[-1])


def length_label(length: float) -> str:
    """Return a length given in µm as a number with its unit, such as "25 nm"."""
    unit = length_unit(length)
    return f"{length / unit.micrometres:g} {unit.name}"
