"""The materials of a polycrystal's phases: named by the user, or found beside the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from polyxtal.crystal.damask_phase import phase_to_material
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.crystal.shipped import shipped_materials
from polyxtal.files.yaml import read_yaml
from polyxtal.microstructure.io.damask import MATERIAL_FILE
from polyxtal.microstructure.phases import check_elastic_symmetry, material_lattices
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.workflows.inputs.elasticity import read_elasticity


def material_file_beside(file: str | Path) -> Path | None:
    """Find the file that holds the phases' own properties, if there is one."""
    beside = Path(file).parent / MATERIAL_FILE
    return beside if Path(file).suffix.lower() == ".vti" and beside.is_file() else None


def choose_materials(
    rve: Polycrystal, file: str | Path, given: Sequence[str] = ()
) -> dict[str, Material]:
    """Find the material of every phase that has grains.

    Args:
        rve: Polycrystal read from the file.
        file: The file; the phases of a `material.yaml` beside a `.vti` are used if none is given.
        given: Shipped names or phase files: one for all phases, or "PHASE=NAME" for each. A file
            with several phases is searched for the phase by name.
    Returns:
        Materials by phase name.
    Raises:
        FileNotFoundError: if a phase file does not exist.
        ValueError: if a phase has no material, or a material is not one that can be simulated.
    """
    used = _used_phases(rve)
    chosen = _assign(used, given, "material")
    materials = {name: _load(source, name) for name, source in chosen.items()}
    without = [name for name in used if name not in materials]
    beside = material_file_beside(file)
    if without and beside is not None:
        materials |= own_properties(beside, without)
        without = [name for name in used if name not in materials]
    if without:
        raise ValueError(
            f"{file}: every phase must have a material, but '{without[0]}' has none; pass "
            f"--material with a DAMASK phase file or a shipped name "
            f"({', '.join(shipped_materials())})."
        )
    return {name: materials[name] for name in used}


def choose_elasticity(rve: Polycrystal, given: Sequence[str]) -> dict[str, Material]:
    """Make an elastic material of every phase that has grains from numbers.

    Args:
        rve: Polycrystal read from the file.
        given: Constants [GPa], see `read_elasticity`, for all phases, or "PHASE=…" for each.
    Returns:
        Materials by phase name, without plasticity. [MPa]
    Raises:
        ValueError: if an entry is not the constants of a stable crystal, a phase has none, or
            they lack the symmetry of its lattice.
    """
    used = _used_phases(rve)
    chosen = _assign(used, given, "elastic")
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
    """Give phases the lattices of their materials, which say more than most files do.

    Raises:
        ValueError: if a phase is known to have another lattice.
    """
    given = {rve.phase_names.index(name): m for name, m in materials.items() if m is not None}
    lattices = material_lattices(rve.lattices, given, rve.phase_names)
    return Polycrystal(
        rve.grain_id, rve.orientations, rve.size, rve.phase, rve.phase_names, lattices
    )


def own_properties(beside: Path, names: Sequence[str]) -> dict[str, Material]:
    """Load what a `material.yaml` says of phases, except of those with nothing but a lattice.

    Raises:
        ValueError: if the properties of a phase are not such as can be simulated.
    """
    document = read_yaml(beside)
    phases = document.get("phase") if isinstance(document, Mapping) else None
    if not isinstance(phases, Mapping):
        return {}
    phases = {str(name): body for name, body in phases.items()}
    return {
        name: phase_to_material(phases[name], name, f"{beside}: ")
        for name in names
        # A phase with nothing but its lattice is how a grid is written without properties.
        if isinstance(phases.get(name), Mapping) and "mechanical" in phases[name]
    }


def _used_phases(rve: Polycrystal) -> list[str]:
    return [rve.phase_names[k] for k in sorted(set(rve.phase.tolist()))]


def _assign(used: Sequence[str], given: Sequence[str], argument: str) -> dict[str, str]:
    """Say which entry each phase takes: "PHASE=ENTRY", or one for all."""
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
                f"Argument `{argument}` must give each phase ({', '.join(used)}) at most once, "
                f"but names '{phase}'{' again' if phase in chosen else ''}."
            )
        chosen[phase] = source
    return chosen


def _load(source: str, phase: str) -> Material:
    """Load a material; of a file with several, the one of the phase's own name."""
    if source not in shipped_materials() and Path(source).is_file():
        document = read_yaml(source)
        phases = document.get("phase", document) if isinstance(document, Mapping) else {}
        phases = {str(n): p for n, p in phases.items()} if isinstance(phases, Mapping) else {}
        if phase in phases and len(phases) > 1:
            return phase_to_material(phases[phase], phase, f"{source}: ")
    return load_material(source)
