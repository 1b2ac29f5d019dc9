"""Recognise a laboratory that was finished before."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from polyxtal.files.plain import read_record
from polyxtal.version import __version__
from polyxtal.workflows.inputs.files import identify_inputs
from polyxtal.workflows.lab.settings import SUMMARY, TESTS, LabSettings

RENEWED = ("cup", "fits", "cards", "units", "density")
"""Settings of what follows from the tests."""


def is_finished(folder: str | Path, file: str | Path, settings: LabSettings) -> bool:
    """Return whether a folder holds the laboratory of a file with these settings.

    The number of threads changes no result.

    Args:
        folder: Output folder.
        file: File of the polycrystal.
        settings: Settings.
    """
    return _agree(folder, file, settings, ("threads",))


def finished_tests(folder: str | Path, file: str | Path, settings: LabSettings) -> Path | None:
    """Return the file in a folder with the tests of these settings, whatever followed from them.

    Args:
        folder: Output folder.
        file: File of the polycrystal.
        settings: Settings.
    """
    tests = Path(folder) / TESTS
    same = tests.is_file() and _agree(folder, file, settings, ("threads", *RENEWED))
    return tests if same else None


def _agree(
    folder: str | Path, file: str | Path, settings: LabSettings, without: tuple[str, ...]
) -> bool:
    summary = Path(folder) / SUMMARY
    if not summary.is_file():
        return False
    try:
        found = read_record(summary)
    except ValueError:
        return False
    inputs = identify_inputs(file, settings.material, ebsd=settings.ebsd)
    digests = {part: digest for part, (_, digest) in inputs.items()}
    known = {part: one.get("sha256") for part, one in found.get("inputs", {}).items()}
    wanted = json.loads(json.dumps(asdict(settings)))
    left_out = dict.fromkeys(without)
    same = {**found.get("parameters", {}), **left_out} == {**wanted, **left_out}
    return same and known == digests and found.get("polyxtal") == __version__
