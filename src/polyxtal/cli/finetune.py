"""`polyxtal finetune`: heads on a pretrained model, one subcommand for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyxtal.cli import options
from polyxtal.cli.console import counted, one_sentence

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """Fit heads to a pretrained model from labelled polycrystals."""


@contextmanager
def _staged(stages: int) -> Iterator[Callable[[str, int, int], None]]:
    """Show progress of fits that take so many stages of unequal length, each in percent.

    Yields what to call with what is done, how many steps of it, and of how many. What a stage is
    called may end in its latest validation.
    """
    with counted("percent of a stage", 100 * stages) as shown:
        begun: dict[str, int] = {}

        def tell(what: str, done: int, of: int) -> None:
            stage = begun.setdefault(what.partition(", validation")[0], len(begun))
            shown(100 * stage + 100 * done // of, f"{done} of {of} {what}")

        yield tell


@app.command()
def stiffness(
    config: Annotated[Path, typer.Argument(help="Configuration (YAML): see examples/finetune/.")],
    out: Annotated[Path, typer.Option(help="Folder of the fine-tuning, new or begun.")],
    debug: options.Debug = False,
) -> None:
    """Fit heads that tell stiffness, and print them beside all baselines; killed, it goes on."""
    with one_sentence(debug):
        from rich.console import Console

        from polyxtal.training.finetune.config import read_stiffness_config
        from polyxtal.training.finetune.folder import MODEL, TABLE
        from polyxtal.training.finetune.stiffness import finetune_stiffness

        asked = read_stiffness_config(config)
        heads = asked.heads.values()
        bases = 1 + any(head.kind == "tensor" for head in heads)
        encoders = 2 + sum(head.model is not None for head in heads)
        with _staged(bases + encoders + asked.seeds * len(asked.heads)) as tell:
            rows = finetune_stiffness(asked, out, tell)
        Console(highlight=False, width=120).print(_table(rows))
        model = f"; the model is in {out / MODEL}" if (out / MODEL).is_dir() else ""
        typer.echo(f"Written to {out / TABLE}{model}")


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    columns = ("R² C11", "C22", "C33", "least", "error", "over Hill's")
    table = Table("estimate", "crystal", *columns, title="Test RVEs, means over the seeds")
    for row in rows:
        values = [f"{row[name]:.6f}" for name in ("C11", "C22", "C33", "least")]
        error, ratio = row["error"], row["over_hill"]
        values.append("" if error is None else f"{error:.2e}")
        values.append("" if ratio is None else f"{ratio:.4f}")
        table.add_row(row["estimate"], row["crystal"], *values)
    return table


@app.command()
def network(
    config: Annotated[Path, typer.Argument(help="Configuration (YAML): see examples/finetune/.")],
    out: Annotated[Path, typer.Option(help="Folder of the fine-tuning, new or begun.")],
    debug: options.Debug = False,
) -> None:
    """Fit the head that tells curves to full fields of small polycrystals; killed, it goes on."""
    with one_sentence(debug):
        from rich.console import Console
        from rich.table import Table

        from polyxtal.training.finetune.curves import (
            COLUMNS,
            finetune_network,
            read_network_config,
        )
        from polyxtal.training.finetune.folder import MODEL, TABLE

        asked = read_network_config(config)
        with counted("polycrystals", asked.recipe.count) as shown:
            rows = finetune_network(asked, out, lambda done, _: shown(done))
        title = "Error in stress on standard paths of unseen polycrystals, means over the seeds [%]"
        table = Table("mode", "estimate", "mean", "root mean square", "largest", title=title)
        for row in rows:
            table.add_row(
                *(str(row[n]) for n in COLUMNS[:2]), *(f"{100 * row[n]:.2f}" for n in COLUMNS[2:])
            )
        Console(highlight=False, width=120).print(table)
        typer.echo(f"Written to {out / TABLE}; the model is in {out / MODEL}")


@app.command()
def parameters(
    config: Annotated[Path, typer.Argument(help="Configuration (YAML): see examples/finetune/.")],
    out: Annotated[Path, typer.Option(help="Folder of the fine-tuning, new or begun.")],
    debug: options.Debug = False,
) -> None:
    """Fit the paper's heads that tell all parameters of a network; killed, it goes on."""
    with one_sentence(debug):
        from rich.console import Console
        from rich.table import Table

        from polyxtal.training.finetune.fit import encoder_of
        from polyxtal.training.finetune.folder import TABLE
        from polyxtal.training.finetune.parameters import (
            COLUMNS,
            finetune_parameters,
            read_parameter_config,
        )

        asked = read_parameter_config(config)
        encoders = len({encoder_of(name, head) for name, head in asked.heads.items()})
        stages = encoders + asked.seeds * (len(asked.heads) + bool(asked.predicted))
        with _staged(stages) as tell:
            rows = finetune_parameters(asked, out, tell)
        title = "Relative Frobenius error of the stiffness, means over the seeds [%]"
        table = Table("estimate", "RVEs", *COLUMNS[2:], title=title)
        for row in rows:
            numbers = ("" if row[n] is None else f"{100 * row[n]:.2f}" for n in COLUMNS[2:])
            table.add_row(row["estimate"], str(row["rves"]), *numbers)
        Console(highlight=False, width=100).print(table)
        typer.echo(f"Written to {out / TABLE}")
