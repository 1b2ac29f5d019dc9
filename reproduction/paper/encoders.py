"""Encoders compared in tasks I and II, and their learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polyxtal.files.plain import read_table
from polyxtal.training.finetune.fit import CURVE
from polyxtal.viz.style import INK, LINE_COLORS, TICK_SIZE, new_figure, style_axes
from reproduction.masking.draw import LIGHTEST, SEQUENCE, plain_log_ticks
from reproduction.paper.pretraining import pretrained_models
from reproduction.paper.steps import Place
from reproduction.pretrained import find_model

SCRATCH = "from-scratch"
LOSSES = ("head", "seed", "epoch", "loss", "validation")


def encoder_models(place: Place) -> dict[str, str]:
    """Return the folders of pretrained models to fine-tune: "mask-40" and so on, then others."""
    shares = pretrained_models(place.preset, place.folder)
    models = {f"mask-{100 * share:g}": model for share, model in shares.items()}
    models |= place.preset.others
    return {name: str(find_model(model)) for name, model in models.items()}


def chosen(place: Place) -> str:
    """Return the name of the encoder that the paper continues with."""
    return f"mask-{100 * place.preset.chosen:g}"


def read_losses(folder: Path, names: Sequence[str], seeds: int) -> list[tuple]:
    """Read learning curves: one row for each head, seed and epoch."""
    rows = []
    for name in names:
        for seed in range(seeds):
            for row in read_table(folder / "heads" / name / f"seed-{seed}" / CURVE):
                rows.append((name, seed, int(row["epoch"]), row["loss"], row["validation"]))
    return rows


def show_losses(
    place: Place, names: Sequence[str], seeds: int, label: str, table: str, picture: tuple[str, str]
) -> None:
    """Write the learning curves of a step as a table and as a picture.

    Args:
        place: The step's; the fine-tuning is in `heads` of its working folder.
        names: Names of the heads.
        seeds: Number of fits of each.
        label: Axis label of the losses, with their unit.
        table: Caption of the table.
        picture: File and caption of the picture.
    """
    losses = read_losses(place.work / "heads", names, seeds)
    place.table("losses.csv", table, LOSSES, losses)
    place.picture(*picture, draw_losses(losses, names, label))


def draw_losses(rows: Sequence[tuple], names: Sequence[str], label: str) -> Figure:
    """Draw losses of training and validation over the epochs, means over the seeds."""
    figure = new_figure(9.0, 3.4)
    for axes, place, title in zip(
        figure.subplots(1, 2, sharey=True), (3, 4), ("Training", "Validation"), strict=True
    ):
        for name, color in encoder_colors(names).items():
            by_epoch: dict[int, list[float]] = {}
            for row in rows:
                if row[0] == name:
                    by_epoch.setdefault(row[2], []).append(row[place])
            means = [sum(values) / len(values) for values in by_epoch.values()]
            style = "--" if name == SCRATCH else "-"
            axes.plot([*by_epoch], means, style, color=color, lw=1.5, label=name)
        axes.set(title=title, xlabel="Epoch", yscale="log")
        plain_log_ticks(axes)
        style_axes(axes)
    first: Axes = figure.axes[0]
    first.set_ylabel(label)
    first.legend(fontsize=TICK_SIZE, frameon=False)
    return figure


def encoder_colors(names: Sequence[str]) -> dict[str, object]:
    """Return colours: a sequential scale for masking ratios, and distinct ones for others."""
    shares = [name for name in names if name.startswith("mask-")]
    scale = colormaps[SEQUENCE]
    colors: dict[str, object] = {
        name: scale(LIGHTEST * k / max(1, len(shares) - 1)) for k, name in enumerate(shares)
    }
    rest = [name for name in names if name not in colors and name != SCRATCH]
    colors |= {name: LINE_COLORS[1 + k % 5] for k, name in enumerate(rest)}
    return {name: colors.get(name, INK) for name in names}


def draw_bars(
    axes: Axes, values: Mapping[str, float], references: Mapping[str, float], label: str
) -> None:
    """Draw one bar for each encoder on a logarithmic axis, and a line for each baseline."""
    colors = encoder_colors([*values])
    axes.bar([*values], [*values.values()], color=[colors[name] for name in values])
    for (name, value), style in zip(references.items(), ("--", ":", "-."), strict=False):
        axes.axhline(value, color=LINE_COLORS[1], ls=style, lw=1.2, label=name)
    axes.set(ylabel=label, yscale="log")
    axes.set_ylim(top=2.2 * max(*values.values(), *references.values()))  # room for the legend
    plain_log_ticks(axes)
    axes.tick_params(axis="x", labelrotation=40)
    axes.legend(fontsize=TICK_SIZE, frameon=False, loc="upper left")
    style_axes(axes)
