"""`polyxtal generate`: generate a data set of labelled polycrystals from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors, progress_bar

if TYPE_CHECKING:
    from polyxtal.dataset.generate import Generation

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def generate(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML), see examples/recipes/.")],
    out: Annotated[Path, typer.Option(help="Folder of the data set, new or to resume.")],
    workers: Annotated[
        int | None,
        typer.Option(help="Local worker processes (default: one per core).", show_default=False),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a Dask scheduler to compute on instead, such as tcp://host:8786.",
            show_default=False,
        ),
    ] = None,
    no_picture: options.NoPicture = False,
    debug: options.Debug = False,
) -> None:
    """Generate a data set of labelled polycrystals: minutes to days (resumable)."""
    try:
        with friendly_errors(debug):
            options.require_files(recipe)
            from polyxtal.dataset.generate import generate as run
            from polyxtal.dataset.recipe import read_recipe

            asked = read_recipe(recipe)
            with progress_bar() as progress:
                done = run(
                    asked,
                    out,
                    workers=workers,
                    scheduler=scheduler,
                    progress=progress,
                )
            _say(done)
            from polyxtal.workflows.generate.describe import describe, draw_overview

            for line in describe(out):
                typer.echo(line)
            if not no_picture:
                typer.echo(f"Figure: {draw_overview(out)}")
    except KeyboardInterrupt:
        typer.echo(
            "Interrupted; completed parts are kept. Rerun the same command to resume.", err=True
        )
        raise typer.Exit(INTERRUPTED) from None


def _say(done: Generation) -> None:
    for part, wrong in sorted(done.damaged.items()):
        typer.echo(f"Part {part} was {wrong}; regenerated.")
    before = f" ({done.found} already present)" if done.found else ""
    made = len(done.made)
    typer.echo(f"Generated {made} of {done.parts} parts{before} in {done.seconds:.1f} s.")
