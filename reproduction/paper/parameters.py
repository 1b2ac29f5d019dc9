"""Fig. 8 and 9: task II, offline: all parameters of a network by a linear head on [CLS]."""

from __future__ import annotations

import math
from pathlib import Path

from polyxtal.training.finetune.config import FitConfig
from polyxtal.training.finetune.folder import MODEL
from polyxtal.training.finetune.parameter_task import ParameterConfig
from polyxtal.training.finetune.parameters import finetune_parameters
from polyxtal.viz.style import new_figure
from reproduction.paper.encoders import SCRATCH, chosen, draw_bars, encoder_models, show_losses
from reproduction.paper.steps import WORK, Place
from reproduction.paper.stiffness import data_set

NAME, DATA = "parameters", "types"


def inferring_model(folder: Path, name: str) -> Path:
    """Name the folder of the model that an encoder became, first seed, with its parameter head."""
    return folder / WORK / NAME / "heads" / "heads" / name / "seed-0" / MODEL


def run(place: Place) -> None:
    """Fit the head to every encoder, and set it beside networks that nothing was fitted to."""
    part = place.preset.parameters
    data = data_set(place, DATA, part.data)
    models = encoder_models(place)
    heads = {
        name: FitConfig.model_validate({**part.fit.model_dump(), "model": model})
        for name, model in models.items()
    }
    heads[SCRATCH] = part.scratch
    config = ParameterConfig(
        model=place.preset.predicting or models[chosen(place)],
        data=str(data),
        depth=part.depth,
        validation=part.validation,
        crystals=part.crystals,
        seeds=part.seeds,
        predicted=part.predicted if place.preset.predicting else 0,
        effort=place.preset.effort,
        heads=heads,
    )
    rows = finetune_parameters(config, place.work / "heads", place.progress)
    labels = part.data.labels
    sampled = labels.sampled if labels else None
    low, high = sampled.zener if sampled else (math.nan, math.nan)
    place.table(
        "errors.csv",
        f"Relative Frobenius error of the stiffness, {labels.count if labels else 0} crystals with "
        f"Zener ratios from {low:g} to {high:g} for each of {part.data.count} RVEs of the four "
        f"texture types, {round(100 * part.validation):g} % of them to validate on; "
        f"means over {part.seeds} seeds.",
        list(rows[0]),
        (row.values() for row in rows),
    )
    show_losses(
        place,
        [*heads],
        part.seeds,
        "Relative Frobenius error [-]",
        "Losses of the fine-tuning.",
        (
            "fig8.png",
            "Fig. 8: relative Frobenius error over the fine-tuning, means over the seeds.",
        ),
    )
    errors = {row["estimate"]: 100 * row["validation"] for row in rows}
    figure = new_figure(5.0, 3.8)
    axes = figure.subplots()
    references = {name: errors[name] for name in ("Hill", "untrained networks")}
    draw_bars(axes, {n: errors[f"head {n}"] for n in heads}, references, "Validation error [%]")
    place.picture("fig9.png", "Fig. 9: validation error of inferred networks.", figure)
    if part.predicted and place.preset.predicting:
        place.remarks.append(
            f"Predicted networks are evaluated on {part.predicted} of the validation RVEs of each "
            "seed, for the time that they take; rows with the same RVEs are to be compared with "
            "them."
        )
    place.commands.append("polyxtal finetune parameters CONFIG --out DIR")
