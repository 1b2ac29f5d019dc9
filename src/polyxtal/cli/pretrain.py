"""`polyxtal pretrain`: a masked autoencoder of orientation fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import counted, one_sentence


def pretrain(
    config: Annotated[Path, typer.Argument(help="Configuration (YAML): see examples/pretrain/.")],
    out: Annotated[Path, typer.Option(help="Folder of the pretraining, new or begun.")],
    accelerator: Annotated[str, typer.Option(help="cpu, gpu, or auto.")] = "auto",
    devices: Annotated[int, typer.Option(help="Processes, or GPUs, on each machine.")] = 1,
    strategy: Annotated[
        str, typer.Option(help="How processes share the work: auto or ddp.")
    ] = "auto",
    nodes: Annotated[int, typer.Option(help="Machines.")] = 1,
    stop_after: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Save and stop then.", show_default=False),
    ] = None,
    debug: options.Debug = False,
) -> None:
    """Pretrain a model on ever new polycrystals: hours to days; killed, it goes on."""
    with one_sentence(debug):
        from polyxtal.training.pretrain.config import read_pretrain_config
        from polyxtal.training.pretrain.run import pretrain as run

        asked = read_pretrain_config(config)
        with counted("steps", asked.steps) as shown:
            run(
                asked,
                out,
                accelerator=accelerator,
                devices=devices,
                strategy=strategy,
                nodes=nodes,
                stop_after=stop_after,
                on_step=lambda done, _, measured: shown(done, _note(measured)),
            )
        typer.echo(f"Written to {out}; the model is in {out / 'model'}")


def _note(measured: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in measured.items())
