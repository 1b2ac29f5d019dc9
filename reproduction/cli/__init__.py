"""`python -m reproduction`: figures and tables about pretrained models, and the paper's."""

from __future__ import annotations

import typer

from reproduction.cli import accuracy, masking, models, normals, paper

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def study() -> None:
    """Draw and measure what pretrained models have learned."""


# Help lists the commands in this order.
for command in (
    models.latent,
    masking.masking,
    models.reconstruction,
    models.probe,
    models.card,
    paper.curves,
    normals.normals,
    paper.paper,
    paper.table,
    accuracy.accuracy,
):
    app.command()(command)
