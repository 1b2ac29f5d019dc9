"""Conversion between phases of DAMASK 3 material files [Pa] and materials [MPa]."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.material import Material
from polyxtal.crystal.phase_section import PASCAL, number, section
from polyxtal.crystal.plasticity.law import known_laws
from polyxtal.files.wording import listing, shorten

Phase = Material | Mapping[str, Any]
"""A material, or a phase of DAMASK as parsed."""

LATTICES = ("cF", "cI", "hP", "tI")
"""Lattices that DAMASK supports."""

_FORMER = {"fcc": "cF", "bcc": "cI", "hex": "hP", "hcp": "hP", "bct": "tI"}
_RATIO = ("hP", "tI")
"""Those with a c/a."""

_CONSTANTS = {
    "cF": ("C_11", "C_12", "C_44"),
    "cI": ("C_11", "C_12", "C_44"),
    "hP": ("C_11", "C_12", "C_13", "C_33", "C_44"),
    "tI": ("C_11", "C_12", "C_13", "C_33", "C_44", "C_66"),
}
_FIELDS = ("thermal", "chemical", "electrical")
"""Sections of fields that are uniform and constant here."""


def phase_to_lattice(phase: Mapping[str, Any], at: str) -> Lattice:
    """Return the lattice of one DAMASK 3 phase.

    Raises:
        ValueError: if it is missing or not supported by DAMASK; `at` opens the sentence.
    """
    symbol = phase.get("lattice")
    if symbol not in LATTICES:
        former = _FORMER.get(symbol) if isinstance(symbol, str) else None
        hint = f", which is {former} since DAMASK 3" if former else ""
        raise ValueError(
            f"{at}: lattice must be one of {listing(LATTICES)}, but is {shorten(symbol)}{hint}."
        )
    ratio = phase.get("c/a")
    if ratio is not None and symbol not in _RATIO:
        raise ValueError(
            f"{at}: lattice must be one of {listing(_RATIO)} where c/a is given, but is {symbol}: "
            f"c/a must be left out for a cubic lattice, but is {shorten(ratio)}."
        )
    try:
        return Lattice(symbol, None if ratio is None else number(ratio, f"{at} c/a"))
    except ValueError as error:
        sentence = str(error)
        raise ValueError(sentence if sentence.startswith(at) else f"{at}: {sentence}") from error


def phase_to_material(
    phase: Any, name: str, where: str = "", *, elastic_only: bool = False
) -> Material:
    """Return the material [MPa] of one DAMASK 3 phase [Pa].

    Args:
        phase: The phase.
        name: Its name.
        where: Begin of every error sentence.
        elastic_only: Read lattice and elastic constants only, whatever else the phase has.
    Raises:
        ValueError: if a section is missing or, unless it is passed over, not supported.
    """
    at = f"{where}phase {shorten(name)}"
    passed, inelastic = (("damage",), ("plastic", "eigen")) if elastic_only else ((), ())
    body = section(
        phase,
        at,
        required=("lattice", "mechanical"),
        optional=("c/a",),
        ignored=("rho", *_FIELDS, *passed),
    )
    lattice = phase_to_lattice(body, at)
    mechanical = section(
        body["mechanical"],
        f"{at} mechanical",
        required=("elastic",),
        optional=("plastic",),
        ignored=inelastic,
    )
    elasticity = _elasticity(mechanical["elastic"], lattice.symbol, f"{at} elastic")
    plastic = None if elastic_only else mechanical.get("plastic")
    plasticity = _plasticity(plastic, lattice, f"{at} plastic")
    try:
        return Material(name, elasticity, plasticity, lattice)
    except ValueError as error:
        raise ValueError(f"{at}: {error}") from error


def hooke_to_material(elastic: Mapping[str, Any], name: str, where: str = "") -> Material:
    """Return the elastic crystal of a section `elastic` alone, as in DAMASK's examples.

    Its constants tell cubic, hexagonal and tetragonal lattices apart, but not their centring.

    Raises:
        ValueError: if a constant is missing or not supported; `where` opens the sentence.
    """
    symbol = "cF" if "C_33" not in elastic else "tI" if "C_66" in elastic else "hP"
    elasticity = _elasticity(elastic, symbol, f"{where}material {shorten(name)} elastic")
    return Material(name, elasticity, lattice=Lattice(symbol[0]))


def lattice_to_phase(lattice: Lattice | None) -> dict[str, Any]:
    """Return the keys of a phase for its lattice: cF if unknown, the commonest centring if that is.

    Raises:
        ValueError: if DAMASK does not support the lattice.
    """
    if lattice is None:
        return {"lattice": "cF"}
    symbol = {"c": "cF", "h": "hP", "t": "tI"}.get(lattice.symbol, lattice.symbol)
    if symbol not in LATTICES:
        raise ValueError(
            f"A phase of DAMASK must have one of the lattices {listing(LATTICES)}, "
            f"but one is {lattice.family} ({lattice.symbol})."
        )
    ratio = {} if lattice.c_over_a is None else {"c/a": lattice.c_over_a}
    return {"lattice": symbol} | ratio


def material_to_phase(material: Material) -> dict[str, Any]:
    """Return the DAMASK 3 phase [Pa] of a material [MPa].

    Raises:
        ValueError: if DAMASK does not support its lattice.
    """
    lattice = material.lattice
    if lattice.symbol not in LATTICES:
        raise ValueError(
            f"A phase of DAMASK must have one of the lattices {listing(LATTICES)}, "
            f"but material '{material.name}' has {lattice.symbol}."
        )
    voigt = material.elasticity.voigt
    constants = {
        key: voigt[int(key[2]) - 1][int(key[3]) - 1] / PASCAL for key in _CONSTANTS[lattice.symbol]
    }
    mechanical: dict[str, Any] = {
        "output": ["F", "P", "O"],
        "elastic": {"type": "Hooke"} | constants,
    }
    if material.plasticity is not None:
        mechanical["plastic"] = type(material.law()).to_damask(material.plasticity)
    ratio = {} if lattice.c_over_a is None else {"c/a": lattice.c_over_a}
    return {"lattice": lattice.symbol, **ratio, "mechanical": mechanical}


def _elasticity(elastic: Any, symbol: str, at: str) -> Elasticity:
    keys = _CONSTANTS[symbol]
    terms = tuple(f"{key},{power}" for key in (*keys, "C_66") for power in ("T", "T^2"))
    # What the lattice lacks is named with it, or else a constant of another lattice gets deleted.
    body = section(
        elastic,
        f"{at} of lattice {symbol}",
        required=("type", *keys),
        ignored=("T_ref", "C_66", *terms),
    )
    if body["type"] != "Hooke":
        raise ValueError(f"{at}: type must be Hooke, but is {shorten(body['type'])}.")
    if any(term in body for term in terms):
        reference = number(body.get("T_ref", 293.15), f"{at} T_ref")
        warnings.warn(
            f"{at}: elastic constants depend on temperature; those at T_ref = {reference:g} K "
            "are taken.",
            stacklevel=2,
        )
    c = {key.replace("C_", "c"): number(body[key], f"{at} {key}") * PASCAL for key in keys}
    build: dict[str, Any] = {"hP": Elasticity.hexagonal, "tI": Elasticity.tetragonal}
    try:
        return build.get(symbol, CubicElasticity)(**c)
    except ValueError as error:
        raise ValueError(f"{at}: {error}") from error


def _plasticity(plastic: Any, lattice: Lattice, at: str) -> Any:
    """Return the parameters of the law that `type` names."""
    if plastic is None:
        return None
    kind = plastic.get("type") if isinstance(plastic, Mapping) else plastic
    laws = known_laws()
    if not isinstance(kind, str) or kind not in laws:
        raise ValueError(
            f"{at}: type must be one of {listing(sorted(laws))}, but is {shorten(kind)}."
        )
    return None if kind == "none" else laws[kind].from_damask(plastic, lattice, at)
