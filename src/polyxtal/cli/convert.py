"""`polyxtal convert`: convert polycrystals between file formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import deferred_warnings, friendly_errors, progress_bar
from polyxtal.microstructure.io.registry import written_formats

if TYPE_CHECKING:
    from rich.table import Table

    from polyxtal.workflows.convert.run import Conversion


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help=options.KINDS)],
    target: Annotated[
        Path,
        typer.Argument(metavar="OUT", help=f"{written_formats()}."),
    ],
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="x0:x1,y0:y1,z0:z1",
            help="Range of voxels to keep, 0-based, x1 excluded; 0:32,:,8: is valid, too. A "
            "cropped volume is no longer periodic, but all solvers treat it as periodic.",
        ),
    ] = None,
    coarsen: Annotated[
        str | None,
        typer.Option(
            metavar="N|NX,NY,NZ",
            help="Merge blocks of N voxels along each axis, after --crop, by majority of grains. "
            "A periodic volume stays periodic.",
        ),
    ] = None,
    renumber: Annotated[
        bool, typer.Option("--renumber", help="Remove grains without voxels.")
    ] = False,
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
    colors: Annotated[
        bool,
        typer.Option(
            "--colors", help="Add inverse-pole-figure colours along z to a .vti, for ParaView."
        ),
    ] = False,
    case: Annotated[
        Path | None,
        typer.Option(
            metavar="LOAD",
            help="Write a case of DAMASK under this load file to the folder OUT.",
            show_default=False,
        ),
    ] = None,
    material: options.Material = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    debug: options.Debug = False,
) -> None:
    """Convert a polycrystal file to another format; optionally crop or coarsen it."""
    with friendly_errors(debug):
        options.require_input(source)
        from rich.console import Console

        from polyxtal.workflows.convert.run import convert as run
        from polyxtal.workflows.convert.settings import ConversionSettings

        ebsd = options.map_settings(
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
        )
        settings = ConversionSettings(crop, coarsen, renumber, ebsd, colors)
        if case is not None:
            from polyxtal.workflows.convert.case import convert_to_case

            options.require_files(case)
            with deferred_warnings():
                convert_to_case(source, target, case, material or (), settings)
            typer.echo(f"Written to {target}")
            return
        if material:
            raise ValueError("Option --material must be left out without --case.")
        with deferred_warnings(), progress_bar() as progress:
            conversion = run(source, target, settings, force, progress)
        if json:
            from json import dumps

            typer.echo(dumps(conversion.summary(), indent=2))
            return
        Console(highlight=False).print(_table(conversion))
        for name in conversion.bare_phases:
            unknown = (
                conversion.written.lattices[conversion.written.phase_names.index(name)] is None
            )
            guess = ", and as cF, since its lattice is unknown" if unknown else ""
            typer.echo(f"Phase {name} is written without properties, which DAMASK needs{guess}.")
        typer.echo(f"Written to {' and '.join(str(file) for file in conversion.files)}")


def _table(conversion: Conversion) -> Table:
    from rich.table import Table

    from polyxtal.cli.tables import map_rows, product
    from polyxtal.viz.lengths import lengths_label

    both = conversion.reading.rve, conversion.written
    table = Table("", "read", "written")
    for row in map_rows(conversion.reading):
        table.add_row(*row)
    table.add_row("grid", *(product(rve.grid) for rve in both))
    table.add_row("size", *(lengths_label(rve.size) for rve in both))
    table.add_row("voxel", *(lengths_label(rve.spacing, max(rve.size)) for rve in both))
    table.add_row("grains", *(str(rve.grains) for rve in both))
    empty = (int((rve.volume_fractions == 0).sum()) for rve in both)
    table.add_row("grains without voxels", *map(str, empty))
    table.add_row("phases", *(", ".join(rve.phase_names) for rve in both))
    lattices = ([lattice.symbol if lattice else "?" for lattice in rve.lattices] for rve in both)
    table.add_row("lattices", *map(", ".join, lattices))
    properties = ", ".join(conversion.reading.materials) or "none"
    kept = properties if conversion.keeps_materials else "none"
    table.add_row("phases with properties", properties, kept)
    return table
