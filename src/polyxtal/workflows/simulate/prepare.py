"""Read and validate the inputs of a simulation before it starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from polyxtal.crystal.material import Material
from polyxtal.mechanics.damask.engine import PROGRAMS, find_damask
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.workflows.inputs.files import identify_inputs, read_input
from polyxtal.workflows.inputs.materials import (
    choose_materials,
    material_sources,
    with_lattices,
)
from polyxtal.workflows.inputs.reading import Reading, remarks
from polyxtal.workflows.simulate.settings import SimulationSettings


@dataclass(frozen=True, eq=False)
class Preparation:
    """Validated inputs of a simulation.

    Attributes:
        settings: The settings.
        inputs: Name and SHA-256 of each input file, by role.
        reading: What was read and assumed.
        load: The load path.
    """

    settings: SimulationSettings
    inputs: Mapping[str, tuple[str, str]]
    reading: Reading
    load: LoadPath

    @property
    def rve(self) -> Polycrystal:
        """The polycrystal."""
        return self.reading.rve

    @property
    def materials(self) -> Mapping[str, Material | None]:
        """Material of each phase with grains, None for a void."""
        return self.reading.materials

    def identity(self) -> dict[str, Any]:
        """Return everything that determines the results, by part."""
        digest = hashlib.sha256()
        for field_ in (self.rve.grain_id, self.rve.orientations, self.rve.phase):
            digest.update(np.ascontiguousarray(field_.numpy()).tobytes())
        materials = {name: m and asdict(m) for name, m in self.materials.items()}
        return {
            "polycrystal": [
                *self.rve.grid,
                *self.rve.size,
                *self.rve.phase_names,
                digest.hexdigest(),
            ],
            "material": _digest(materials),
            "load": _digest(self.load.to_damask()),
            **{
                name: getattr(self.settings, name)
                for name in ("tol", "scheme", "engine", "fields", "fields_every")
            },
        }

    def increments_done(self, time: float) -> int:
        """Return the number of increments that end at or before a time. [s]"""
        ends = np.cumsum(np.concatenate([step.time_increments() for step in self.load]))
        return int(np.searchsorted(ends, time * (1 + 1e-9), side="right"))


def prepare(file: str | Path, settings: SimulationSettings | None = None) -> Preparation:
    """Read and validate the inputs of a simulation.

    Args:
        file: `.vti` (with `material.yaml`), `.dream3d` or `.npz`.
        settings: Settings; None for the defaults.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if a file or a setting is invalid, or a phase has no material.
        RuntimeError: if DAMASK is requested but not installed.

    Example:
        >>> SimulationSettings(strain=0.02, axis="z").load_path().increments
        40
    """
    settings = settings or SimulationSettings()
    if settings.engine == "damask" and find_damask() is None:
        raise RuntimeError(
            f"Engine 'damask' must find the program {PROGRAMS[0]} on the PATH, but does not."
        )
    with remarks() as said:
        load = settings.load_path()
        rve, grain_map = read_input(file, settings.material, settings.ebsd)
        solid = _without_voids(rve, settings.void)
        materials: dict[str, Material | None] = {**choose_materials(solid, file, settings.material)}
        materials |= dict.fromkeys(settings.void)
        rve = with_lattices(rve, materials)
        sources = material_sources(solid, file, settings.material)
        inputs = identify_inputs(file, settings.material, settings.load, settings.ebsd)
    reading = Reading(
        str(file), rve, materials, sources, grain_map, settings.ebsd.frame, tuple(said)
    )
    return Preparation(settings, inputs, reading, load)


def _without_voids(rve: Polycrystal, voids: tuple[str, ...]) -> Polycrystal:
    """Assign the grains of voids to a dummy phase, so that they need no material."""
    used = [rve.phase_names[k] for k in sorted(set(rve.phase.tolist()))]
    for name in voids:
        if name not in used:
            raise ValueError(
                f"Argument `void` must name a phase of the grains ({', '.join(used)}), "
                f"but is {name!r}."
            )
    solid = [rve.phase_names.index(name) for name in used if name not in voids]
    if not solid:
        raise ValueError(
            f"Argument `void` must leave a phase that is none, but names {', '.join(used)}."
        )
    is_void = ~torch.isin(rve.phase, torch.tensor(solid))
    phase = torch.where(is_void, solid[0], rve.phase)
    return Polycrystal(
        rve.grain_id, rve.orientations, rve.size, phase, rve.phase_names, rve.lattices
    )


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
