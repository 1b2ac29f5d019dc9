"""The study of masking ratios."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.cli import options
from polyxtal.cli.console import friendly_errors, progress_bar
from reproduction.cli.shared import Out, Seed, print_table

if TYPE_CHECKING:
    from reproduction.masking.measure import MaskingStudy, Run

RATIOS = "0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9"


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
        str | None,
        typer.Option(help=f"Shares of hidden patches (default: {RATIOS}).", show_default=False),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Steps of each pretraining (default: CONFIG's).", show_default=False),
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
    judge: Annotated[int, typer.Option(help="Number of unseen RVEs for evaluation.")] = 256,
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
    """Pretrain a model for each share of hidden patches, and compare; resumable."""
    with friendly_errors(debug):
        if (config is None) == (existing is None):
            raise ValueError("Either CONFIG or --from must be given, but not both and not none.")
        _check_options(existing is not None, (ratios, steps, stop_after), force)
        if judge < 1 or not 0 <= seed < 2**32:
            raise ValueError(
                f"Options --judge and --seed must be at least 1 and 0, but are {judge} and {seed}."
            )
        from reproduction.masking.write import OUTPUT

        if existing is not None:
            OUTPUT.check(out, force)
            folders: Sequence[str | Path] = existing.split(",")
        else:
            assert config is not None
            found = _sweep(config, out, ratios or RATIOS, steps, accelerator, stop_after)
            if found is None:
                return
            folders = found
        _compare(folders, judge, seed, out)


def _check_options(from_existing: bool, sweep_options: Sequence[object], force: bool) -> None:
    if from_existing and any(option is not None for option in sweep_options):
        raise ValueError(
            "Options --ratios, --steps and --stop-after must be left out with --from: those "
            "pretrainings are there."
        )
    if not from_existing and force:
        raise ValueError("Option --force must be left out with CONFIG: existing runs are resumed.")


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
            asked, out, accelerator=accelerator, stop_after=stop_after, progress=progress
        )
    if len(finished) == len(asked):
        return finished
    typer.echo(
        f"Stopped with {len(finished)} of {len(asked)} models; rerun the same command to resume."
    )
    return None


def _compare(folders: Sequence[str | Path], judge: int, seed: int, out: Path) -> None:
    from reproduction.masking.measure import evaluate_runs, read_runs
    from reproduction.masking.write import write_masking

    runs = read_runs(folders)
    _warn(runs)
    with progress_bar() as progress:
        compared = evaluate_runs(runs, judge, seed, progress)
    picture = write_masking(compared, out)
    _print_masking(compared)
    typer.echo(f"Written to {out}; picture: {picture}")


def _warn(runs: Sequence[Run]) -> None:
    from reproduction.masking.measure import other_differences

    if names := other_differences(runs):
        typer.echo(f"Warning: the pretrainings also differ in {', '.join(names)}.", err=True)


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
    print_table(title, ("hidden", *names), rows)
