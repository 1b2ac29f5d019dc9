"""Folder of a simulation, resumable until all of its results are written.

    unfinished.json   identifies the simulation; removed when all results are written
    checkpoint.npz    state from which an interrupted run is resumed; checkpoint.previous.npz is the
                      one before it
    simulation.json   written last; with it and without unfinished.json, the simulation is complete

Each file is written atomically, in an order such that the same command can resume after an
interruption between any two of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from polyxtal.files.checkpoints import (
    previous_checkpoint,
    remove_checkpoints,
    verify_to_resume,
)
from polyxtal.files.output_folder import OutputFolder, check_writable
from polyxtal.files.plain import read_record, write_record
from polyxtal.files.run_folder import RunFolder
from polyxtal.mechanics.damask.files import CASE_FILES, JOB

UNFINISHED, CHECKPOINT, SUMMARY = "unfinished.json", "checkpoint.npz", "simulation.json"
CURVE, TAYLOR_CURVE, ORIENTATIONS = "curve.csv", "curve-taylor.csv", "orientations.csv"
PHASES, GRAINS, PICTURE = "phases.csv", "grains.npz", "simulation.png"
FIELDS, DAMASK_FOLDER = "fields", "damask"
KIND = "polyxtal simulation"

OUTPUT = OutputFolder("simulation", ())
_NAMES = (
    UNFINISHED,
    CHECKPOINT,
    previous_checkpoint(Path(CHECKPOINT)).name,
    SUMMARY,
    CURVE,
    TAYLOR_CURVE,
    ORIENTATIONS,
    PHASES,
    GRAINS,
    PICTURE,
    f"{FIELDS}.pvd",
    f"{FIELDS}.hdf5",
)


def check_folder(folder: str | Path) -> Path:
    """Check, before any computation, that a simulation can run in a folder.

    Args:
        folder: New or empty folder, or one with a simulation; other files are kept.
    Returns:
        The folder, with links resolved.
    Raises:
        FileExistsError: if it has other contents.
        NotADirectoryError: if one of its parents is a file.
        PermissionError: if it is not writable.
        ValueError: if the record of an unfinished simulation is damaged.
    """
    target = Path(folder).resolve()
    if not target.is_dir():
        return OUTPUT.check(folder)
    if (target / UNFINISHED).is_file():
        read_record(target / UNFINISHED)  # damage must not look like another program's folder
    entries = sorted(entry.name for entry in target.iterdir() if not _is_temporary(entry.name))
    if _read(target / UNFINISHED) is None and entries and _read(target / SUMMARY) is None:
        raise FileExistsError(
            f"{folder}: an output folder must be new, empty or of an earlier simulation, "
            f"but holds '{entries[0]}' and no simulation."
        )
    check_writable(target, folder)
    return target


def is_finished(folder: str | Path, identity: Mapping[str, Any]) -> bool:
    """Return whether a folder holds this simulation, with all of its results.

    Args:
        folder: See `check_folder`.
        identity: Everything that determines the results, by part: numbers and strings.
    Raises:
        FileExistsError: if it holds the results of another one.
    """
    target = Path(folder)
    summary = None if (target / UNFINISHED).exists() else _read(target / SUMMARY)
    if summary is None:
        return False
    found = summary.get("identity")
    known = found if isinstance(found, dict) else {}
    other = [part for part, value in identity.items() if known.get(part, ...) != value]
    if other:
        raise FileExistsError(
            f"{folder}: must be new or hold this very simulation, but holds a finished one with "
            f"another {other[0]}; pass --force to replace it, or --out for another folder."
        )
    return True


class Run:
    """Running simulation in its folder.

    Attributes:
        folder: The folder.
        resumed_at: Load time reached by an earlier run; None for a new run. [s]
        again: Whether an earlier run left no checkpoint.
        seconds_before: Wall time of the earlier runs. [s]
    """

    def __init__(
        self, folder: Path, identity: Mapping[str, Any], earlier: Mapping[str, Any] | None
    ) -> None:
        """Create the run in a folder without files of another run."""
        self.folder, self._identity = folder, identity
        self.resumed_at = reached(folder)
        self.again = earlier is not None and self.resumed_at is None
        seconds = None if earlier is None else earlier.get("seconds")
        usable = isinstance(seconds, int | float) and self.resumed_at is not None
        self.seconds_before = float(seconds) if usable else 0.0  # type: ignore[arg-type]
        self.note_seconds(0.0)

    @property
    def checkpoint(self) -> Path:
        """Path of the checkpoint."""
        return self.folder / CHECKPOINT

    def note_seconds(self, seconds: float) -> None:
        """Record the wall time of this run for resumed runs. [s]"""
        content = {
            "kind": KIND,
            "simulation": dict(self._identity),
            "seconds": self.seconds_before + seconds,
        }
        write_record(self.folder / UNFINISHED, content)

    def finish(self) -> None:
        """Mark the run as complete."""
        (self.folder / UNFINISHED).unlink()
        remove_checkpoints(self.checkpoint)


@contextmanager
def open_run(folder: str | Path, identity: Mapping[str, Any], force: bool = False) -> Iterator[Run]:
    """Start a simulation in its folder, or resume an unfinished one.

    If the block raises before the first checkpoint, the folder is restored, except for a
    simulation replaced with `force`.

    Args:
        folder: See `check_folder`.
        identity: Everything that determines the results, by part: numbers and strings.
        force: Remove the files of an earlier simulation and restart.
    Raises:
        BlockingIOError: if another process uses the folder.
        FileExistsError: if it has other contents, or a completed or a different unfinished
            simulation and `force` is not set.
        ValueError: if the checkpoint is damaged.
    """
    new = not check_folder(folder).exists()
    target = Path(folder).resolve()
    target.mkdir(parents=True, exist_ok=True)
    with RunFolder(folder, UNFINISHED, "a simulation").lock():
        check_folder(folder)  # repeated while holding the lock
        if not force and is_finished(folder, identity):
            raise FileExistsError(f"{folder}: must be unfinished to go on with, but is finished.")
        earlier = None if force else _read(target / UNFINISHED)
        if earlier is not None:
            _require_same(folder, earlier.get("simulation"), identity)
        if force:
            # First, so that an interruption leaves no checkpoint of another simulation.
            remove_checkpoints(target / CHECKPOINT)
        run = Run(target, identity, earlier)
        _remove(target, everything=run.resumed_at is None)
        try:
            yield run
        except BaseException:
            if not run.checkpoint.exists() and not (target / DAMASK_FOLDER).exists():
                _remove(target, everything=True)
                (target / UNFINISHED).unlink(missing_ok=True)
                if new:
                    with suppress(OSError):
                        target.rmdir()
            raise


def reached(folder: str | Path) -> float | None:
    """Return the load time of the checkpoint in a folder, None without a checkpoint. [s]

    Raises:
        ValueError: if it is damaged.
    """
    checkpoint = Path(folder) / CHECKPOINT
    if not checkpoint.exists():
        return None
    from polyxtal.mechanics.fullfield.checkpoint import time_reached

    try:
        return time_reached(checkpoint)
    except ValueError:
        verify_to_resume(checkpoint)  # says more
        raise


def _read(path: Path) -> dict[str, Any] | None:
    """Return one of the two JSON records; None if missing or not of a simulation."""
    try:
        content = read_record(path)
    except (OSError, ValueError):
        return None
    return content if content.get("kind") == KIND else None


def _require_same(folder: str | Path, earlier: Any, identity: Mapping[str, Any]) -> None:
    known = earlier if isinstance(earlier, dict) else {}
    for part, value in identity.items():
        if known.get(part, ...) != value:
            raise FileExistsError(
                f"{folder}: an unfinished run to go on with must be of this very simulation, but "
                f"its {part} is another; pass --force to replace it, or --out for another folder."
            )


def _is_ours(name: str) -> bool:
    snapshot = rf"{FIELDS}_[0-9]{{4,9}}\.(vti|hdf5)"
    return name in _NAMES or re.fullmatch(snapshot, name) is not None


def _is_temporary(name: str) -> bool:
    """Return whether this is a temporary file of an interrupted run."""
    match = re.fullmatch(r"\.(.+)-[0-9a-f]{12}(\.\w+)", name)
    return match is not None and _is_ours(match[1] + match[2])


def _remove(target: Path, everything: bool) -> None:
    """Remove temporary files of an interrupted run, or all files of a run except its record."""
    for entry in sorted(target.iterdir()):
        old = everything and _is_ours(entry.name) and entry.name != UNFINISHED
        if old or _is_temporary(entry.name):
            entry.unlink()
    damask = target / DAMASK_FOLDER
    if everything and damask.is_dir() and not damask.is_symlink():
        for entry in sorted(damask.iterdir()):
            if entry.name in CASE_FILES or entry.name.startswith((f"{JOB}.", f"{JOB}_")):
                entry.unlink()
        with suppress(OSError):  # it contains other files
            damask.rmdir()
