"""What is said of an orientation density: strength, components, fibres, errors of pole figures."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from polyxtal.algebra.rotation import quaternion_to_bunge
from polyxtal.crystal.laue import CUBIC
from polyxtal.texture.fibres import BETA, component_variants, standard_fibres
from polyxtal.texture.orientation_density import ODF
from polyxtal.texture.pole_error import pole_figure_error
from polyxtal.texture.pole_inversion import PoleFigureInversion
from polyxtal.texture.sheet import ROLLING_COMPONENTS

MODES, NAMED = 5, math.radians(10)
"""Most maxima, and the disorientation within which one has a rolling component's name."""
LEVEL = 0.9
"""Share of the resamples within a band. [-]"""


def texture_report(
    odf: ODF, phase: str = "", inversion: PoleFigureInversion | None = None
) -> dict[str, Any]:
    """Return what is said of a density, as numbers and strings; angles in degrees.

    Bands are those of the bootstrap over orientations; there are none for pole figures, whose
    kernels are no orientations of grains.
    """
    bands = inversion is None
    modes = odf.modes(MODES)
    maxima = [
        {
            "euler_angles": quaternion_to_bunge(q).rad2deg().tolist(),
            "name": _name(q, odf),
            "density": float(density),
            **_fraction(odf, bands, orientation=q),
        }
        for q, density in zip(modes.orientations, modes.densities, strict=True)
    ]
    components: dict[str, Any] = {}
    fibres = {
        name: _fraction(odf, bands, fibre=fibre)
        for name, fibre in standard_fibres(odf.laue).items()
    }
    if odf.laue == CUBIC:
        fibres[BETA] = _fraction(odf, bands, fibre="beta")
        components = {
            name: _fraction(odf, bands, orientation=component_variants(name))
            for name in ROLLING_COMPONENTS
        }
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
        "components": components,
        "fibres": fibres,
    }
    if bands:
        report["texture_index_deviation"] = float(odf.bands("index").deviation)
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


def _fraction(odf: ODF, bands: bool, **region: Any) -> dict[str, float]:
    even = ODF(odf.centres[:1], None, odf.halfwidth, odf.laue, odf.sample_symmetry, 1.0)
    found = {"fraction": 0.0, "random": even.volume_fraction(**region)}
    if not bands:
        return found | {"fraction": odf.volume_fraction(**region)}
    band = odf.bands("volume fraction", **region, level=LEVEL)
    return found | {
        "fraction": float(band.value),
        "deviation": float(band.deviation),
        "low": float(band.low),
        "high": float(band.high),
    }


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
