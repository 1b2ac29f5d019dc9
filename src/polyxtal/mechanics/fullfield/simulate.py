"""`simulate`: the full-field answer of a polycrystal to a load path."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from polyxtal.algebra.threads import few_threads
from polyxtal.mechanics.damask.engine import simulate_with_damask
from polyxtal.mechanics.elastic.schemes import SCHEMES
from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.fullfield.cell_law import ReadableCellLaw
from polyxtal.mechanics.fullfield.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from polyxtal.mechanics.fullfield.compiled_cell_law import CompiledCellLaw
from polyxtal.mechanics.fullfield.history import FullFieldResponse, History, LocalFields
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import Progress, follow
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.io.field_series import FieldSeries
from polyxtal.microstructure.phased_materials import VOID, MaterialByPhase, PhasedMaterials
from polyxtal.microstructure.polycrystal import Polycrystal

CELL_FORMAT = 2
"""Raised whenever the method changes, so that no checkpoint continues under another one."""

COARSEST = 0.1
"""Largest tolerance: at 0.01 stresses are off by up to 0.6 %, beyond 0.1 they mean nothing. [-]"""
TOLERANCE = 1e-4


def simulate(
    rve: Polycrystal,
    material: MaterialByPhase,
    path: LoadPath,
    tol: float = TOLERANCE,
    *,
    scheme: str = "fourier",
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 60.0,
    fields: str | Path | None = None,
    fields_every: int | None = None,
    replace: bool = False,
    device: torch.device | str | None = None,
    compiled: bool | None = None,
    threads: int | None = None,
    engine: str = "polyxtal",
    folder: str | Path | None = None,
    on_increment: Callable[[float], None] | None = None,
) -> Response:
    """Compute the response to a load path by full-field crystal plasticity.

    Args:
        rve: Polycrystal.
        material: One material for all grains, or one for each phase name; None is a void.
        path: Load path.
        tol: Largest stress out of balance, rms, over the rms of the stress; and largest mean
            stress out of what is prescribed, over the same; at least over the stress of an elastic
            strain of 1e-7. At most 0.1; below 1e-12 rounding is in the way. [-]
        scheme: "fourier" (trigonometric, DAMASK's default) or "rotated" (finite differences, for
            voids and a high contrast, and for grids of two voxels along an axis).
        checkpoint: HDF5 file to write on the way. If it exists and is of the very same
            simulation, that goes on from there and ends as if it had never stopped; only
            `threads` and the files' options may differ.
        checkpoint_seconds: Time between two checkpoints; the last is written at the end. [s]
        fields: Series of local fields to write in single precision, `.vti`; see
            `FieldSeries`. A resumed simulation goes on with the series that it began; snapshots of
            the time before are not made up for.
        fields_every: Increments between two of them; None for the last increment only.
        replace: Replace a series of an earlier run.
        device: Where to compute; None is the CPU.
        compiled: Use the compiled CPU law rather than torch; by default wherever possible.
        threads: Threads of the compiled law; None for as many as torch uses.
        engine: "polyxtal", or "damask" to run `DAMASK_grid` on the same inputs, which takes none
            of the options above and no voids.
        folder: Where DAMASK's files shall stay; None for a temporary folder.
        on_increment: Called with the time [s] after every increment, for progress; and once with
            the time that a resumed simulation has reached.
    Returns:
        Response with the mean orientation of every grain at every increment; of our own engine a
        `FullFieldResponse`, with averages over grains and the last local fields.
    Raises:
        ConvergenceError: if an increment does not converge in its smallest pieces.
        ValueError: if an argument is invalid, or a file is damaged or of another simulation.
        RuntimeError: if DAMASK is asked for and not installed.

    Example:
        >>> import polyxtal as px
        >>> rve, alloy = px.tessellate(grid=4, grains=4, seed=0), px.load_material("AA6022-T4")
        >>> response = px.simulate(rve, alloy, px.LoadPath.uniaxial(0.01, increments=5))
        >>> round(float(response.stress("xx")[-1]))  # MPa
        237
        >>> response.orientations.shape, response.fields.P.shape  # time, grains; voxels
        (torch.Size([6, 4, 4]), torch.Size([4, 4, 4, 3, 3]))
    """
    files = _Files(checkpoint, checkpoint_seconds, fields, fields_every, replace)
    _validate(tol, scheme, engine, device, compiled, threads, files)
    if engine == "damask":
        ours = {
            "tol": tol != TOLERANCE,
            "scheme": scheme != "fourier",
            "checkpoint": checkpoint is not None,
            "fields": fields is not None,
            "device": device is not None,
            "compiled": compiled is not None,
            "threads": threads is not None,
        }
        if any(ours.values()):
            raise ValueError(
                "With engine='damask', DAMASK's files are kept in `folder`, its settings are its "
                f"own, but `{next(name for name, given in ours.items() if given)}` is given."
            )
        return _with_damask(rve, material, path, folder, on_increment)
    if folder is not None:
        raise ValueError("Argument `folder` is for engine='damask', but the engine is polyxtal.")
    cell = build_cell(rve, material, tol, scheme, device, compiled, threads)
    fingerprint = _fingerprint(rve, material, path, tol, scheme, type(cell.law).__name__)
    with few_threads(rve.grid[0] * rve.grid[1] * rve.grid[2]):
        run = _Run(rve, cell, files, path, fingerprint)
        if on_increment is not None and run.progress.time > 0:
            on_increment(run.progress.time)

        def after_increment(time: float) -> None:
            run.after_increment(time)
            if on_increment is not None:
                on_increment(time)

        try:
            follow(path, cell, after_increment, run.progress)
            return run.finish()
        finally:
            cell.law.close()


class _Files(NamedTuple):
    """What a simulation writes while it runs; see `simulate`."""

    checkpoint: str | Path | None
    checkpoint_seconds: float
    fields: str | Path | None
    fields_every: int | None
    replace: bool


def build_cell(
    rve: Polycrystal,
    material: MaterialByPhase,
    tol: float,
    scheme: str = "fourier",
    device: torch.device | str | None = None,
    compiled: bool | None = None,
    threads: int | None = None,
) -> PeriodicCell:
    """Set up the undeformed cell; arguments as in `simulate`.

    Raises:
        ValueError: if a phase has no material, or all are voids.
    """
    materials, phase_of_grain = _phased(rve, material)
    grain = rve.grain_id.reshape(-1)
    phase, orientations = phase_of_grain[grain], rve.orientations.to(torch.float64)[grain]
    if bool((phase == VOID).all()):
        raise ValueError("A polycrystal must have a voxel that is not void, but has none.")
    on_cpu = device is None or torch.device(device).type == "cpu"
    if compiled or (compiled is None and on_cpu):
        count = torch.get_num_threads() if threads is None else threads
        law = CompiledCellLaw(materials, phase, orientations, count)
    else:
        law = ReadableCellLaw(materials, phase, orientations, device)
    return PeriodicCell(law, rve.grid, rve.spacing, scheme, tol)


class _Run:
    """A simulation under way: its files, and how far it is."""

    def __init__(
        self,
        rve: Polycrystal,
        cell: PeriodicCell,
        files: _Files,
        path: LoadPath,
        fingerprint: str,
    ) -> None:
        """Start, or go on from the checkpoint if there is one."""
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
        # A series is gone on with only if this simulation began it.
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
        """Record the increment, and write what is due."""
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
        """Bundle the answer."""
        cell, now = self.cell, self.progress.time
        if self.series is not None and (not self.series.times or self.series.times[-1] != now):
            self._snapshot(now)  # a finished run was asked for fields afterwards
        work = {
            "evaluations": float(cell.evaluations),
            "tangents": float(cell.tangents),
            "krylov_iterations": float(cell.krylov_iterations),
        }
        return self.history.response(dict(self.progress.counts) | work)


def _name_series(fields: str | Path, checkpoint: Path | None) -> str:
    """Name a series as seen from the checkpoint, so that both can be moved together."""
    folder = Path.cwd() if checkpoint is None else checkpoint.resolve().parent
    return Path(os.path.relpath(Path(fields).resolve(), folder)).as_posix()


def field_arrays(rve: Polycrystal, fields: LocalFields) -> dict[str, Tensor]:
    """Name local fields for a file that people look at.

    Args:
        rve: The polycrystal.
        fields: Its fields at one time.
    Returns:
        Arrays (nx, ny, nz, …) by name, units in the name where there is one.
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
    """Name an internal variable in words, resistances and stresses with their unit."""
    words = name.replace("_", " ")
    return f"{words} / MPa" if words.endswith(("resistance", "stress")) else words


def _phased(rve: Polycrystal, material: MaterialByPhase) -> PhasedMaterials:
    return PhasedMaterials.of(material, rve.phase, rve.phase_names, rve.lattices, voids=True)


def _fingerprint(
    rve: Polycrystal,
    material: MaterialByPhase,
    path: LoadPath,
    tol: float,
    scheme: str,
    law: str,
) -> str:
    """Name a simulation by all that decides its numbers."""
    materials, phase = _phased(rve, material)
    digest = hashlib.sha256()
    settings = {
        "format": CELL_FORMAT,
        "grid": rve.grid,
        "spacing": rve.spacing,
        "materials": [asdict(m) for m in materials],
        "path": [repr(step) for step in path.steps],
        "tol": tol,
        "scheme": scheme,
        "law": law,
    }
    digest.update(json.dumps(settings, sort_keys=True, default=repr).encode())
    for field in (rve.grain_id, rve.orientations.to(torch.float64), phase):
        digest.update(np.ascontiguousarray(field.numpy()).tobytes())
    return digest.hexdigest()


def _with_damask(
    rve: Polycrystal,
    material: MaterialByPhase,
    path: LoadPath,
    folder: str | Path | None,
    on_increment: Callable[[float], None] | None,
) -> Response:
    if isinstance(material, Mapping):
        voids = sorted(name for name, m in material.items() if m is None)
        if voids:
            raise ValueError(
                "With engine='damask' every phase must have a material, "
                f"but {voids[0]!r} is a void."
            )
        material = {name: m for name, m in material.items() if m is not None}
    return simulate_with_damask(rve, material, path, folder=folder, on_increment=on_increment)


def _validate(
    tol: float,
    scheme: str,
    engine: str,
    device: torch.device | str | None,
    compiled: bool | None,
    threads: int | None,
    files: _Files,
) -> None:
    if not 0 < tol <= COARSEST:
        raise ValueError(
            f"Argument `tol` must be above 0 and at most {COARSEST:g}, but is {tol:g}."
        )
    if scheme not in SCHEMES:
        raise ValueError(f"Argument `scheme` must be one of {SCHEMES}, but is {scheme!r}.")
    if engine not in ("polyxtal", "damask"):
        raise ValueError(f"Argument `engine` must be 'polyxtal' or 'damask', but is {engine!r}.")
    if compiled and device is not None and torch.device(device).type != "cpu":
        raise ValueError("Argument `compiled` must be False on a device other than the CPU.")
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ValueError(f"Argument `threads` must be at least 1, but is {threads}.")
    if not files.checkpoint_seconds >= 0:
        raise ValueError(
            "Argument `checkpoint_seconds` must not be negative, "
            f"but is {files.checkpoint_seconds}."
        )
    if files.fields is None and files.fields_every is not None:
        raise ValueError("Argument `fields_every` needs `fields`, but that is not given.")
    every = files.fields_every
    if every is not None and (not isinstance(every, int) or every < 1):
        raise ValueError(
            f"Argument `fields_every` must be at least 1, but is {files.fields_every}."
        )
