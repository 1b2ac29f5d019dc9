"""What all verbs print in the same way."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import typer
from places import EXAMPLES

from polyxtal.cli import app, console
from polyxtal.cli.clock import CLOCK, print_timing, process_age
from polyxtal.cli.console import deferred_warnings, friendly_errors, progress_bar


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand. [s]"""
    now = [100.0]
    monkeypatch.setattr(console, "perf_counter", lambda: now[0])
    monkeypatch.setattr(console, "LOG_FIRST", 5.0)
    return now


def test_a_log_gets_a_line_from_time_to_time(clock, capsys):
    with progress_bar() as progress:
        progress("full field", 1, 4)
        clock[0] += 20.0
        progress("full field", 2, 4, "2 s of load")
        clock[0] += 29.0
        progress("full field", 3, 4, "3 s of load")
        clock[0] += 1.0
        progress("full field", 4, 4, "4 s of load")
        progress("baseline", 0, 0)
        clock[0] += 31.0
        progress("baseline", 1, 0, "1 s of load")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "2 of 4 full field, 2 s of load, 20 s elapsed, 20 s each, 40 s remaining",
        "4 of 4 full field, 4 s of load, 50 s elapsed, 16.7 s each, 0 s remaining",
        "baseline, 1 s of load, 31 s elapsed, 31 s each",
    ]


def test_a_long_run_says_within_seconds_how_fast_it_is(clock, capsys):
    with progress_bar() as progress:
        progress("steps", 0, 1000)
        clock[0] += console.LOG_FIRST
        progress("read", 0, 0)  # no step, no pace
        progress("steps", 0, 1000)
        for done in range(1, 9):
            clock[0] += 0.25
            progress("steps", done, 1000)
    assert capsys.readouterr().err.splitlines() == [
        "1 of 1000 steps, 0 s elapsed, 4 per s, 250 s remaining"
    ]


def test_a_short_run_prints_no_progress(clock, capsys):
    with progress_bar() as progress:
        for done in range(5):
            progress("response", done, 4)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_stage_note_and_pace(clock, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar() as progress:
        progress("read", 0, 0)
        progress("response", 1, 4, "0.5 s of load")
        clock[0] += 4.0
        progress("response", 3, 4, "0.5 s of load")
    err = capsys.readouterr().err
    assert "read" in err
    assert "response, 0.5 s of load" in err
    assert "2 s each" in err


def test_messages_are_never_longer_than_some_lines(capsys):
    with deferred_warnings():
        warnings.warn("w" * 5000, stacklevel=1)
    with pytest.raises(typer.Exit), friendly_errors(debug=False):
        raise ValueError("file.yaml: " + "x" * 5000)
    warning, error = capsys.readouterr().err.splitlines()
    assert error.startswith("Error: file.yaml: xxx")
    assert warning.startswith("Warning: www")
    assert max(len(error), len(warning)) <= console.MAX_MESSAGE + len("Warning: ")


def test_arguments_of_python_become_options():
    for sentence, said in {
        "Argument `load` must stand alone, but `strain` is given, too.": (
            "Option --load must stand alone, but --strain is given, too."
        ),
        "a.vti: arguments `frame`, `threshold` and `exclude` must be left out.": (
            "a.vti: options --frame, --threshold-deg and --exclude must be left out."
        ),
        "Argument `max_iterations` must be at least 1, but is 0.": (
            "Option --max-iterations must be at least 1, but is 0."
        ),
        "Argument `source` must be a file.": "Option --material must be a file.",
        "Argument `factor` must divide the grid.": "Option --coarsen must divide the grid.",
    }.items():
        assert console.as_options(sentence) == said


@pytest.mark.parametrize(
    "sentence",
    [
        "a.yaml: field `model` must be given, but is not.",
        "Argument `orientations` must hold unit quaternions, but does not.",
        "a.vti: must be whole.",
    ],
)
def test_other_sentences_stay(sentence):
    assert console.as_options(sentence) == sentence


def test_the_options_are_those_of_the_verbs():
    """No option with a value is missing, but those that no sentence about arguments names."""
    command = typer.main.get_command(app)
    commands = [
        c for one in command.commands.values() for c in getattr(one, "commands", {"": one}).values()
    ]
    options = {p.name for c in commands for p in c.params if p.param_type_name == "option"}
    switches = {p.name for c in commands for p in c.params if getattr(p, "is_flag", False)}
    assert options >= console.OPTIONS
    others = set(console.OTHER_NAMES.values())
    assert others <= {name for c in commands for p in c.params for name in p.opts}
    told = {p.name for c in commands for p in c.params if others & set(p.opts)}
    assert options - switches - console.OPTIONS - told == {"out"}


def test_the_wall_time_is_that_of_the_shell(tmp_path):
    """Imports are part of it, and it is the sum of its parts."""
    grid = EXAMPLES / "damask_case" / "grid.vti"
    command = [sys.executable, "-m", "polyxtal", "homogenize", grid, "--no-picture", "--out", "out"]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    shell = time.monotonic() - started
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("Took"))
    total, *parts = map(float, re.findall(r"(\d+\.\d) s", line))
    assert "start and output" in line
    assert total == pytest.approx(sum(parts), abs=0.05 * len(parts) + 0.06)
    if Path("/proc/self/stat").exists():
        # All but the start of the interpreter's process and its end.
        assert 0.5 * shell < total < shell + 0.1


def test_a_command_within_a_process_counts_its_own_time(capsys):
    CLOCK.start()
    print_timing({"read": 1.0}, before=2.0)
    assert capsys.readouterr().out == "Took 2.0 s (read 1.0 s, start and output 1.0 s).\n"
    assert 0 < process_age() < 1e5


def test_a_paused_bar_leaves_both_streams_alone(monkeypatch, capsys):
    """Otherwise rich would move what is printed to the stream of the bar."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with deferred_warnings() as warn, progress_bar() as progress:
        progress("read", 0, 0)
        warnings.warn("odd", stacklevel=1)
        with progress.paused():
            print("table")
            warn()
            out, err = capsys.readouterr()
        progress("response", 1, 4)
    assert out == "table\n"
    assert err.endswith("Warning: odd\n")
    out, err = capsys.readouterr()
    assert out == ""
    assert "response" in err
    assert "odd" not in err
