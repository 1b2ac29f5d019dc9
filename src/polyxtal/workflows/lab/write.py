"""Write a virtual laboratory to a folder atomically."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polyxtal.files.plain import write_csv, write_json
from polyxtal.mechanics.response import loaded_component
from polyxtal.mechanics.yielding.cards.write import write_cards
from polyxtal.mechanics.yielding.result import YieldFit
from polyxtal.virtual_lab.checkpoint import copy_checkpoints
from polyxtal.virtual_lab.interval import bound, ratio_interval, sum_interval
from polyxtal.virtual_lab.measure import Estimate
from polyxtal.virtual_lab.result import MEAN_R, PLANAR_ANISOTROPY, TAYLOR, Directional, Laboratory
from polyxtal.workflows.inputs.reading import UNITS
from polyxtal.workflows.lab.run import LabReport
from polyxtal.workflows.lab.settings import (
    CARD,
    DIRECTIONS,
    EARS,
    OUTPUT,
    PICTURE,
    POINTS,
    SUMMARY,
    TESTS,
)
from polyxtal.workflows.summary.provenance import provenance
from polyxtal.workflows.summary.tables import write_curve

COMPONENTS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def write_lab(
    report: LabReport,
    folder: str | Path,
    force: bool = False,
    picture: bool = True,
    checkpoint: Path | None = None,
) -> Path:
    """Write all files of a laboratory atomically.

    Args:
        report: The laboratory.
        folder: Output folder.
        force: Overwrite an earlier laboratory.
        picture: Also draw `laboratory.png`.
        checkpoint: Tests to keep for other fits and cards, see `laboratory`; None for none.
    Returns:
        The folder.
    Raises:
        FileExistsError, NotADirectoryError, PermissionError: see `OutputFolder.check`.
    """
    found = report.laboratory
    with OUTPUT.write(folder, force) as temporary:
        write_json(temporary / SUMMARY, summary(report))
        level = "plastic strain of tension along x [-]"
        header = ["model", "test", "kind", "angle [degrees]", level]
        header += [f"true_stress_{'xyz'[i]}{'xyz'[j]} [MPa]" for i, j in COMPONENTS]
        header += ["bound of the grid [MPa]", "bound of the sampling [MPa]"]
        write_csv(temporary / POINTS, header, _points(found))
        header = ["model", "quantity", level, "angle [degrees]"]
        header += ["value", "unit", "bound of the grid", "bound of the sampling"]
        header += ["low", "high"]
        write_csv(temporary / DIRECTIONS, header, _directions(found))
        ears = found.ears(*report.settings.cup).tolist()
        write_csv(temporary / EARS, ["angle [degrees]", "height [mm]"], ears)
        for one in found.records:
            name = one.test.name.replace(" ", "-")
            i, j = loaded_component(one.response)
            write_curve(temporary / f"curve-{name}.csv", one.response, "xyz"[i] + "xyz"[j])
        _write_cards(temporary, report)
        if checkpoint is not None:
            copy_checkpoints(checkpoint, temporary / TESTS)
        if picture:
            from polyxtal.viz.laboratory import draw_laboratory

            draw_laboratory(found, report.fits, report.settings.cup).savefig(temporary / PICTURE)
    return Path(folder)


def summary(report: LabReport) -> dict[str, Any]:
    """Return the content of `laboratory.json`."""
    found, reading = report.laboratory, report.reading
    return {
        **provenance(report.inputs, report.settings, reading.materials),
        "microstructure": reading.summary(),
        "units": {
            **UNITS,
            "r_values": "-",
            "yield_stresses": "MPa",
            "stiffness": "MPa",
            "angle": "degrees",
            "cup": "mm",
            "fits": "MPa for reference, others -",
            "hardening": "MPa and -",
        },
        "convention": {
            "axes": "x rolling, y transverse, z normal direction of the sheet",
            "yield": "where the plastic work is that of tension along x at a plastic strain of "
            "`level`",
            "bounds": "of 90 %: `grid` against the full field on the file's own grid, `sampling` "
            "against the material that the grains are a sample of; those of r-values are ones of "
            "ln r times r, `low` and `high` are the ends with both together",
            "stiffness": "Mandel 6x6 in the order 11, 22, 33, 23, 13, 12",
        },
        "grid": list(found.grid),
        "stiffness": found.stiffness.tolist(),
        **_ratios(found),
        "fits": {name: _fit(fit) for name, fit in report.fits.items()},
        "hardening": None
        if report.flow is None
        else {
            "law": report.flow.law.kind,
            "parameters": report.flow.law.parameters,
            "rms": report.flow.rms,
            "remark": report.flow.remark,
        },
        "levels": [
            {
                "level": level,
                "yield_stresses": [_plain(one) for one in found.yield_stresses(level)],
                "biaxial": _plain(found.biaxial(level)),
            }
            for level in found.settings.levels
        ],
    }


def _plain(one: Estimate | Directional) -> dict[str, float | None]:
    """Return a number with its bounds, None where unknown."""
    return {name: None if math.isnan(v) else float(v) for name, v in one._asdict().items()}


def _ratios(found: Laboratory) -> dict[str, Any]:
    """Return the r-values with their intervals."""

    def with_ends(
        one: Estimate | Directional, ends: tuple[float, float]
    ) -> dict[str, float | None]:
        low, high = (None if math.isnan(end) else end for end in ends)
        return {**_plain(one), "low": low, "high": high}

    three = found.three_r_values() if _three(found) else None
    return {
        "r_values": [with_ends(one, ratio_interval(one)) for one in found.r_values()],
        "mean_r": three and with_ends(found.mean_r(), sum_interval(three, MEAN_R)),
        "planar_anisotropy": three
        and with_ends(found.planar_anisotropy(), sum_interval(three, PLANAR_ANISOTROPY)),
        "biaxial_r": with_ends(found.biaxial_r(), ratio_interval(found.biaxial_r())),
    }


def _fit(fit: YieldFit) -> dict[str, Any]:
    return {
        "parameters": fit.function.parameters,
        "uncertainties": fit.uncertainties,
        "exponent": fit.function.exponent,
        "reference": fit.reference,
        "rms_stress": fit.rms_stress,
        "rms_ratio": fit.rms_ratio,
        "remark": fit.remark,
    }


def _write_cards(folder: Path, report: LabReport) -> None:
    """Write a card for each code from the function that it has."""
    settings = report.settings
    for code in settings.cards:
        wanted = "yld2000" if code in ("ls-dyna", "ls-dyna-133") else "hill48"
        if not report.fits or report.flow is None:
            raise ValueError("A card needs a fitted yield function, but none could be fitted.")
        fit = report.fits.get(wanted) or next(iter(report.fits.values()))
        stiffness = report.laboratory.stiffness
        write_cards(
            folder,
            fit,
            report.flow,
            stiffness,
            (code,),
            settings.units,
            density=settings.density,
            name=CARD,
        )


def _three(found: Laboratory) -> bool:
    return {0.0, 45.0, 90.0} <= set(found.settings.angles)


def _models(found: Laboratory) -> list[str | None]:
    return [None, TAYLOR] if found.taylor else [None]


def _points(found: Laboratory) -> Iterator[list[Any]]:
    labs = [(found, model, model or "full field") for model in _models(found)]
    if found.initial is not None:
        labs.append((found.initial, None, "before the prestrain"))
    for one, model, name in labs:
        for level in found.settings.levels:
            for p in one.yield_points(level, model):
                stress = [float(p.stress[i, j]) for i, j in COMPONENTS]
                bounds = [_known(p.grid), _known(p.sampling)]
                angle = "" if p.angle is None else p.angle
                yield [name, p.test, p.kind, angle, level, *stress, *bounds]


def _directions(found: Laboratory) -> Iterator[list[Any]]:
    for model in _models(found):
        name = model or "full field"
        for r in found.r_values(model):
            ends = [_known(end) for end in ratio_interval(r)]
            bounds = [_known(r.grid), _known(r.sampling)]
            yield [name, "r-value", "", r.angle, r.value, "-", *bounds, *ends]
        for level in found.settings.levels:
            for s in found.yield_stresses(level, model):
                bounds = [_known(s.grid), _known(s.sampling)]
                ends = [_known(s.value + sign * bound(s)) for sign in (-1, 1)]
                yield [name, "yield stress", level, s.angle, s.value, "MPa", *bounds, *ends]


def _known(bound: float) -> float | str:
    return "" if math.isnan(bound) else bound
