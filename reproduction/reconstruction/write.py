"""Write a study of reconstructions to a folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polyxtal.files.output_folder import OutputFolder
from polyxtal.files.plain import write_csv, write_json
from reproduction.pretrained import UNSEEN_SEED, versions
from reproduction.reconstruction.draw import draw_reconstruction
from reproduction.reconstruction.measure import ReconstructionStudy
from reproduction.unseen import plain

SUMMARY, TABLE = "reconstruction.json", "reconstruction.csv"
SLICES, PICTURE = "slices.csv", "reconstruction.png"
FILES = (SUMMARY, TABLE, SLICES, PICTURE)
OUTPUT = OutputFolder("study of reconstructions", FILES)


def write_reconstruction(
    study: ReconstructionStudy, folder: str | Path, force: bool = False
) -> Path:
    """Write tables, summary and picture, or nothing.

    Returns:
        The picture.
    Raises:
        FileExistsError, NotADirectoryError, PermissionError: see `OutputFolder.check`.
    """
    with OUTPUT.write(folder, force) as temporary:
        write_json(temporary / SUMMARY, summary(study))
        rows = (
            [plain(name), row["loss"], row["degrees"]] for name, row in study.evaluation.items()
        )
        write_csv(temporary / TABLE, ["predictor", "loss [-]", "disorientation [degrees]"], rows)
        names = list(study.slices[0].degrees)
        header = [
            "number",
            "z",
            "hidden share [-]",
            *(f"{plain(name)} [degrees]" for name in names),
        ]
        write_csv(temporary / SLICES, header, _slice_rows(study))
        draw_reconstruction(study).savefig(temporary / PICTURE)
    return Path(folder) / PICTURE


def summary(study: ReconstructionStudy) -> dict[str, Any]:
    """Gather what `reconstruction.json` holds: plain numbers, lists and strings."""
    settings = study.settings
    return {
        "command": settings.command,
        "versions": versions(),
        "model": dict(study.identity),
        "mask": study.mask,
        "seeds": {"study": settings.seed, "added_to_pretraining_for_rves": UNSEEN_SEED},
        "rves": settings.judge,
        "judged": {name: dict(measures) for name, measures in study.evaluation.items()},
        "units": {"loss": "-", "degrees": "degrees"},
        "convention": "loss: mean squared error of the numbers in hidden patches; degrees: mean "
        "disorientation of their voxels",
    }


def _slice_rows(study: ReconstructionStudy) -> Iterator[list[float | str]]:
    for one in study.slices:
        yield [one.number, one.z, one.share, *one.degrees.values()]
