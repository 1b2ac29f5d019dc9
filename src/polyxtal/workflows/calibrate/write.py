"""Write a calibration to a folder atomically."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from polyxtal.calibration.result import Calibration
from polyxtal.crystal.damask_phase import material_to_phase
from polyxtal.crystal.material import Material
from polyxtal.files.atomic import atomic_file
from polyxtal.files.output_folder import OutputFolder
from polyxtal.files.plain import write_csv, write_json
from polyxtal.files.yaml_text import block, text
from polyxtal.version import __version__
from polyxtal.workflows.calibrate.page import write_page
from polyxtal.workflows.calibrate.run import CalibrationReport
from polyxtal.workflows.summary.provenance import material_summary

SUMMARY, PARAMETERS, CURVES, SAMPLES = (
    "calibration.json",
    "parameters.csv",
    "curves.csv",
    "samples.csv",
)
MATERIAL, PAGE, FITTED, CORNER = "material.yaml", "report.html", "curves.png", "corner.png"
OUTPUT = OutputFolder(
    "calibration", (SUMMARY, PARAMETERS, CURVES, SAMPLES, MATERIAL, PAGE, FITTED, CORNER)
)


def write_calibration(
    report: CalibrationReport, folder: str | Path, force: bool = False, picture: bool = True
) -> Path:
    """Write all files of a calibration atomically; return the folder.

    Args:
        report: The calibration.
        folder: Output folder.
        force: Overwrite an earlier calibration.
        picture: Also draw the figures, which are then part of the page.
    Raises:
        FileExistsError, NotADirectoryError, PermissionError: see `OutputFolder.check`.
    """
    found = report.found
    with OUTPUT.write(folder, force) as temporary:
        write_json(temporary / SUMMARY, summary(report))
        header = ["parameter", "value", "low", "high", "systematic", "first value"]
        write_csv(temporary / PARAMETERS, header, _parameters(report))
        header = ["test", "branch", "measured strain [-]", "specimen strain [-]"]
        header += ["measured stress [MPa]", "noise [MPa]", "fitted stress [MPa]"]
        header += ["low [MPa]", "high [MPa]"]
        write_csv(temporary / CURVES, header, _curves(found))
        if found.posterior is not None and found.posterior.trusted:
            write_csv(temporary / SAMPLES, list(found.free), found.samples().tolist())
        write_material(temporary / MATERIAL, found.material)
        pictures = [temporary / FITTED, temporary / CORNER] if picture else []
        if picture:
            from polyxtal.viz.calibration import draw_corner, draw_fits

            draw_fits(found).savefig(pictures[0])
            draw_corner(found).savefig(pictures[1])
        write_page(temporary / PAGE, report, pictures)
    return Path(folder)


def write_material(path: Path, material: Material) -> None:
    """Write a material as a phase of DAMASK, which `load_material` reads, too."""
    lines = ["phase:", f"  {text(material.name)}:", *block(material_to_phase(material), "    ")]
    with atomic_file(path) as temporary:
        temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")


def summary(report: CalibrationReport) -> dict[str, Any]:
    """Return the content of `calibration.json`."""
    found = report.found
    return {
        "polyxtal": __version__,
        "inputs": {part: {"name": n, "sha256": d} for part, (n, d) in report.inputs.items()},
        "settings": report.config.model_dump(mode="json"),
        "units": {"parameters": "those of the law: MPa, 1/s, -", "compliance": "1/MPa"},
        "parameters": {name: one._asdict() for name, one in found.parameters.items()},
        "correlation": found.correlation.tolist(),
        "remarks": list(found.remarks),
        "other_minima": [
            {"parameters": dict(values), "cost_ratio": ratio}
            for values, ratio in found.other_minima
        ],
        "network": {"leaves": report.config.leaves, "largest_correction": found.bias},
        "full_field": {"error_bound": found.field_error, "corrections": found.rounds},
        "posterior": None
        if found.posterior is None
        else {
            "samples": len(found.posterior.samples),
            "curves": found.posterior.curves,
            "error_of_log_density": found.posterior.error,
            "trusted": found.posterior.trusted,
            "acceptance": found.posterior.acceptance,
            "autocorrelation_steps": _finite(found.posterior.autocorrelation),
        },
        "compliance": found.compliance,
        "tests": [
            {
                "name": one.test.name,
                "direction": one.test.direction,
                "rate": one.test.rate,
                "temperature": one.test.temperature,
                "points": len(one.test.strain),
                "rms": one.rms,
                "noise": one.noise,
                "discrepancy": one.discrepancy,
                "toe": one.toe,
                "r_value": one.r_value,
                "measured_r_value": None if one.test.r_value is None else one.test.r_value[0],
            }
            for one in found.tests
        ],
        "material": material_summary(found.material),
        "seconds": dict(found.seconds),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _parameters(report: CalibrationReport) -> Iterator[list[Any]]:
    from polyxtal.calibration.parameters import get_parameter

    for name, one in report.found.parameters.items():
        yield [name, *map(float, one), get_parameter(report.start, name)]


def _curves(found: Calibration) -> Iterator[list[Any]]:
    for one in found.tests:
        band = one.band if one.band is not None else np.full((2, len(one.stress)), np.nan)
        columns = (
            one.reduced.branch, one.reduced.strain, one.strain, one.reduced.stress,
            one.reduced.deviation, one.stress, *band,
        )  # fmt: skip
        for branch, *row in zip(*(c.tolist() for c in columns), strict=True):
            yield [one.test.name, branch, *("" if v != v else v for v in row)]
