"""A simulation under way: what it records and writes, and how it resumes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from torch import Tensor

from polyxtal.files.snapshots import SnapshotSeries
from polyxtal.files.wording import shorten
from polyxtal.mechanics.damask.series import ResultSeries
from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.fullfield.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from polyxtal.mechanics.fullfield.history import FullFieldResponse, History, LocalFields
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import Progress
from polyxtal.mechanics.quantities import label
from polyxtal.microstructure.io.field_series import FieldSeries
from polyxtal.microstructure.phased_materials import MaterialByPhase
from polyxtal.microstructure.polycrystal import Polycrystal


class SimulationFiles(NamedTuple):
    """Files that a simulation writes; see `simulate`."""

    checkpoint: str | Path | None
    checkpoint_seconds: float
    fields: str | Path | None
    fields_every: int | None
    replace: bool


class SimulationRun:
    """A simulation under way: its files and its position on the load path."""

    def __init__(
        self,
        rve: Polycrystal,
        material: MaterialByPhase,
        cell: PeriodicCell,
        files: SimulationFiles,
        path: LoadPath,
        fingerprint: str,
    ) -> None:
        """Start, or resume from the checkpoint if there is one."""
        self.rve, self.cell, self.files = rve, cell, files
        self.history, self.progress = History(rve, cell), Progress()
        self.increments, self.fingerprint = path.increments, fingerprint
        self.saved_at = monotonic()
        self._unsaved: tuple[Progress, dict[str, Tensor]] | None = None
        file = None if files.checkpoint is None else Path(files.checkpoint)
        self.series_name = "" if files.fields is None else _name_series(files.fields, file)
        known = ""
        resumed = file is not None and file.exists()
        if file is not None and resumed:
            lengths = [step.time_increments() for step in path.steps]
            checkpoint = load_checkpoint(
                file, fingerprint, cell.state(), self.history.rows(), lengths
            )
            try:
                cell.restore(checkpoint.state)
            except ValueError as error:
                raise ValueError(f"{file}: {error}") from error
            self.history.restore(checkpoint.history)
            self.progress, known = checkpoint.progress, checkpoint.series
        # A series is continued only if this simulation began it.
        resume = resumed and known == self.series_name
        self.series = self._open_series(material, path, resume)
        at_start = self.progress.time == 0 and self.series is not None and not self.series.times
        if at_start and self.series is not None and self.series.starts_at_zero:
            self._snapshot(0.0)
        if file is not None and not resume:
            # At once, so that a path that cannot be written is found at the start.
            self._unsaved = self._reached(copy=False)
            self.save()

    def _open_series(
        self, material: MaterialByPhase, path: LoadPath, resume: bool
    ) -> SnapshotSeries | None:
        if self.files.fields is None:
            return None
        series = _new_series(self.files, self.rve, material, path, resume)
        if resume:
            series.truncate(self.progress.time)
        return series

    def after_increment(self, time: float) -> None:
        """Record the increment; write a snapshot and a checkpoint if they are due."""
        self.history.record(time)
        number = round(self.progress.counts["increments"])
        every = self.files.fields_every
        last = number == self.increments
        if self.series is not None and (last or (every is not None and number % every == 0)):
            self._snapshot(time)
        if self.files.checkpoint is None:
            return
        due = last or monotonic() - self.saved_at >= self.files.checkpoint_seconds
        self._unsaved = self._reached(copy=not due)
        if due:
            self.save()

    def _reached(self, copy: bool) -> tuple[Progress, dict[str, Tensor]]:
        """Return position and state, with a copy of what the next increment overwrites."""
        progress = replace(self.progress, counts=dict(self.progress.counts))
        state = self.cell.state()
        if copy:
            state = {n: f.clone() if n.startswith("law/") else f for n, f in state.items()}
        return progress, state

    def _snapshot(self, time: float) -> None:
        assert self.series is not None
        number = round(self.progress.counts["increments"])
        fields = field_arrays(self.history.fields())
        if isinstance(self.series, FieldSeries):
            named = {label(name): values for name, values in fields.items()}
            self.series.append(number, time, {"grain": self.rve.grain_id, **named})
        else:
            self.series.append(number, time, fields)

    def save(self) -> None:
        """Write a checkpoint of the last finished increment, unless that was done."""
        if self._unsaved is None:
            return
        assert self.files.checkpoint is not None
        progress, state = self._unsaved
        rows = round(progress.counts["increments"]) + 1  # an interrupted one may have added more
        history = {name: values[:rows] for name, values in self.history.rows().items()}
        save_checkpoint(
            Path(self.files.checkpoint),
            Checkpoint(self.fingerprint, self.series_name, progress, state, history),
        )
        self.saved_at, self._unsaved = monotonic(), None

    def finish(self) -> FullFieldResponse:
        """Return the response."""
        cell, now = self.cell, self.progress.time
        if self.series is not None and (not self.series.times or self.series.times[-1] != now):
            self._snapshot(now)  # fields of a run that had finished without them
        if self.series is not None:
            self.series.finish()
        work = {
            "evaluations": float(cell.evaluations),
            "tangents": float(cell.tangents),
            "krylov_iterations": float(cell.krylov_iterations),
        }
        return self.history.response(dict(self.progress.counts) | work)


def _name_series(fields: str | Path, checkpoint: Path | None) -> str:
    """Return the path of a series relative to the checkpoint: both can be moved together."""
    folder = Path.cwd() if checkpoint is None else checkpoint.resolve().parent
    return Path(os.path.relpath(Path(fields).resolve(), folder)).as_posix()


def field_arrays(fields: LocalFields) -> dict[str, Tensor]:
    """Return local fields (nx, ny, nz, …) by their names in `QUANTITIES`."""
    return {
        "F": fields.F,
        "P": fields.P,
        "true_strain": fields.true_strain,
        "true_stress": fields.true_stress,
        "equivalent_strain": fields.equivalent_strain,
        "equivalent_stress": fields.equivalent_stress,
        "orientation": fields.orientation,
        "plastic_deformation": fields.plastic_deformation,
        **fields.internal,
    }


def _new_series(
    files: SimulationFiles,
    rve: Polycrystal,
    material: MaterialByPhase,
    path: LoadPath,
    resume: bool,
) -> SnapshotSeries:
    """Begin or continue a series in the format that its ending names."""
    assert files.fields is not None
    options: Any = {"resume": resume, "replace": files.replace and not resume}
    suffix = Path(files.fields).suffix
    if suffix not in (FieldSeries.suffix, ResultSeries.suffix):
        raise ValueError(
            f"{shorten(str(files.fields))}: fields must be written to a file that ends in "
            f"{FieldSeries.suffix} or {ResultSeries.suffix}, but not in {shorten(suffix)}."
        )
    if suffix == FieldSeries.suffix:
        return FieldSeries(files.fields, rve.grid, rve.spacing, **options)
    materials = (
        material if isinstance(material, Mapping) else dict.fromkeys(rve.phase_names, material)
    )
    return ResultSeries(files.fields, rve, materials, path.to_damask(), **options)
