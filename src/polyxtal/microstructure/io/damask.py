"""DAMASK 3: a grid (.vti) and, beside it, `material.yaml`.

Convention: a DAMASK quaternion O (scalar first, P = -1) is used unchanged: with the Hamilton matrix
R(q), v_sample = R(q) v_crystal. DAMASK's own `as_matrix()` is R(q) transposed.
DAMASK's lengths are in metres, those of a `Polycrystal` in micrometres.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.damask_phase import (
    Phase,
    lattice_to_phase,
    material_to_phase,
    phase_to_lattice,
)
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.material import Material
from polyxtal.files.atomic import atomic_files
from polyxtal.files.wording import listing, shorten
from polyxtal.files.yaml import read_yaml
from polyxtal.files.yaml_text import block, scalar, text
from polyxtal.microstructure.io.grain_ids import assemble, whole_numbers
from polyxtal.microstructure.io.grain_table import read_grain_table
from polyxtal.microstructure.io.vti import read_image, write_image
from polyxtal.microstructure.phases import check_lattices, check_names
from polyxtal.microstructure.polycrystal import MAX_EDGE, MIN_EDGE, Polycrystal, valid_edges

METRE = 1e6
"""One metre. [µm]"""

MATERIAL_FILE = "material.yaml"


def read_damask(
    path: str | Path,
    material: str | Path | None = None,
    *,
    array: str | None = None,
    grains: str | Path | None = None,
) -> Polycrystal:
    """Read a DAMASK grid with its materials, or another image with a table of grains.

    Entry k of `material.yaml`'s `material` list becomes grain k, used or not; the phases keep the
    order of its `phase` section. Origin, comments and other arrays of the grid are ignored.

    Args:
        path: Grid, a `.vti` file with the cell array `material`.
        material: Material file (default: `material.yaml` beside the grid).
        array: Cell array of the numbers, instead of `material`.
        grains: Table of the grains, see `read_grain_table`, instead of materials. It tells that the
            image is not DAMASK's: its lengths are in µm then, not in metres.
    Returns:
        The polycrystal, size in µm.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if a file is invalid, or a voxel's material has no entry.
    """
    path = Path(path)
    image = read_image(path)
    name = "material" if array is None else array
    if array is None and name not in image.names:
        raise ValueError(
            f"{path}: CellData must hold the array 'material', or one named by argument `array`, "
            f"but holds {listing(image.names) or 'none'}."
        )
    grain_id = whole_numbers(path, f"the array '{name}'", image.cell_array(name))
    if grain_id.ndim != 3:
        raise ValueError(f"{path}: the array '{name}' must be one integer per voxel, but is not.")
    if grains is not None:
        _require_edges(path, image.spacing, "µm")
        size = [s * n for s, n in zip(image.spacing, image.grid, strict=True)]
        return assemble(path, grain_id, size, read_grain_table(grains))
    beside = path.parent / MATERIAL_FILE if material is None else Path(material)
    if not beside.is_file():
        raise FileNotFoundError(
            f"{path}: orientations of the grains must be in a {MATERIAL_FILE} beside it, in one "
            f"that is given as the material, or in a table given by argument `grains`, but "
            f"{beside} is no file."
        )
    orientations, phase, phase_names, lattices = _read_materials(beside)
    low, high = int(grain_id.min()), int(grain_id.max())
    if low < 0 or high >= len(orientations):
        raise ValueError(
            f"{path}: every material id must have an entry in {beside} "
            f"(0 to {len(orientations) - 1}), but ids span {low} to {high}."
        )
    edges = [s * METRE for s in image.spacing]
    _require_edges(path, image.spacing, "m")
    size = [edge * n for edge, n in zip(edges, image.grid, strict=True)]
    try:
        return Polycrystal(grain_id, orientations, size, phase, phase_names, lattices)
    except ValueError as error:
        raise ValueError(f"{beside}: {error}") from error


def read_damask_sections(path: str | Path) -> dict[str, Any]:
    """Return the phases of the `material.yaml` beside a grid, except those of a lattice only. [Pa]

    Raises:
        ValueError: if the file is not YAML.
    """
    beside = Path(path).parent / MATERIAL_FILE
    document = read_yaml(beside) if beside.is_file() else None
    phases = document.get("phase") if isinstance(document, Mapping) else None
    if not isinstance(phases, Mapping):
        return {}
    # Grids without properties are written with phases that have a lattice only.
    return {
        str(name): body
        for name, body in phases.items()
        if isinstance(body, Mapping) and "mechanical" in body
    }


def write_damask(
    rve: Polycrystal,
    path: str | Path,
    materials: Mapping[str, Phase] | None = None,
    colors: bool = False,
) -> None:
    """Write a grid and `material.yaml` beside it, both or neither.

    A phase without an entry in `materials` is written with its lattice only (cF if unknown).
    DAMASK's Python library loads such a file; its solver needs the missing `mechanical` section.

    Args:
        rve: The polycrystal.
        path: Grid to write; its folder is for this case only.
        materials: Properties by phase name: materials, or phases of DAMASK as parsed.
        colors: Add the cell array `IPF z` of inverse-pole-figure colours, which DAMASK ignores.
    Raises:
        FileExistsError: if the folder's `material.yaml` belongs to another grid.
        ValueError: if `materials` names a phase that the polycrystal does not have, or a material
            has another lattice than its phase.
    """
    path = Path(path)
    beside = path.parent / MATERIAL_FILE
    others = [other.name for other in path.parent.glob("*.vti") if other.name != path.name]
    if beside.exists() and (others or not path.exists()):
        raise FileExistsError(
            f"{path}: must be written to a folder of its own, "
            f"but {beside} exists and belongs to another case."
        )
    given = {} if materials is None else materials
    check_names(given, rve.phase_names)
    known = {k: given.get(name) for k, name in enumerate(rve.phase_names)}
    crystals = {k: one for k, one in known.items() if isinstance(one, Material)}
    check_lattices(rve.lattices, crystals, rve.phase_names)
    spacing = [s / METRE for s in rve.spacing]
    with atomic_files(beside, path) as (yaml_file, grid_file):
        yaml_file.write_text(_material_yaml(rve, given), encoding="utf-8")
        cells = {"material": rve.grain_id.numpy()}
        write_image(grid_file, cells | (_colors(rve) if colors else {}), spacing)


def _colors(rve: Polycrystal) -> dict[str, NDArray[np.uint8]]:
    """Return red, green and blue of each voxel, as figures colour it.

    Figures lie above files in the order of folders, so they are looked up by name.
    """
    by_grain = import_module("polyxtal.viz.texture").grain_colors(rve)
    shades = np.rint(255 * by_grain.numpy()).clip(0, 255).astype(np.uint8)
    return {"IPF z": shades[rve.grain_id.numpy()]}


def _require_edges(path: Path, spacing: Sequence[float], unit: str) -> None:
    if not valid_edges(s * (METRE if unit == "m" else 1.0) for s in spacing):
        raise ValueError(
            f"{path}: Spacing must be lengths of {MIN_EDGE:g} to {MAX_EDGE:g} µm, "
            f"but is {spacing} {unit}."
        )


class _Materials(NamedTuple):
    orientations: NDArray[np.float64]
    phase: NDArray[np.int64]
    phase_names: tuple[str, ...]
    lattices: tuple[Lattice | None, ...]


def _read_materials(path: Path) -> _Materials:
    """Read orientation and phase of every material, and the phases' lattices."""
    document = read_yaml(path)
    entries = document.get("material") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ValueError(
            f"{path}: must hold a list `material` with the orientation O of each grain, "
            "but does not."
        )
    listed = document.get("phase")
    names = {str(name): k for k, name in enumerate(listed)} if isinstance(listed, dict) else {}
    orientations = np.empty((len(entries), 4))
    phase = np.empty(len(entries), dtype=np.int64)
    for k, entry in enumerate(entries):
        quaternion, name = _constituent(entry, f"{path}: material {k}")
        if name not in names:
            if listed is not None:
                raise ValueError(
                    f"{path}: material {k}: its phase must be in the section `phase` "
                    f"({listing(names)}), but {shorten(name)} is not."
                )
            names[name] = len(names)
        orientations[k], phase[k] = quaternion, names[name]
    bodies = [listed[name] if isinstance(listed, dict) else None for name in names]
    lattices = [
        phase_to_lattice(body, f"{path}: phase {shorten(name)}")
        if isinstance(body, dict) and "lattice" in body
        else None
        for name, body in zip(names, bodies, strict=True)
    ]
    return _Materials(orientations, phase, tuple(names), tuple(lattices))


def _constituent(entry: Any, at: str) -> tuple[list[float], str]:
    """Return the quaternion and the phase of a material's single constituent."""
    constituents = entry.get("constituents") if isinstance(entry, dict) else None
    if not isinstance(constituents, list) or not all(isinstance(c, dict) for c in constituents):
        raise ValueError(f"{at}: must be a mapping with a list `constituents`, but is not.")
    if len(constituents) != 1:
        raise ValueError(
            f"{at}: must have one constituent (one crystal per voxel), but has {len(constituents)}."
        )
    one = constituents[0]
    if one.get("v", 1) != 1:
        raise ValueError(
            f"{at}: the fraction v of its one constituent must be 1, not {shorten(one['v'])}."
        )
    if "V_e" in one:
        raise ValueError(f"{at}: must be free of initial stretch, but V_e is given.")
    quaternion, name = one.get("O"), one.get("phase")
    if (
        not isinstance(quaternion, list)
        or len(quaternion) != 4
        or not all(isinstance(c, int | float) and abs(c) <= 2 for c in quaternion)
    ):
        raise ValueError(
            f"{at}: O must be a unit quaternion, scalar first, but is {shorten(quaternion)}."
        )
    if name is None or isinstance(name, dict | list):
        raise ValueError(f"{at}: phase must be a name, but is {shorten(name)}.")
    return [float(c) for c in quaternion], str(name)


def _phase(name: str, given: Material | Lattice | None) -> dict[str, Any]:
    """Return the phase of a material, or of a lattice only."""
    if isinstance(given, Material):
        return material_to_phase(given)
    body = lattice_to_phase(given)
    written = Lattice(body["lattice"]).laue_group.name
    if given is not None and given.laue_group.name != written:
        warnings.warn(
            f"Phase {shorten(name)} is {given.family} of Laue group {given.laue_group.name}, but "
            f"written with lattice {body['lattice']}, whose group is {written} in DAMASK.",
            stacklevel=5,
        )
    return body


def _material_yaml(rve: Polycrystal, materials: Mapping[str, Phase]) -> str:
    lines = [
        "homogenization:",
        "  SX:",
        "    N_constituents: 1",
        "    mechanical: {type: pass}",
        "phase:",
    ]
    labels = [text(name) for name in rve.phase_names]
    for name, label, lattice in zip(rve.phase_names, labels, rve.lattices, strict=True):
        given = materials.get(name, lattice)
        body = given if isinstance(given, Mapping) else _phase(name, given)
        lines += [f"  {label}:", *block(body, "    ")]
    lines.append("material:")
    for quaternion, k in zip(rve.orientations.tolist(), rve.phase.tolist(), strict=True):
        lines += [
            "- homogenization: SX",
            "  constituents:",
            f"  - phase: {labels[k]}",
            "    v: 1.0",
            f"    O: {scalar(quaternion)}",
        ]
    return "\n".join([*lines, ""])
