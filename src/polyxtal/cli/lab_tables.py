"""What `polyxtal lab` prints."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot, isnan

from rich.console import RenderableType
from rich.table import Table

from polyxtal.cli.tables import product
from polyxtal.virtual_lab.interval import is_large, ratio_interval, sum_interval
from polyxtal.virtual_lab.measure import Estimate
from polyxtal.virtual_lab.result import MEAN_R, PLANAR_ANISOTROPY, TAYLOR, Directional, Laboratory
from polyxtal.workflows.lab.run import LabReport


def laboratory_tables(found: Laboratory) -> Iterator[RenderableType]:
    """Return the numbers of a laboratory."""
    taylor = bool(found.taylor)
    titles = ["angle to x", "r-value", *(["Taylor"] if taylor else [])]
    for level in found.settings.levels:
        titles += [f"σ at ε_p {100 * level:g} % [MPa]", *(["Taylor"] if taylor else [])]
    table = Table(*titles, title="Tension in the plane of the sheet")
    ratios = [_ratio(one, ratio_interval(one), is_large(one)) for one in found.r_values()]
    columns = [[f"{one.angle:g}°" for one in found.r_values()], ratios]
    if taylor:
        columns.append([f"{one.value:.3f}" for one in found.r_values(TAYLOR)])
    for level in found.settings.levels:
        columns.append(_shown(found.yield_stresses(level), 1))
        if taylor:
            columns.append([f"{one.value:.1f}" for one in found.yield_stresses(level, TAYLOR)])
    for row in zip(*columns, strict=True):
        table.add_row(*row)
    yield table

    table = Table(title="Sheet", show_header=False)
    if {0.0, 45.0, 90.0} <= set(found.settings.angles):
        three = found.three_r_values()
        large = is_large(*three)
        mean, planar = sum_interval(three, MEAN_R), sum_interval(three, PLANAR_ANISOTROPY)
        table.add_row("mean r-value [-]", _ratio(found.mean_r(), mean, large))
        table.add_row("planar anisotropy Δr [-]", _ratio(found.planar_anisotropy(), planar, large))
    both = found.biaxial_r()
    table.add_row("equibiaxial r_b [-]", _ratio(both, ratio_interval(both), is_large(both)))
    for level in found.settings.levels:
        label = f"equibiaxial yield stress at ε_p {100 * level:g} % [MPa]"
        table.add_row(label, _plus_minus(found.biaxial(level), 1))
    heights = found.ears(1.8, 1.0)[:, 1]
    earing = float((heights.max() - heights.min()) / heights.mean())
    table.add_row("ears at a drawing ratio of 1.8, (max - min) / mean [%]", f"{100 * earing:.1f}")
    yield table
    yield (
        f"{len(found.records)} tests on {product(found.grid)} voxels, yield at equal plastic work. "
        "±: 90 % bound of the coarse grid and of the grains as a sample of the material, together; "
        "in brackets: the interval instead, where the bound of an r-value, one of ln r, is large."
    )


def fit_tables(report: LabReport) -> Iterator[RenderableType]:
    """Return the fitted yield functions and the hardening law."""
    if report.fits:
        columns = ("yield function", "rms of stresses [%]", "rms of r-values [-]", "parameters")
        table = Table(*columns, title="Fits")
        for name, fit in report.fits.items():
            values = ", ".join(f"{k} {v:.4g}" for k, v in fit.function.parameters.items())
            table.add_row(name, f"{100 * fit.rms_stress:.2f}", f"{fit.rms_ratio:.3f}", values)
        yield table
    if report.flow is not None:
        values = ", ".join(f"{k} {v:.4g}" for k, v in report.flow.law.parameters.items())
        law = report.flow.law.kind
        yield f"Flow curve along x: {law}, {values}; rms {report.flow.rms:.2g} MPa."
        yield report.flow.remark


def _plus_minus(estimate: Estimate, digits: int) -> str:
    value, grid, sampling = estimate
    bound = hypot(grid, sampling)
    return f"{value:.{digits}f}" + ("" if isnan(bound) else f" ± {bound:.{digits}f}")


def _ratio(one: Estimate | Directional, ends: tuple[float, float], large: bool) -> str:
    """Return an r-value with its bound, or with its interval where that is large."""
    if not large or isnan(ends[0]):
        return _plus_minus(Estimate(one.value, one.grid, one.sampling), 3)
    return f"{one.value:.3f} ({ends[0]:.3f} to {ends[1]:.3f})"


def _shown(found: list, digits: int) -> list[str]:  # type: ignore[type-arg]
    return [_plus_minus(one[1:], digits) for one in found]
