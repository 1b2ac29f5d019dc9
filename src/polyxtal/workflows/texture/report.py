"""What is said of an orientation density: strength, components, fibres, errors of pole figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_to_bunge
from polyxtal.crystal.laue import CUBIC
from polyxtal.texture.contributions import of_index, of_region
from polyxtal.texture.estimates import bootstrap
from polyxtal.texture.fibres import BETA, component_variants, standard_fibres
from polyxtal.texture.orientation_density import DEFAULT_ANGLE, ODF
from polyxtal.texture.pole_error import pole_figure_error
from polyxtal.texture.pole_inversion import PoleFigureInversion
from polyxtal.texture.sheet import ROLLING_COMPONENTS

MODES, NAMED = 5, math.radians(10)
"""Most maxima, and the disorientation within which one has a rolling component's name."""
SAMPLES, LEVEL = 200, 0.9
"""Number of resamples, and the share of them within a band."""
BANDS = (
    "scatter of the sample only; the half-width lowers peaks, so that the index and the fractions "
    "of sharp components are lower bounds"
)
"""What bands hold, and what they do not."""


def texture_report(
    odf: ODF, phase: str = "", inversion: PoleFigureInversion | None = None
) -> dict[str, Any]:
    """Return what is said of a density, as numbers and strings; angles in degrees.

    Bands are those of the bootstrap over orientations; there are none for pole figures, whose
    kernels are no orientations of grains.
    """
    modes = odf.modes(MODES)
    fibres: dict[str, Any] = dict(standard_fibres(odf.laue))
    components = dict[str, Tensor]()
    if odf.laue == CUBIC:
        fibres[BETA] = "beta"
        components = {name: component_variants(name) for name in ROLLING_COMPONENTS}
    regions = [odf.region(q) for q in (*modes.orientations, *components.values())]
    regions += [odf.region(fibre=fibre) for fibre in fibres.values()]
    fractions, deviation = _fractions(odf, regions, inversion is None)
    found = iter(fractions)
    maxima = [
        {
            "euler_angles": quaternion_to_bunge(q).rad2deg().tolist(),
            "name": _name(q, odf),
            "density": float(density),
            **next(found),
        }
        for q, density in zip(modes.orientations, modes.densities, strict=True)
    ]
    report: dict[str, Any] = {
        "phase": phase,
        "kernels": len(odf.centres),
        "laue_group": odf.laue.name,
        "sample_symmetry": odf.sample_symmetry,
        "halfwidth": math.degrees(odf.halfwidth),
        "halfwidth_rule": odf.rule,
        "uniform": odf.uniform,
        "texture_index": odf.index,
        "entropy": odf.entropy,
        "maxima": maxima,
        "components": {name: next(found) for name in components},
        "fibres": {name: next(found) for name in fibres},
    }
    if inversion is None:
        report |= {"texture_index_deviation": deviation, "bands": BANDS}
    if inversion is not None:
        report |= _figures(inversion)
    return report


def report_lines(report: dict[str, Any]) -> list[str]:
    """Return the report in words."""
    kind = "kernels" if "pole_figures" in report else "orientations"
    more = f", uniform part {report['uniform']:.3g}" if report["uniform"] else ""
    spread = report.get("texture_index_deviation")
    index = f"{report['texture_index']:.3g}" + (f" ± {spread:.2g}" if spread is not None else "")
    lines = [
        f"{report['kernels']} {kind}, {report['laue_group']}, half-width "
        f"{report['halfwidth']:.1f}° ({report['halfwidth_rule']}){more}",
        f"texture index {index}, entropy {report['entropy']:.3g}",
    ]
    if report["phase"]:
        lines[0] = f"{report['phase']}: {lines[0]}"
    if "bands" in report:
        lines.append(f"bands: {report['bands']}")
    lines += [_figure_line(name, one) for name, one in report.get("pole_figures", {}).items()]
    for part in report["maxima"]:
        angles = ", ".join(f"{a:.0f}" for a in part["euler_angles"])
        name = f" {part['name']}" if part["name"] else ""
        lines.append(f"maximum ({angles}){name}: {part['density']:.3g} x random, {_share(part)}")
    lines += [f"component {name}: {_share(part)}" for name, part in report["components"].items()]
    return lines + [f"fibre {name}: {_share(part)}" for name, part in report["fibres"].items()]


def _figure_line(name: str, one: dict[str, float]) -> str:
    return (
        f"pole figure {name}: {one['directions']} directions, RP_0 {one['rp_0']:.3f}, RP_1 "
        f"{one['rp_1']:.3f}, difference {one['difference']:.3f} (random orientations: "
        f"{one['rp_0_random']:.3f}, {one['rp_1_random']:.3f}, {one['difference_random']:.3f})"
    )


def _figures(inversion: PoleFigureInversion) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for figure, error in zip(inversion.figures, inversion.errors, strict=True):
        flat = pole_figure_error(None, figure)
        found[figure.name] = {
            "directions": len(figure),
            "scale": error.scale,
            "rp_0": error.rp_0,
            "rp_1": error.rp_1,
            "difference": error.difference,
            "rp_0_random": flat.rp_0,
            "rp_1_random": flat.rp_1,
            "difference_random": flat.difference,
        }
    return {
        "pole_figures": found,
        "degree": inversion.degree,
        "iterations": inversion.iterations,
    }


def _share(part: dict[str, Any]) -> str:
    band = f" ({100 * part['low']:.3g} to {100 * part['high']:.3g})" if "low" in part else ""
    return (
        f"{100 * part['fraction']:.3g}{band} % within 15°, {100 * part['random']:.2g} % if random"
    )


def _fractions(
    odf: ODF, regions: Sequence[tuple[Tensor, Tensor]], bands: bool
) -> tuple[list[dict[str, float]], float]:
    """Return the volume fraction of each region and the index's deviation, by common draws."""
    random = [{"random": float(weights.sum())} for _, weights in regions]
    if not bands:
        values = [float(weights @ odf.density(points)) for points, weights in regions]
        return [{"fraction": f} | one for f, one in zip(values, random, strict=True)], 0.0
    columns = [of_region(odf, *region, DEFAULT_ANGLE) for region in regions]
    columns.append(of_index(odf))
    found = bootstrap(torch.stack(columns, 1), odf.weights, SAMPLES, LEVEL, seed=0)
    names = ("fraction", "deviation", "low", "high")
    rows = torch.stack(list(found), 1).tolist()
    fractions = [
        dict(zip(names, row, strict=True)) | one for row, one in zip(rows, random, strict=False)
    ]
    return fractions, rows[-1][1]


def _name(orientation: Tensor, odf: ODF) -> str | None:
    """Return the rolling component that an orientation is close to, under the sheet's symmetry."""
    if odf.laue != CUBIC:
        return None
    gaps = {
        name: float(CUBIC.disorientation(component_variants(name), orientation).min())
        for name in ROLLING_COMPONENTS
    }
    best = min(gaps, key=lambda name: gaps[name])
    return best if gaps[best] <= NAMED else None
