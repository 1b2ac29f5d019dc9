"""`predict_fields`: local stress and plastic strain, by a full field in few increments."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch

from polyxtal.algebra.number_arrays import number_array
from polyxtal.algebra.threads import few_threads
from polyxtal.argument_types import require_number, require_threads, require_type
from polyxtal.mechanics.elastic.schemes import SCHEMES
from polyxtal.mechanics.fullfield.build import build_cell
from polyxtal.mechanics.fullfield.cell import MAX_ITERATIONS, PeriodicCell
from polyxtal.mechanics.fullfield.history import History
from polyxtal.mechanics.fullfield.predicted_fields import PredictedFields
from polyxtal.mechanics.fullfield.simulate import TOLERANCE as FULL_FIELD_TOLERANCE
from polyxtal.mechanics.loading.fewer_increments import SAME, fewer_increments
from polyxtal.mechanics.loading.mixed_control import MixedControl
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepper import StepResult
from polyxtal.mechanics.loading.stepping import Progress, follow
from polyxtal.microstructure.phased_materials import MaterialByPhase
from polyxtal.microstructure.polycrystal import Polycrystal

STRAIN_INCREMENT = 2.5e-3
"""Largest change of a prescribed component of F within an increment. [-]"""
TOLERANCE = 3e-3
"""Largest relative residual of increments of `STRAIN_INCREMENT`; smaller ones have a smaller one in
proportion, down to that of the full field. [-]"""
FEW_ITERATIONS = 6
"""Newton iterations after which a large step is cut."""
CALM = 4
"""Converged steps after which the bound of their length doubles."""
MOST_TIMES = 1000


def predict_fields(
    rve: Polycrystal,
    material: MaterialByPhase,
    path: LoadPath,
    times: Sequence[float] | None = None,
    *,
    strain_increment: float = STRAIN_INCREMENT,
    scheme: str = "fourier",
    threads: int | None = None,
    on_increment: Callable[[int, int], None] | None = None,
) -> PredictedFields:
    """Return stress, plastic strain and orientation of every voxel at chosen times, fast.

    The full field of `simulate` on the polycrystal's own grid, in few increments and to a coarse
    tolerance: in monotonic loading nearly the same fields in about half of its CPU time or, where
    large increments fail, in as much; in creep and after reversals it saves less. Cheaper methods
    miss much of the fields (docs/concepts/fields.md).

    Args:
        rve: Polycrystal.
        material: One material for all grains, or one for each phase name; None is a void.
        path: Load path; its own increments are merged, but for those within the knee after a
            reversal, and within the first knee or a change of stress if a time there is wanted.
        times: Increasing times of the fields; None for the end of the path. At a constant rate of
            F, a strain ε is reached at ε / rate. [s]
        strain_increment: Largest change of a prescribed component of F within an increment; the
            first one of a load is the path's own, and later ones grow. Smaller values are more
            accurate and take longer. [-]
        scheme: See `simulate`.
        threads: See `simulate`.
        on_increment: Called after every increment with the number of finished ones and of all.
    Raises:
        ConvergenceError: if an increment does not converge in its smallest pieces.
        ValueError: if an argument is invalid.

    Example:
        >>> import polyxtal as px
        >>> rve, alloy = px.tessellate(grid=8, grains=6, seed=0), px.load_material("AA6022-T4")
        >>> path = px.LoadPath.uniaxial(0.02, rate=1e-3)
        >>> fields = px.predict_fields(rve, alloy, path, times=[10.0, 20.0])  # at 1 % and 2 %
        >>> fields.equivalent_stress.shape, fields.grain_rotations.shape
        (torch.Size([2, 8, 8, 8]), torch.Size([2, 6]))
        >>> hottest = fields.equivalent_stress[-1].argmax()
    """
    require_type(rve, Polycrystal, "rve")
    require_type(path, LoadPath, "path")
    require_number(strain_increment, "strain_increment")
    if not 0 < strain_increment < math.inf:
        raise ValueError(
            f"Argument `strain_increment` must be positive, but is {strain_increment:g}."
        )
    if scheme not in SCHEMES:
        raise ValueError(f"Argument `scheme` must be one of {SCHEMES}, but is {scheme!r}.")
    require_threads(threads)
    wanted = _checked_times(times, path)
    merged = fewer_increments(path, strain_increment, wanted)
    cell = build_cell(rve, material, TOLERANCE, scheme, threads=threads)
    history, progress = History(rve, cell), Progress()
    rows: list[int] = []
    found: list[tuple[torch.Tensor, ...]] = []

    def after_increment(time: float) -> None:
        history.record(time)
        done = round(progress.counts["increments"])
        at = len(found)
        if at < len(wanted) and time >= wanted[at] - SAME * path.duration:
            fields = history.fields()
            rows.append(done)
            parts = fields.equivalent_stress, fields.equivalent_plastic_strain, fields.orientation
            found.append(parts)
        if on_increment is not None:
            on_increment(done, merged.increments)

    with few_threads(math.prod(rve.grid)):
        try:
            follow(merged, HastyCell(cell, path), after_increment, progress)
        finally:
            cell.law.close()
    response = history.response(dict(progress.counts))
    stress, strain, orientation = map(torch.stack, zip(*found, strict=True))
    return PredictedFields(
        rve, response.time[rows], stress, strain, orientation, tuple(rows), response
    )


class HastyCell:
    """A cell in large steps that soon gives up: two halves cost less than many iterations.

    Steps up to the shortest of the path itself are taken as in `simulate`. A step that fails bounds
    the next ones by its half, until some have converged.
    """

    def __init__(self, cell: PeriodicCell, path: LoadPath) -> None:
        """Start without a bound."""
        self.cell, self._bound, self._converged = cell, math.inf, 0
        self._least = min(float(step.time_increments().min()) for step in path.steps) * (1 + SAME)

    def averages(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the accepted averages; see `Stepper`."""
        return self.cell.averages()

    def accept(self) -> None:
        """Accept the step; see `Stepper`."""
        self.cell.accept()

    def attempt(self, dt: float, control: MixedControl, new_direction: bool) -> StepResult:
        """Try a step; see `Stepper`."""
        if dt > max(self._bound, self._least):
            return StepResult(False, 0, math.inf)
        hasty = dt > self._least
        self.cell.damps = not hasty
        self.cell.tolerance = _tolerance(control, self.cell.averages()[0])
        self.cell.max_iterations = FEW_ITERATIONS if hasty else MAX_ITERATIONS
        result = self.cell.attempt(dt, control, new_direction)
        if not result.converged:
            self._bound, self._converged = 0.5 * dt * (1 + SAME), 0
            return result
        self._converged += 1
        if self._converged == CALM:
            self._bound, self._converged = 2 * self._bound, 0
        return result


def _tolerance(control: MixedControl, deformation: np.ndarray) -> float:
    """Return the tolerance of a step, whose residual must be small beside what the step changes.

    Otherwise a small step is accepted before its fields have moved. A step that prescribes no
    strain has the tolerance of the full field.
    """
    change = control.deformation_gap(torch.from_numpy(deformation).reshape(9))
    wanted = TOLERANCE * float(change.abs().max()) / STRAIN_INCREMENT
    return min(max(wanted, FULL_FIELD_TOLERANCE), TOLERANCE)


def _checked_times(times: Sequence[float] | None, path: LoadPath) -> list[float]:
    """Return the times, those within rounding of the end as the end itself."""
    if times is None:
        return [path.duration]
    array = number_array(times, "times")
    if array.ndim != 1 or array.dtype.kind == "b":
        raise ValueError(
            "Argument `times` must be a vector of numbers, but is an array of "
            f"{array.dtype} with shape {array.shape}."
        )
    given = array.tolist()
    limit = path.duration * (1 + SAME)
    rising = all(a < b for a, b in pairwise(given))
    if not 1 <= len(given) <= MOST_TIMES or not rising or not 0 < given[0] <= given[-1] <= limit:
        raise ValueError(
            f"Argument `times` must be up to {MOST_TIMES} increasing times above 0 and up to the "
            f"end of the path, {path.duration:g} s, but is {times}."
        )
    return [min(time, path.duration) for time in given]
