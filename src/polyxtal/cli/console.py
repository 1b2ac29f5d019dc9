"""Console output common to all commands: errors, warnings, progress, timing."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

USER_ERROR, NOT_CONVERGED = 2, 3
"""Exit codes: an error in the input, and a solver that does not converge."""

MAX_MESSAGE = 1000
"""Longest error or warning that is printed. [characters]"""


@contextmanager
def friendly_errors(debug: bool) -> Iterator[None]:
    """Report expected errors as one sentence and an exit code; with `debug`, re-raise them."""
    from polyxtal.algebra.convergence import ConvergenceError

    try:
        yield
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        if debug:
            raise
        sentence = (
            as_options(str(error))
            or f"The computation must succeed, but met a {type(error).__name__}."
        )
        if isinstance(error, OSError) and error.strerror:
            where = f"{error.filename}: " if error.filename else ""
            sentence = f"{where}{error.strerror}."
        typer.echo(f"Error: {_capped(sentence)}", err=True)
        code = NOT_CONVERGED if isinstance(error, ConvergenceError) else USER_ERROR
        raise typer.Exit(code) from error


@contextmanager
def deferred_warnings() -> Iterator[Callable[[], None]]:
    """Print each warning once, in one line, when the block has ended or failed.

    Yields a function that prints those so far.
    """
    said: set[str] = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)

        def tell() -> None:
            for sentence in dict.fromkeys(str(warning.message) for warning in caught):
                if sentence not in said:
                    typer.echo(f"Warning: {_capped(sentence)}", err=True)
                    said.add(sentence)

        try:
            yield tell
        finally:
            tell()


OTHER_NAMES = {
    "align": "--no-align",
    "elastic": "--elastic-gpa",
    "factor": "--coarsen",
    "fixed": "--axis",
    "ghost_correction": "--no-ghost-correction",
    "plane": "--axis",
    "ranges": "--crop",
    "sample_symmetry": "--symmetry",
    "seconds": "--time",
    "source": "--material",
    "spacing": "--section-spacing",
    "threshold": "--threshold-deg",
}
"""Option that sets an argument of another name."""
OPTIONS = {
    "accelerator", "accuracy", "alpha", "angle", "angles", "array", "aspect", "axis", "background",
    "c_over_a", "cards", "case", "centre", "checkpoint_every", "clip", "coarsen", "colors",
    "container", "crop", "cup", "defocusing", "density", "devices", "directions", "engine",
    "ensemble", "epochs", "exclude", "fields", "fields_every", "fits", "frame", "grains", "grid",
    "halfwidth", "hold", "increment", "lattice", "laue", "leaves", "levels", "load", "material",
    "max_filled", "max_iterations", "missing", "model", "name", "nodes", "path", "patience",
    "phase", "picture", "preset", "prestrain", "projection", "rate", "reflections", "resolution",
    "rule", "scheduler", "scheme", "section", "section_spacing", "sections", "seed", "solver",
    "stop_after", "strain", "strategy", "stress", "stress_ratio", "symmetry", "test", "threads",
    "tol", "unit", "units", "unload", "validation", "void", "volume", "workers",
}  # fmt: skip
"""Arguments that the option of the same name sets."""
_ARGUMENT = re.compile(r"\b([Aa])rgument(s?) (?=`)")
_QUOTED = re.compile(r"`(\w+)`")


def as_options(sentence: str) -> str:
    """Return a sentence about arguments of Python as one about the options that set them."""

    def option(name: str) -> str | None:
        own = f"--{name.replace('_', '-')}" if name in OPTIONS else None
        return OTHER_NAMES.get(name, own)

    first = _ARGUMENT.search(sentence)
    if first is None or option(_QUOTED.findall(sentence[first.start() :])[0]) is None:
        return sentence
    begin = "Option" if first[1] == "A" else "option"
    said = _QUOTED.sub(lambda found: option(found[1]) or found[0], sentence[first.end() :])
    return f"{sentence[: first.start()]}{begin}{first[2]} {said}"


def _capped(sentence: str) -> str:
    if len(sentence) <= MAX_MESSAGE:
        return sentence
    from polyxtal.files.wording import shorten_text

    return shorten_text(sentence, MAX_MESSAGE)


LOG_EVERY, LOG_FIRST = 30.0, 5.0
"""Interval between progress lines without a terminal, and time before the first one. [s]"""


@contextmanager
def progress_bar() -> Iterator[ProgressDisplay]:
    """Show progress on stderr: a bar in a terminal, occasional lines in a log."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Log()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeElapsedColumn(),
        TextColumn("remaining"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Bar(bar, bar.add_task("start", total=None, pace=""))


def _pace(spent: float, steps: int) -> str:
    """Return steps per second, or seconds per step; empty before the first step."""
    if not steps or not spent:
        return ""
    return f"{steps / spent:.3g} per s" if steps > spent else f"{spent / steps:.3g} s each"


class _Bar:
    """Progress as a bar in a terminal."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task
        self._stage, self._began, self._first = "", 0.0, 0

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        if stage != self._stage:
            self._stage, self._began, self._first = stage, perf_counter(), done
            self._bar.reset(self._task, total=total or None, completed=done)
        text = f"{stage}, {note}" if note else stage
        # Refresh now: compilation blocks the thread that would do it.
        pace = _pace(perf_counter() - self._began, done - self._first)
        state = {"description": text, "completed": done, "total": total or None}
        self._bar.update(self._task, **state, pace=pace, refresh=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away, so that the block can print."""
        self._bar.stop()
        yield
        self._bar.start()


class _Log:
    """Progress as log lines, at most one per `LOG_EVERY` seconds.

    The first line comes as soon as there is a pace to tell. A stage with a line also gets one at
    its end.
    """

    def __init__(self) -> None:
        self._stage, self._started, self._first = "", 0.0, 0
        self._logged = perf_counter()
        self._began = self._told = False

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        now = perf_counter()
        if stage != self._stage:
            self._stage, self._started, self._first, self._began = stage, now, done, False
        last = self._began and done == total
        spent, steps = now - self._started, done - self._first
        wait = LOG_EVERY if self._told or not steps else LOG_FIRST
        if now - self._logged < wait and not last:
            return
        self._logged, self._began, self._told = now, True, True
        left = f", {spent / steps * (total - done):.0f} s remaining" if steps and total else ""
        count = f"{done} of {total} " if total else ""
        text = f"{stage}, {note}" if note else stage
        pace = f", {known}" if (known := _pace(spent, steps)) else ""
        typer.echo(f"{count}{text}, {spent:.0f} s elapsed{pace}{left}", err=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do nothing: lines of a log stay."""
        yield


ProgressDisplay = _Bar | _Log
"""Progress of a command: a `Progress` that can be paused to print."""
