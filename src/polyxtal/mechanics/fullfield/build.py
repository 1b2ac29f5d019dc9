"""Set up the cell of a simulation, and identify a simulation by its input."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

import numpy as np
import torch

from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.fullfield.cell_law import ReadableCellLaw
from polyxtal.mechanics.fullfield.compiled_cell_law import CompiledCellLaw
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.microstructure.phased_materials import VOID, MaterialByPhase, PhasedMaterials
from polyxtal.microstructure.polycrystal import Polycrystal

CELL_FORMAT = 5
"""Raised whenever the method changes, so that no checkpoint continues under another one."""


LAW_SHARE, COARSEST_LAW = 1e-2, 1e-6
"""Relative error of the law, in units of the tolerance of equilibrium, and at most. [-]"""


def build_cell(
    rve: Polycrystal,
    material: MaterialByPhase,
    tol: float,
    scheme: str = "fourier",
    device: torch.device | str | None = None,
    compiled: bool | None = None,
    threads: int | None = None,
) -> PeriodicCell:
    """Return the undeformed cell; arguments as in `simulate`.

    Raises:
        ValueError: if a phase has no material, or all are voids.
    """
    phased = _phased(rve, material)
    grain = rve.grain_id.reshape(-1)
    phase, orientations = phased.place[grain], rve.orientations.to(torch.float64)[grain]
    if bool((phase == VOID).all()):
        raise ValueError("A polycrystal must have a voxel that is not void, but has none.")
    on_cpu = device is None or torch.device(device).type == "cpu"
    if compiled or (compiled is None and on_cpu):
        count = torch.get_num_threads() if threads is None else threads
        law = CompiledCellLaw(
            phased.materials, phase, orientations, count, min(LAW_SHARE * tol, COARSEST_LAW)
        )
    else:
        law = ReadableCellLaw(phased.materials, phase, orientations, device)
    return PeriodicCell(law, rve.grid, rve.spacing, scheme, tol)


def _phased(rve: Polycrystal, material: MaterialByPhase) -> PhasedMaterials:
    return PhasedMaterials.of(material, rve.phase, rve.phase_names, rve.lattices, voids=True)


def fingerprint(
    rve: Polycrystal,
    material: MaterialByPhase,
    path: LoadPath,
    tol: float,
    scheme: str,
    law: str,
) -> str:
    """Return a hash of everything that determines the numbers of a simulation."""
    phased = _phased(rve, material)
    digest = hashlib.sha256()
    settings = {
        "format": CELL_FORMAT,
        "grid": rve.grid,
        "spacing": rve.spacing,
        "materials": [asdict(m) for m in phased.materials],
        "path": [repr(step) for step in path.steps],
        "tol": tol,
        "scheme": scheme,
        "law": law,
    }
    digest.update(json.dumps(settings, sort_keys=True, default=repr).encode())
    for field in (rve.grain_id, rve.orientations.to(torch.float64), phased.place):
        digest.update(np.ascontiguousarray(field.numpy()).tobytes())
    return digest.hexdigest()
