"""The progress of long computations: one protocol for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter
from typing import Protocol, runtime_checkable

COMPILING = "compiling, the first time only"
"""Note of a stage whose kernels compile before its first step."""


def time_of_load(time: float) -> str:
    """Return the note of an increment that ends at a time [s]."""
    return f"{time:.3g} s of load"


@runtime_checkable
class Progress(Protocol):
    """A function that long computations call after every step, possibly from several threads."""

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        """Report progress.

        Args:
            stage: Name of the stage, such as "full field".
            done: Number of finished steps; 0 at the beginning of a stage.
            total: Number of steps of the stage; 0 if unknown.
            note: State worth showing, such as the time of load or a residual.
        """


def no_progress(stage: str, done: int, total: int, note: str = "", /) -> None:
    """Report nothing."""


def as_stage(progress: Progress, name: str) -> Progress:
    """Report the progress of a part under another stage's name."""

    def report(stage: str, done: int, total: int, note: str = "", /) -> None:
        progress(name, done, total, note)

    return report


class Stages:
    """The stages of a computation: reports the progress of each and measures its wall time.

    Attributes:
        seconds: Wall time of every finished stage, of all its runs together. [s]

    Example:
        >>> stages = Stages(lambda *report: print(report))
        >>> with stages.stage("response", 2) as step:
        ...     step("0.5 s of load")
        ('response', 0, 2, '')
        ('response', 1, 2, '0.5 s of load')
    """

    def __init__(self, progress: Progress | None = None) -> None:
        """Start without a stage.

        Args:
            progress: Called at the beginning of each stage and after every step.
        """
        self.seconds: dict[str, float] = {}
        self._progress = progress or no_progress

    def report(self, name: str, done: int, total: int, note: str = "") -> None:
        """Report the progress of a stage whose number of steps is not known at its start."""
        self._progress(name, done, total, note)

    @contextmanager
    def stage(
        self, name: str, total: int = 0, done: int = 0, note: str = ""
    ) -> Iterator[Callable[[str], None]]:
        """Run a stage; yields the function to call with a note after every step.

        Args:
            name: Name of the stage.
            total: Number of steps; 0 if unknown.
            done: Number of steps finished in an earlier run.
            note: Note at the beginning.
        """
        started, lock = perf_counter(), Lock()
        self._progress(name, done, total, note)

        def step(note: str = "") -> None:
            nonlocal done
            with lock:
                done += 1
                self._progress(name, done, total, note)

        yield step
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - started
