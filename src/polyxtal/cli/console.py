"""What all verbs say in the same way: mistakes, progress, and where the results are."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

USER_ERROR, NOT_CONVERGED = 2, 3
"""Exit codes: what the user can mend, and a solver that gives up."""


@contextmanager
def one_sentence(debug: bool) -> Iterator[None]:
    """Turn what a user can mend into one sentence and an exit code; with `debug`, let it rise."""
    from polyxtal.algebra.convergence import ConvergenceError

    try:
        yield
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        if debug:
            raise
        sentence = str(error) or f"The computation must succeed, but met a {type(error).__name__}."
        if isinstance(error, OSError) and error.strerror:
            where = f"{error.filename}: " if error.filename else ""
            sentence = f"{where}{error.strerror}."
        typer.echo(f"Error: {sentence}", err=True)
        code = NOT_CONVERGED if isinstance(error, ConvergenceError) else USER_ERROR
        raise typer.Exit(code) from error


@contextmanager
def beware() -> Iterator[None]:
    """Say each warning in one line, once, when the rest is done or has failed."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        finally:
            for sentence in dict.fromkeys(str(warning.message) for warning in caught):
                typer.echo(f"Beware: {sentence}", err=True)


class Stages:
    """The line of progress: a stage, how far it is, and a bar where the end is known."""

    def __init__(self, shown: Progress, task: TaskID) -> None:
        """Take the line to write to."""
        self._shown, self._task, self._stage = shown, task, "start"

    def begin(self, stage: str, steps: int = 0, note: str = "") -> None:
        """Begin a stage of so many steps, 0 if unknown."""
        self._stage = stage
        # At once, because a compiler holds up the thread that would refresh.
        self._shown.update(
            self._task,
            description=f"{stage} ({note})" if note else stage,
            completed=0,
            total=steps or None,
            refresh=True,
        )

    def advance(self, note: str) -> None:
        """Tell of one more step, from any thread."""
        self._shown.update(self._task, description=f"{self._stage}, {note}", advance=1)


@contextmanager
def stages() -> Iterator[Stages]:
    """Show progress on the error stream, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        yield Stages(progress, progress.add_task("start", total=None))


SAY_EVERY = 30.0
"""Time between two lines of progress where there is no terminal. [s]"""


@contextmanager
def counted(what: str, total: int) -> Iterator[Callable[..., None]]:
    """Show how many of a total are done and how long the rest takes, on the error stream.

    Yields what to call with the number that is done, and perhaps a note. A terminal shows a bar; a
    log gets a line at the start, from time to time, and at the end.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    started, said, first = perf_counter(), -math.inf, None
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)

        def tell(done: int, note: str = "") -> None:
            nonlocal said, first
            said_of = f"{what}, {note}" if note else what
            progress.update(task, completed=done, description=said_of, refresh=True)
            now = perf_counter()
            first = done if first is None else first
            if console.is_terminal or (now - said < SAY_EVERY and done < total):
                return
            said = now
            left = "unknown"
            if done > first:
                left = f"{(now - started) / (done - first) * (total - done):.0f} s"
            typer.echo(f"{done} of {total} {said_of}, {now - started:.0f} s, left {left}", err=True)

        yield tell


def say_time(total: float, parts: dict[str, float]) -> None:
    """Print how long a verb took, and its stages. [s]"""
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in parts.items())
    typer.echo(f"Took {total:.1f} s ({stages}).")
