"""Load materials that ship with the package, or from DAMASK 3 phase files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyxtal.argument_types import require_path
from polyxtal.crystal.damask_phase import hooke_to_material, phase_to_material
from polyxtal.crystal.material import Material
from polyxtal.crystal.shipped import find_material
from polyxtal.files.wording import listing, shorten
from polyxtal.files.yaml import read_yaml


def load_material(
    source: str | Path | Mapping[str, Any], phase: str | None = None, *, elastic_only: bool = False
) -> Material:
    """Return one material, shipped or from a phase file.

    Args:
        source: The name of a material that ships with the package ("AA6022-T4"), or a DAMASK 3
            file, or its parsed content: a `material.yaml` with `phase:`, one phase (`lattice`,
            `mechanical`), phases by name, or elastic constants (`type: Hooke`).
        phase: Name of the phase, where the source holds several.
        elastic_only: Return an elastic crystal, whatever the phase's plasticity law.
    Returns:
        The material, in MPa.
    Raises:
        FileNotFoundError: if the source is a path to no file.
        ValueError: if the source is not a supported phase.

    Example:
        >>> import polyxtal as px
        >>> px.load_material("AA6022-T4").elasticity
        CubicElasticity(c11=107300.0, c12=60800.0, c44=28300.0)
    """
    if isinstance(source, Mapping):
        name, where, document = phase or "crystal", "", source
    else:
        path = find_material(source)
        name, where, document = path.stem, f"{path}: ", read_yaml(path)
    if _is_hooke(document):
        return hooke_to_material(document, name, where)
    phases = _phases(document, name, where)
    if phase is None and len(phases) > 1:
        raise ValueError(
            f"{where}argument `phase` must choose one of the phases {listing(phases)}, "
            "but none is named."
        )
    chosen = next(iter(phases)) if phase is None else phase
    if chosen not in phases:
        raise ValueError(
            f"{where}argument `phase` must be one of {listing(phases)}, but is '{chosen}'."
        )
    return phase_to_material(phases[chosen], chosen, where, elastic_only=elastic_only)


def load_materials(path: str | Path) -> dict[str, Material]:
    """Return all phases of a DAMASK 3 `material.yaml` by name.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a phase is not supported.
    """
    require_path(path, "path")
    path, where = Path(path), f"{path}: "
    document = read_yaml(path)
    if _is_hooke(document):
        return {path.stem: hooke_to_material(document, path.stem, where)}
    phases = _phases(document, path.stem, where)
    return {name: phase_to_material(phase, name, where) for name, phase in phases.items()}


def _is_hooke(document: Any) -> bool:
    """Return whether a document is the section `elastic` of a phase."""
    return isinstance(document, Mapping) and document.get("type") == "Hooke"


def _phases(document: Any, name: str, where: str) -> dict[str, Any]:
    """Return the phases by name from any of the three layouts."""
    if isinstance(document, Mapping):
        if "lattice" in document or "mechanical" in document:
            return {name: document}
        if isinstance(document.get("type"), str):
            raise ValueError(
                f"{where}a material must have a lattice and elastic constants, but this is one "
                f"section, of type {shorten(document['type'])}."
            )
        phases = document.get("phase", document)
        if phases and isinstance(phases, Mapping):
            return {str(key): value for key, value in phases.items()}
    raise ValueError(
        f"{where}a material must be one DAMASK phase (lattice, mechanical) or phases by name, "
        "but neither was found."
    )
