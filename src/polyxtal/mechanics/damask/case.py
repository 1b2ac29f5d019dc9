"""Input files of DAMASK 3's grid solver (SI units)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from polyxtal.crystal.material import Material
from polyxtal.files.atomic import atomic_files
from polyxtal.mechanics.damask.files import GRID_FILE, LOAD_FILE, NUMERICS_FILE
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.microstructure.io import write
from polyxtal.microstructure.phased_materials import PhasedMaterials
from polyxtal.microstructure.polycrystal import Polycrystal

NUMERICS: Mapping[str, float] = {
    "N_iter_min": 1,
    "N_iter_max": 200,
    "eps_rel_div(P)": 2e-4,
    "eps_abs_div(P)": 5e3,
    "eps_rel_P": 1e-4,
    "eps_abs_P": 1e3,
}
"""Numbers of iterations, and tolerances of equilibrium and of prescribed stresses, relative [-] and
absolute [Pa], of which the larger counts. They are those of the reference simulations in
`tests/verification/data`. DAMASK's divergence does not depend on size and resolution."""


def write_damask_case(
    folder: str | Path,
    rve: Polycrystal,
    material: Material | Mapping[str, Material],
    path: LoadPath,
    numerics: Mapping[str, float] | None = None,
) -> None:
    """Write `grid.vti`, `material.yaml`, `load.yaml` and `numerics.yaml` for `DAMASK_grid`.

    DAMASK writes F, P and O of every increment. A phase whose name is not a plain word is called
    `phase_0`, `phase_1`, … in the files. A phase without voxels is left out, and its
    (empty) grains are written as of the first phase that has some.

    Args:
        folder: Folder of this case; created if necessary.
        rve: Polycrystal.
        material: One material for all grains, or one for each phase name.
        path: Load path. Where the boundary conditions change, DAMASK does not extrapolate from the
            increment before.
        numerics: Values that replace entries of `NUMERICS`.
    Raises:
        FileExistsError: if the folder holds another case.
        ValueError: if a phase has no material, or an entry of `numerics` is unknown or invalid.
    """
    folder = Path(folder)
    settings = {"solver": {"grid": {"mechanical": _merge_numerics(numerics)}}}
    case, materials = _occupied_phases(rve, material)
    folder.mkdir(parents=True, exist_ok=True)
    write(case, folder / GRID_FILE, materials)
    with atomic_files(folder / LOAD_FILE, folder / NUMERICS_FILE) as (load_file, numerics_file):
        load_file.write_text(_dump(load_to_damask(path)), encoding="utf-8")
        numerics_file.write_text(_dump(settings), encoding="utf-8")


def load_to_damask(path: LoadPath) -> dict[str, Any]:
    """Return the load in DAMASK's format; each step states whether to extrapolate into it."""
    load = path.to_damask()
    if any(step.axes is None for step in path.steps):
        raise ValueError(
            "A load for DAMASK must be along three perpendicular axes, but one is along other "
            "tensors, such as those of a proportional stress."
        )
    before = None
    for step in load["loadstep"]:
        step["estimate_rate"] = step["boundary_conditions"] == before
        before = step["boundary_conditions"]
    return load


def _occupied_phases(
    rve: Polycrystal, material: Material | Mapping[str, Material]
) -> tuple[Polycrystal, dict[str, Material]]:
    """Return the phases that have voxels, under names that every reader accepts."""
    members = rve.volume_fractions > 0
    phased = PhasedMaterials.of(material, rve.phase[members], rve.phase_names, rve.lattices)
    place = torch.zeros(len(rve.phase_names), dtype=torch.int64)
    place[phased.phases] = torch.arange(len(phased.phases))
    for one in phased.materials:
        if not one.law().in_damask:
            raise ValueError(
                f"DAMASK must know the plasticity law of every phase, but that of {one.name!r} "
                f"({one.law().name}) is polyxtal's own."
            )
    names = plain_names([rve.phase_names[index] for index in phased.phases])
    lattices = [one.lattice for one in phased.materials]
    case = Polycrystal(rve.grain_id, rve.orientations, rve.size, place[rve.phase], names, lattices)
    return case, dict(zip(names, phased.materials, strict=True))


def plain_names(names: list[str]) -> list[str]:
    """Rename phases whose names DAMASK's YAML reader or HDF5's paths could mistake for syntax.

    DAMASK finds keys by their colons and results by `/`, so quoting a name would not help it.
    """
    plain = [
        name if re.fullmatch(r"[A-Za-z][\w-]{0,63}", name, re.ASCII) else f"phase_{k}"
        for k, name in enumerate(names)
    ]
    return plain if len(set(plain)) == len(plain) else [f"phase_{k}" for k in range(len(names))]


def _merge_numerics(numerics: Mapping[str, float] | None) -> dict[str, float]:
    given = dict(numerics or {})
    for key, value in given.items():
        if key not in NUMERICS:
            raise ValueError(
                f"Argument `numerics` must have keys among {', '.join(NUMERICS)}, but has '{key}'."
            )
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"Argument `numerics`: {key} must be positive, but is {value}.")
        if key.startswith("N_"):
            if value != int(value):
                raise ValueError(
                    f"Argument `numerics`: {key} must be a whole number, but is {value}."
                )
            given[key] = int(value)
    return {**NUMERICS, **given}


def _dump(document: Mapping[str, Any]) -> str:
    """Dump in block style, one value per line: the simplest YAML."""
    plain = json.loads(json.dumps(document, default=lambda number: number.item()))  # no NumPy types
    return yaml.safe_dump(plain, default_flow_style=False, sort_keys=False)
