"""A simulation under way: what it records and writes, and how it resumes."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from torch import Tensor

from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.fullfield.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from polyxtal.mechanics.fullfield.history import FullFieldResponse, History, LocalFields
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import Progress
from polyxtal.microstructure.io.field_series import FieldSeries
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
        self.series = self._open_series(resume=resumed and known == self.series_name)
        if file is not None and not (resumed and known == self.series_name):
            self.save()  # at once, so that a path that cannot be written is found at the start

    def _open_series(self, resume: bool) -> FieldSeries | None:
        if self.files.fields is None:
            return None
        series = FieldSeries(
            self.files.fields,
            self.rve.grid,
            self.rve.spacing,
            resume=resume,
            replace=self.files.replace and not resume,
        )
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
        due = monotonic() - self.saved_at >= self.files.checkpoint_seconds
        if self.files.checkpoint is not None and (due or last):
            self.save()

    def _snapshot(self, time: float) -> None:
        assert self.series is not None
        number = round(self.progress.counts["increments"])
        self.series.append(number, time, field_arrays(self.rve, self.history.fields()))

    def save(self) -> None:
        """Write a checkpoint."""
        assert self.files.checkpoint is not None
        save_checkpoint(
            Path(self.files.checkpoint),
            Checkpoint(
                self.fingerprint,
                self.series_name,
                self.progress,
                self.cell.state(),
                self.history.rows(),
            ),
        )
        self.saved_at = monotonic()

    def finish(self) -> FullFieldResponse:
        """Return the response."""
        cell, now = self.cell, self.progress.time
        if self.series is not None and (not self.series.times or self.series.times[-1] != now):
            self._snapshot(now)  # fields of a run that had finished without them
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


def field_arrays(rve: Polycrystal, fields: LocalFields) -> dict[str, Tensor]:
    """Return local fields under readable names, for ParaView.

    Args:
        rve: Polycrystal.
        fields: Its fields at one time.
    Returns:
        Arrays (nx, ny, nz, …) by name, with the unit in the name where there is one.
    """
    return {
        "grain": rve.grain_id,
        "F": fields.F,
        "P / MPa": fields.P,
        "von Mises stress / MPa": fields.von_mises_stress(),
        "orientation": fields.orientation,
        **{_label(name): values for name, values in fields.internal.items()},
    }


def _label(name: str) -> str:
    """Return the name of an internal variable in words, with the unit of stresses."""
    words = name.replace("_", " ")
    return f"{words} / MPa" if words.endswith(("resistance", "stress")) else words
