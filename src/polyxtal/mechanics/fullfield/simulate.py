"""`simulate`: the full-field response of a polycrystal to a load path."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from polyxtal.algebra.threads import few_threads
from polyxtal.argument_types import require_number, require_threads, require_type
from polyxtal.mechanics.damask.engine import simulate_with_damask
from polyxtal.mechanics.elastic.schemes import SCHEMES
from polyxtal.mechanics.fullfield.build import build_cell, fingerprint
from polyxtal.mechanics.fullfield.run import SimulationFiles, SimulationRun
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import cut_note, follow
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.phased_materials import MaterialByPhase
from polyxtal.microstructure.polycrystal import Polycrystal

COARSEST = 0.1
"""Largest tolerance: stresses err by up to 0.6 % at 0.01, and are meaningless beyond 0.1. [-]"""
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
    """Return the response to a load path from full-field crystal plasticity.

    Args:
        rve: Polycrystal.
        material: One material for all grains, or one for each phase name; None is a void.
        path: Load path.
        tol: Largest relative residual, at most 0.1: the rms of the stress out of balance, and the
            deviation of the mean stress from its prescribed value, over the rms of the stress (at
            least the stress of an elastic strain of 1e-7). Rounding limits it to 1e-12. [-]
        scheme: "fourier" (trigonometric, DAMASK's default) or "rotated" (finite differences, for
            voids, high contrast, and grids of two voxels along an axis).
        checkpoint: Checkpoint file, `.npz`. If it exists and belongs to the same simulation, the
            run resumes from it, with the same result as an uninterrupted run; only `threads` and
            the options of files may differ. The checkpoint before it stays as `.previous.npz`.
        checkpoint_seconds: Time between two checkpoints; one more is written at the end, or of the
            last finished increment when the run is interrupted (KeyboardInterrupt). [s]
        fields: Series of local fields to write: `.vti` for ParaView, in single precision (see
            `FieldSeries`), or `.hdf5` in the layout of DAMASK's results, for `damask.Result` (see
            `ResultSeries`). A resumed simulation continues the series that it began; snapshots of
            earlier times are not added.
        fields_every: Number of increments between snapshots; None for the last increment only.
        replace: Whether to replace a series of an earlier run.
        device: Device of the computation; None is the CPU.
        compiled: Whether to use the compiled CPU law instead of torch (`engine="compiled"` and
            "torch" of networks); None wherever possible.
        threads: Number of threads of the compiled law; None for as many as torch uses.
        engine: Program: "polyxtal", or "damask" to run `DAMASK_grid` on the same inputs, without
            voids and the options above.
        folder: Folder of DAMASK's files; None for a temporary folder.
        on_increment: Called with the time [s] after every increment, for progress; and once with
            the time that a resumed simulation has reached.
    Returns:
        Response with the mean orientation of every grain at every increment; from the engine
        "polyxtal" a `FullFieldResponse`, with averages over grains and the last local fields.
    Warns:
        UserWarning: if increments were cut into smaller time steps (`statistics["cuts"]`).
    Raises:
        ConvergenceError: if an increment does not converge in its smallest pieces.
        ValueError: if an argument is invalid, or a file is damaged or of another simulation.
        RuntimeError: if the engine is "damask" and DAMASK is not installed.

    Example:
        >>> import polyxtal as px
        >>> rve, alloy = px.tessellate(grid=4, grains=4, seed=0), px.load_material("AA6022-T4")
        >>> response = px.simulate(rve, alloy, px.LoadPath.uniaxial(0.01, increments=5))
        >>> round(float(response.stress("xx")[-1]))  # MPa
        237
        >>> response.orientations.shape, response.fields.P.shape  # time, grains; voxels
        (torch.Size([6, 4, 4]), torch.Size([4, 4, 4, 3, 3]))
    """
    require_type(rve, Polycrystal, "rve")
    require_type(path, LoadPath, "path")
    files = SimulationFiles(checkpoint, checkpoint_seconds, fields, fields_every, replace)
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
    identity = fingerprint(rve, material, path, tol, scheme, type(cell.law).__name__)
    with few_threads(rve.grid[0] * rve.grid[1] * rve.grid[2]):
        run = SimulationRun(rve, material, cell, files, path, identity)
        if on_increment is not None and run.progress.time > 0:
            on_increment(run.progress.time)

        def after_increment(time: float) -> None:
            run.after_increment(time)
            if on_increment is not None:
                on_increment(time)

        try:
            follow(path, cell, after_increment, run.progress)
            response = run.finish()
        except KeyboardInterrupt:
            run.save()
            raise
        finally:
            cell.law.close()
    note = cut_note(response.statistics)
    if note is not None:
        warnings.warn(note, stacklevel=2)
    return response


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
    files: SimulationFiles,
) -> None:
    require_number(tol, "tol")
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
    require_threads(threads)
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
