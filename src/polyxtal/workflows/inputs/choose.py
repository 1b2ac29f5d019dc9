"""Choose what a prediction is made of: the microstructure's materials and the load path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from polyxtal.crystal.damask_phase import phase_to_material
from polyxtal.crystal.elastic_constants import (
    SYSTEMS,
    constant_names,
    elasticity_of_constants,
)
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.laue import LaueGroup
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.files.yaml import read_yaml
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.microstructure.io.damask import MATERIAL_FILE
from polyxtal.microstructure.phases import check_elastic_symmetry, material_lattices
from polyxtal.microstructure.polycrystal import Polycrystal

GPA = 1e3
"""One gigapascal. [MPa]"""
LOADS = ("uniaxial", "cyclic", "shear", "plane-strain")
LOAD_SETTINGS = ("path", "strain", "rate", "axis", "unload")
"""What a DAMASK load file replaces."""


def shipped_materials() -> tuple[str, ...]:
    """Name the materials that ship with the package."""
    folder = files("polyxtal.crystal") / "materials"
    return tuple(sorted(Path(entry.name).stem for entry in folder.iterdir()))


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


def choose_load(
    load: str = "uniaxial",
    strain: float = 0.05,
    rate: float = 1e-3,
    axis: str | None = None,
    unload: bool = False,
) -> LoadPath:
    """Build one of the named load paths.

    Args:
        load: One of `LOADS`.
        strain: Engineering strain, or the amount of shear. [-]
        rate: Its rate. [1/s]
        axis: Loaded axis, "x" if None; for shear, direction and normal, "xy" if None; for plane
            strain, loaded and held axis, "zy" if None.
        unload: Take the stress back to zero at the end; uniaxial only.
    Raises:
        ValueError: if an argument is invalid.
    """
    if load not in LOADS:
        raise ValueError(f"Argument `path` must be one of {', '.join(LOADS)}, but is {load!r}.")
    if unload and load != "uniaxial":
        raise ValueError(f"Argument `unload` must be left out for {load}: only uniaxial unloads.")
    if load == "uniaxial":
        return LoadPath.uniaxial(strain, rate, axis or "x", unload)
    if load == "cyclic":
        return LoadPath.cyclic(strain, rate, axis or "x")
    if load == "shear":
        return LoadPath.shear(strain, rate, axis or "xy")
    axes = axis or "zy"
    if len(axes) != 2:
        raise ValueError(
            "Argument `axis` must name the loaded and the held axis of plane strain, such as "
            f"'zy', but is {axes!r}."
        )
    return LoadPath.plane_strain(strain, rate, axes[0], axes[1])


def _used_phases(rve: Polycrystal) -> list[str]:
    return [rve.phase_names[k] for k in sorted(set(rve.phase.tolist()))]


def cubic_elasticity(text: str) -> CubicElasticity:
    """Read a cubic crystal from "C11,C12,C44" [GPa].

    Raises:
        ValueError: if these are not three numbers of a stable crystal.
    """
    try:
        c11, c12, c44 = (GPA * float(number) for number in text.split(","))
    except ValueError as error:
        raise ValueError(
            "Argument `elastic` must be three numbers C11,C12,C44 [GPa], such as "
            f"107.3,60.8,28.3, but is {text!r}."
        ) from error
    return CubicElasticity(c11, c12, c44)


SYMMETRIES = {
    SYSTEMS[name]: LaueGroup(name) for name in ("m-3m", "6/mmm", "4/mmm", "-3m", "mmm", "2/m", "-1")
}
"""Laue group whose constants follow a name before the colon of `read_elasticity`."""


def read_elasticity(text: str) -> Elasticity:
    """Read a crystal from "C11,C12,C44", or "hexagonal:C11,C12,C13,C33,C44" and the like. [GPa]

    Args:
        text: Constants in the order of `constant_names`, after a name of `SYMMETRIES` and a colon
            if the crystal is not cubic.
    Raises:
        ValueError: if the symmetry is unknown, or these are not the constants of a stable crystal.
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
    return elasticity_of_constants(group, values)


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


def changed_settings(settings: Any, names: Sequence[str]) -> list[str]:
    """List those of a settings object's fields that are not at their default."""
    default = {one.name: one.default for one in fields(settings)}
    return [name for name in names if getattr(settings, name) != default[name]]


def check_load_stands_alone(settings: Any) -> None:
    """Refuse settings with a load file and anything of what it replaces.

    Raises:
        ValueError: naming the first setting that is given, too.
    """
    if settings.load is not None:
        for name in changed_settings(settings, LOAD_SETTINGS):
            raise ValueError(f"Argument `load` must stand alone, but `{name}` is given, too.")


def load_of(settings: Any) -> LoadPath:
    """Build or read the load path of settings with a `load` file or `LOAD_SETTINGS`."""
    if settings.load is not None:
        return LoadPath.from_damask(settings.load)
    return choose_load(*(getattr(settings, name) for name in LOAD_SETTINGS))
