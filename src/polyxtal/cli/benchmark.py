"""`polyxtal benchmark`: score an encoder on five tasks, beside all baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors, progress_bar

if TYPE_CHECKING:
    from rich.table import Table

    from polyxtal.workflows.benchmark.scores import Row


def benchmark(
    encoder: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION|MODEL",
            help="A Python function from polycrystals to vectors, or a model: a shipped name, a "
            "folder, or an id 'owner/name' on the hub.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Output folder, new or to resume.")],
    preset: Annotated[
        str, typer.Option(help="Sizes: tiny (seconds, to try out) or small (about an hour).")
    ] = "small",
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the volumes.")] = 0,
    debug: options.Debug = False,
) -> None:
    """Score an encoder on five tasks, beside all baselines (resumable)."""
    with friendly_errors(debug):
        from rich.console import Console

        from polyxtal.workflows.benchmark.run import TABLE
        from polyxtal.workflows.benchmark.run import benchmark as run

        with progress_bar() as progress:
            rows = run(encoder, out, preset, seed, progress)
        console = Console(highlight=False, width=100)
        for task in dict.fromkeys(row.task for row in rows):
            console.print(_table(task, [row for row in rows if row.task == task]))
        typer.echo(f"Written to {out / TABLE}")


def _table(task: str, rows: list[Row]) -> Table:
    """Return the scores of a task: a row for each estimate, a column for each target."""
    from rich.table import Table

    columns = list(dict.fromkeys((row.target, row.labels, row.measure) for row in rows))
    plain = {(target, measure) for target, _, measure in columns}
    several = {key: {r.labels for r in rows if (r.target, r.measure) == key} for key in plain}
    headers: dict[tuple[str, int, str], str] = {}
    for row in rows:
        many = {labels for labels in several[row.target, row.measure] if labels}
        labels = row.labels if len(many) > 1 else 0
        note = f"{row.measure}, {labels} labels" if labels else row.measure
        headers[row.target, labels, row.measure] = f"{row.target}\n{note}"
    table = Table("estimate", *headers.values(), title=task)
    values: dict[str, dict[tuple[str, int, str], float]] = {}
    for row in rows:
        for key in ((row.target, row.labels, row.measure), (row.target, 0, row.measure)):
            if key in headers:
                values.setdefault(row.estimate, {})[key] = row.value
                break
    for name, found in values.items():
        cells = [f"{found[key]:.4f}" if key in found else "" for key in headers]
        table.add_row(name, *cells)
    return table
