"""Estimate an orientation density, and write its report, pictures and file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from polyxtal.files.output_folder import OutputFolder
from polyxtal.microstructure.io.odf_file import write_odf
from polyxtal.workflows.texture.draw import draw_texture
from polyxtal.workflows.texture.inputs import read_texture_input
from polyxtal.workflows.texture.report import report_lines, texture_report
from polyxtal.workflows.texture.settings import TextureSettings

FOLDER = OutputFolder("texture", ("report.json", "odf.npz", "texture.png", "pole_figures.png"))


def run_texture(
    files: Sequence[Path],
    settings: TextureSettings,
    out: Path | None = None,
    picture: bool = True,
    force: bool = False,
) -> tuple[list[str], Path]:
    """Estimate, report and write; return the lines of the report and the folder.

    Raises:
        FileNotFoundError, FileExistsError, ValueError: if an input or the folder is invalid.
    """
    folder = out or FOLDER.default(files[0])
    FOLDER.check(folder, force)
    given = read_texture_input(files, settings)
    report = texture_report(given.odf, given.phase, given.inversion)
    with FOLDER.write(folder, force) as temporary:
        (temporary / "report.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
        write_odf(given.odf, temporary / "odf.npz")
        if picture:
            for name, figure in draw_texture(given, settings).items():
                figure.savefig(temporary / name)
    return report_lines(report), folder
