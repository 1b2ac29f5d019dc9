"""Interrupted commands: Ctrl-C (SIGINT) and SIGTERM."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143
"""Exit codes after Ctrl-C and after SIGTERM."""


class Termination(KeyboardInterrupt):
    """SIGTERM, which ends a command like Ctrl-C."""


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Termination` at a SIGTERM within the block; signals reach the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Termination

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code(stop: KeyboardInterrupt) -> int:
    """Return the exit code of an interrupted command."""
    return TERMINATED if isinstance(stop, Termination) else INTERRUPTED


def command_to_resume(force: bool = False) -> str:
    """Return the command line that was given.

    Args:
        force: Keep `--force`, where it does not start anew.
    """
    return shlex.join(["polyxtal", *(word for word in sys.argv[1:] if force or word != "--force")])
