"""`polyxtal materials`: list the shipped materials."""

from __future__ import annotations

from typing import Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors


def materials(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    debug: options.Debug = False,
) -> None:
    """List the shipped materials: lattice, plasticity law, validity and sources."""
    with friendly_errors(debug):
        from dataclasses import asdict

        from rich.console import Console
        from rich.table import Table

        from polyxtal.crystal.catalog import materials as catalog

        entries = catalog()
        if json:
            from json import dumps

            typer.echo(dumps({name: asdict(entry) for name, entry in entries.items()}, indent=2))
            return
        table = Table("name", "lattice", "law", "systems", "description and validity", "sources")
        for name, entry in entries.items():
            ratio = "" if entry.c_over_a is None else f", c/a {entry.c_over_a:g}"
            table.add_row(
                name,
                entry.lattice + ratio,
                entry.law,
                str(entry.systems or "-"),
                f"{entry.title}: {entry.validity}",
                "\n".join(entry.references),
            )
        Console(width=None if Console().is_terminal else 200).print(table)
