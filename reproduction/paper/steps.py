"""Steps of a reproduction; each is resumable."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from PIL import Image

from polyxtal.algebra.progress import Progress
from polyxtal.files.atomic import atomic_file
from polyxtal.files.plain import read_record, write_record
from reproduction.paper.presets import PaperPreset

WORK, RESULTS, DONE, SPENT = "work", "results", "step.json", "seconds.json"
DPI = 100


@dataclass
class Place:
    """Settings and folders of a step, and the files that it has written.

    Attributes:
        preset: Sizes of the reproduction.
        folder: Folder of the reproduction.
        name: Name of the step.
        progress: Called as the step proceeds.
        tables: Captions of tables, by file.
        pictures: Captions of pictures, by file.
        commands: Commands that run the step's parts one by one.
        remarks: Remarks on the results.
    """

    preset: PaperPreset
    folder: Path
    name: str
    progress: Progress
    tables: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def work(self) -> Path:
        """The step's own working folder, created if missing."""
        place = self.folder / WORK / self.name
        place.mkdir(parents=True, exist_ok=True)
        return place

    def shared(self, name: str) -> Path:
        """Return a working folder shared by several steps."""
        return self.folder / WORK / name

    @property
    def results(self) -> Path:
        """The folder of tables and pictures, created if missing."""
        place = self.folder / RESULTS / self.name
        place.mkdir(parents=True, exist_ok=True)
        return place

    def table(
        self, file: str, caption: str, header: Sequence[str], rows: Iterable[Iterable[Any]]
    ) -> None:
        """Write a table; unknown values are empty cells."""
        write_table(self.results / file, header, rows)
        self.tables[file] = caption

    def picture(self, file: str, caption: str, figure: Figure) -> None:
        """Write a picture of 256 colours, which takes a third of the space of true colour."""
        whole = io.BytesIO()
        figure.savefig(whole, format="png", dpi=DPI)
        with atomic_file(self.results / file) as temporary, Image.open(whole) as image:
            image.convert("RGB").quantize(256).save(temporary, format="png", optimize=True)
        self.pictures[file] = caption


class Step(NamedTuple):
    """One part of the reproduction.

    Attributes:
        name: Name of its folders.
        title: Title in the report.
        run: Function that runs or resumes the step.
    """

    name: str
    title: str
    run: Callable[[Place], None]


def write_table(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file in full precision; NaN and None are empty cells."""
    with (
        atomic_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Any) -> Any:
    unknown = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if unknown else value


def finished(folder: Path, name: str) -> dict[str, Any] | None:
    """Read the record of a finished step; None if it is not finished."""
    path = folder / RESULTS / name / DONE
    if not path.is_file():
        return None
    try:
        found = read_record(path)
        files = (path.parent / file for kind in ("tables", "pictures") for file in found[kind])
        return found if all(file.is_file() for file in files) else None
    except (ValueError, KeyError, TypeError):
        return None  # damaged: run again


def take(step: Step, preset: PaperPreset, folder: Path, progress: Progress) -> dict[str, Any]:
    """Run a step unless it is finished; return its record.

    Its time is the sum over all attempts, interrupted ones up to their last progress.
    """
    found = finished(folder, step.name)
    if found is not None:
        return found
    before, started = _spent(folder, step.name), perf_counter()

    def watch(stage: str, done: int, total: int, note: str = "", /) -> None:
        _spend(folder, step.name, before + perf_counter() - started)
        progress(f"{step.title}: {stage}", done, total, note)

    place = Place(preset, folder, step.name, watch)
    try:
        step.run(place)
    finally:
        seconds = before + perf_counter() - started
        _spend(folder, step.name, seconds)
    about: Mapping[str, Any] = {
        "title": step.title,
        "seconds": round(seconds, 1),
        "commands": place.commands,
        "tables": place.tables,
        "pictures": place.pictures,
        "remarks": place.remarks,
    }
    write_record(place.results / DONE, about)
    return dict(about)


def _spent(folder: Path, name: str) -> float:
    path = folder / WORK / f"{name}-{SPENT}"
    try:
        return float(read_record(path)["seconds"]) if path.is_file() else 0.0
    except (ValueError, KeyError, TypeError):
        return 0.0


def _spend(folder: Path, name: str, seconds: float) -> None:
    # Beside the step's own folder, which other commands may want to find new.
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    write_record(folder / WORK / f"{name}-{SPENT}", {"seconds": seconds})
