"""`predict`: the response of a polycrystal to a wanted accuracy, by full fields on coarse grids."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import fields
from time import perf_counter
from typing import Any

from polyxtal.argument_types import require_seed, require_threads, require_type
from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.mechanics.ladder.absent import complete
from polyxtal.mechanics.ladder.accuracy import ACCURACY, check_accuracy
from polyxtal.mechanics.ladder.along_load import along_axes, along_load
from polyxtal.mechanics.ladder.error import (
    Rung,
    error_bounds,
    relative_error,
    rotation_error,
    stress_controlled,
)
from polyxtal.mechanics.ladder.estimated_response import EstimatedResponse, RungRecord
from polyxtal.mechanics.ladder.grids import coarse_grid
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.microstructure.coarse import coarsen
from polyxtal.microstructure.phased_materials import MaterialByPhase
from polyxtal.microstructure.polycrystal import Polycrystal

FIRST_POINTS = 125
"""Voxels of the first rung."""
GROWTH = 8.0
"""Largest ratio of voxels from a rung to the next."""
MARGIN = 1.2
"""Voxels beyond those that the last error asks for."""
NEARLY_ALL = 0.6
"""Share of the fine grid beyond which a coarse one is not worth its error. [-]"""


def predict(
    rve: Polycrystal,
    material: MaterialByPhase,
    path: LoadPath,
    accuracy: float = ACCURACY,
    *,
    seconds: float | None = None,
    scheme: str = "fourier",
    threads: int | None = None,
    seed: int = 0,
    on_progress: Callable[[tuple[int, int, int], int, int], None] | None = None,
) -> EstimatedResponse:
    """Return the response to a load path to a wanted accuracy, with the bounds of its error.

    Full fields on coarse grids are computed, each large enough for the accuracy by the error of the
    one before, until the bound is met. The last may be the polycrystal's own grid, and is then
    `simulate`.

    Args:
        rve: Polycrystal.
        material: One material for all grains, or one for each phase name; None is a void.
        path: Load path.
        accuracy: Largest bound of the loaded stress relative to its largest magnitude, from 1e-4 to
            0.2. [-]
        seconds: Wall time within which the answer is wanted: no full field is begun that would
            take longer, so the error may exceed the accuracy. None for no limit. [s]
        scheme: See `simulate`.
        threads: See `simulate`.
        seed: Random seed of the choice of coarse voxels.
        on_progress: Called after every increment with the grid, the number of finished increments
            and that of all.
    Raises:
        ConvergenceError: if an increment does not converge.
        ValueError: if an argument is invalid.

    Example:
        >>> import polyxtal as px
        >>> rve, alloy = px.tessellate(grid=12, grains=40, seed=0), px.load_material("AA6022-T4")
        >>> answer = px.predict(rve, alloy, px.LoadPath.uniaxial(0.02, increments=10), 0.02)
        >>> answer.grid < rve.grid, answer.error < 0.02
        (True, True)
    """
    require_type(rve, Polycrystal, "rve")
    require_type(path, LoadPath, "path")
    check_accuracy(accuracy, seconds)
    require_seed(seed)
    require_threads(threads)
    whole = math.prod(rve.grid)
    started = perf_counter()
    controlled = stress_controlled(path)
    rungs: list[Rung] = []
    along: list[Rung] = []  # with components along the load
    records: list[RungRecord] = []
    grid = coarse_grid(rve, FIRST_POINTS)
    while True:
        rung = _solve(rve, material, path, grid, scheme, threads, seed, on_progress)
        rungs.append(rung)
        along.append(rung._replace(response=along_load(rung.response, path)))
        bounds = error_bounds(along, whole, controlled)
        error = relative_error(along[-1].response, bounds, controlled)
        records.append(RungRecord(grid, rung.seconds, error))
        if error <= accuracy or grid == rve.grid:
            break
        wanted = rung.points * min(GROWTH, MARGIN * (error / accuracy) ** 2)
        further = _next_grid(rve, wanted, rung, seconds, perf_counter() - started)
        if further is None:
            break
        grid = further
    if seconds is not None and rungs[0].seconds > seconds:
        warnings.warn(
            f"The coarsest full field took {rungs[0].seconds:.2g} s, longer than the "
            f"{seconds:g} s within which the answer was wanted.",
            stacklevel=2,
        )
    given = _complete(rve, material, rungs[-1])
    return EstimatedResponse(
        **given,
        bounds=along_axes(bounds, path),
        rotation_error=rotation_error(rungs, whole),
        rungs=tuple(records),
        coarse=rungs[-1].coarse,
    )


def _solve(
    rve: Polycrystal,
    material: MaterialByPhase,
    path: LoadPath,
    grid: tuple[int, int, int],
    scheme: str,
    threads: int | None,
    seed: int,
    on_progress: Callable[[tuple[int, int, int], int, int], None] | None,
) -> Rung:
    begun = perf_counter()
    coarse = rve if grid == rve.grid else coarsen(rve, grid, seed)
    done = 0

    def after_increment(_: float) -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(grid, done, path.increments)

    response = simulate(
        coarse, material, path, scheme=scheme, threads=threads, on_increment=after_increment
    )
    assert isinstance(response, FullFieldResponse)
    return Rung(coarse, response, perf_counter() - begun)


def _next_grid(
    rve: Polycrystal, wanted: float, rung: Rung, seconds: float | None, used: float
) -> tuple[int, int, int] | None:
    """Return the next grid, None if the time does not suffice for a finer one."""
    whole = math.prod(rve.grid)
    left = math.inf if seconds is None else max(0.0, seconds - used)
    affordable = rung.points * left / max(rung.seconds, 1e-9)
    if affordable <= rung.points:
        return None
    if wanted >= NEARLY_ALL * whole and affordable >= whole:
        return rve.grid
    # Twice as many at least: a smaller step would cost nearly as much as it gains.
    aim = min(max(wanted, 2 * rung.points), affordable)
    for factor in (1.0, 0.8, 0.6, 1.5, 2.0, 3.0):  # counts along the axes are odd
        grid = coarse_grid(rve, factor * aim)
        if rung.points < math.prod(grid) <= affordable:
            return grid
    return None


def _complete(rve: Polycrystal, material: MaterialByPhase, rung: Rung) -> dict[str, Any]:
    """Return the response with all grains of the polycrystal, as arguments."""
    response = rung.response
    given = {f.name: getattr(response, f.name) for f in fields(response)}
    absent = (rung.coarse.volume_fractions == 0) & (rve.volume_fractions > 0)
    given["weights"] = rve.volume_fractions
    if absent.any():
        given |= complete(rve, material, response, absent)
    return given
