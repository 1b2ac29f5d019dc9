"""Validated access to the sections of a DAMASK 3 phase file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from polyxtal.files.wording import listing, shorten

PASCAL = 1e-6
"""One pascal. [MPa]"""


def section(
    given: Any,
    at: str,
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
    ignored: tuple[str, ...] = (),
) -> Mapping[str, Any]:
    """Return a section with valid keys; those for documentation and output are ignored.

    Raises:
        ValueError: if it is no mapping, a key is unknown or a required one is missing.
    """
    if not isinstance(given, Mapping):
        raise ValueError(
            f"{at}: must be a mapping of {listing(required)}, but is {shorten(given)}."
        )
    known = (*required, *optional, *ignored, "output", "references")
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1, cutoff=0.8)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise ValueError(
                f"{at}: keys must be among {listing((*required, *optional))}, "
                f"but {shorten(key)} is given{hint}."
            )
    missing = [key for key in required if key not in given]
    if missing:
        raise ValueError(f"{at}: {listing(missing)} must be given, but is missing.")
    return given


def number(value: Any, at: str) -> float:
    """Return a finite number.

    Raises:
        ValueError: if it is none.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
        return float(value)
    raise ValueError(f"{at}: must be a finite number, but is {shorten(value)}.")


def numbers(value: Any, at: str) -> tuple[float, ...]:
    """Return a list of finite numbers.

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(value, list):
        raise ValueError(f"{at}: must be a list of numbers, but is {shorten(value)}.")
    return tuple(number(one, at) for one in value)


def counts(value: Any, at: str) -> tuple[int, ...]:
    """Return the number of systems of each family.

    Raises:
        ValueError: if one is negative or not whole.
    """
    given = value if isinstance(value, list) else [value]
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in given):
        raise ValueError(
            f"{at}: must be the number of systems of each family, but is {shorten(value)}."
        )
    return tuple(given)


def per_family(value: Any, families: int, at: str, unit: float = 1.0) -> float | tuple[float, ...]:
    """Return the value of each family, or one for all, times a unit.

    Raises:
        ValueError: if there are not as many as families.
    """
    if not isinstance(value, list):
        return number(value, at) * unit
    if len(value) != families:
        raise ValueError(
            f"{at}: must have one value for each of the {families} families, but has {len(value)}."
        )
    values = tuple(number(one, at) * unit for one in value)
    return values[0] if families == 1 else values
