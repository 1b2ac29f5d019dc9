"""`polyxtal predict`: stiffness, stress-strain curve and texture evolution of a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import load_options, options
from polyxtal.cli.clock import print_timing
from polyxtal.cli.console import deferred_warnings, friendly_errors, progress_bar

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from polyxtal.mechanics.ladder.estimated_response import EstimatedResponse
    from polyxtal.mechanics.loading.path import LoadPath
    from polyxtal.workflows.inputs.reading import Reading
    from polyxtal.workflows.predict.run import Prediction, PredictionSettings


def predict(
    file: options.FileOrTexture,
    material: options.Material = None,
    frame: options.Frame = None,
    threshold: options.Threshold = None,
    exclude: options.Exclude = None,
    max_filled: options.MaxFilled = None,
    volume: options.Volume = None,
    section_spacing: options.SectionSpacing = None,
    no_align: options.NoAlign = False,
    container: options.Container = None,
    array: options.Array = None,
    grains: options.GrainsOrNumber = None,
    aspect: options.Aspect = None,
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
    accuracy: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="Wanted accuracy of the stress, such as 0.5% (default: 1%).",
            show_default=False,
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="Time within which the answer is wanted, such as 5s, as accurate as it permits.",
            show_default=False,
        ),
    ] = None,
    model: options.Model = None,
    leaves: Annotated[
        int | None,
        typer.Option(
            help="Answer by networks of so many leaves (default: 256; 32 with --model).",
            show_default=False,
        ),
    ] = None,
    ensemble: Annotated[
        int | None,
        typer.Option(
            help="Answer by so many networks, averaged (default: 4; 1 with --model).",
            show_default=False,
        ),
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(
            metavar="vti",
            help="Also write local stress and plastic strain at the end of the load, on the grid "
            "of the file: vti for ParaView (index fields.pvd).",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Output folder (default: out/<file>-prediction).", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite an earlier prediction.")
    ] = False,
    no_picture: options.NoPicture = False,
    no_taylor: options.NoTaylor = False,
    debug: options.Debug = False,
) -> None:
    """Predict stiffness, stress-strain curve and texture evolution; seconds to minutes."""
    with friendly_errors(debug):
        from polyxtal.workflows.predict.settings import OUTPUT, PredictionSettings

        settings = PredictionSettings(
            material=tuple(material or ()),
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
            accuracy=options.number_with_unit(accuracy, "accuracy", {"%": 0.01}),
            seconds=options.number_with_unit(time, "seconds", {"s": 1.0, "min": 60.0}),
            model=model,
            leaves=leaves,
            ensemble=ensemble,
            fields=fields,
            seed=seed,
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
                aspect,
                seed,
            ),
        )
        folder = OUTPUT.default(file) if out is None else out
        OUTPUT.check(folder, force)
        options.require_input(file, textures=True)
        options.require_files(load)
        options.require_materials(material)
        _predict(file, settings, folder, force, not no_picture)


def _predict(
    file: Path, settings: PredictionSettings, folder: Path, force: bool, picture: bool
) -> None:
    from rich.console import Console

    from polyxtal.cli.tables import reading_table
    from polyxtal.workflows.predict.run import predict as run
    from polyxtal.workflows.predict.write import write_prediction

    console = Console(highlight=False)
    with deferred_warnings() as warn, progress_bar() as progress:

        def show_input(reading: Reading, load: LoadPath) -> None:
            with progress.paused():
                console.print(reading_table(reading, settings.describe(load)))
                warn()

        prediction = run(file, settings, progress, show_input)
        progress("write", 0, 0)
        write_prediction(prediction, folder, force, picture)
    for part in _results(prediction):
        console.print(part)
    print_timing(prediction.seconds)
    # Plain, because a console would break a long path into lines.
    typer.echo(f"Written to {folder}")


def _results(prediction: Prediction) -> Iterator[RenderableType]:
    from rich.markup import escape
    from rich.table import Table

    from polyxtal.cli.tables import (
        STRENGTH_NOTE,
        constants_table,
        curve_note,
        curve_table,
        error_note,
        stiffness_note,
        stiffness_table,
    )
    from polyxtal.mechanics.ladder.estimated_response import EstimatedResponse
    from polyxtal.workflows.summary.curve import curve_bounds

    bounds = None
    if isinstance(prediction.response, EstimatedResponse):
        bounds = curve_bounds(prediction.response, prediction.curve)
    answer = prediction.stiffness[prediction.answer]
    yield stiffness_table(answer, "Stiffness")
    if prediction.estimated is not None and prediction.estimated.error > 0:
        yield stiffness_note(prediction.estimated)
    columns = {"Reuss": "reuss", "model": "model", "network": "network"}
    columns |= {"full field": "full_field", "Voigt": "voigt"}
    columns = {title: name for title, name in columns.items() if name in prediction.stiffness}
    constants = {title: prediction.constants[name] for title, name in columns.items()}
    yield from constants_table(constants, bounds=("Reuss", "Voigt"))

    if prediction.fallback is not None:
        yield f"{prediction.fallback}: a {prediction.method} answers instead of networks."
    name = "network" if prediction.error is None else "full field"
    yield curve_table({name: prediction.curve, **prediction.baseline_curves}, bounds)
    yield curve_note(prediction.curve)
    if isinstance(prediction.response, EstimatedResponse):
        yield error_note(prediction.reading.file)
        yield _rungs_table(prediction.response)

    yield _texture_table(prediction)
    yield STRENGTH_NOTE

    if prediction.out_of_distribution_score is not None:
        table = Table(title=f"Model {prediction.settings.model}", show_header=False)
        table.add_row(
            "out-of-distribution score [-] (above 1: far from the training data)",
            f"{prediction.out_of_distribution_score:.3f}",
        )
        for label, value in prediction.properties.items():
            table.add_row(escape(label), f"{value:.4g}")
        yield table


def _texture_table(prediction: Prediction) -> Table:
    """Return a table of the initial and the final texture."""
    from math import degrees

    from rich.table import Table

    texture = prediction.texture
    table = Table(title="Texture", show_header=False)
    table.add_row("texture strength [-], grains of the input", f"{texture.strength_grains:.4f}")
    if prediction.grain is None:
        table.add_row("texture strength [-], network, initial", f"{texture.strength_start:.4f}")
    table.add_row("texture strength [-], final", f"{texture.strength_end:.4f}")
    table.add_row("mean rotation of the crystals", f"{degrees(texture.mean_rotation):.2f}°")
    error = getattr(prediction.response, "rotation_error", None)
    if error is not None:
        table.add_row("mean error of their final orientations", f"{degrees(error):.2f}°")
    return table


def _rungs_table(response: EstimatedResponse) -> Table:
    """Return a table of the full fields that were computed, from coarse to fine."""
    from rich.table import Table

    from polyxtal.cli.tables import product

    table = Table("grid", "wall time [s]", "error [%]", title="Full fields")
    for rung in response.rungs:
        table.add_row(product(rung.grid), f"{rung.seconds:.2f}", f"{100 * rung.error:.2f}")
    return table
