"""`polyxtal pretrain`: pretrain a masked autoencoder of orientation fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors, progress_bar


def pretrain(
    config: Annotated[Path, typer.Argument(help="Configuration (YAML), see examples/pretrain/.")],
    out: Annotated[Path, typer.Option(help="Output folder, new or to resume.")],
    accelerator: Annotated[str, typer.Option(help="Accelerator: cpu, gpu or auto.")] = "auto",
    devices: Annotated[int, typer.Option(help="Number of processes or GPUs per node.")] = 1,
    strategy: Annotated[str, typer.Option(help="Distributed strategy: auto or ddp.")] = "auto",
    nodes: Annotated[int, typer.Option(help="Number of nodes.")] = 1,
    stop_after: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Time after which to save a checkpoint and stop.",
            show_default=False,
        ),
    ] = None,
    debug: options.Debug = False,
) -> None:
    """Pretrain a model on generated polycrystals or own volumes: hours to days (resumable)."""
    with friendly_errors(debug):
        options.require_files(config)
        from polyxtal.training.pretrain.config import read_pretrain_config
        from polyxtal.training.pretrain.run import is_finished
        from polyxtal.training.pretrain.run import pretrain as run

        asked = read_pretrain_config(config)
        if is_finished(asked, out):
            typer.echo("Finished before: the model is written again from the last checkpoint.")
        with progress_bar() as progress:
            run(
                asked,
                out,
                accelerator=accelerator,
                devices=devices,
                strategy=strategy,
                nodes=nodes,
                stop_after=stop_after,
                progress=progress,
            )
        typer.echo(f"Written to {out}; the model is in {out / 'model'}")
