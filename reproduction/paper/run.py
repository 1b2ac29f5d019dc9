"""All steps in order, and the comparison of their results with the paper's."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.files.plain import write_json
from polyxtal.files.run_folder import RunFolder
from reproduction.latent.embedding import check_method
from reproduction.paper import cost, curves, heads, materials, parameters, pretraining, stiffness
from reproduction.paper.comparison import write_comparison
from reproduction.paper.presets import PaperPreset
from reproduction.paper.report import REPORT, write_report
from reproduction.paper.steps import RESULTS, Step, finished, take
from reproduction.pretrained import versions

CONFIG, STUDY = "paper.json", "study.json"


@dataclass(frozen=True)
class PaperSettings:
    """Settings of the study.

    Attributes:
        name: Name of the preset, or its file.
        preset: Sizes of the reproduction.
        only: Names of steps to run; empty for all.

    Raises:
        ValueError: if a step is unknown.
    """

    name: str
    preset: PaperPreset
    only: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Validate before anything is computed."""
        known = [step.name for step in paper_steps(self.preset)]
        unknown = [name for name in self.only if name not in known]
        if unknown:
            raise ValueError(
                f"Option --only must name steps of {', '.join(known)}, but names '{unknown[0]}'."
            )
        check_method(self.preset.method)

    @property
    def command(self) -> str:
        """The command that runs this study."""
        return f"python -m reproduction paper --preset {self.name} --out DIR"


def paper_steps(preset: PaperPreset) -> list[Step]:
    """Return the steps in order; later ones need earlier ones."""
    return [
        Step("materials", "Tables 1 and 3: the material", materials.run),
        Step(
            "pretraining", "Fig. 4: pretraining over the share of hidden patches", pretraining.run
        ),
        Step("latent", "Fig. 5: the map of latent vectors", pretraining.run_latent),
        Step("stiffness", "Fig. 6 and 7: stiffness from [CLS]", stiffness.run),
        Step("parameters", "Fig. 8 and 9: networks from [CLS]", parameters.run),
        Step("heads", "Heads that predict networks", heads.run),
        *(
            Step(
                name, f"Fig. 10 and Table 2: {part.title}" if place == 0 else part.title, curves.run
            )
            for place, (name, part) in enumerate(preset.curves.items())
        ),
        Step("cost", "What each answer costs", cost.run),
    ]


def study_paper(
    settings: PaperSettings,
    folder: str | Path,
    progress: Progress = no_progress,
) -> Path:
    """Run all steps, or resume them, and write the report.

    Args:
        settings: Settings of the study.
        folder: Output folder, new or of the same preset.
        progress: Called before each step, with its title, and within it.
    Returns:
        Path of the report.
    Raises:
        FileNotFoundError: if a model is missing.
        BlockingIOError: if another process uses the folder.
        FileExistsError: if the folder holds something else.
        ValueError: if it was begun with another preset.
        ConvergenceError: if a solver or a fit does not converge.
    """
    target = Path(folder)
    preset = settings.preset
    steps = paper_steps(preset)
    record = RunFolder(target, CONFIG, "a reproduction of the paper")
    with record.run(preset.model_dump(mode="json")):
        for step in steps:
            if settings.only and step.name not in settings.only:
                continue
            if finished(target, step.name) is None:
                progress(step.title, 0, 0)
            take(step, preset, target, progress)
        return write_all(settings, target, steps)


def write_all(settings: PaperSettings, folder: Path, steps: Sequence[Step]) -> Path:
    """Write comparison, settings and report of all finished steps; return the report's path."""
    results = folder / RESULTS
    done: dict[str, Mapping[str, Any]] = {
        step.name: about for step in steps if (about := finished(folder, step.name)) is not None
    }
    about = {
        "command": settings.command,
        "versions": versions(),
        "machine": {"cores": os.cpu_count(), "processor": platform.machine()},
        "preset": settings.preset.model_dump(mode="json"),
        "steps": {name: {"seconds": one["seconds"]} for name, one in done.items()},
        "unfinished": [step.name for step in steps if step.name not in done],
    }
    write_json(results / STUDY, about)
    write_comparison(settings.preset, results)
    write_report(results, about, done)
    return results / REPORT
