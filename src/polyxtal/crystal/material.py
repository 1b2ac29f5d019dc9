"""Named materials, read from and written as DAMASK 3 phases (Pa there, MPa here)."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.files.yaml import read_yaml, shorten

PASCAL = 1e-6
"""One pascal. [MPa]"""

_SHIPPED = Path(__file__).with_name("materials")


@dataclass(frozen=True)
class PhenoPowerlaw:
    """Parameters of the phenomenological power law on the 12 fcc slip systems.

        dγ_a/dt = γ̇_0 sgn(τ_a) |τ_a/ξ_a|^n
        dξ_a/dt = h_0 sgn(1 - ξ_a/ξ_∞) |1 - ξ_a/ξ_∞|^a Σ_b h_ab |dγ_b/dt|

    Attributes:
        slip_rate_reference: γ̇_0 > 0. [1/s]
        stress_exponent: n >= 1. [-]
        hardening_exponent: a > 0. [-]
        slip_resistance_initial: ξ_0 > 0. [MPa]
        slip_resistance_saturation: ξ_∞ > 0; below ξ_0 the crystal softens. [MPa]
        hardening_modulus: h_0 >= 0. [MPa]
        interaction: The seven coefficients >= 0 of `crystal.slip.INTERACTION_NAMES`. [-]

    Raises:
        ValueError: if a value is not finite or outside these bounds.

    Example:
        >>> import polyxtal as px
        >>> law = px.load_material("AA6022-T4").plasticity
        >>> law.slip_resistance_initial, law.slip_resistance_saturation, law.stress_exponent
        (76.0, 266.0, 20.0)
    """

    slip_rate_reference: float
    stress_exponent: float
    hardening_exponent: float
    slip_resistance_initial: float
    slip_resistance_saturation: float
    hardening_modulus: float
    interaction: tuple[float, ...]

    def __post_init__(self) -> None:
        """Validate the bounds."""
        for name in (
            "slip_rate_reference",
            "hardening_exponent",
            "slip_resistance_initial",
            "slip_resistance_saturation",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"Argument `{name}` must be positive and finite, but is {value}.")
        if not (math.isfinite(self.stress_exponent) and self.stress_exponent >= 1):
            raise ValueError(
                f"Argument `stress_exponent` must be at least 1, but is {self.stress_exponent}."
            )
        if not (math.isfinite(self.hardening_modulus) and self.hardening_modulus >= 0):
            raise ValueError(
                "Argument `hardening_modulus` must be finite and not negative, "
                f"but is {self.hardening_modulus}."
            )
        object.__setattr__(self, "interaction", tuple(float(h) for h in self.interaction))
        if len(self.interaction) != 7 or not all(
            math.isfinite(h) and h >= 0 for h in self.interaction
        ):
            raise ValueError(
                "Argument `interaction` must be 7 finite coefficients, none negative, "
                f"but is {self.interaction}."
            )


@dataclass(frozen=True)
class Material:
    """A crystal: elasticity, and plasticity unless it is elastic only.

    Attributes:
        name: Name.
        elasticity: Elastic constants in the crystal frame.
        plasticity: Parameters of the plasticity law; None for an elastic crystal.
        lattice: Lattice, with c/a where slip needs it.

    Example:
        >>> import polyxtal as px
        >>> particle = px.Material("particle", px.CubicElasticity(c11=166e3, c12=64e3, c44=80e3))
        >>> particle.plasticity is None
        True
    """

    name: str
    elasticity: Elasticity
    plasticity: PhenoPowerlaw | None = None
    lattice: Lattice | str = "cF"

    def __post_init__(self) -> None:
        """Take the lattice by its symbol, too."""
        if isinstance(self.lattice, str):
            object.__setattr__(self, "lattice", Lattice(self.lattice))


def load_material(source: str | Path | Mapping[str, Any], phase: str | None = None) -> Material:
    """Load one material.

    Args:
        source: The name of a material that ships with the package ("AA6022-T4"), or a DAMASK 3
            file, or its parsed content: a `material.yaml` with `phase:`, one phase (`lattice`,
            `mechanical`), or phases by name.
        phase: Which phase, where the source holds several.
    Returns:
        The material, in MPa.
    Raises:
        FileNotFoundError: if the source is a path to no file.
        ValueError: if the source is not a phase that this package can simulate.

    Example:
        >>> import polyxtal as px
        >>> px.load_material("AA6022-T4").elasticity
        CubicElasticity(c11=107300.0, c12=60800.0, c44=28300.0)
    """
    if isinstance(source, Mapping):
        name, where, document = phase or "crystal", "", source
    else:
        path = _find(source)
        name, where, document = path.stem, f"{path}: ", read_yaml(path)
    phases = _phases(document, name, where)
    if phase is None and len(phases) > 1:
        raise ValueError(
            f"{where}argument `phase` must choose one of the phases {_listing(phases)}, "
            "but none is named."
        )
    chosen = next(iter(phases)) if phase is None else phase
    if chosen not in phases:
        raise ValueError(
            f"{where}argument `phase` must be one of {_listing(phases)}, but is '{chosen}'."
        )
    return phase_to_material(phases[chosen], chosen, where)


def load_materials(path: str | Path) -> dict[str, Material]:
    """Load all phases of a DAMASK 3 `material.yaml`, by name.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a phase is not one that this package can simulate.
    """
    path, where = Path(path), f"{path}: "
    phases = _phases(read_yaml(path), path.stem, where)
    return {name: phase_to_material(phase, name, where) for name, phase in phases.items()}


def phase_to_material(phase: Any, name: str, where: str = "") -> Material:
    """Convert one DAMASK 3 phase [Pa] to a material [MPa]; `where` opens every error sentence."""
    at = f"{where}phase '{name}'"
    body = _section(phase, at, required=("lattice", "mechanical"), ignored=("rho",))
    mechanical = _section(
        body["mechanical"], f"{at} mechanical", required=("elastic",), optional=("plastic",)
    )
    if body["lattice"] not in ("cF", "cI"):
        raise ValueError(
            f"{at}: lattice must be cubic (cF or cI), but is {shorten(body['lattice'])}."
        )
    plasticity = _plasticity(mechanical.get("plastic"), f"{at} plastic")
    if plasticity is not None and body["lattice"] != "cF":
        raise ValueError(
            f"{at}: lattice must be cF for plasticity (12 fcc slip systems), "
            f"but is {shorten(body['lattice'])}."
        )
    return Material(name, _elasticity(mechanical["elastic"], f"{at} elastic"), plasticity)


def material_to_phase(material: Material) -> dict[str, Any]:
    """Convert a material [MPa] to one DAMASK 3 phase [Pa], lattice cF."""
    e, p = material.elasticity, material.plasticity
    constants = {"C_11": e.c11, "C_12": e.c12, "C_44": e.c44}
    elastic = {"type": "Hooke"} | {key: c / PASCAL for key, c in constants.items()}
    mechanical: dict[str, Any] = {"output": ["F", "P", "O"], "elastic": elastic}
    if p is not None:
        mechanical["plastic"] = {
            "type": "phenopowerlaw",
            "N_sl": [12],
            "dot_gamma_0_sl": [p.slip_rate_reference],
            "n_sl": [p.stress_exponent],
            "a_sl": [p.hardening_exponent],
            "xi_0_sl": [p.slip_resistance_initial / PASCAL],
            "xi_inf_sl": [p.slip_resistance_saturation / PASCAL],
            "h_0_sl-sl": [p.hardening_modulus / PASCAL],
            "h_sl-sl": list(p.interaction),
        }
    return {"lattice": "cF", "mechanical": mechanical}


def _find(source: str | Path) -> Path:
    shipped = {path.stem: path for path in _SHIPPED.glob("*.yaml")}
    if str(source) in shipped:
        return shipped[str(source)]
    path = Path(source)
    if path.is_file():
        return path
    if path.suffix.lower() in (".yaml", ".yml") or len(path.parts) > 1:
        raise FileNotFoundError(f"{path}: must be a DAMASK phase file, but there is no such file.")
    raise ValueError(
        f"Argument `source` must be a file or a shipped material ({_listing(sorted(shipped))}), "
        f"but is '{source}'."
    )


def _phases(document: Any, name: str, where: str) -> dict[str, Any]:
    """Find the phases by name in any of the three layouts."""
    if isinstance(document, Mapping):
        if "lattice" in document or "mechanical" in document:
            return {name: document}
        phases = document.get("phase", document)
        if phases and isinstance(phases, Mapping):
            return {str(key): value for key, value in phases.items()}
    raise ValueError(
        f"{where}a material must be one DAMASK phase (lattice, mechanical) or phases by name, "
        "but neither was found."
    )


def _elasticity(elastic: Any, at: str) -> CubicElasticity:
    keys = ("C_11", "C_12", "C_44")
    if isinstance(elastic, Mapping):
        thermal = [key for key in elastic if str(key).startswith("C_") and "," in str(key)]
        if thermal or "T_ref" in elastic:
            raise ValueError(
                f"{at}: the constants must not depend on temperature, "
                f"but {_listing(thermal or ['T_ref'])} is given."
            )
    body = _section(elastic, at, required=("type", *keys))
    if body["type"] != "Hooke":
        raise ValueError(f"{at}: type must be Hooke, but is {shorten(body['type'])}.")
    constants = [_number(body[key], f"{at} {key}") * PASCAL for key in keys]
    try:
        return CubicElasticity(*constants)
    except ValueError as error:
        raise ValueError(f"{at}: {error}") from error


def _plasticity(plastic: Any, at: str) -> PhenoPowerlaw | None:
    if plastic is None:
        return None
    kind = plastic.get("type") if isinstance(plastic, Mapping) else plastic
    if kind == "none":
        return None
    if kind != "phenopowerlaw":
        raise ValueError(f"{at}: type must be phenopowerlaw or none, but is {shorten(kind)}.")
    twinning = [key for key in plastic if "tw" in str(key)]
    if twinning:
        raise ValueError(
            f"{at}: deformation must be by slip alone, but {_listing(twinning)} (twinning) is set."
        )
    scalars = ("dot_gamma_0_sl", "n_sl", "a_sl", "xi_0_sl", "xi_inf_sl", "h_0_sl-sl")
    body = _section(plastic, at, required=("type", "N_sl", *scalars, "h_sl-sl"))
    if body["N_sl"] not in (12, [12]):
        raise ValueError(
            f"{at}: N_sl must be [12], the one slip family of cF, but is {body['N_sl']}."
        )
    value = {key: _one(body[key], f"{at} {key}") for key in scalars}
    interaction = body["h_sl-sl"]
    if not isinstance(interaction, list):
        raise ValueError(
            f"{at}: h_sl-sl must be a list of 7 numbers, but is {shorten(interaction)}."
        )
    try:
        return PhenoPowerlaw(
            slip_rate_reference=value["dot_gamma_0_sl"],
            stress_exponent=value["n_sl"],
            hardening_exponent=value["a_sl"],
            slip_resistance_initial=value["xi_0_sl"] * PASCAL,
            slip_resistance_saturation=value["xi_inf_sl"] * PASCAL,
            hardening_modulus=value["h_0_sl-sl"] * PASCAL,
            interaction=tuple(_number(h, f"{at} h_sl-sl") for h in interaction),
        )
    except ValueError as error:
        sentence = str(error)
        raise ValueError(sentence if sentence.startswith(at) else f"{at}: {sentence}") from error


def _section(
    given: Any,
    at: str,
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
    ignored: tuple[str, ...] = (),
) -> Mapping[str, Any]:
    """Check the keys of one level; what only documents or selects output is ignored."""
    if not isinstance(given, Mapping):
        raise ValueError(
            f"{at}: must be a mapping of {_listing(required)}, but is {shorten(given)}."
        )
    known = (*required, *optional, *ignored, "output", "references")
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1, cutoff=0.8)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise ValueError(
                f"{at}: keys must be among {_listing((*required, *optional))}, "
                f"but '{key}' is given{hint}."
            )
    missing = [key for key in required if key not in given]
    if missing:
        raise ValueError(f"{at}: {_listing(missing)} must be given, but is missing.")
    return given


def _number(value: Any, at: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
        return float(value)
    raise ValueError(f"{at}: must be a finite number, but is {shorten(value)}.")


def _one(value: Any, at: str) -> float:
    """Read the value of the one slip family, which DAMASK writes as a list."""
    if isinstance(value, list):
        if len(value) != 1:
            raise ValueError(
                f"{at}: must be one value, for the one slip family of cF, but is {value}."
            )
        value = value[0]
    return _number(value, at)


def _listing(names: Iterable[Any]) -> str:
    return ", ".join(str(name) for name in names)
