"""Estimate an orientation density, and write its report, pictures and file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_bunge
from polyxtal.crystal.laue import CUBIC
from polyxtal.files.output_folder import OutputFolder
from polyxtal.microstructure.io.odf_file import write_odf
from polyxtal.texture.components import miller_orientation
from polyxtal.texture.orientation_density import ODF
from polyxtal.texture.sheet import ROLLING_COMPONENTS
from polyxtal.workflows.texture.draw import draw_texture
from polyxtal.workflows.texture.inputs import read_texture_input

FOLDER = OutputFolder("texture", ("report.json", "odf.npz", "texture.png"))
COMPONENTS, NAMED = 5, math.radians(10)
"""Most components, and the disorientation within which one has a rolling component's name."""
Direction = tuple[float, float, float]
CUBIC_FIBRES: dict[str, tuple[Direction, Direction]] = {
    "alpha <110> || x": ((1, 1, 0), (1, 0, 0)),
    "gamma <111> || z": ((1, 1, 1), (0, 0, 1)),
    "tau <110> || y": ((1, 1, 0), (0, 1, 0)),
    "<001> || z": ((0, 0, 1), (0, 0, 1)),
    "<110> || z": ((1, 1, 0), (0, 0, 1)),
}
"""Main fibres of cubic crystals: crystal and sample direction."""
OTHER_FIBRES: dict[str, tuple[Direction, Direction]] = {
    "c || x": ((0, 0, 1), (1, 0, 0)),
    "c || y": ((0, 0, 1), (0, 1, 0)),
    "c || z": ((0, 0, 1), (0, 0, 1)),
}


@dataclass(frozen=True)
class TextureSettings:
    """Settings of the estimate, see the command line; the half-width is in degrees."""

    frame: str | None = None
    phase: str | None = None
    laue: str | None = None
    symmetry: str = "triclinic"
    halfwidth: float | None = None
    rule: str = "cross-validation"


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
    given = read_texture_input(files, settings.frame, settings.phase, settings.laue)
    texture = given.texture
    if isinstance(texture, ODF):
        odf = texture
    else:
        width = None if settings.halfwidth is None else math.radians(settings.halfwidth)
        odf = ODF.from_orientations(
            texture.points, texture.weights, width, settings.rule, texture.laue, settings.symmetry
        )
    report = texture_report(odf) | {"phase": given.phase}
    with FOLDER.write(folder, force) as temporary:
        (temporary / "report.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
        write_odf(odf, temporary / "odf.npz")
        if picture:
            draw_texture(odf, given.lattice).savefig(temporary / "texture.png")
    return report_lines(report), folder


def texture_report(odf: ODF) -> dict[str, Any]:
    """Return what is said of a density, as numbers and strings; angles in degrees."""
    index = odf.bands("index")
    modes = odf.modes(COMPONENTS)
    components = [
        {
            "euler_angles": quaternion_to_bunge(q).rad2deg().tolist(),
            "name": _name(q, odf),
            "density": float(density),
            **_fraction(odf, orientation=q),
        }
        for q, density in zip(modes.orientations, modes.densities, strict=True)
    ]
    fibres = CUBIC_FIBRES if odf.laue == CUBIC else OTHER_FIBRES
    return {
        "orientations": len(odf.centres),
        "laue_group": odf.laue.name,
        "sample_symmetry": odf.sample_symmetry,
        "halfwidth": math.degrees(odf.halfwidth),
        "halfwidth_rule": odf.rule,
        "texture_index": float(index.value),
        "texture_index_deviation": float(index.deviation),
        "entropy": odf.entropy,
        "components": components,
        "fibres": {name: _fraction(odf, fibre=fibre) for name, fibre in fibres.items()},
    }


def report_lines(report: dict[str, Any]) -> list[str]:
    """Return the report in words."""
    lines = [
        f"{report['orientations']} orientations, {report['laue_group']}, half-width "
        f"{report['halfwidth']:.1f}° ({report['halfwidth_rule']})",
        f"texture index {report['texture_index']:.3g} ± {report['texture_index_deviation']:.2g}, "
        f"entropy {report['entropy']:.3g}",
    ]
    for part in report["components"]:
        angles = ", ".join(f"{a:.0f}" for a in part["euler_angles"])
        name = f" {part['name']}" if part["name"] else ""
        lines.append(f"component ({angles}){name}: {part['density']:.3g} x random, {_share(part)}")
    lines += [f"fibre {name}: {_share(part)}" for name, part in report["fibres"].items()]
    return lines


def _share(part: dict[str, Any]) -> str:
    return (
        f"{100 * part['fraction']:.3g} ± {100 * part['deviation']:.1g} % within 15°, "
        f"{100 * part['random']:.2g} % if random"
    )


def _fraction(odf: ODF, **region: Any) -> dict[str, float]:
    found = odf.bands("volume fraction", **region)
    even = ODF(odf.centres[:1], None, odf.halfwidth, odf.laue, odf.sample_symmetry, 1.0)
    return {
        "fraction": float(found.value),
        "deviation": float(found.deviation),
        "random": even.volume_fraction(**region),
    }


def _name(orientation: Tensor, odf: ODF) -> str | None:
    """Return the rolling component that an orientation is close to, under the sheet's symmetry."""
    if odf.laue != CUBIC:
        return None
    turns = torch.eye(4, dtype=torch.float64)
    gaps = {
        name: float(
            CUBIC.disorientation(
                quaternion_multiply(turns, miller_orientation(*indices)), orientation
            ).min()
        )
        for name, indices in ROLLING_COMPONENTS.items()
    }
    best = min(gaps, key=lambda name: gaps[name])
    return best if gaps[best] <= NAMED else None
