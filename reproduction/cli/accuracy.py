"""Chart and tables of the page on accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors


def accuracy(
    root: Annotated[Path, typer.Option(help="Folder of the repository.")] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Fail instead of changing them.")] = False,
    debug: options.Debug = False,
) -> None:
    """Put error and CPU time of all methods into README and docs/accuracy.md, with the chart."""
    with friendly_errors(debug):
        from reproduction.accuracy.write import stale, write_accuracy

        names = ", ".join(map(str, stale(root) if check else write_accuracy(root)))
        if check and names:
            raise ValueError(f"{names}: must hold the numbers of the stored results, but does not.")
        typer.echo(f"Changed: {names}." if names else "All pages agree with the stored results.")
