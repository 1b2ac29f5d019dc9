"""Options and tables that several studies share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

ALUMINIUM = "AA6022-T4"
Model = Annotated[
    str, typer.Argument(help="A shipped model, a folder, or an id 'owner/name' on the hub.")
]
Out = Annotated[Path, typer.Option(help="Output folder.")]
Seed = Annotated[int, typer.Option(help="Random seed of the unseen RVEs.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an earlier result.")]


def parts(text: str) -> tuple[str, ...]:
    """Split a list of names at its commas."""
    return tuple(part.strip() for part in text.split(","))


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of texts."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*header, title=title)
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)


def evaluated_rows(evaluation: Mapping[str, Mapping[str, float]]) -> Iterable[list[str]]:
    """Yield a row for each predictor: squared error and disorientation."""
    for name, row in evaluation.items():
        yield [name, f"{row['loss']:.5f}", f"{row['degrees']:.2f}"]
