"""The phenomenological power law in DAMASK's phase files [Pa]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyxtal.crystal.phase_section import PASCAL, counts, numbers, per_family, section
from polyxtal.crystal.plasticity.families import PerFamily
from polyxtal.crystal.plasticity.phenopowerlaw.parameters import PhenoPowerlaw, Twinning
from polyxtal.files.wording import listing

_SLIP = {
    "dot_gamma_0_sl": ("slip_rate_reference", 1.0),
    "n_sl": ("stress_exponent", 1.0),
    "a_sl": ("hardening_exponent", 1.0),
    "xi_0_sl": ("slip_resistance_initial", PASCAL),
    "xi_inf_sl": ("slip_resistance_saturation", PASCAL),
    "h_0_sl-sl": ("hardening_modulus", PASCAL),
}
_TWIN = {
    "dot_gamma_0_tw": ("rate_reference", 1.0),
    "n_tw": ("stress_exponent", 1.0),
    "xi_0_tw": ("resistance_initial", PASCAL),
    "h_0_tw-sl": ("hardening_by_slip", PASCAL),
    "h_0_tw-tw": ("hardening_by_twins", PASCAL),
}
_TWIN_LISTS = {
    "h_tw-sl": ("interaction_twin_slip", 1.0),
    "h_tw-tw": ("interaction_twin_twin", 1.0),
    "h_sl-tw": ("interaction_slip_twin", PASCAL),
}
_PER_SLIP = {
    "f_sat_sl-tw": ("saturation_increase", PASCAL),
    "c_1": ("c_1", 1.0),
    "c_2": ("c_2", 1.0),
}
_PER_TWIN = {"c_3": ("c_3", 1.0), "c_4": ("c_4", 1.0)}
_NUMERICS = ("atol_xi", "atol_gamma")
_RENAMED = {"gamma_dot_0_sl": "dot_gamma_0_sl", "gamma_dot_0_tw": "dot_gamma_0_tw"}
"""Keys that newer versions of DAMASK renamed, with their earlier names."""


def read(plastic: Mapping[str, Any], at: str) -> PhenoPowerlaw:
    """Return the parameters from the section `plastic` of a phase file [Pa].

    Raises:
        ValueError: if a key is unknown or missing, or a value is invalid; `at` opens the sentence.
    """
    for new, old in _RENAMED.items():
        if new in plastic and old in plastic:
            raise ValueError(f"{at}: one of {old} and {new} must be left out, but both are given.")
    twins = (*_TWIN, *_TWIN_LISTS, *_PER_SLIP, *_PER_TWIN)
    body = section(
        {_RENAMED.get(key, key): value for key, value in plastic.items()},
        at,
        required=("type", "N_sl", *_SLIP, "h_sl-sl"),
        optional=("N_tw", "h_int", "a_nonSchmid", *twins),
        ignored=_NUMERICS,
    )
    tilt = body.get("a_nonSchmid", [])
    if any(numbers(tilt if isinstance(tilt, list) else [tilt], f"{at} a_nonSchmid")):
        raise ValueError(
            f"{at}: slip must obey Schmid's law, but non-Schmid coefficients (a_nonSchmid) are set."
        )
    slips = counts(body["N_sl"], f"{at} N_sl")

    def take(keys: Mapping[str, tuple[str, float]], families: int) -> dict[str, Any]:
        return {
            name: per_family(body[key], families, f"{at} {key}", unit)
            for key, (name, unit) in keys.items()
            if key in body
        }

    values = take(_SLIP, len(slips))
    if "h_int" in body:
        more = per_family(body["h_int"], len(slips), f"{at} h_int")
        values["hardening_modulus"] = _scaled(values["hardening_modulus"], more, len(slips))
    try:
        return PhenoPowerlaw(
            **values,
            interaction=numbers(body["h_sl-sl"], f"{at} h_sl-sl"),
            slip_systems=slips,
            twinning=_read_twins(body, at, slips, take),
        )
    except ValueError as error:
        sentence = str(error)
        raise ValueError(sentence if sentence.startswith(at) else f"{at}: {sentence}") from error


def _scaled(modulus: PerFamily, more: PerFamily, families: int) -> PerFamily:
    """Return h_0 (1 + h_int) per family."""
    pairs = [
        (values,) * families if isinstance(values, float) else values for values in (modulus, more)
    ]
    scaled = tuple(h * (1 + m) for h, m in zip(*pairs, strict=True))
    return scaled[0] if families == 1 else scaled


def _read_twins(body: Mapping[str, Any], at: str, slips: tuple[int, ...], take: Any) -> Any:
    twins = counts(body.get("N_tw", []), f"{at} N_tw")
    if sum(twins) == 0:
        return None
    missing = [key for key in (*_TWIN, *_TWIN_LISTS, "f_sat_sl-tw") if key not in body]
    if missing:
        raise ValueError(
            f"{at}: with twins (N_tw) {listing(missing)} must be given, but is missing."
        )
    lists = {
        name: tuple(h * unit for h in numbers(body[key], f"{at} {key}"))
        for key, (name, unit) in _TWIN_LISTS.items()
    }
    per_twin = take({**_TWIN, **_PER_TWIN}, len(twins))
    return Twinning(twins, **per_twin, **lists, **take(_PER_SLIP, len(slips)))


def write(p: PhenoPowerlaw) -> dict[str, Any]:
    """Return the section `plastic` of a phase file [Pa] from the parameters."""
    body: dict[str, Any] = {"type": "phenopowerlaw", "N_sl": list(p.slip_systems)}
    families = len(p.slip_systems)
    body |= _values(p, _SLIP, families)
    body["h_sl-sl"] = list(p.interaction)
    t = p.twinning
    if t is not None:
        body["N_tw"] = list(t.systems)
        body |= _values(t, {**_TWIN, **_PER_TWIN}, len(t.systems))
        body |= _values(t, _PER_SLIP, families)
        for key, (name, unit) in _TWIN_LISTS.items():
            body[key] = [_in_unit(h, unit) for h in getattr(t, name)]
    return body


def _values(p: Any, keys: Mapping[str, tuple[str, float]], families: int) -> dict[str, list[float]]:
    out = {}
    for key, (name, unit) in keys.items():
        value = getattr(p, name)
        each = value if isinstance(value, tuple) else (value,) * families
        out[key] = [_in_unit(v, unit) for v in each]
    return out


def _in_unit(value: float, unit: float) -> float:
    return value if unit == 1.0 else value / unit
