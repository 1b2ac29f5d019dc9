"""Networks against full fields, and the paper's figures and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors, progress_bar
from reproduction.cli.shared import Model, Seed, parts, print_table


def curves(
    model: Model,
    out: Annotated[Path, typer.Option(help="Folder of the study, new or begun.")],
    leaves: Annotated[int, typer.Option(help="Number of leaves per network.")] = 32,
    seeds: Annotated[int, typer.Option(help="Number of networks of each kind.")] = 3,
    grid: Annotated[int, typer.Option(help="Voxels along an edge.")] = 25,
    grains: Annotated[int, typer.Option(help="Number of grains per polycrystal.")] = 139,
    material: Annotated[
        str, typer.Option(help="Name of a shipped material, or phase file.")
    ] = "AA6022-T4",
    strain: Annotated[float, typer.Option(help="Largest strain.")] = 0.05,
    seed: Seed = 0,
    zener: Annotated[
        float | None,
        typer.Option(
            help="Zener ratio of the crystals (default: the material's).", show_default=False
        ),
    ] = None,
    loads: Annotated[
        str, typer.Option(help="Loads: tension, unloading, shear, plane strain, cyclic.")
    ] = "tension,shear,cyclic",
    polycrystals: Annotated[
        str | None, typer.Option(help="Names of polycrystals (default: all).", show_default=False)
    ] = None,
    fitted: Annotated[
        bool, typer.Option(help="Fit networks to each polycrystal's own full fields, too.")
    ] = True,
    debug: options.Debug = False,
) -> None:
    """Compare predicted networks with full fields, beside every baseline; resumable."""
    with friendly_errors(debug):
        from reproduction.curves.cases import POLYCRYSTALS, CaseSettings
        from reproduction.curves.measure import CurveSettings, study_curves, summary_rows
        from reproduction.curves.write import write_curves

        names = POLYCRYSTALS if polycrystals is None else parts(polycrystals)
        cases = CaseSettings(grid, grains, material, strain, seed, zener, parts(loads), names)
        settings = CurveSettings(model, cases, leaves, seeds, fitted)
        with progress_bar() as progress:
            found = study_curves(settings, out, progress)
        picture = write_curves(found, out)
        rows = [tuple(row.values()) for row in summary_rows(found.rows)]
        print_table(
            f"Error of networks with {leaves} leaves: stress [%], grains' orientations [°]",
            ("", "polycrystal", "mean", "largest mean", "maximum", "orientations"),
            [
                (name, of, *(f"{100 * value:.2f}" for value in stress), f"{turned:.2f}")
                for name, of, *stress, turned in rows
            ],
        )
        typer.echo(f"Written to {out}; picture: {picture}")


def paper(
    out: Annotated[Path, typer.Option(help="Folder of the reproduction, new or begun.")],
    preset: Annotated[str, typer.Option(help="small, base, paper, or a YAML file.")] = "small",
    only: Annotated[
        str | None, typer.Option(help="Names of steps (default: all).", show_default=False)
    ] = None,
    debug: options.Debug = False,
) -> None:
    """Reproduce the paper's figures and tables, beside every baseline; resumable."""
    with friendly_errors(debug):
        from reproduction.paper.presets import read_preset
        from reproduction.paper.run import PaperSettings, study_paper

        chosen = read_preset(preset)
        names = () if only is None else parts(only)
        settings = PaperSettings(preset, chosen, names)
        with progress_bar() as progress:
            report = study_paper(settings, out, progress)
        typer.echo(f"Written to {out}; report: {report}")


def table(
    results: Annotated[Path, typer.Argument(help="Results of `study paper`: OUT/results.")],
    into: Annotated[Path, typer.Option(help="Document that holds the marks of the table.")],
    check: Annotated[bool, typer.Option("--check", help="Fail instead of changing it.")] = False,
    debug: options.Debug = False,
) -> None:
    """Put the table of results into a page."""
    with friendly_errors(debug):
        from reproduction.paper.readme_table import agrees, put_table

        if check:
            if not agrees(results, into):
                raise ValueError(f"{into}: must hold the table of {results}, but holds another.")
            typer.echo(f"{into} agrees with {results}.")
        else:
            typer.echo(f"{into} {'changed' if put_table(results, into) else 'agrees already'}.")
