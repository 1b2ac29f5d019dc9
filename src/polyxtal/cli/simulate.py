"""`polyxtal simulate`: full-field stress-strain curve and grain rotation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import load_options, options
from polyxtal.cli.clock import print_timing
from polyxtal.cli.console import deferred_warnings, friendly_errors, progress_bar
from polyxtal.cli.interruption import command_to_resume, exit_code, terminable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from polyxtal.workflows.simulate.folder import Run
    from polyxtal.workflows.simulate.run import Simulation
    from polyxtal.workflows.simulate.settings import SimulationSettings


def simulate(
    file: options.File,
    material: options.Material = None,
    void: Annotated[
        list[str] | None,
        typer.Option(metavar="PHASE", help="Phase to treat as a void; repeatable."),
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
    grains: options.Grains = None,
    grid: options.Grid = None,
    increment: options.Increment = None,
    path: load_options.Kind = "uniaxial",
    strain: load_options.Strain = 0.05,
    rate: load_options.Rate = 1e-3,
    axis: load_options.Axis = None,
    unload: load_options.Unload = False,
    angle: load_options.Angle = 0.0,
    stress_ratio: load_options.StressRatio = None,
    hold: load_options.Hold = None,
    stress: load_options.Stress = None,
    load: load_options.Load = None,
    tol: Annotated[
        float, typer.Option(help="Tolerance of the relative equilibrium residual.")
    ] = 1e-4,
    scheme: Annotated[
        str,
        typer.Option(
            help="Discretisation: fourier, or rotated for voids and a high contrast of phases."
        ),
    ] = "fourier",
    engine: Annotated[
        str, typer.Option(help="Solver: polyxtal, or damask to run DAMASK_grid on the same inputs.")
    ] = "polyxtal",
    fields: Annotated[
        str | None,
        typer.Option(
            help="Format of a series of local fields: vti for ParaView (index fields.pvd), or hdf5 "
            "in the layout of DAMASK's results, for damask.Result (fields.hdf5).",
            show_default=False,
        ),
    ] = None,
    fields_every: Annotated[
        int | None,
        typer.Option(
            help="Increments between two sets of fields (default: the last increment only).",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="Number of threads (default: one per core).", show_default=False),
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(metavar="SECONDS", help="Interval between checkpoints.")
    ] = 60.0,
    out: Annotated[
        Path | None,
        typer.Option(help="Output folder (default: out/<file>-simulation).", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite an earlier simulation.")
    ] = False,
    no_picture: options.NoPicture = False,
    no_taylor: options.NoTaylor = False,
    debug: options.Debug = False,
) -> None:
    """Simulate crystal plasticity at every voxel: minutes to hours (resumable)."""
    try:
        with terminable(), friendly_errors(debug):
            from polyxtal.workflows.simulate.folder import OUTPUT, check_folder
            from polyxtal.workflows.simulate.settings import SimulationSettings

            settings = SimulationSettings(
                material=tuple(material or ()),
                void=tuple(void or ()),
                path=path,
                strain=strain,
                rate=rate,
                axis=axis,
                unload=unload,
                angle=angle,
                stress_ratio=stress_ratio,
                hold=hold,
                stress=stress,
                load=None if load is None else str(load),
                tol=tol,
                scheme=scheme,
                engine=engine,
                fields=fields,
                fields_every=fields_every,
                threads=threads,
                checkpoint_every=checkpoint_every,
                taylor=not no_taylor,
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
            out = OUTPUT.default(file) if out is None else out
            check_folder(out)
            options.require_input(file)
            options.require_files(load)
            options.require_materials(material)
            _simulate(file, settings, out, force, not no_picture)
    except KeyboardInterrupt as stop:
        typer.echo(_how_to_go_on(out), err=True)
        raise typer.Exit(exit_code(stop)) from None


def _simulate(
    file: Path, settings: SimulationSettings, folder: Path, force: bool, picture: bool
) -> None:
    from rich.console import Console

    from polyxtal.cli.tables import reading_table
    from polyxtal.workflows.simulate.folder import is_finished, open_run
    from polyxtal.workflows.simulate.prepare import prepare
    from polyxtal.workflows.simulate.run import simulate as run_simulation
    from polyxtal.workflows.simulate.write import write_simulation

    console = Console(highlight=False)
    with deferred_warnings(), progress_bar() as progress:
        progress("read", 0, 0)
        prepared = prepare(file, settings)
    if not force and is_finished(folder, prepared.identity()):
        typer.echo(f"Finished before; the results are in {folder} (--force repeats the run).")
        return
    with open_run(folder, prepared.identity(), force) as run:
        _say_where_it_starts(run)
        console.print(reading_table(prepared.reading, settings.describe(prepared.load)))
        with deferred_warnings(), progress_bar() as progress:
            simulation = run_simulation(prepared, run, progress)
            progress("write", 0, 0)
            write_simulation(simulation, run, picture)
    for part in _results(simulation):
        console.print(part)
    if simulation.why_no_baseline:
        typer.echo(simulation.why_no_baseline)
    print_timing(simulation.seconds, run.seconds_before)
    # Plain, because a console would break a long path into lines.
    typer.echo(f"Written to {folder}")


def _say_where_it_starts(run: Run) -> None:
    if run.resumed_at is not None:
        typer.echo(f"Resuming from t = {run.resumed_at:.6g} s.")
    elif run.again:
        typer.echo("Restarting: the earlier run left no checkpoint.")


def _how_to_go_on(folder: Path | None) -> str:
    from polyxtal.workflows.simulate.folder import UNFINISHED, reached

    if folder is None or not (folder / UNFINISHED).exists():
        return "Interrupted before anything was written."
    time = reached(folder)
    if time is None:
        return f"Interrupted before the first checkpoint; restart with: {command_to_resume()}"
    return f"Interrupted; resume from t = {time:.6g} s with: {command_to_resume()}"


def _results(simulation: Simulation) -> Iterator[RenderableType]:
    from math import degrees

    from rich.table import Table

    from polyxtal.cli.tables import STRENGTH_NOTE, curve_note, curve_table

    yield curve_table({"full field": simulation.curve, **simulation.baseline_curves})
    yield curve_note(simulation.curve)

    rotations = {"full field": simulation.rotation, **simulation.baseline_rotations}
    table = Table("", *rotations, title="Grain rotation")
    found = rotations.values()
    table.add_row("mean", *(f"{degrees(r.mean):.2f}°" for r in found))
    table.add_row("largest", *(f"{degrees(r.largest):.2f}°" for r in found))
    table.add_row("initial texture strength [-]", *(f"{r.strength_start:.4f}" for r in found))
    table.add_row("final texture strength [-]", *(f"{r.strength_end:.4f}" for r in found))
    yield table
    yield f"Mean by volume of the grains. {STRENGTH_NOTE}"

    counts = simulation.response.statistics
    table = Table(title="Full field", show_header=False)
    for label, name in (
        ("increments", "increments"),
        ("cutbacks", "cuts"),
        ("Newton iterations" if "tangents" in counts else "iterations", "iterations"),
        ("conjugate-gradient iterations", "krylov_iterations"),
        ("evaluations of the constitutive law", "evaluations"),
    ):
        if name in counts:
            table.add_row(label, f"{counts[name]:.0f}")
    if "residual" in counts:
        table.add_row("largest relative residual [-]", f"{counts['residual']:.1e}")
    table.add_row("wall time", f"{simulation.seconds['full field']:.1f} s")
    yield table
