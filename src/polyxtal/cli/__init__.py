"""Command line: one file per command, without logic of its own.

Imports that need torch are deferred into the commands, so that help and usage errors are fast.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from polyxtal.cli import (
    benchmark,
    calibrate,
    convert,
    export,
    finetune,
    generate,
    homogenize,
    info,
    lab,
    materials,
    predict,
    pretrain,
    simulate,
    texture,
)
from polyxtal.cli.clock import CLOCK, process_age

__all__ = ["app"]


class _Program(typer.Typer):
    """The command line as a process of its own."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        CLOCK.startup = process_age()
        return super().__call__(*args, **kwargs)


app = _Program(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from polyxtal.version import __version__

        typer.echo(f"polyxtal {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Predict stiffness, stress-strain curve and texture of a voxel polycrystal."""
    CLOCK.start()


# Help lists the commands in this order.
for verb in (
    predict.predict,
    homogenize.homogenize,
    simulate.simulate,
    lab.lab,
    calibrate.calibrate,
    generate.generate,
    pretrain.pretrain,
    benchmark.benchmark,
    info.info,
    texture.texture,
    convert.convert,
    materials.materials,
):
    app.command()(verb)
app.add_typer(export.app, name="export")
app.add_typer(finetune.app, name="finetune")
