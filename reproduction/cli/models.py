"""Studies of one pretrained model: latent vectors, reconstructions, probes, and its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors, progress_bar
from reproduction.cli.shared import ALUMINIUM, Force, Model, Out, Seed, evaluated_rows, print_table


def latent(
    model: Model,
    out: Out,
    count: Annotated[int, typer.Option(help="Number of unseen RVEs.")] = 1000,
    method: Annotated[str, typer.Option(help="Map: umap (needs umap-learn), or pca.")] = "umap",
    elastic: Annotated[
        str | None,
        typer.Option(
            "--elastic-gpa",
            "--elastic",
            metavar="C11,C12,C44",
            help=f"Elastic constants of the crystals [GPa] (default: {ALUMINIUM}'s).",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    force: Force = False,
    debug: options.Debug = False,
) -> None:
    """Map latent vectors of unseen polycrystals, coloured by texture index and by C11."""
    with friendly_errors(debug):
        from polyxtal.crystal.load_material import load_material
        from polyxtal.workflows.inputs.elasticity import cubic_elasticity
        from reproduction.latent.measure import LatentSettings, map_latents, measure_latents
        from reproduction.latent.write import OUTPUT, write_latent

        crystal = cubic_elasticity(elastic) if elastic else load_material(ALUMINIUM).elasticity
        settings = LatentSettings(model, crystal, count, method, seed)
        OUTPUT.check(out, force)
        with progress_bar() as progress:
            latents = measure_latents(settings, progress)
            found = map_latents(latents, progress)
        picture = write_latent(found, out, force)
        rows = (
            [name, where, *(f"{value:.3f}" for value in scores[where])]
            for name, scores in found.scores.items()
            for where in scores
        )
        print_table(
            "R² of a prediction from nearest neighbours",
            ("", "on", "C11", "log texture index"),
            rows,
        )
        typer.echo(f"Written to {out}; picture: {picture}")


def reconstruction(
    model: Model,
    out: Out,
    count: Annotated[int, typer.Option(help="Number of unseen RVEs to draw.")] = 4,
    mask: Annotated[
        float | None,
        typer.Option(
            help="Share of hidden patches (default: the pretraining's).", show_default=False
        ),
    ] = None,
    judge: Annotated[int, typer.Option(help="Number of unseen RVEs to evaluate on.")] = 500,
    seed: Seed = 0,
    force: Force = False,
    debug: options.Debug = False,
) -> None:
    """Draw slices: true, masked, and reconstructed by the model and by trivial predictors."""
    with friendly_errors(debug):
        from reproduction.reconstruction.measure import ReconstructionSettings, study_reconstruction
        from reproduction.reconstruction.write import OUTPUT, write_reconstruction

        settings = ReconstructionSettings(model, count, mask, judge, seed)
        OUTPUT.check(out, force)
        with progress_bar() as progress:
            found = study_reconstruction(settings, progress)
        picture = write_reconstruction(found, out, force)
        print_table(
            f"Hidden patches of {judge} unseen RVEs, {100 * found.mask:g} % hidden",
            ("", "mean squared error", "disorientation [°]"),
            evaluated_rows(found.evaluation),
        )
        typer.echo(f"Written to {out}; picture: {picture}")


def probe(
    model: Model,
    data: Annotated[Path, typer.Argument(help="Labelled data set: see examples/recipes/.")],
    out: Out,
    labels: Annotated[str, typer.Option(help="Numbers of labels to fit to.")] = "50,200,1000",
    test: Annotated[int, typer.Option(help="Number of other RVEs to evaluate on.")] = 500,
    draws: Annotated[int, typer.Option(help="Number of random draws of the labels.")] = 5,
    force: Force = False,
    debug: options.Debug = False,
) -> None:
    """Probe frozen features for stiffness, texture index and grain size with few labels."""
    with friendly_errors(debug):
        from reproduction.probing.measure import ProbeSettings, parse_labels, study_probes
        from reproduction.probing.write import OUTPUT, grouped, write_probes

        settings = ProbeSettings(model, str(data), parse_labels(labels), test, draws)
        OUTPUT.check(out, force)
        with progress_bar() as progress:
            found = study_probes(settings, progress)
        picture = write_probes(found, out, force)
        for count in settings.labels:
            scores = {name: grouped(found, name, count) for name in found.scores}
            groups = list(next(iter(scores.values())))
            rows = ([name, *(f"{row[g]:.3f}" for g in groups)] for name, row in scores.items())
            print_table(f"R² with {count} labels", ("", *groups), rows)
        typer.echo(f"Written to {out}; picture: {picture}")


def card(
    pretraining: Annotated[Path, typer.Argument(help="Folder of `polyxtal pretrain`.")],
    out: Annotated[Path, typer.Option(help="Folder of the model; its name is the model's.")],
    reconstruction: Annotated[
        Path | None,
        typer.Option(help="Folder of `study reconstruction` of it.", show_default=False),
    ] = None,
    probe: Annotated[
        Path | None, typer.Option(help="Folder of `study probe` of it.", show_default=False)
    ] = None,
    shard_mib: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Largest file of weights [MiB], which are then bfloat16 (default: one file).",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    debug: options.Debug = False,
) -> None:
    """Release a model: half-precision weights, and a card with the studies' results."""
    with friendly_errors(debug):
        from reproduction.model_card import release_model

        written = release_model(
            pretraining,
            out,
            reconstruction=reconstruction,
            probe=probe,
            shard_bytes=None if shard_mib is None else shard_mib << 20,
            force=force,
        )
        typer.echo(f"Written to {out}; card: {written}")
