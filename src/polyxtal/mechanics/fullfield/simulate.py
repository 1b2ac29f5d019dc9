"""`simulate`: the full-field answer of a polycrystal to a load path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from polyxtal.crystal.material import Material
from polyxtal.mechanics.damask_engine import simulate_with_damask
from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.fullfield.cell_law import VOID, ReadableCellLaw
from polyxtal.mechanics.fullfield.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from polyxtal.mechanics.fullfield.compiled_cell_law import CompiledCellLaw
from polyxtal.mechanics.fullfield.history import FullFieldResponse, History, LocalFields
from polyxtal.mechanics.green import SCHEMES
from polyxtal.mechanics.loading import LoadPath
from polyxtal.mechanics.response import Response
from polyxtal.mechanics.stepping import Progress, follow
from polyxtal.mechanics.threads import few_threads
from polyxtal.microstructure.io.field_series import FieldSeries
from polyxtal.microstructure.phases import per_phase
from polyxtal.microstructure.polycrystal import Polycrystal

CELL_FORMAT = 1
"""Raised whenever the method changes, so that no checkpoint continues under another one."""

MaterialByPhase = Material | Mapping[str, Material | None]
"""One material for all grains, or one for each phase name; None is a void."""


def simulate(
    rve: Polycrystal,
    material: MaterialByPhase,
    path: LoadPath,
    tol: float = 1e-4,
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
            stress out of what is prescribed, over the same. [-]
        scheme: "fourier" (trigonometric, DAMASK's default) or "rotated" (finite differences, for
            voids and a high contrast, and for grids of two voxels along an axis).
        checkpoint: HDF5 file to write on the way. If it exists and is of the very same
            simulation, that goes on from there and ends as if it had never stopped.
        checkpoint_seconds: Time between two checkpoints; the last is written at the end. [s]
        fields: Series of local fields to write, `.vti` or `.vtkhdf`; see `FieldSeries`.
        fields_every: Increments between two of them; None for the last increment only.
        replace: Replace a series of an earlier run.
        device: Where to compute; None is the CPU.
        compiled: Use the compiled CPU law rather than torch; by default wherever possible.
        threads: Threads of the compiled law; None for as many as torch uses.
        engine: "polyxtal", or "damask" to run `DAMASK_grid` on the same inputs, which takes none
            of the options above and no voids.
        folder: Where DAMASK's files shall stay; None for a temporary folder.
        on_increment: Called with the time [s] after every increment, for progress.
    Returns:
        Response with the mean orientation of every grain at every increment; of our own engine a
        `FullFieldResponse`, with averages over grains and the last local fields.
    Raises:
        ConvergenceError: if an increment does not converge in its smallest pieces.
        ValueError: if an argument is invalid, or a file is damaged or of another simulation.
        RuntimeError: if DAMASK is asked for and not installed.
    """
    files = _Files(checkpoint, checkpoint_seconds, fields, fields_every, replace)
    _validate(tol, scheme, engine, device, compiled, threads, files)
    if engine == "damask":
        return _with_damask(rve, material, path, files, folder, on_increment)
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

        follow(path, cell, after_increment, run.progress)
        return run.finish()


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
    materials, phase_of_grain = _materials(rve, material)
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
        self.series: FieldSeries | None = None
        self.saved_at = monotonic()
        file = self.files.checkpoint
        resumed = file is not None and Path(file).exists()
        if file is not None and resumed:
            checkpoint = load_checkpoint(
                Path(file), fingerprint, self.cell.state(), [s.increments for s in path.steps]
            )
            self.cell.restore(checkpoint.state)
            self.history.restore(checkpoint.history)
            self.progress = checkpoint.progress
        elif file is not None:
            self.save()  # at once, so that a path that cannot be written is found at the start
        if self.files.fields is not None:
            self.series = FieldSeries(
                self.files.fields,
                self.rve.grid,
                self.rve.spacing,
                resume=resumed,
                replace=self.files.replace,
            )
            if resumed:
                self.series.truncate(self.progress.time)

    def after_increment(self, time: float) -> None:
        """Record the increment, and write what is due."""
        self.history.record(time)
        number = round(self.progress.counts["increments"])
        every = self.files.fields_every
        last = number == self.increments
        if self.series is not None and (last or (every is not None and number % every == 0)):
            self.series.append(number, time, field_arrays(self.rve, self.history.fields()))
        due = monotonic() - self.saved_at >= self.files.checkpoint_seconds
        if self.files.checkpoint is not None and (due or last):
            self.save()

    def save(self) -> None:
        """Write a checkpoint."""
        assert self.files.checkpoint is not None
        save_checkpoint(
            Path(self.files.checkpoint),
            Checkpoint(self.fingerprint, self.progress, self.cell.state(), self.history.rows()),
        )
        self.saved_at = monotonic()

    def finish(self) -> FullFieldResponse:
        """Bundle the answer."""
        cell = self.cell
        work = {
            "evaluations": float(cell.evaluations),
            "tangents": float(cell.tangents),
            "krylov_iterations": float(cell.krylov_iterations),
        }
        return self.history.response(dict(self.progress.counts) | work)


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
        "slip resistance / MPa": fields.slip_resistance,
    }


def _materials(rve: Polycrystal, material: MaterialByPhase) -> tuple[list[Material], Tensor]:
    """Return the materials that occur and the place of every grain's in the list."""
    void = torch.zeros(rve.grains, dtype=torch.bool)
    solids: Material | Mapping[str, Material]
    if isinstance(material, Mapping):
        for index, name in enumerate(rve.phase_names):
            if name in material and material[name] is None:
                void |= rve.phase == index
        solids = {name: m for name, m in material.items() if m is not None}
    else:
        solids = material
    found = per_phase(solids, Material, rve.phase[~void], rve.phase_names, "material")
    place = torch.full((len(rve.phase_names),), VOID)
    for position, index in enumerate(found):
        place[index] = position
    return list(found.values()), torch.where(void, VOID, place[rve.phase])


def _fingerprint(
    rve: Polycrystal,
    material: MaterialByPhase,
    path: LoadPath,
    tol: float,
    scheme: str,
    law: str,
) -> str:
    """Name a simulation by all that decides its numbers."""
    materials, phase = _materials(rve, material)
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
    files: _Files,
    folder: str | Path | None,
    on_increment: Callable[[float], None] | None,
) -> Response:
    if files.checkpoint is not None or files.fields is not None:
        raise ValueError(
            "With engine='damask', DAMASK's own files are kept in `folder`, "
            "but `checkpoint` or `fields` is given."
        )
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
    if not 0 < tol < 1:
        raise ValueError(f"Argument `tol` must be between 0 and 1, but is {tol:g}.")
    if scheme not in SCHEMES:
        raise ValueError(f"Argument `scheme` must be one of {SCHEMES}, but is {scheme!r}.")
    if engine not in ("polyxtal", "damask"):
        raise ValueError(f"Argument `engine` must be 'polyxtal' or 'damask', but is {engine!r}.")
    if compiled and device is not None and torch.device(device).type != "cpu":
        raise ValueError("Argument `compiled` must be False on a device other than the CPU.")
    if threads is not None and threads < 1:
        raise ValueError(f"Argument `threads` must be at least 1, but is {threads}.")
    if not files.checkpoint_seconds >= 0:
        raise ValueError(
            "Argument `checkpoint_seconds` must not be negative, "
            f"but is {files.checkpoint_seconds}."
        )
    if files.fields_every is not None and files.fields_every < 1:
        raise ValueError(
            f"Argument `fields_every` must be at least 1, but is {files.fields_every}."
        )
