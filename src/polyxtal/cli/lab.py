"""`polyxtal lab`: yield surface, r-values and curves of a sheet by virtual tests."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import load_options, options
from polyxtal.cli.clock import print_timing
from polyxtal.cli.console import deferred_warnings, friendly_errors, progress_bar
from polyxtal.cli.interruption import terminable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from polyxtal.virtual_lab.measure import Estimate
    from polyxtal.virtual_lab.result import Laboratory
    from polyxtal.workflows.inputs.reading import Reading
    from polyxtal.workflows.lab.run import LabReport
    from polyxtal.workflows.lab.settings import LabSettings


def lab(
    file: options.File,
    material: options.Material = None,
    frame: options.Frame = None,
    threshold: options.Threshold = None,
    exclude: options.Exclude = None,
    max_filled: options.MaxFilled = None,
    volume: options.Volume = None,
    section_spacing: options.SectionSpacing = None,
    no_align: options.NoAlign = False,
    container: options.Container = None,
    array: options.Array = None,
    grains: options.Grains = None,
    grid: options.Grid = None,
    increment: options.Increment = None,
    angles: Annotated[
        str,
        typer.Option(help="In-plane angles of tensions to x: a step, or several from 0 (degrees)."),
    ] = "15",
    section: Annotated[
        int, typer.Option(help="Number of points of the yield surface's plane-stress section.")
    ] = 24,
    directions: Annotated[
        int, typer.Option(help="Number of stresses in any direction, for fits.")
    ] = 16,
    levels: Annotated[
        str,
        typer.Option(help="Plastic strains of tension along x at which yield surfaces are given."),
    ] = "0.002,0.01",
    strain: Annotated[float, typer.Option(help="Strain of the tensions.")] = 0.05,
    rate: load_options.Rate = 1e-3,
    accuracy: Annotated[
        str, typer.Option(help="Largest error of the stress in tension along x.")
    ] = "1%",
    cup: Annotated[
        str,
        typer.Option(metavar="BLANK,CUP", help="Radii of a blank and of its cup, for ears (mm)."),
    ] = "90,50",
    fits: Annotated[
        str | None,
        typer.Option(
            help="Yield functions to fit, of hill48, yld91, yld2000, yld2004, cpb06, or none "
            "(default: hill48,yld2000; with twins hill48,cpb06).",
            show_default=False,
        ),
    ] = None,
    cards: Annotated[
        str | None,
        typer.Option(
            help="Material cards to write, of abaqus, ls-dyna, table.", show_default=False
        ),
    ] = None,
    units: Annotated[
        str, typer.Option(help="Units of the cards: mm-t-s, m-kg-s or mm-kg-ms.")
    ] = "mm-t-s",
    density: Annotated[
        float | None,
        typer.Option(help="Density, which LS-DYNA's cards need (kg/m³).", show_default=False),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="Number of tests at a time (default: one per core).", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Output folder (default: out/<file>-laboratory).", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite an earlier laboratory.")
    ] = False,
    no_picture: options.NoPicture = False,
    no_taylor: options.NoTaylor = False,
    debug: options.Debug = False,
) -> None:
    """Test a sheet virtually: yield surface, r-values, curves, ears; a minute (resumable)."""
    with terminable(), friendly_errors(debug):
        from polyxtal.virtual_lab.settings import LaboratorySettings
        from polyxtal.workflows.lab.settings import OUTPUT, LabSettings

        share = options.number_with_unit(accuracy, "accuracy", {"%": 0.01})
        assert share is not None
        tests = LaboratorySettings(
            angles=_angles(angles),
            section=section,
            directions=directions,
            levels=_numbers(levels, "levels"),
            strain=strain,
            rate=rate,
            accuracy=share,
            taylor=not no_taylor,
        )
        radii = _numbers(cup, "cup")
        if len(radii) != 2:
            raise ValueError(f"Argument `cup` must be two radii, BLANK,CUP, but is {cup!r}.")
        settings = LabSettings(
            tuple(material or ()),
            tests,
            (radii[0], radii[1]),
            None if fits is None else _names(fits),
            _names(cards or "none"),
            units,
            density,
            threads,
            seed,
            options.map_settings(
                frame,
                threshold,
                exclude,
                volume,
                max_filled,
                container,
                array,
                grains,
                grid,
                increment,
                section_spacing,
                no_align,
            ),
        )
        folder = OUTPUT.default(file) if out is None else out
        OUTPUT.check(folder, force)
        options.require_input(file)
        options.require_materials(material)
        _lab(file, settings, folder, force, not no_picture)


def _numbers(text: str, name: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"Argument `{name}` must be numbers divided by commas, but is {text!r}."
        ) from None


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(part.strip() for part in text.split(","))


def _angles(text: str) -> tuple[float, ...]:
    """Return angles from 0 to 90 degrees in steps, or those that are listed."""
    listed = _numbers(text, "angles")
    if len(listed) != 1:
        return listed
    (step,) = listed
    if not 1 <= step <= 90 or 90 % step:
        raise ValueError(
            f"Argument `angles` must be a step that divides 90 degrees, but is {step:g}."
        )
    return tuple(step * k for k in range(round(90 / step) + 1))


def _lab(file: Path, settings: LabSettings, folder: Path, force: bool, picture: bool) -> None:
    from rich.console import Console

    from polyxtal.cli.tables import reading_table
    from polyxtal.workflows.lab.run import lab as run
    from polyxtal.workflows.lab.write import write_lab

    console = Console(highlight=False)
    checkpoint = folder.with_name(f"{folder.name}.checkpoint.npz")
    if force:
        checkpoint.unlink(missing_ok=True)
    with deferred_warnings() as warn, progress_bar() as progress:

        def show_input(reading: Reading) -> None:
            with progress.paused():
                console.print(reading_table(reading))
                warn()

        folder.parent.mkdir(parents=True, exist_ok=True)
        report = run(file, settings, progress, show_input, checkpoint)
        progress("write", 0, 0)
        write_lab(report, folder, force, picture)
        checkpoint.unlink(missing_ok=True)
    for part in (*_results(report.laboratory), *_fitted(report)):
        console.print(part)
    print_timing(report.seconds)
    typer.echo(f"Written to {folder}")


def _results(found: Laboratory) -> Iterator[RenderableType]:
    from rich.table import Table

    from polyxtal.cli.tables import product
    from polyxtal.virtual_lab.result import TAYLOR

    taylor = bool(found.taylor)
    titles = ["angle to x", "r-value", *(["Taylor"] if taylor else [])]
    for level in found.settings.levels:
        titles += [f"σ at ε_p {100 * level:g} % [MPa]", *(["Taylor"] if taylor else [])]
    table = Table(*titles, title="Tension in the plane of the sheet")
    columns = [[f"{one.angle:g}°" for one in found.r_values()], _shown(found.r_values(), 3)]
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
        table.add_row("mean r-value [-]", _plus_minus(found.mean_r(), 3))
        table.add_row("planar anisotropy Δr [-]", _plus_minus(found.planar_anisotropy(), 3))
    table.add_row("equibiaxial r_b [-]", _plus_minus(found.biaxial_r(), 3))
    for level in found.settings.levels:
        label = f"equibiaxial yield stress at ε_p {100 * level:g} % [MPa]"
        table.add_row(label, _plus_minus(found.biaxial(level), 1))
    heights = found.ears(1.8, 1.0)[:, 1]
    earing = float((heights.max() - heights.min()) / heights.mean())
    table.add_row("ears at a drawing ratio of 1.8, (max - min) / mean [%]", f"{100 * earing:.1f}")
    yield table
    yield (
        f"{len(found.records)} tests on {product(found.grid)} voxels, yield at equal plastic work. "
        "±: 90 % bound of the coarse grid and of the grains as a sample of the material, together."
    )


def _fitted(report: LabReport) -> Iterator[RenderableType]:
    from rich.table import Table

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


def _shown(found: list, digits: int) -> list[str]:  # type: ignore[type-arg]
    return [_plus_minus(one[1:], digits) for one in found]
