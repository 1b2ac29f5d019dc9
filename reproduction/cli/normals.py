"""Whether learning helps to predict a network's normals."""

from __future__ import annotations

from typing import Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors, progress_bar
from reproduction.cli.shared import Model, Out, print_table


def normals(
    model: Model,
    out: Out,
    volumes: Annotated[int, typer.Option(help="Number of polycrystals to train on.")] = 128,
    networks: Annotated[int, typer.Option(help="Networks of each of them.")] = 6,
    epochs: Annotated[int, typer.Option(help="Passes through the training data.")] = 20,
    seeds: Annotated[int, typer.Option(help="Networks of each polycrystal to compare.")] = 2,
    grid: Annotated[int, typer.Option(help="Voxels along an edge of these polycrystals.")] = 25,
    grains: Annotated[int, typer.Option(help="Grains of these polycrystals.")] = 139,
    seed: Annotated[int, typer.Option(help="Random seed of these polycrystals.")] = 6,
    debug: options.Debug = False,
) -> None:
    """Train predictors of normals and compare fits that start from them; resumes what was begun."""
    with friendly_errors(debug):
        from reproduction.curves.cases import CaseSettings
        from reproduction.normals.study import LOADS, NormalSettings, study_normals
        from reproduction.normals.training import TrainingSettings
        from reproduction.normals.volumes import VolumeSettings

        settings = NormalSettings(
            model,
            VolumeSettings(volumes, networks),
            TrainingSettings(epochs),
            CaseSettings(grid=grid, grains=grains, seed=seed, loads=LOADS),
            seeds,
        )
        with progress_bar() as progress:
            table = study_normals(settings, out, progress)
        shown = ("start", "iterations", "mean", "misfit", "start_seconds", "fit_seconds")
        rows = ([_text(line[name]) for name in shown] for line in table)
        print_table("Errors [%] of fitted networks, CPU time [s]", shown, rows)
        typer.echo(f"Written to {out}")


def _text(value: str | float) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
