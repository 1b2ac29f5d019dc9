"""Parse elastic constants given on the command line."""

from __future__ import annotations

from polyxtal.crystal.elastic_constants import SYSTEMS, constant_names, elasticity_of_constants
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.laue import LaueGroup
from polyxtal.crystal.usual_units import warn_of_units

GPA = 1e3
"""One gigapascal. [MPa]"""


SYMMETRIES = {
    SYSTEMS[name]: LaueGroup(name) for name in ("m-3m", "6/mmm", "4/mmm", "-3m", "mmm", "2/m", "-1")
}
"""Laue group by the name before the colon in `read_elasticity`."""


def read_elasticity(text: str) -> Elasticity:
    """Return the elasticity for "C11,C12,C44" or "hexagonal:C11,C12,C13,C33,C44" etc. in GPa.

    Args:
        text: Constants in the order of `constant_names`, preceded by a name of `SYMMETRIES` and
            a colon if the crystal is not cubic. [GPa]
    Raises:
        ValueError: if the symmetry is unknown, or the constants are not those of a stable crystal.
    """
    symmetry, separator, numbers = text.partition(":")
    if not separator:
        return cubic_elasticity(text)
    if symmetry not in SYMMETRIES:
        raise ValueError(
            f"Argument `elastic` must name one of {', '.join(SYMMETRIES)} before the colon, "
            f"but names '{symmetry}'."
        )
    if symmetry == "cubic":
        return cubic_elasticity(numbers)
    group = SYMMETRIES[symmetry]
    names = constant_names(group)
    try:
        values = [GPA * float(number) for number in numbers.split(",")]
    except ValueError:
        values = []
    if len(values) != len(names):
        expected = ",".join(name.upper() for name in names)
        raise ValueError(
            f"Argument `elastic` must be {symmetry}:{expected} [GPa], but is {text!r}."
        )
    elasticity = elasticity_of_constants(group, values)
    warn_of_units(max(map(abs, values)), stacklevel=3)
    return elasticity


def cubic_elasticity(text: str) -> CubicElasticity:
    """Return the cubic elasticity for "C11,C12,C44" in GPa.

    Raises:
        ValueError: if the text is not three constants of a stable crystal.
    """
    try:
        c11, c12, c44 = (GPA * float(number) for number in text.split(","))
    except ValueError as error:
        raise ValueError(
            "Argument `elastic` must be three numbers C11,C12,C44 [GPa], such as "
            f"107.3,60.8,28.3, but is {text!r}."
        ) from error
    return CubicElasticity(c11, c12, c44)
