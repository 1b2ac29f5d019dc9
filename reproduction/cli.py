"""`python -m reproduction`: figures and tables about pretrained models, and the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors, progress_bar

if TYPE_CHECKING:
    from reproduction.masking.measure import MaskingStudy, Run

app = typer.Typer(no_args_is_help=True)

ALUMINIUM = "AA6022-T4"
RATIOS = "0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9"
Model = Annotated[
    str, typer.Argument(help="A shipped model, a folder, or an id 'owner/name' on the hub.")
]
Out = Annotated[Path, typer.Option(help="Output folder.")]
Seed = Annotated[int, typer.Option(help="Of the unseen RVEs; same seed, same result.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an earlier result.")]


@app.callback()
def study() -> None:
    """Draw and measure what pretrained models have learned."""


@app.command()
def latent(
    model: Model,
    out: Out,
    count: Annotated[int, typer.Option(help="Unseen RVEs.")] = 1000,
    method: Annotated[str, typer.Option(help="Map: umap (needs umap-learn), or pca.")] = "umap",
    elastic: Annotated[
        str | None,
        typer.Option(
            metavar="C11,C12,C44",
            help=f"Of the crystals [GPa], or those of {ALUMINIUM}.",
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
        _print_table(
            "R² of a prediction from nearest neighbours",
            ("", "on", "C11", "log texture index"),
            rows,
        )
        typer.echo(f"Written to {out}; picture: {picture}")


@app.command()
def masking(
    out: Out,
    config: Annotated[
        Path | None,
        typer.Argument(
            help="Configuration of a pretraining (YAML): see examples/pretrain/.",
            show_default=False,
        ),
    ] = None,
    ratios: Annotated[
        str | None, typer.Option(help=f"Shares of hidden patches, or {RATIOS}.", show_default=False)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Of each pretraining, or CONFIG's.", show_default=False)
    ] = None,
    existing: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FOLDER,FOLDER,...",
            help="Pretrainings or models that are there, instead of CONFIG.",
            show_default=False,
        ),
    ] = None,
    judge: Annotated[int, typer.Option(help="Unseen RVEs to judge each model on.")] = 256,
    seed: Seed = 0,
    accelerator: Annotated[str, typer.Option(help="cpu, gpu, or auto.")] = "auto",
    stop_after: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Save and stop then.", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --from: replace an earlier result.")
    ] = False,
    debug: options.Debug = False,
) -> None:
    """Pretrain a model for each share of hidden patches, and compare; killed, it goes on."""
    with friendly_errors(debug):
        if (config is None) == (existing is None):
            raise ValueError("Either CONFIG or --from must be given, but not both and not none.")
        if existing is not None and (ratios, steps, stop_after) != (None, None, None):
            raise ValueError(
                "Options --ratios, --steps and --stop-after must be left out with --from: those "
                "pretrainings are there."
            )
        if config is not None and force:
            raise ValueError("Option --force must be left out with CONFIG: what is there goes on.")
        if judge < 1 or not 0 <= seed < 2**32:
            raise ValueError(
                f"Options --judge and --seed must be at least 1 and 0, but are {judge} and {seed}."
            )
        from reproduction.masking.measure import evaluate_runs, read_runs
        from reproduction.masking.write import OUTPUT, write_masking

        if existing is not None:
            OUTPUT.check(out, force)
            folders: Sequence[str | Path] = existing.split(",")
        else:
            assert config is not None
            found = _sweep(config, out, ratios or RATIOS, steps, accelerator, stop_after)
            if found is None:
                return
            folders = found
        runs = read_runs(folders)
        _warn(runs)
        with progress_bar() as progress:
            compared = evaluate_runs(runs, judge, seed, progress)
        picture = write_masking(compared, out)
        _print_masking(compared)
        typer.echo(f"Written to {out}; picture: {picture}")


@app.command()
def reconstruction(
    model: Model,
    out: Out,
    count: Annotated[int, typer.Option(help="Unseen RVEs to draw.")] = 4,
    mask: Annotated[
        float | None,
        typer.Option(help="Share of hidden patches, or the pretraining's.", show_default=False),
    ] = None,
    judge: Annotated[int, typer.Option(help="Unseen RVEs of the table.")] = 500,
    seed: Seed = 0,
    force: Force = False,
    debug: options.Debug = False,
) -> None:
    """Draw slices: true, masked, rebuilt by the model and by the trivial predictors."""
    with friendly_errors(debug):
        from reproduction.reconstruction.measure import ReconstructionSettings, study_reconstruction
        from reproduction.reconstruction.write import OUTPUT, write_reconstruction

        settings = ReconstructionSettings(model, count, mask, judge, seed)
        OUTPUT.check(out, force)
        with progress_bar() as progress:
            found = study_reconstruction(settings, progress)
        picture = write_reconstruction(found, out, force)
        _print_table(
            f"Hidden patches of {judge} unseen RVEs, {100 * found.mask:g} % hidden",
            ("", "mean squared error", "disorientation [°]"),
            _evaluated_rows(found.evaluation),
        )
        typer.echo(f"Written to {out}; picture: {picture}")


@app.command()
def probe(
    model: Model,
    data: Annotated[Path, typer.Argument(help="Labelled data set: see examples/recipes/.")],
    out: Out,
    labels: Annotated[str, typer.Option(help="Numbers of labels to fit to.")] = "50,200,1000",
    test: Annotated[int, typer.Option(help="Other RVEs to judge on.")] = 500,
    draws: Annotated[int, typer.Option(help="Times that labels are drawn anew.")] = 5,
    force: Force = False,
    debug: options.Debug = False,
) -> None:
    """Read stiffness, texture index and grain size off frozen features with few labels."""
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
            _print_table(f"R² with {count} labels", ("", *groups), rows)
        typer.echo(f"Written to {out}; picture: {picture}")


@app.command()
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
    force: Force = False,
    debug: options.Debug = False,
) -> None:
    """Hand a model on: half-precision weights and a card with what the studies measured."""
    with friendly_errors(debug):
        from reproduction.model_card import release_model

        written = release_model(
            pretraining, out, reconstruction=reconstruction, probe=probe, force=force
        )
        typer.echo(f"Written to {out}; card: {written}")


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _sweep(
    config: Path,
    out: Path,
    ratios: str,
    steps: int | None,
    accelerator: str,
    stop_after: float | None,
) -> list[Path] | None:
    from reproduction.masking.sweep import check_sweep, parse_ratios, sweep, sweep_configs

    check_sweep(out)
    asked = sweep_configs(config, parse_ratios(ratios), steps)
    with progress_bar() as progress:
        finished = sweep(
            asked,
            out,
            accelerator=accelerator,
            stop_after=stop_after,
            progress=progress,
        )
    if len(finished) == len(asked):
        return finished
    typer.echo(f"Stopped with {len(finished)} of {len(asked)} models; the same command goes on.")
    return None


def _warn(runs: Sequence[Run]) -> None:
    from reproduction.masking.measure import other_differences

    if names := other_differences(runs):
        typer.echo(f"Warning: the pretrainings also differ in {', '.join(names)}.", err=True)


def _evaluated_rows(evaluation: Mapping[str, Mapping[str, float]]) -> Iterable[list[str]]:
    for name, row in evaluation.items():
        yield [name, f"{row['loss']:.5f}", f"{row['degrees']:.2f}"]


def _print_masking(study: MaskingStudy) -> None:
    names = list(study.evaluations[0])
    rows = (
        [
            f"{100 * run.ratio:g} %",
            *(f"{row[n]['loss']:.4f}, {row[n]['degrees']:.1f}°" for n in names),
        ]
        for run, row in zip(study.runs, study.evaluations, strict=True)
    )
    title = f"Mean squared error and disorientation, {study.count} unseen RVEs"
    _print_table(title, ("hidden", *names), rows)


def _print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*header, title=title)
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)


@app.command()
def curves(
    model: Model,
    out: Annotated[Path, typer.Option(help="Folder of the study, new or begun.")],
    leaves: Annotated[int, typer.Option(help="Leaves of each network.")] = 32,
    seeds: Annotated[int, typer.Option(help="Networks of each kind.")] = 3,
    grid: Annotated[int, typer.Option(help="Voxels along an edge.")] = 25,
    grains: Annotated[int, typer.Option(help="Grains of each polycrystal.")] = 139,
    material: Annotated[str, typer.Option(help="Shipped name or phase file.")] = "AA6022-T4",
    strain: Annotated[float, typer.Option(help="Largest strain.")] = 0.05,
    seed: Seed = 0,
    zener: Annotated[
        float | None,
        typer.Option(help="Of the crystals, instead of the material's.", show_default=False),
    ] = None,
    loads: Annotated[
        str, typer.Option(help="Of tension, unloading, shear, plane strain, cyclic.")
    ] = "tension,shear,cyclic",
    polycrystals: Annotated[
        str | None, typer.Option(help="Some of them, by name, or all.", show_default=False)
    ] = None,
    fitted: Annotated[
        bool, typer.Option(help="Fit networks to each polycrystal's own full fields, too.")
    ] = True,
    debug: options.Debug = False,
) -> None:
    """Compare predicted networks with full fields, beside every baseline; killed, it goes on."""
    with friendly_errors(debug):
        from reproduction.curves.cases import POLYCRYSTALS, CaseSettings
        from reproduction.curves.measure import CurveSettings, study_curves, summary_rows
        from reproduction.curves.write import write_curves

        names = POLYCRYSTALS if polycrystals is None else _parts(polycrystals)
        cases = CaseSettings(grid, grains, material, strain, seed, zener, _parts(loads), names)
        settings = CurveSettings(model, cases, leaves, seeds, fitted)
        with progress_bar() as progress:
            found = study_curves(settings, out, progress)
        picture = write_curves(found, out)
        rows = [tuple(row.values()) for row in summary_rows(found.rows)]
        _print_table(
            f"Error of networks with {leaves} leaves: stress [%], grains' orientations [°]",
            ("", "polycrystal", "mean", "largest mean", "maximum", "orientations"),
            [
                (name, of, *(f"{100 * value:.2f}" for value in stress), f"{turned:.2f}")
                for name, of, *stress, turned in rows
            ],
        )
        typer.echo(f"Written to {out}; picture: {picture}")


@app.command()
def paper(
    out: Annotated[Path, typer.Option(help="Folder of the reproduction, new or begun.")],
    preset: Annotated[str, typer.Option(help="small, base, paper, or a YAML file.")] = "small",
    only: Annotated[
        str | None, typer.Option(help="Steps to take, by name, or all.", show_default=False)
    ] = None,
    debug: options.Debug = False,
) -> None:
    """Make the paper's figures and tables anew, beside every baseline; killed, it goes on."""
    with friendly_errors(debug):
        from reproduction.paper.presets import read_preset
        from reproduction.paper.run import PaperSettings, study_paper

        chosen = read_preset(preset)
        names = () if only is None else _parts(only)
        settings = PaperSettings(preset, chosen, names)
        with progress_bar() as progress:
            report = study_paper(settings, out, progress)
        typer.echo(f"Written to {out}; report: {report}")


@app.command()
def table(
    results: Annotated[Path, typer.Argument(help="Results of `study paper`: OUT/results.")],
    into: Annotated[Path, typer.Option(help="Document that holds the marks of the table.")],
    check: Annotated[bool, typer.Option("--check", help="Fail instead of changing it.")] = False,
    debug: options.Debug = False,
) -> None:
    """Put the table of results into a document such as the README."""
    with friendly_errors(debug):
        from reproduction.paper.readme_table import agrees, put_table

        if check:
            if not agrees(results, into):
                raise ValueError(f"{into}: must hold the table of {results}, but holds another.")
            typer.echo(f"{into} agrees with {results}.")
        else:
            typer.echo(f"{into} {'changed' if put_table(results, into) else 'agrees already'}.")
