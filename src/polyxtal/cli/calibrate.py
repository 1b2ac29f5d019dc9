"""`polyxtal calibrate`: parameters of a plasticity law from measured curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.clock import print_timing
from polyxtal.cli.console import deferred_warnings, friendly_errors, progress_bar
from polyxtal.cli.interruption import command_to_resume, exit_code, terminable

if TYPE_CHECKING:
    from rich.table import Table

    from polyxtal.calibration.result import Calibration


def calibrate(
    config: Annotated[Path, typer.Argument(help="Configuration (YAML), see examples/calibrate/.")],
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of curves at a time (default: one per core).", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Output folder (default: out/<config>-calibration).", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite an earlier calibration.")
    ] = False,
    no_picture: options.NoPicture = False,
    debug: options.Debug = False,
) -> None:
    """Fit parameters of a law to measured curves, with their uncertainty; a minute (resumable)."""
    try:
        with terminable(), friendly_errors(debug):
            options.require_files(config)
            _calibrate(config, threads, out, force, not no_picture)
    except KeyboardInterrupt as stop:
        kept = "what is solved is kept; go on" if _checkpoint(config, out).exists() else "restart"
        typer.echo(f"Interrupted; {kept} with: {command_to_resume(force=force)}", err=True)
        raise typer.Exit(exit_code(stop)) from None


def _checkpoint(config: Path, out: Path | None) -> Path:
    """Return the file of the curves that are solved."""
    from polyxtal.workflows.calibrate.write import OUTPUT

    folder = OUTPUT.default(config) if out is None else out
    return folder.with_name(f"{folder.name}.checkpoint.npz")


def _calibrate(
    config: Path, threads: int | None, out: Path | None, force: bool, picture: bool
) -> None:
    from rich.console import Console

    from polyxtal.workflows.calibrate.config import read_config
    from polyxtal.workflows.calibrate.page import notes
    from polyxtal.workflows.calibrate.run import run_calibration
    from polyxtal.workflows.calibrate.write import OUTPUT, write_calibration

    asked = read_config(config)
    folder = OUTPUT.default(config) if out is None else out
    OUTPUT.check(folder, force)
    checkpoint = _checkpoint(config, out)
    with deferred_warnings(), progress_bar() as progress:
        report = run_calibration(asked, config.parent, threads, progress, checkpoint)
        progress("write", 0, 0)
        write_calibration(report, folder, force, picture)
        checkpoint.unlink(missing_ok=True)
    console = Console(highlight=False, width=120)
    console.print(_parameters(report.found))
    console.print(_tests(report.found))
    for sentence in notes(report):
        console.print(sentence)
    print_timing(report.found.seconds)
    typer.echo(f"Written to {folder}")


def _parameters(found: Calibration) -> Table:
    from rich.table import Table

    from polyxtal.workflows.calibrate.page import grid_part

    columns = "parameter", "value", "90 % interval", "of it by the grid"
    table = Table(*columns, title="Parameters")
    for name, one in found.parameters.items():
        ends = f"{one.low:.4g} to {one.high:.4g}"
        table.add_row(name.replace("[", "\\["), f"{one.value:.5g}", ends, grid_part(one))
    return table


def _tests(found: Calibration) -> Table:
    from rich.table import Table

    from polyxtal.workflows.calibrate.page import r_values

    columns = "test", "direction", "rms [MPa]", "rms [%]", "noise [MPa]", "r-value"
    table = Table(*columns, title="Curves")
    for one in found.tests:
        numbers = f"{one.rms:.3g}", f"{100 * one.relative_rms:.2g}", f"{one.noise:.3g}"
        name = one.test.name.replace("[", "\\[")
        table.add_row(name, f"{one.test.direction}", *numbers, r_values(one))
    return table
