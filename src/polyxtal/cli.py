"""The command line: one verb a stage, no logic of its own.

Whatever needs torch is imported inside the verbs, so that help and mistakes answer at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from polyxtal.workflows.predict import Prediction, PredictionSettings

USER_ERROR, NOT_CONVERGED = 2, 3

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from polyxtal import __version__

        typer.echo(f"polyxtal {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """From a voxel polycrystal to its stiffness, stress-strain curve and texture."""


@app.command()
def predict(
    file: Annotated[Path, typer.Argument(help=".vti (with material.yaml), .dream3d or .npz.")],
    material: Annotated[
        list[str] | None,
        typer.Option(help="Shipped name or DAMASK phase file; PHASE=NAME, repeated, for several."),
    ] = None,
    path: Annotated[
        str, typer.Option(help="Kind of load: uniaxial, cyclic, shear or plane-strain.")
    ] = "uniaxial",
    strain: Annotated[float, typer.Option(help="Engineering strain; negative compresses.")] = 0.05,
    rate: Annotated[float, typer.Option(help="Strain rate [1/s].")] = 1e-3,
    axis: Annotated[
        str | None,
        typer.Option(
            help="Loaded axis, or x; for shear direction and normal, or xy; for plane strain "
            "loaded and held axis, or zy.",
            show_default=False,
        ),
    ] = None,
    unload: Annotated[bool, typer.Option("--unload", help="Unload to zero stress.")] = False,
    load: Annotated[
        Path | None, typer.Option(help="DAMASK load file, in place of the five options above.")
    ] = None,
    leaves: Annotated[int, typer.Option(help="Leaves of each network.")] = 256,
    ensemble: Annotated[int, typer.Option(help="Networks whose answers are averaged.")] = 4,
    seed: Annotated[int, typer.Option(help="Same seed, same answer.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Output folder, or out/<file>-prediction.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier prediction.")] = False,
    no_picture: Annotated[bool, typer.Option("--no-picture", help="Write numbers only.")] = False,
    no_taylor: Annotated[bool, typer.Option("--no-taylor", help="Skip Taylor's baseline.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
) -> None:
    """Predict stiffness, stress-strain curve and texture evolution; seconds to minutes."""
    with _one_sentence(debug):
        from polyxtal.workflows.predict import PredictionSettings
        from polyxtal.workflows.write_prediction import check_folder, default_folder

        settings = PredictionSettings(
            material=tuple(material or ()),
            path=path,
            strain=strain,
            rate=rate,
            axis=axis,
            unload=unload,
            load=None if load is None else str(load),
            leaves=leaves,
            ensemble=ensemble,
            seed=seed,
            taylor=not no_taylor,
        )
        folder = default_folder(file) if out is None else out
        check_folder(folder, force)
        _predict(file, settings, folder, force, not no_picture)


def _predict(
    file: Path, settings: PredictionSettings, folder: Path, force: bool, picture: bool
) -> None:
    from rich.console import Console

    from polyxtal.workflows.predict import predict as run
    from polyxtal.workflows.write_prediction import write_prediction

    started = perf_counter()
    with _progress() as (on_stage, on_increment):
        prediction = run(file, settings, on_stage, on_increment)
        on_stage("write", 0)
        write_prediction(prediction, folder, force, picture)
    console = Console(highlight=False)
    for table in _tables(prediction):
        console.print(table)
    stages = ", ".join(f"{name} {s:.1f} s" for name, s in prediction.seconds.items())
    console.print(f"Took {perf_counter() - started:.1f} s ({stages}).")
    # Plain, because a console would break a long path into lines.
    typer.echo(f"Written to {folder}")


@contextmanager
def _one_sentence(debug: bool) -> Iterator[None]:
    """Turn what a user can mend into one sentence and an exit code."""
    from polyxtal.algebra.convergence import ConvergenceError

    try:
        yield
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        if debug:
            raise
        sentence = str(error) or f"The computation must succeed, but met a {type(error).__name__}."
        if isinstance(error, OSError) and error.strerror:
            where = f"{error.filename}: " if error.filename else ""
            sentence = f"{where}{error.strerror}."
        typer.echo(f"Error: {sentence}", err=True)
        code = NOT_CONVERGED if isinstance(error, ConvergenceError) else USER_ERROR
        raise typer.Exit(code) from error


@contextmanager
def _progress() -> Iterator[tuple]:
    """Show the stage and how far it is, on the error stream if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("start", total=None)
        stage = "start"

        def on_stage(name: str, calls: int) -> None:
            nonlocal stage
            stage = name
            # Kernels compile before the first increment, and cannot say how far they are.
            wait = " (compiling the kernels: half a minute, the first time only)" if calls else ""
            # At once, because a compiler holds up the thread that would refresh.
            progress.update(
                task, description=name + wait, completed=0, total=calls or None, refresh=True
            )

        def on_increment(time: float) -> None:
            progress.update(task, description=f"{stage}, {time:.3g} s of load", advance=1)

        yield on_stage, on_increment


def _tables(prediction: Prediction) -> Iterator[Table]:
    from dataclasses import asdict
    from math import degrees

    from rich.table import Table

    from polyxtal.algebra.mandel import stiffness_mandel_to_voigt

    table = Table(title="Stiffness [GPa], Voigt notation", show_header=False)
    for row in stiffness_mandel_to_voigt(prediction.stiffness["network"]).tolist():
        table.add_row(*(f"{value / 1e3:.2f}" for value in row))
    yield table

    table = Table("", "Reuss", "network", "Voigt", title="Engineering constants [GPa, -]")
    constants = {name: asdict(c) for name, c in prediction.constants.items()}
    for name, value in constants["network"].items():
        # Only moduli lie between the bounds; ratios do not.
        modulus = name.startswith(("E_", "G_", "bulk"))
        bounds = [constants[b][name] for b in ("reuss", "voigt")]
        low, high = (f"{b / 1e3:.2f}" if modulus else f"({b:.4f})" for b in bounds)
        table.add_row(name, low, f"{value / 1e3:.2f}" if modulus else f"{value:.4f}", high)
    yield table

    curves = {"network": prediction.curve, **prediction.baseline_curves}
    component, end = prediction.curve.component, 100 * prediction.curve.strain
    table = Table("", *curves, title=f"Stress-strain curve [MPa], {component}")
    for label, name in (
        ("0.2 % proof stress", "proof_stress"),
        (f"stress at {end:.3g} % strain", "stress"),
        ("hardening there", "hardening"),
    ):
        values = [getattr(curve, name) for curve in curves.values()]
        table.add_row(label, *("not reached" if v is None else f"{v:.1f}" for v in values))
    yield table

    texture = prediction.texture
    table = Table(title="Texture", show_header=False)
    table.add_row("strength, grains of the file", f"{texture.strength_grains:.4f}")
    table.add_row("strength, network at the start", f"{texture.strength_start:.4f}")
    table.add_row("strength, network at the end", f"{texture.strength_end:.4f}")
    table.add_row("mean rotation of the crystals", f"{degrees(texture.mean_rotation):.2f}°")
    yield table
