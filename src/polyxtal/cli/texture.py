"""`polyxtal texture`: the orientation density of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors


def texture(
    files: Annotated[
        list[Path],
        typer.Argument(help="Map, volume, or lists of orientations.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Output folder (default: out/<name>-texture).", show_default=False),
    ] = None,
    frame: options.Frame = None,
    phase: Annotated[
        str | None, typer.Option(help="Phase (default: the largest).", show_default=False)
    ] = None,
    laue: Annotated[
        str | None,
        typer.Option(help="Laue group of lists of orientations.", show_default=False),
    ] = None,
    symmetry: Annotated[
        str, typer.Option(help="Sample symmetry: triclinic, monoclinic or orthorhombic.")
    ] = "triclinic",
    halfwidth: Annotated[
        float | None,
        typer.Option(help="Half-width of the kernel [degrees].", show_default=False),
    ] = None,
    rule: Annotated[
        str, typer.Option(help="Choice of the half-width: cross-validation or plug-in.")
    ] = "cross-validation",
    no_picture: options.NoPicture = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier result.")] = False,
    debug: options.Debug = False,
) -> None:
    """Estimate the orientation density: report, pictures, and a file of it."""
    with friendly_errors(debug):
        from polyxtal.workflows.texture.run import TextureSettings, run_texture

        settings = TextureSettings(frame, phase, laue, symmetry, halfwidth, rule)
        lines, folder = run_texture(files, settings, out, picture=not no_picture, force=force)
        for line in lines:
            typer.echo(line)
        typer.echo(f"Written to {folder}")
