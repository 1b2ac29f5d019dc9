"""`polyxtal finetune`: fit heads of a pretrained model, one subcommand per head."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors, progress_bar

if TYPE_CHECKING:
    from rich.table import Table

Configuration = Annotated[
    Path, typer.Argument(help="Configuration (YAML), see examples/finetune/.")
]
Output = Annotated[Path, typer.Option(help="Output folder, new or to resume.")]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """Fit heads to a pretrained model from labelled polycrystals."""


@app.command()
def stiffness(
    config: Configuration,
    out: Output,
    debug: options.Debug = False,
) -> None:
    """Fit heads that predict stiffness and compare them with all baselines (resumable)."""
    with friendly_errors(debug):
        options.require_files(config)
        from rich.console import Console

        from polyxtal.training.finetune.config import read_stiffness_config
        from polyxtal.training.finetune.folder import MODEL, TABLE
        from polyxtal.training.finetune.stiffness import finetune_stiffness

        asked = read_stiffness_config(config)
        with progress_bar() as progress:
            rows = finetune_stiffness(asked, out, progress)
        Console(highlight=False, width=120).print(_table(rows))
        model = f"; the model is in {out / MODEL}" if (out / MODEL).is_dir() else ""
        typer.echo(f"Written to {out / TABLE}{model}")


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    columns = ("R² C11", "C22", "C33", "smallest", "error", "relative to Hill")
    table = Table("estimate", "crystal", *columns, title="Test RVEs, means over seeds")
    for row in rows:
        values = [f"{row[name]:.6f}" for name in ("C11", "C22", "C33", "least")]
        error, ratio = row["error"], row["over_hill"]
        values.append("" if error is None else f"{error:.2e}")
        values.append("" if ratio is None else f"{ratio:.4f}")
        table.add_row(row["estimate"], row["crystal"], *values)
    return table


@app.command()
def network(
    config: Configuration,
    out: Output,
    debug: options.Debug = False,
) -> None:
    """Fit the head that predicts curves to full-field simulations (resumable)."""
    with friendly_errors(debug):
        options.require_files(config)
        from rich.console import Console
        from rich.table import Table

        from polyxtal.training.finetune.curves import COLUMNS, finetune_network, read_network_config
        from polyxtal.training.finetune.folder import MODEL, TABLE

        asked = read_network_config(config)
        with progress_bar() as progress:
            rows = finetune_network(asked, out, progress)
        title = "Error in stress on standard paths of unseen polycrystals, means over seeds [%]"
        table = Table("mode", "estimate", "mean", "root mean square", "largest", title=title)
        for row in rows:
            table.add_row(
                *(str(row[n]) for n in COLUMNS[:2]), *(f"{100 * row[n]:.2f}" for n in COLUMNS[2:])
            )
        Console(highlight=False, width=120).print(table)
        typer.echo(f"Written to {out / TABLE}; the model is in {out / MODEL}")


@app.command()
def parameters(
    config: Configuration,
    out: Output,
    debug: options.Debug = False,
) -> None:
    """Fit the paper's heads that predict all parameters of a network (resumable)."""
    with friendly_errors(debug):
        options.require_files(config)
        from rich.console import Console
        from rich.table import Table

        from polyxtal.training.finetune.folder import TABLE
        from polyxtal.training.finetune.parameter_task import read_parameter_config
        from polyxtal.training.finetune.parameters import COLUMNS, finetune_parameters

        asked = read_parameter_config(config)
        with progress_bar() as progress:
            rows = finetune_parameters(asked, out, progress)
        title = "Relative Frobenius error of the stiffness, means over seeds [%]"
        table = Table("estimate", "RVEs", *COLUMNS[2:], title=title)
        for row in rows:
            numbers = ("" if row[n] is None else f"{100 * row[n]:.2f}" for n in COLUMNS[2:])
            table.add_row(row["estimate"], str(row["rves"]), *numbers)
        Console(highlight=False, width=100).print(table)
        typer.echo(f"Written to {out / TABLE}")
