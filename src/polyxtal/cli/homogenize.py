"""`polyxtal homogenize`: elastic stiffness of the full field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.clock import print_timing
from polyxtal.cli.console import deferred_warnings, friendly_errors, progress_bar

if TYPE_CHECKING:
    from rich.console import RenderableType

    from polyxtal.workflows.homogenize.run import Homogenization
    from polyxtal.workflows.inputs.reading import Reading
from polyxtal.workflows.homogenize.settings import HomogenizationSettings


def homogenize(
    file: options.FileOrTexture,
    material: options.Material = None,
    elastic: Annotated[
        list[str] | None,
        typer.Option(
            "--elastic-gpa",
            "--elastic",
            metavar="GPA",
            help="Elastic constants in GPa instead of --material: C11,C12,C44 of a cubic crystal, "
            "hexagonal:C11,C12,C13,C33,C44, tetragonal:C11,C12,C13,C33,C44,C66, and similarly "
            "trigonal, orthorhombic, monoclinic, triclinic; for several phases, repeat PHASE=….",
        ),
    ] = None,
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
    scheme: Annotated[
        str,
        typer.Option(
            help="Discretisation: fourier, or rotated for a high contrast between phases."
        ),
    ] = "fourier",
    tol: Annotated[
        float, typer.Option(help="Tolerance of the relative equilibrium residual.")
    ] = 1e-6,
    float32: Annotated[
        bool, typer.Option("--float32", help="Use single precision, with half the memory.")
    ] = False,
    max_iterations: Annotated[
        int, typer.Option(help="Maximum number of iterations per load case.")
    ] = 1000,
    seed: Annotated[
        int, typer.Option(help="Random seed of the volume of a texture or an EBSD map.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output folder (default: out/<file>-homogenization).", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an earlier result.")] = False,
    no_picture: options.NoPicture = False,
    debug: options.Debug = False,
) -> None:
    """Compute the full-field elastic stiffness, beside Voigt, Reuss and Hill."""
    with friendly_errors(debug):
        from polyxtal.workflows.homogenize.settings import OUTPUT, HomogenizationSettings

        settings = HomogenizationSettings(
            tuple(material or ()),
            tuple(elastic or ()),
            scheme,
            tol,
            float32,
            max_iterations,
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
        OUTPUT.check(folder, force)
        options.require_input(file, textures=True)
        options.require_materials(material)
        _homogenize(file, settings, folder, force, not no_picture)


def _homogenize(
    file: Path, settings: HomogenizationSettings, folder: Path, force: bool, picture: bool
) -> None:
    from rich.console import Console

    from polyxtal.cli.tables import reading_table
    from polyxtal.workflows.homogenize.run import homogenize as run
    from polyxtal.workflows.homogenize.write import write_homogenization

    console = Console(highlight=False)
    with deferred_warnings() as warn, progress_bar() as progress:

        def show_input(reading: Reading) -> None:
            with progress.paused():
                console.print(reading_table(reading))
                warn()

        homogenization = run(file, settings, progress, show_input)
        progress("write", 0, 0)
        write_homogenization(homogenization, folder, force, picture)
    for part in _results(homogenization):
        console.print(part)
    result, wall = homogenization.result, homogenization.seconds["full field"]
    typer.echo(
        f"Full field ({settings.scheme}, {'single' if settings.float32 else 'double'} precision): "
        f"{result.iterations} iterations, residual {result.residual:.1e}, {wall:.2f} s."
    )
    print_timing(homogenization.seconds)
    typer.echo(f"Written to {folder}")


def _results(homogenization: Homogenization) -> Iterator[RenderableType]:
    from rich.table import Table

    from polyxtal.algebra.mandel import stiffness_mandel_to_voigt
    from polyxtal.cli.tables import GPA, VOIGT_NOTE, constants_table, stiffness_table

    columns = {"Reuss": "reuss", "Hill": "hill", "full field": "full_field", "Voigt": "voigt"}
    stiffness = {title: homogenization.stiffness[name] for title, name in columns.items()}
    yield stiffness_table(stiffness["full field"], "Full-field stiffness")

    table = Table("", *columns, title="Comparison [GPa], Voigt notation")
    voigt = [stiffness_mandel_to_voigt(c) for c in stiffness.values()]
    for row, column in ((1, 1), (2, 2), (3, 3), (2, 3), (1, 3), (1, 2), (4, 4), (5, 5), (6, 6)):
        values = (GPA * float(c[row - 1, column - 1]) for c in voigt)
        table.add_row(f"C_{row}{column}", *(f"{value:.3f}" for value in values))
    table.add_section()
    distance = homogenization.distance
    shown = (f"{100 * distance[n]:.2g} %" if n in distance else "-" for n in columns.values())
    table.add_row("distance from the full field", *shown)
    yield table
    yield f"{VOIGT_NOTE} Distance: Frobenius norm of the difference over that of the full field."

    constants = {title: homogenization.constants[name] for title, name in columns.items()}
    yield from constants_table(constants, bounds=("Reuss", "Voigt"))
