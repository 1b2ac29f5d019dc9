"""What the name of a phase says about its material."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from polyxtal.crystal.catalog import MaterialEntry
from polyxtal.crystal.catalog import materials as read_catalog
from polyxtal.crystal.lattice import Lattice

SYMBOLS = {
    "Ag", "Al", "Au", "Be", "Cd", "Co", "Cr", "Cu", "Fe", "Hf", "Mg", "Mn", "Mo", "Nb", "Ni", "Pb",
    "Pd", "Pt", "Re", "Si", "Sn", "Ta", "Ti", "V", "W", "Zn", "Zr",
}  # fmt: skip
WORDS = {
    "aluminium": "Al", "aluminum": "Al", "cobalt": "Co", "chromium": "Cr", "copper": "Cu",
    "brass": "Cu", "bronze": "Cu", "iron": "Fe", "steel": "Fe", "ferrite": "Fe", "ferritic": "Fe",
    "austenite": "Fe", "austenitic": "Fe", "martensite": "Fe", "bainite": "Fe", "gold": "Au",
    "hafnium": "Hf", "lead": "Pb", "magnesium": "Mg", "molybdenum": "Mo", "nickel": "Ni",
    "inconel": "Ni", "niobium": "Nb", "platinum": "Pt", "silicon": "Si", "silver": "Ag",
    "tantalum": "Ta", "tin": "Sn", "titanium": "Ti", "tungsten": "W", "vanadium": "V",
    "zinc": "Zn", "zircaloy": "Zr", "zirconium": "Zr",
}  # fmt: skip
"""Chemical symbol by a word in the name of a phase, in lower case."""
LATTICES = {
    "fcc": "cF", "bcc": "cI", "bct": "tI", "hcp": "hP",
    "austenite": "cF", "austenitic": "cF", "ferrite": "cI", "ferritic": "cI",
}  # fmt: skip
"""Pearson symbol by such a word."""


def element_of(name: str) -> str | None:
    """Return the first element that a name mentions, as its symbol or by a word; or None.

    Example:
        >>> [element_of(name) for name in ("Iron fcc", "AlSi10Mg", "Titanium (alpha)", "crystal")]
        ['Fe', 'Al', 'Ti', None]
    """
    for word in _words(name):
        symbol = word if word in SYMBOLS else WORDS.get(word.lower())
        if symbol:
            return symbol
    return None


def lattice_of(name: str) -> Lattice | None:
    """Return the lattice that a name mentions, or None."""
    found = [LATTICES[word.lower()] for word in _words(name) if word.lower() in LATTICES]
    return Lattice(found[0]) if found else None


def shipped_for(name: str, lattice: Lattice | None = None) -> list[str]:
    """Return the shipped materials of the element and lattice of a phase, as far as known.

    Args:
        name: Name of a phase.
        lattice: Lattice of the phase; None for that of its name, if any.
    """
    element, lattice = element_of(name), lattice_of(name) or lattice
    entries = _catalog()
    same = [n for n, entry in entries.items() if element in (None, element_of(entry.title))]
    return [n for n in same if not lattice or lattice.agrees_with(Lattice(entries[n].lattice))]


def misfit(name: str, material: str, lattice: Lattice) -> str | None:
    """Return in what the name of a phase contradicts its material, or None.

    Args:
        name: Name of the phase.
        material: Name of the material.
        lattice: Lattice of the material.
    """
    entry = _catalog().get(material)
    wanted, given = element_of(name), element_of(entry.title if entry else material)
    if wanted and given and wanted != given:
        return f"be of {wanted}, as its name says, but '{material}' is of {given}"
    named = lattice_of(name)
    if named and not named.agrees_with(lattice):
        return f"be {named.symbol}, as its name says, but '{material}' is {lattice.symbol}"
    return None


def suggestion(names: Sequence[str]) -> str:
    """Return the end of a sentence that names shipped materials."""
    return f"shipped and nearest: {', '.join(names)}" if names else "none that ships is near"


@cache
def _catalog() -> dict[str, MaterialEntry]:
    return read_catalog()


def _words(name: str) -> list[str]:
    return re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
