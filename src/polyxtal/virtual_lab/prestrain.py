"""Sheets that were strained before their tests: subsequent yield surfaces.

A test begins after the prestrain and the unloading from it. Its strains are measured from there,
F F₀⁻¹ with the mean F₀ then, and its stresses by P F₀ᵀ / det F₀, which leaves those of Cauchy as
they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from polyxtal.crystal.material import Material
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.mechanics.fullfield.build import fingerprint
from polyxtal.mechanics.fullfield.compiled_cell_law import CompiledCellLaw
from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.fullfield.simulate import TOLERANCE, simulate
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.usual_tests import ELASTIC_RANGE, UNLOADING, stress_ramp
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal

UNLOADING_RATE = 1e-2
"""Rate of the unloading. [1/s]"""


def then_unloaded(prestrain: LoadPath) -> LoadPath:
    """Return a path followed by the release of all stresses, without spin."""
    release = stress_ramp(np.zeros((3, 3)), ELASTIC_RANGE / UNLOADING_RATE, UNLOADING)
    return LoadPath((*prestrain.steps, release))


def from_prestrained(response: Any, before: LoadPath | None) -> Any:
    """Return what follows a prestrain in a response, measured from the state there.

    Args:
        response: `Response` or `FullFieldResponse`.
        before: Prestrain with its unloading; None if there is none.
    """
    if before is None:
        return response
    increments = before.increments
    F = response.F.to(torch.float64)
    back = torch.linalg.inv(F[increments])
    stress = F[increments].mT / torch.linalg.det(F[increments])

    def strains(history: torch.Tensor) -> torch.Tensor:
        return history[increments:].to(torch.float64) @ back

    def stresses(history: torch.Tensor) -> torch.Tensor:
        return history[increments:].to(torch.float64) @ stress

    time = response.time[increments:] - response.time[increments]
    if not isinstance(response, FullFieldResponse):
        return Response(time, strains(F), stresses(response.P), statistics=response.statistics)
    return FullFieldResponse(
        time,
        strains(F),
        stresses(response.P),
        statistics=response.statistics,
        grain_F=strains(response.grains.F),
        grain_P=stresses(response.grains.P),
    )


@contextmanager
def prestrained(
    coarse: Polycrystal, material: Material | dict[str, Material], before: LoadPath | None
) -> Iterator[Callable[[LoadPath], FullFieldResponse]]:
    """Strain a sheet once: yields a function that returns its response to a test from there.

    The state after the prestrain is that of a checkpoint from which each test resumes.

    Args:
        coarse: The sheet.
        material: One material for all grains, or one for each phase name.
        before: Prestrain with its unloading; None for the sheet as it is.
    """
    if before is None:

        def respond(path: LoadPath) -> FullFieldResponse:
            response = simulate(coarse, material, path, threads=1)
            assert isinstance(response, FullFieldResponse)
            return response

        yield respond
        return
    numbers = count()
    with TemporaryDirectory(prefix="polyxtal-") as folder:
        state = Path(folder) / "prestrained.npz"
        simulate(coarse, material, before, threads=1, checkpoint=state)
        with open_arrays(state) as archive:
            arrays, about = {name: archive.read(name) for name in archive.names}, archive.about

        def resume(path: LoadPath) -> FullFieldResponse:
            whole = before + path
            law = CompiledCellLaw.__name__
            identity = fingerprint(coarse, material, whole, TOLERANCE, "fourier", law)
            file = Path(folder) / f"{next(numbers)}.npz"
            write_arrays(file, arrays, {**about, "fingerprint": identity})
            response = simulate(
                coarse, material, whole, threads=1, checkpoint=file, checkpoint_seconds=math.inf
            )
            file.unlink()
            assert isinstance(response, FullFieldResponse)
            return from_prestrained(response, before)

        yield resume
