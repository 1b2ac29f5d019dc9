"""Lengths in the unit in which they are numbers of 1 to 1000; from a metre on, as relative ones.

A cell of a metre is no microstructure but a unit cell, such as DAMASK's, whose lengths matter
relative to one another only: they are shown as multiples of a metre, without a unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class LengthUnit(NamedTuple):
    """A unit of length.

    Attributes:
        name: Symbol, such as "nm"; "relative" for multiples of a unit cell.
        micrometres: The unit. [µm]
    """

    name: str
    micrometres: float


RELATIVE = "relative"
UNITS = (
    LengthUnit(RELATIVE, 1e6),
    LengthUnit("mm", 1e3),
    LengthUnit("µm", 1.0),
    LengthUnit("nm", 1e-3),
)
DIGITS = 4
"""Significant digits of a length in words."""
_ROUNDING = 0.5 * 10.0**-DIGITS
"""Share by which 999.96 nm, which four digits write as 1000, is taken for 1 µm."""


def length_unit(length: float) -> LengthUnit:
    """Return the unit in which a length is a number of 1 to 1000; nm and `RELATIVE` beyond.

    Args:
        length: Length; of several that share an axis or a picture, the largest. [µm]
    """
    fits = (unit for unit in UNITS if length >= (1 - _ROUNDING) * unit.micrometres)
    return next(fits, UNITS[-1])


def length_label(length: float, cell: float = 0.0) -> str:
    """Return a length given in µm as a number with its unit, such as "25 nm"; a relative one bare.

    Args:
        length: Length. [µm]
        cell: Longest edge of the cell that it belongs to: lengths within a unit cell are relative,
            too. [µm]
    """
    unit = _unit(length, cell)
    number = f"{length / unit.micrometres:.{DIGITS}g}"
    return number if unit.name == RELATIVE else f"{number} {unit.name}"


def lengths_label(lengths: Sequence[float], cell: float = 0.0) -> str:
    """Return lengths given in µm as factors, such as "25 x 25 x 5 nm"; see `length_label`."""
    unit = _unit(max(lengths), cell)
    factors = " x ".join(f"{length / unit.micrometres:.{DIGITS}g}" for length in lengths)
    return f"{factors} (relative lengths)" if unit.name == RELATIVE else f"{factors} {unit.name}"


def _unit(length: float, cell: float) -> LengthUnit:
    whole = length_unit(cell)
    return whole if whole.name == RELATIVE else length_unit(length)
