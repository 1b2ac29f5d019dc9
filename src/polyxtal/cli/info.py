"""`polyxtal info`: what a file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors


def info(
    file: options.File,
    frame: options.Frame = None,
    threshold: options.Threshold = None,
    exclude: options.Exclude = None,
    section_spacing: options.SectionSpacing = None,
    no_align: options.NoAlign = False,
    container: options.Container = None,
    array: options.Array = None,
    grains: options.Grains = None,
    grid: options.Grid = None,
    increment: options.Increment = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Also draw the volume, the sizes of its grains, and its texture.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the picture.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    debug: options.Debug = False,
) -> None:
    """Show what a file holds: phases, grid, grains, texture, materials, and what is odd."""
    with friendly_errors(debug):
        options.require_input(file)
        if picture is not None and picture.exists() and not force:
            raise FileExistsError(
                f"{picture}: must not exist yet, but does; pass --force to replace it."
            )
        from polyxtal.workflows.info.run import info_of_file

        settings = options.map_settings(
            frame,
            threshold,
            exclude,
            None,
            None,
            container,
            array,
            grains,
            grid,
            increment,
            section_spacing,
            no_align,
        )
        found = info_of_file(file, settings)
        if picture is not None:
            from polyxtal.workflows.info.draw import write_picture

            write_picture(picture, found.rve)
        if json:
            from json import dumps

            typer.echo(dumps(found.summary(), indent=2))
            return
        typer.echo(str(found))
        if picture is not None:
            typer.echo(f"Written to {picture}")
