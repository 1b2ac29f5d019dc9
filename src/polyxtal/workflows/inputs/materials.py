"""Materials of a polycrystal's phases, given by the user or by the file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from polyxtal.crystal.damask_phase import phase_to_material
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.crystal.shipped import shipped_materials
from polyxtal.files.wording import listing
from polyxtal.files.yaml import read_yaml
from polyxtal.microstructure.io.damask import MATERIAL_FILE
from polyxtal.microstructure.io.stored_materials import read_sections, section_material
from polyxtal.microstructure.phases import check_elastic_symmetry, check_lattices
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.workflows.inputs.elasticity import read_elasticity
from polyxtal.workflows.inputs.phase_names import misfit, shipped_for, suggestion


def material_file_beside(file: str | Path) -> Path | None:
    """Return the `material.yaml` of a `.vti` file, or None."""
    beside = Path(file).parent / MATERIAL_FILE
    return beside if Path(file).suffix.lower() == ".vti" and beside.is_file() else None


def known_materials(source: Path, sections: Mapping[str, Any]) -> dict[str, Material]:
    """Return the materials stored with a file that polyxtal supports."""
    materials = {}
    for name, section in sections.items():
        with suppress(ValueError):
            materials[name] = section_material(source, name, section)
    return materials


def choose_materials(
    rve: Polycrystal, file: str | Path, given: Sequence[str] = (), *, elastic_only: bool = False
) -> dict[str, Material]:
    """Return the material of each phase with grains.

    Args:
        rve: Polycrystal read from the file.
        file: Input file; the materials stored with it are those of phases that `given` omits.
        given: Names of shipped materials or phase files: one for all phases, or "PHASE=NAME"
            for each. In a file with several phases, the phase is selected by name.
        elastic_only: Take lattice and elastic constants only, whatever the plasticity law.
    Returns:
        Materials by phase name.
    Raises:
        FileNotFoundError: if a phase file does not exist.
        ValueError: if a phase has no material, or a material cannot be simulated.
    """
    used = _used_phases(rve)
    chosen = _assign(used, given, "material")
    materials = {name: _load(source, name, elastic_only) for name, source in chosen.items()}
    _warn_of_unlikely(rve, materials, given)
    without = [name for name in used if name not in materials]
    if without:
        stored = read_sections(file)
        materials |= {
            name: section_material(file, name, stored[name], elastic_only)
            for name in without
            if name in stored
        }
        without = [name for name in used if name not in materials]
    if without:
        raise ValueError(
            f"{file}: every phase must have a material, but '{without[0]}' has none; pass "
            f"--material with a DAMASK phase file or a shipped name "
            f"({', '.join(shipped_materials())}){_nearest(rve, without[0])}."
        )
    return {name: materials[name] for name in used}


def choose_elasticity(rve: Polycrystal, given: Sequence[str]) -> dict[str, Material]:
    """Return an elastic material from constants for each phase with grains.

    Args:
        rve: Polycrystal read from the file.
        given: Constants [GPa], see `read_elasticity`: for all phases, or "PHASE=…" for each.
    Returns:
        Materials by phase name, without plasticity. [MPa]
    Raises:
        ValueError: if an entry is not a set of constants of a stable crystal, a phase has none,
            or the symmetry is not that of its lattice.
    """
    used = _used_phases(rve)
    chosen = _assign(used, given, "elastic")
    if len(used) > 1 and len(given) == 1 and "=" not in given[0]:
        _warn_of_one_for_all(used, "--elastic-gpa", "C11,C12,C44")
    without = [name for name in used if name not in chosen]
    if without:
        raise ValueError(
            f"Argument `elastic` must give every phase ({', '.join(used)}), "
            f"but '{without[0]}' has none."
        )
    materials: dict[str, Material] = {}
    for name in used:
        index, crystal = rve.phase_names.index(name), read_elasticity(chosen[name])
        check_elastic_symmetry(rve.lattices, {index: crystal}, rve.phase_names)
        known = rve.lattices[index]
        lattice = {} if known is None else {"lattice": known}
        materials[name] = Material(name, crystal, **lattice)
    return materials


def with_lattices(rve: Polycrystal, materials: Mapping[str, Material | None]) -> Polycrystal:
    """Return the polycrystal with the lattices of its materials.

    Raises:
        ValueError: if the file specifies another lattice for a phase.
    """
    lattices = list(rve.lattices)
    for name, material in materials.items():
        if material is None:
            continue
        index = rve.phase_names.index(name)
        try:
            check_lattices(rve.lattices, {index: material}, rve.phase_names)
        except ValueError as error:
            near = suggestion(shipped_for(name, rve.lattices[index]))
            raise ValueError(f"{str(error).rstrip('.')}; {near}.") from error
        known = rve.lattices[index]
        if known is not None and known.laue_group != material.lattice.laue_group:
            warnings.warn(
                f"Phase '{name}' is of Laue group {known.laue_group.name}, but its material "
                f"'{material.name}' of {material.lattice.laue_group.name}, which is used.",
                stacklevel=2,
            )
        lattices[index] = material.lattice
    return Polycrystal(
        rve.grain_id, rve.orientations, rve.size, rve.phase, rve.phase_names, lattices
    )


def _nearest(rve: Polycrystal, phase: str) -> str:
    near = shipped_for(phase, rve.lattices[rve.phase_names.index(phase)])
    return f"; nearest: {', '.join(near)}" if near and near != list(shipped_materials()) else ""


def material_sources(
    rve: Polycrystal, file: str | Path, given: Sequence[str], argument: str = "material"
) -> dict[str, str]:
    """Return where the material of each phase with grains comes from, see `choose_materials`."""
    used = _used_phases(rve)
    stored = (material_file_beside(file) or Path(file)).name
    return dict.fromkeys(used, stored) | _assign(used, given, argument)


def _warn_of_unlikely(
    rve: Polycrystal, materials: Mapping[str, Material], given: Sequence[str]
) -> None:
    """Warn of given materials that the name of their phase contradicts, and of one for all."""
    for name, material in materials.items():
        if wrong := misfit(name, material.name, material.lattice):
            near = suggestion(shipped_for(name, rve.lattices[rve.phase_names.index(name)]))
            warnings.warn(f"The material of phase '{name}' should {wrong}; {near}.", stacklevel=3)
    names = {material.name for material in materials.values()}
    if len(materials) > 1 and len(names) == 1 and "=" not in given[0]:
        _warn_of_one_for_all(list(materials), "--material", "NAME")


def _warn_of_one_for_all(used: Sequence[str], option: str, value: str) -> None:
    warnings.warn(
        f"The phases {', '.join(used)} get one material; if they differ, give each its own: "
        f"{option} PHASE={value}.",
        stacklevel=4,
    )


def _used_phases(rve: Polycrystal) -> list[str]:
    return [rve.phase_names[k] for k in sorted(set(rve.phase.tolist()))]


def _assign(used: Sequence[str], given: Sequence[str], argument: str) -> dict[str, str]:
    """Return the entry for each phase, from "PHASE=ENTRY" or one for all."""
    chosen: dict[str, str] = {}
    one, value = ("name", "NAME") if argument == "material" else ("set of constants", "C11,C12,C44")
    for entry in given:
        phase, separator, source = entry.partition("=")
        if not separator:
            if len(given) > 1:
                raise ValueError(
                    f"Argument `{argument}` must be one {one}, or PHASE={value} for each phase, "
                    f"but {entry!r} is one of {len(given)}."
                )
            return dict.fromkeys(used, entry)
        if phase not in used or phase in chosen:
            raise ValueError(
                f"Argument `{argument}` must give each phase ({listing(used)}) at most once, "
                f"but names '{phase}'{' again' if phase in chosen else ''}."
            )
        chosen[phase] = source
    return chosen


def _load(source: str, phase: str, elastic_only: bool) -> Material:
    """Load a material; from a file with several, the one with the phase's name."""
    if source not in shipped_materials() and Path(source).is_file():
        document = read_yaml(source)
        phases = document.get("phase", document) if isinstance(document, Mapping) else {}
        phases = {str(n): p for n, p in phases.items()} if isinstance(phases, Mapping) else {}
        if phase in phases and len(phases) > 1:
            where = f"{source}: "
            return phase_to_material(phases[phase], phase, where, elastic_only=elastic_only)
    return load_material(source, elastic_only=elastic_only)
