"""The folder of a run that may be killed and resumed: what it was begun with, and who works in it.

A run is begun in a new or empty folder, where a JSON record says what was asked for. The same
command resumes it; another one is refused. Only one process at a time works in the folder.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polyxtal.files.bounded import read_bounded
from polyxtal.files.plain import write_json
from polyxtal.files.yaml import shorten

MAX_JSON = 1 << 22


class RunFolder:
    """A folder in which a run is begun, resumed and finished.

    Attributes:
        folder: The folder.
        record: Path of the JSON file that says what was asked for.
        kind: What the run is called, with its article, for errors.
    """

    def __init__(self, folder: str | Path, record: str, kind: str) -> None:
        """Refer to a folder; nothing is read or written yet.

        Args:
            folder: The folder; created when a run is begun.
            record: Name of the JSON file within.
            kind: What the run is called, with its article, such as "a pretraining".
        """
        self.folder, self.kind = Path(folder), kind
        self.record = self.folder / record

    def earlier(self) -> dict[str, Any] | None:
        """Read the record; None if the folder is new or empty.

        Raises:
            FileExistsError: if the folder holds something else.
            ValueError: if the record is damaged.
        """
        if not self.record.is_file():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise FileExistsError(
                    f"{self.folder}: must be new, empty or hold {self.kind}, but is not."
                )
            return None
        try:
            content = json.loads(read_bounded(self.record, MAX_JSON))
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{self.record}: must say what was begun, but can not be read."
            ) from error
        if not isinstance(content, dict):
            raise ValueError(f"{self.record}: must say what was begun, but is no mapping.")
        return content

    def claim(
        self,
        asked: Mapping[str, Any],
        free: Sequence[str] = (),
        complete: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Begin the run, or make sure that it is the one that is there.

        Args:
            asked: All that the result depends on: what JSON can hold.
            free: Entries that may differ from the record's, "a.b" for `b` within `a`; the record
                then keeps the latest.
            complete: Fills in entries of an earlier record that an older version did not write.
        Returns:
            `asked`, as JSON holds it.
        Raises:
            FileExistsError: if the folder holds something else.
            ValueError: if it holds a run that was begun otherwise, or the record is damaged.
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
            write_json(self.record, now)
        return now

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out while the block runs, where the system can.

        Raises:
            BlockingIOError: if another process works in the folder.
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
                    f"{self.folder}: only one process must work on {self.kind}, but another one "
                    "is running."
                ) from None
            except OSError:
                pass  # a file system without locks
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
    """Find the first entry, as deep as possible, of `here` that differs from `there`."""
    if there == here:
        return None
    if not (isinstance(there, dict) and isinstance(here, dict)):
        return name, there, here
    # At the top, an older version may have written entries that there are no more.
    for key in here if not name else {**there, **here}:
        found = _difference(there.get(key), here.get(key), f"{name}.{key}".lstrip("."))
        if found is not None:
            return found
    return None
