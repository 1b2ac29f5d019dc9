"""Run DAMASK 3's grid solver, if it is installed, on polyxtal's inputs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.material import Material
from polyxtal.mechanics.damask.case import write_damask_case
from polyxtal.mechanics.damask.files import (
    GRID_FILE,
    JOB,
    LOAD_FILE,
    LOG_FILE,
    MATERIAL_FILE,
    NUMERICS_FILE,
)
from polyxtal.mechanics.damask.result import read_damask_result
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.phases import material_lattices, per_phase
from polyxtal.microstructure.polycrystal import Polycrystal

PROGRAMS = ("DAMASK_grid", "damask_grid")

POLL_SECONDS = 0.2
"""Interval at which the progress is read. [s]"""
LAST_LINES = 12
"""Number of lines of DAMASK's output that an error quotes."""


class _Step(NamedTuple):
    """One line of DAMASK's `.sta` file: a converged increment, or a piece of one."""

    time: float
    iterations: int


def find_damask() -> Path | None:
    """Return the path of `DAMASK_grid` (or `damask_grid`), None if it is not on the PATH."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    return Path(found) if found else None


def simulate_with_damask(
    rve: Polycrystal,
    material: Material | Mapping[str, Material],
    path: LoadPath,
    *,
    folder: str | Path | None = None,
    numerics: Mapping[str, float] | None = None,
    on_increment: Callable[[float], None] | None = None,
) -> Response:
    """Simulate the full field with DAMASK's spectral solver [Roters2019].

    DAMASK runs in one process, on one thread unless OMP_NUM_THREADS is set.

    Args:
        rve: Polycrystal.
        material: One material for all grains, or one for each phase name.
        path: Load path.
        folder: Folder of input, output and log, where earlier results are replaced; None for a
            temporary folder.
        numerics: Values that replace entries of `case.NUMERICS`.
        on_increment: Called with the time [s] after every increment; DAMASK is killed if it raises.
    Returns:
        Volume averages and the mean orientation of every grain that has voxels. `statistics` holds
        increments, steps (pieces of increments that were cut count), cuts and iterations.
    Raises:
        RuntimeError: if DAMASK is not installed.
        ConvergenceError: if DAMASK does not reach the end of the path.
        FileExistsError: if the folder holds another case.
        ValueError: if a phase has no material, or the result is not of this case.
    """
    program = find_damask()
    if program is None:
        raise RuntimeError(
            f"Engine 'damask' must find the program {PROGRAMS[0]} on the PATH, but does not "
            "(`conda install conda-forge::damask-grid`, or see https://damask-multiphysics.org)."
        )
    with _working_folder(folder) as work:
        write_damask_case(work, rve, material, path, numerics)
        steps = _run(program, work, _end_times(path), on_increment, kept=folder is not None)
        result = work / f"{JOB}.hdf5"
        if not result.is_file():
            raise _failure("leave a result", work, kept=folder is not None)
        response = read_damask_result(result, _with_lattices(rve, material))
        expected = np.concatenate([[0.0], _end_times(path)])
        times = response.time.numpy()
        if len(times) != len(expected) or not np.allclose(times, expected, rtol=1e-6, atol=0):
            raise _failure(
                f"finish {path.increments} increments ({expected[-1]:g} s)",
                work,
                kept=folder is not None,
                instead=f"finished {len(times) - 1} ({times[-1]:g} s)",
            )
    count = float(path.increments)
    statistics = {
        "increments": count,
        "steps": float(len(steps)),
        "cuts": len(steps) - count,
        "iterations": float(sum(step.iterations for step in steps)),
    }
    return replace(response, statistics=statistics)


@contextmanager
def _working_folder(folder: str | Path | None) -> Iterator[Path]:
    if folder is not None:
        yield Path(folder)
        return
    with TemporaryDirectory(prefix="polyxtal-damask-") as temporary:
        yield Path(temporary)


def _with_lattices(rve: Polycrystal, material: Material | Mapping[str, Material]) -> Polycrystal:
    """Return the polycrystal with the lattices of its materials, for averages over grains."""
    names, occupied = rve.phase_names, rve.phase[rve.volume_fractions > 0]
    materials = per_phase(material, Material, occupied, names, "material")
    lattices = material_lattices(rve.lattices, materials, names)
    return Polycrystal(rve.grain_id, rve.orientations, rve.size, rve.phase, names, lattices)


def _end_times(path: LoadPath) -> np.ndarray:
    """Return the time at the end of every increment. [s]"""
    return np.cumsum(np.concatenate([step.time_increments() for step in path.steps]))


def _run(
    program: Path,
    folder: Path,
    ends: np.ndarray,
    on_increment: Callable[[float], None] | None,
    kept: bool,
) -> list[_Step]:
    """Run to the end and report finished increments."""
    progress, log = folder / f"{JOB}.sta", folder / LOG_FILE
    for stale in (progress, folder / f"{JOB}.hdf5"):
        stale.unlink(missing_ok=True)
    command = [str(program.absolute())]
    for option, name in (
        ("--geom", GRID_FILE),
        ("--load", LOAD_FILE),
        ("--material", MATERIAL_FILE),
        ("--numerics", NUMERICS_FILE),
        ("--jobname", JOB),
    ):
        command += [option, name]
    reported = 0

    def report() -> None:
        nonlocal reported
        steps = _read_steps(progress)
        reached = steps[-1].time * (1 + 1e-6) if steps else -1.0
        while on_increment is not None and reported < len(ends) and ends[reported] <= reached:
            on_increment(float(ends[reported]))
            reported += 1

    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while True:
                try:
                    process.wait(POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    report()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        raise _failure(
            f"reach {ends[-1]:g} s", folder, kept, instead=_stopped(process.returncode, progress)
        )
    report()
    return _read_steps(progress)


def _read_steps(progress: Path) -> list[_Step]:
    """Read the complete lines: increment, time, cutback level, converged, iterations, …"""
    if not progress.is_file():
        return []
    text = progress.read_text(encoding="utf-8", errors="replace")
    steps = []
    for line in text[: text.rfind("\n") + 1].splitlines():
        words = line.split()
        if len(words) >= 5 and words[0].isdecimal() and words[4].isdecimal():
            try:
                steps.append(_Step(float(words[1]), int(words[4])))
            except ValueError:
                continue
    return steps


def _stopped(code: int, progress: Path) -> str:
    steps = _read_steps(progress)
    how = f"was ended by signal {-code}" if code < 0 else f"stopped with exit status {code}"
    return f"{how} after {steps[-1].time if steps else 0.0:g} s"


def _failure(must: str, folder: Path, kept: bool, instead: str = "did not") -> ConvergenceError:
    """Return the error with the failure, the place of the log, and its last lines."""
    with (folder / LOG_FILE).open(encoding="utf-8", errors="replace") as log:
        last = deque((line.rstrip() for line in log if line.strip()), maxlen=LAST_LINES)
    where = f"its log is {folder / LOG_FILE}" if kept else "argument `folder` would keep its log"
    ending = "\n".join(["; its output ends with:", *last]) if last else "; it printed nothing."
    return ConvergenceError(f"DAMASK must {must}, but {instead} ({where}){ending}")
