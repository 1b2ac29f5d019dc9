"""`polyxtal finetune`: fit heads of a pretrained model, one subcommand per head."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyxtal.cli import options
from polyxtal.cli.console import deferred_warnings, friendly_errors, progress_bar

if TYPE_CHECKING:
    from rich.table import Table

Configuration = Annotated[
    Path, typer.Argument(help="Configuration (YAML), see examples/finetune/.")
]
PICTURE = "predicted.png"
Output = Annotated[Path, typer.Option(help="Output folder, new or to resume.")]

R_SQUARED = "R²: 1 - squared error over the variance of the test volumes."
STIFFNESS_NOTE = (
    f"{R_SQUARED} Error: Frobenius norm of the difference from the full field over that of the "
    "full field, and over the error of Hill's average."
)
CURVES_NOTE = "Error: stress less that of the full field, over its largest on the path."

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
        console = Console(highlight=False, width=120)
        console.print(_table(rows))
        console.print(STIFFNESS_NOTE)
        model = f"; the model is in {out / MODEL}" if (out / MODEL).is_dir() else ""
        typer.echo(f"Written to {out / TABLE}{model}")


@app.command("property")
def own_labels(
    labels: Annotated[
        Path,
        typer.Argument(
            help="Table (CSV): a column `file` with paths of volumes, relative to the table; "
            "labels, 'name [unit]'; if wanted, `split` with train, validation, test."
        ),
    ],
    out: Output,
    model: Annotated[
        str, typer.Option(metavar="NAME|FOLDER", help="Pretrained model.")
    ] = "polyxtal-small",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the split and of the fit.")] = 0,
    validation: Annotated[float, typer.Option(help="Fraction for early stopping.")] = 0.15,
    test: Annotated[float, typer.Option(help="Fraction that no fit sees.")] = 0.15,
    epochs: Annotated[int, typer.Option(min=1, help="Maximum number of epochs.")] = 200,
    patience: Annotated[
        int, typer.Option(min=1, help="Epochs without improvement before early stopping.")
    ] = 20,
    debug: options.Debug = False,
) -> None:
    """Fit a head to labels of your own volumes and compare it with baselines (resumable)."""
    with friendly_errors(debug):
        options.require_files(labels)
        for name, share in (("validation", validation), ("test", test)):
            if not 0 < share < 1:
                raise ValueError(f"Option --{name} must be between 0 and 1, but is {share:g}.")
        from polyxtal.files.atomic import atomic_file
        from polyxtal.training.finetune.folder import MODEL, TABLE
        from polyxtal.training.finetune.property import PropertyConfig, finetune_property
        from polyxtal.viz.predicted import draw_predicted

        config = PropertyConfig(
            labels=str(labels),
            model=model,
            seed=seed,
            validation=validation,
            test=test,
            epochs=epochs,
            patience=patience,
        )
        with progress_bar() as progress, deferred_warnings():
            found = finetune_property(config, out, progress)
        with atomic_file(out / PICTURE) as temporary:
            draw_predicted(*found.drawn()).savefig(temporary, format="png")
        _print_errors(found.rows)
        typer.echo(f"Written to {out / TABLE}, {out / PICTURE}; the model is in {out / MODEL}")


def _print_errors(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("label", "estimate", "mean |error|", "rms error", "R²", title="Test volumes")
    for row in rows:
        name = f"{row['label']} [{row['unit']}]" if row["unit"] else row["label"]
        errors = f"{row['mean_absolute']:.4g}", f"{row['root_mean_square']:.4g}"
        share = "" if row["r_squared"] is None else f"{row['r_squared']:.4f}"
        table.add_row(escape(name), row["estimate"], *errors, share)
    Console(highlight=False, width=120).print(table)
    typer.echo(f"Errors are in the label's unit. {R_SQUARED}")
    for label in dict.fromkeys(row["label"] for row in rows):
        best = min(
            (row for row in rows if row["label"] == label), key=lambda row: row["root_mean_square"]
        )
        typer.echo(f"{label}: lowest error by {best['estimate']}.")


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    columns = ("R² C11 [-]", "R² C22", "R² C33", "smallest R²", "error [-]", "over Hill's")
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
        typer.echo(CURVES_NOTE)
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
