"""The wall time of a command as the shell sees it, from the start of the process."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import typer


@dataclass
class CommandClock:
    """The clock of the running command.

    Attributes:
        startup: Time from the start of the process to the first import of commands; zero where a
            command is not the process. [s]
        began: Reading of `perf_counter` at the start of the command. [s]
    """

    startup: float = 0.0
    began: float = field(default_factory=perf_counter)

    def start(self) -> None:
        """Start the command."""
        self.began = perf_counter()

    def seconds(self) -> float:
        """Return the wall time so far. [s]"""
        return self.startup + perf_counter() - self.began


CLOCK = CommandClock()


def process_age() -> float:
    """Return the time since the process started; zero where the system does not tell. [s]"""
    try:
        # The name, in parentheses, may have blanks; the start is the 22nd entry [proc(5)].
        started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        return max(0.0, since_boot - int(started) / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0


def print_timing(parts: Mapping[str, float], before: float = 0.0) -> None:
    """Print the wall time of a command, of its stages and of the rest. [s]

    Args:
        parts: Wall time of each stage.
        before: Wall time of earlier runs that this one resumed.
    """
    total = CLOCK.seconds() + before
    rest = max(0.0, total - sum(parts.values()))
    every = {**parts, "start and output": rest}
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in every.items())
    typer.echo(f"Took {total:.1f} s ({stages}).")
