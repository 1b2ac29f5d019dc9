"""`polyxtal export`: write what other programs compute with, one subcommand per kind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import deferred_warnings, friendly_errors

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """Export a polycrystal's behaviour to finite-element programs."""


@app.command()
def umat(
    file: options.File,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Fortran file to write (.f90).")],
    material: options.Material = None,
    leaves: Annotated[int, typer.Option(help="Number of leaves of the network.")] = 32,
    seed: Annotated[int, typer.Option(help="Random seed of the network.")] = 0,
    model: options.Model = None,
    solver: Annotated[
        str, typer.Option(help="abaqus, or calculix, which rotates stresses differently.")
    ] = "abaqus",
    name: Annotated[str, typer.Option(help="Name of the subroutine.")] = "umat",
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
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.")] = False,
    debug: options.Debug = False,
) -> None:
    """Write a material network of a polycrystal as an Abaqus user material in Fortran."""
    with friendly_errors(debug):
        options.require_input(file)
        options.require_materials(material)
        from polyxtal.workflows.export.run import export_umat
        from polyxtal.workflows.export.settings import UmatSettings

        settings = UmatSettings(
            material=tuple(material or ()),
            leaves=leaves,
            seed=seed,
            model=model,
            solver=solver,
            name=name,
            ebsd=options.map_settings(
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
        with deferred_warnings():
            states = export_umat(file, out, settings, force)
        typer.echo(f"Written to {out}: a network of {leaves} leaves, *DEPVAR {states}")
