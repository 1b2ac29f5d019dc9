"""Folder of a resumable run: record of the request, and lock.

A run starts in a new or empty folder, with a JSON record of the request. The same
request resumes it; another one is refused. Only one process at a time may use the folder.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polyxtal.files.output_folder import check_parents
from polyxtal.files.plain import read_record, write_record
from polyxtal.files.wording import shorten


class RunFolder:
    """Folder in which a run is started, resumed and completed.

    Attributes:
        folder: The folder.
        record: Path of the JSON record of the request.
        kind: Name of the run with its article, for errors.
    """

    def __init__(self, folder: str | Path, record: str, kind: str) -> None:
        """Refer to a folder, without reading or writing.

        Args:
            folder: The folder; created when a run is started.
            record: File name of the JSON record.
            kind: Name of the run with its article, such as "a pretraining".
        """
        self.folder, self.kind = Path(folder), kind
        self.record = self.folder / record

    def earlier(self) -> dict[str, Any] | None:
        """Return the record; None if the folder is new or empty.

        Raises:
            FileExistsError: if the folder has other contents, or is a file.
            NotADirectoryError, PermissionError: if it cannot be created.
            ValueError: if the record is damaged.
        """
        if not self.record.is_file():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise FileExistsError(
                    f"{self.folder}: must be new, empty or hold {self.kind}, but is not."
                )
            self.check_place()
            return None
        return read_record(self.record)

    def check_place(self) -> None:
        """Check that the folder exists or can be created.

        Raises:
            FileExistsError: if it is a file.
            NotADirectoryError, PermissionError: if it cannot be created.
        """
        if self.folder.is_dir():
            return
        if self.folder.exists():
            raise FileExistsError(f"{self.folder}: must be a folder to write into, but is a file.")
        check_parents(self.folder.resolve(), self.folder)

    def claim(
        self,
        asked: Mapping[str, Any],
        free: Sequence[str] = (),
        complete: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Start the run, or check that the folder contains the same run.

        Args:
            asked: Request: everything that the result depends on, JSON-serialisable.
            free: Entries that may differ from the record, "a.b" for `b` within `a`; the record
                then keeps the latest value.
            complete: Function that adds entries missing from the record of an older version.
        Returns:
            `asked` after a JSON round trip.
        Raises:
            FileExistsError: if the folder has other contents.
            ValueError: if it contains a run of a different request, or the record is damaged.
        """
        now, earlier = json.loads(json.dumps(asked)), self.earlier()
        if earlier is None:
            self.folder.mkdir(parents=True, exist_ok=True)
        else:
            bound = _without(earlier if complete is None else complete(earlier), free)
            if found := _difference(bound, _without(now, free)):
                name, there, here = found
                raise ValueError(
                    f"{self.folder}: {self.kind} must go on with what it was begun with, but "
                    f"`{name}` is {shorten(there)} there and {shorten(here)} here."
                )
        if earlier != now:
            write_record(self.record, now)
        return now

    @contextmanager
    def run(
        self,
        asked: Mapping[str, Any],
        free: Sequence[str] = (),
        complete: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Lock the folder and claim it for a run while the block runs; see `claim`.

        Yields:
            `asked` after a JSON round trip.
        Raises:
            BlockingIOError: if another process uses the folder.
            FileExistsError: if the folder has other contents.
            ValueError: if it contains a run of a different request, or the record is damaged.
        """
        self.earlier()  # refuses before anything is created
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.lock():
            yield self.claim(asked, free, complete)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder while the block runs, if the system supports locks.

        Raises:
            BlockingIOError: if another process uses the folder.
        """
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BlockingIOError(
                    f"{self.folder}: only one process at a time may work on {self.kind}, "
                    "but another one is running."
                ) from None
            except OSError:
                pass  # file system without locks
            yield
        finally:
            os.close(descriptor)


def _without(record: Mapping[str, Any], free: Sequence[str]) -> dict[str, Any]:
    left = copy.deepcopy(dict(record))
    for name in free:
        one: Any = left
        *parents, last = name.split(".")
        for parent in parents:
            one = one.get(parent) if isinstance(one, dict) else None
        if isinstance(one, dict):
            one.pop(last, None)
    return left


def _difference(there: Any, here: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """Return the first, innermost entry of `here` that differs from `there`."""
    if there == here:
        return None
    if not (isinstance(there, dict) and isinstance(here, dict)):
        return name, there, here
    # At the top level, ignore entries of older versions that no longer exist.
    for key in here if not name else {**there, **here}:
        found = _difference(there.get(key), here.get(key), f"{name}.{key}".lstrip("."))
        if found is not None:
            return found
    return None
