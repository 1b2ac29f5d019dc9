"""A growing series of snapshots: one file per time, and an index that lists them."""

from __future__ import annotations

import math
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from polyxtal.files.atomic import atomic_file, atomic_files
from polyxtal.files.wording import shorten

MAX_NUMBER = 999_999_999
"""Largest number of a snapshot."""


class Snapshot(NamedTuple):
    """A snapshot in the index.

    Attributes:
        number: Number of its increment, part of its name.
        time: Time. [s]
    """

    number: int
    time: float


class SnapshotSeries(ABC):
    """A growing series of snapshots on disk; every file is written atomically.

    A killed run leaves at most one snapshot that the index does not list, and hidden temporary
    files; neither is read. Snapshots are listed in the order of their numbers and times.

    Attributes:
        suffix: Ending of the series' path and of its snapshots.
        starts_at_zero: Whether the undeformed state must be its first snapshot.
        index: The file to open.
    """

    suffix: ClassVar[str]
    starts_at_zero: ClassVar[bool] = False
    index: Path

    def __init__(self, path: str | Path, *, resume: bool = False, replace: bool = False) -> None:
        """Begin a series with an empty index, or continue one.

        Args:
            path: Folder and name of the series.
            resume: Keep the listed snapshots that exist; without an index, begin a new series.
            replace: Remove an existing series, i.e. the files that its index lists.
        Raises:
            FileNotFoundError: if the folder does not exist.
            PermissionError: if the folder is not writable.
            FileExistsError: if a series of this name exists (unless `resume` or `replace`), or
                snapshots of this name that belong to no index.
            ValueError: if an argument is invalid, or the index is not one of this series.
        """
        self._path = Path(path)
        if self._path.suffix != self.suffix or not self._path.stem.isprintable():
            raise ValueError(
                f"{shorten(str(path))}: a field series must have a printable name that ends in "
                f"{self.suffix}, but has not."
            )
        if resume and replace:
            raise ValueError(f"{path}: a field series must be resumed or replaced, but not both.")
        self.index = self._name_index(self._path)
        _require_writable(self._path)
        self._entries = self._begin(resume, replace)
        self._write_listing(self._entries)

    @classmethod
    def _name_index(cls, path: Path) -> Path:
        """Return the path of the index."""
        return path

    @abstractmethod
    def _prepare(self, fields: Mapping[str, Any]) -> Any:
        """Return the content of a snapshot, or raise ValueError before anything is written."""

    @abstractmethod
    def _write_snapshot(self, path: Path, snapshot: Snapshot, content: Any) -> None:
        """Write a snapshot."""

    @abstractmethod
    def _write_index(self, path: Path, entries: Sequence[Snapshot]) -> None:
        """Write the index."""

    @abstractmethod
    def _parse_index(self) -> list[tuple[str, float]]:
        """Return the names and times that the index lists, whatever they are."""

    def _has(self, entry: Snapshot) -> bool:
        """Return whether a listed snapshot exists."""
        return self._file(entry.number).is_file()

    @property
    def files(self) -> tuple[Path, ...]:
        """The snapshots that the index lists, in order of time."""
        return tuple(self._file(entry.number) for entry in self._entries)

    @property
    def times(self) -> tuple[float, ...]:
        """The times of the snapshots. [s]"""
        return tuple(entry.time for entry in self._entries)

    def append(self, number: int, time: float, fields: Mapping[str, Any]) -> None:
        """Write a snapshot, then the index.

        Args:
            number: Number of the increment, above the last one; becomes part of the file name.
            time: Time, after the last one. [s]
            fields: Fields by name.
        Raises:
            ValueError: if number, time or a field is invalid; nothing is written.
            OSError: if the files cannot be written; the series is unchanged.
        """
        last = self._entries[-1] if self._entries else Snapshot(-1, -math.inf)
        if not last.number < number <= MAX_NUMBER:
            raise ValueError(
                f"{self.index}: the number of a snapshot must be {last.number + 1} to "
                f"{MAX_NUMBER}, but is {number}."
            )
        if not (math.isfinite(time) and time > last.time):
            raise ValueError(
                f"{self.index}: the time of a snapshot must be finite and later than {last.time}, "
                f"but is {time}."
            )
        if not fields:
            raise ValueError(f"{self.index}: a snapshot must have fields, but has none.")
        content = self._prepare(fields)
        target = self._file(number)
        if target.is_symlink():
            raise FileExistsError(f"{target}: a snapshot must be a file of its own, but is a link.")
        entry = Snapshot(number, float(time))
        entries = [*self._entries, entry]
        try:
            with atomic_files(target, self.index) as (snapshot, listing):
                self._write_snapshot(snapshot, entry, content)
                self._write_index(listing, entries)
        except OSError as error:
            reason = " ".join(str(error).split())
            raise OSError(f"{target}: must be written, but is not ({reason}).") from error
        self._entries = entries

    def truncate(self, after_time: float) -> None:
        """Remove all snapshots after a time, and their files.

        Args:
            after_time: Time of the last snapshot to keep. [s]
        Raises:
            ValueError: if the time is not a number.
        """
        if math.isnan(after_time):
            raise ValueError(f"{self.index}: the time to go back to must be a number, but is NaN.")
        kept = [entry for entry in self._entries if entry.time <= after_time]
        if kept == self._entries:
            return
        # Files first: what is killed in between lists files that are gone, and resuming skips them.
        self._remove(self._entries[len(kept) :])
        self._entries = kept
        self._write_listing(kept)

    def finish(self) -> None:  # noqa: B027
        """Bring the finished series into its final form: as it is, unless a format differs."""

    def _write_listing(self, entries: Sequence[Snapshot]) -> None:
        with atomic_file(self.index) as listing:
            self._write_index(listing, entries)

    def _begin(self, resume: bool, replace: bool) -> list[Snapshot]:
        """Read the index, clear the way for a new series, and return what stays listed."""
        exists = self.index.exists()
        if exists and not (resume or replace):
            raise FileExistsError(
                f"{self.index}: a field series must be new, resumed or replaced, but this one "
                f"exists and neither `resume` nor `replace` is set."
            )
        listed = self._read_index() if exists else []
        if exists and resume:
            return [entry for entry in listed if self._has(entry)]
        known = {self._file(entry.number).name for entry in listed}
        strangers = [
            name
            for name in sorted(os.listdir(self._path.parent))
            if self._number(name) is not None and name not in known
        ]
        if strangers:
            raise FileExistsError(
                f"{self._path.with_name(strangers[0])}: a new field series must not meet snapshots "
                f"of its name that no index lists, but meets {len(strangers)}."
            )
        self._remove(listed)
        return []

    def _remove(self, entries: Sequence[Snapshot]) -> None:
        for entry in reversed(entries):
            self._file(entry.number).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.stem}_{number:04d}{self._path.suffix}")

    def _number(self, name: str) -> int | None:
        """Return the number in a snapshot's name; None for other files."""
        stem, suffix = re.escape(self._path.stem), re.escape(self._path.suffix)
        match = re.fullmatch(rf"{stem}_([0-9]{{4,9}}){suffix}", name)
        if match is None or name != self._file(int(match.group(1))).name:
            return None
        return int(match.group(1))

    def _read_index(self) -> list[Snapshot]:
        """Read the index, trusting none of it."""
        entries: list[Snapshot] = []
        last = Snapshot(-1, -math.inf)
        for name, time in self._parse_index():
            number = self._number(name)
            if number is None:
                raise ValueError(
                    f"{self.index}: must list snapshots of its own such as {self._file(0).name}, "
                    f"but lists {shorten(name)}."
                )
            if not (math.isfinite(time) and number > last.number and time > last.time):
                raise ValueError(
                    f"{self.index}: numbers and finite times must increase from snapshot to "
                    f"snapshot, but do not at {shorten(name)}."
                )
            last = Snapshot(number, time)
            entries.append(last)
        return entries


def _require_writable(path: Path) -> None:
    """Fail before the simulation, not at its first snapshot."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder to write into must exist, but does not.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(f"{path}: the folder to write into must be writable, but is not.")
