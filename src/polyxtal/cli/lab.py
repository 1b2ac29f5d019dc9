"""`polyxtal lab`: yield surface, r-values and curves of a sheet by virtual tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import load_options, options
from polyxtal.cli.clock import print_timing
from polyxtal.cli.console import deferred_warnings, friendly_errors, progress_bar
from polyxtal.cli.interruption import terminable

if TYPE_CHECKING:
    from polyxtal.workflows.inputs.load import LoadSettings
    from polyxtal.workflows.inputs.reading import Reading
    from polyxtal.workflows.lab.settings import LabSettings


def lab(
    file: options.FileOrTexture,
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
    grains: options.GrainsOrNumber = None,
    aspect: options.Aspect = None,
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
    prestrain: Annotated[
        str | None,
        typer.Option(
            metavar="PATH:STRAIN[:AXES]",
            help="Load before the tests, such as uniaxial:0.05 or plane-strain:0.1:xy, or a DAMASK "
            "load file.",
            show_default=False,
        ),
    ] = None,
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
        from polyxtal.workflows.lab.finished import finished_tests, is_finished
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
            None if prestrain is None else _prestrain(prestrain, rate),
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
                aspect,
                seed,
            ),
        )
        folder = OUTPUT.default(file) if out is None else out
        options.require_input(file, textures=True)
        options.require_materials(material)
        if not force and is_finished(folder, file, settings):
            typer.echo(f"Finished before; the results are in {folder} (--force repeats the run).")
            return
        tests = None if force else finished_tests(folder, file, settings)
        OUTPUT.check(folder, force or tests is not None)
        if tests is not None:
            typer.echo(f"Tests finished before, in {tests}; what follows from them is renewed.")
        _lab(file, settings, folder, force, not no_picture, tests)


def _numbers(text: str, name: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"Argument `{name}` must be numbers divided by commas, but is {text!r}."
        ) from None


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(part.strip() for part in text.split(","))


def _prestrain(text: str, rate: float) -> LoadSettings:
    """Return the load of a file, or of its kind, strain and axes."""
    from polyxtal.workflows.inputs.load import LoadSettings

    if Path(text).suffix in (".yaml", ".yml"):
        options.require_files(Path(text))
        return LoadSettings(load=text)
    kind, _, rest = text.partition(":")
    strain, _, axes = rest.partition(":")
    try:
        size = float(strain)
    except ValueError:
        raise ValueError(
            "Argument `prestrain` must be such as uniaxial:0.05:x, a load path and its strain, "
            f"or a DAMASK load file (.yaml), but is {text!r}."
        ) from None
    try:
        return LoadSettings(kind, size, rate, axes or None)
    except ValueError as error:
        raise ValueError(f"Argument `prestrain` must be such as uniaxial:0.05:x: {error}") from None


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


def _lab(
    file: Path,
    settings: LabSettings,
    folder: Path,
    force: bool,
    picture: bool,
    tests: Path | None,
) -> None:
    from rich.console import Console

    from polyxtal.cli.lab_tables import fit_tables, laboratory_tables
    from polyxtal.cli.tables import reading_table
    from polyxtal.virtual_lab.checkpoint import remove_checkpoints
    from polyxtal.workflows.lab.run import lab as run
    from polyxtal.workflows.lab.write import write_lab

    console = Console(highlight=False)
    checkpoint = tests or folder.with_name(f"{folder.name}.checkpoint.npz")
    if force:
        remove_checkpoints(checkpoint)
    with deferred_warnings() as warn, progress_bar() as progress:

        def show_input(reading: Reading) -> None:
            with progress.paused():
                console.print(reading_table(reading))
                warn()

        folder.parent.mkdir(parents=True, exist_ok=True)
        report = run(file, settings, progress, show_input, checkpoint)
        progress("write", 0, 0)
        write_lab(report, folder, force or tests is not None, picture, checkpoint)
        if tests is None:
            remove_checkpoints(checkpoint)
    for part in (*laboratory_tables(report.laboratory), *fit_tables(report)):
        console.print(part)
    print_timing(report.seconds)
    typer.echo(f"Written to {folder}")
