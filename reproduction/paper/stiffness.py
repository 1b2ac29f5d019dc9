"""Fig. 6 and 7: task I, C11, C22 and C33 by a linear head on [CLS]."""

from __future__ import annotations

from pathlib import Path

from polyxtal.dataset.generate import generate
from polyxtal.dataset.recipe import Recipe
from polyxtal.training.finetune.config import HeadConfig, StiffnessConfig
from polyxtal.training.finetune.stiffness import finetune_stiffness
from polyxtal.viz.style import new_figure
from reproduction.paper.encoders import SCRATCH, chosen, draw_bars, encoder_models, show_losses
from reproduction.paper.steps import Place

TRAIN, TEST = "stiffness-train", "stiffness-test"


def data_set(place: Place, name: str, recipe: Recipe) -> Path:
    """Generate a data set; resumable."""
    folder = place.shared(name)
    generate(recipe, folder, workers=1, progress=place.progress)
    return folder


def run(place: Place) -> None:
    """Fit the head to every encoder, and compare it with all baselines."""
    part = place.preset.stiffness
    train, test = (data_set(place, *one) for one in ((TRAIN, part.train), (TEST, part.test)))
    models = encoder_models(place)
    heads = {
        name: HeadConfig.model_validate({**part.fit.model_dump(), "kind": "normal", "model": model})
        for name, model in models.items()
    }
    # As the paper's head that learns from scratch: without a ridge to begin with.
    scratch = {**part.scratch.model_dump(), "kind": "normal", "ridge": False}
    heads[SCRATCH] = HeadConfig.model_validate(scratch)
    config = StiffnessConfig(
        model=models[chosen(place)],
        data=str(train),
        test=str(test),
        validation=part.validation,
        seeds=part.seeds,
        heads=heads,
    )
    rows = finetune_stiffness(config, place.work / "heads", place.progress)
    columns = list(rows[0])
    learn = round((1 - part.validation) * part.train.count)
    place.table(
        "r_squared.csv",
        f"R² of C11, C22 and C33 on {part.test.count} unseen RVEs, {learn} to learn from, means "
        f"over {part.seeds} seeds; error: relative Frobenius error of the full stiffness, of "
        "estimates that have one.",
        columns,
        (row.values() for row in rows),
    )
    show_losses(
        place,
        [*heads],
        part.seeds,
        "Mean squared error over variance [-]",
        "Losses of the fine-tuning, in units of variance.",
        (
            "fig6.png",
            "Fig. 6: losses of the fine-tuning for C11, C22 and C33 together, means over the "
            "seeds.",
        ),
    )
    crystals = list(dict.fromkeys(row["crystal"] for row in rows))
    figure = new_figure(3.6 * len(crystals), 3.6)
    for axes, crystal in zip(
        figure.subplots(1, len(crystals), squeeze=False)[0], crystals, strict=True
    ):
        least = {row["estimate"]: row["least"] for row in rows if row["crystal"] == crystal}
        values = {name: 1 - least[f"head {name}"] for name in heads}
        references = {name: 1 - least[name] for name in ("Hill", "ridge on harmonics and products")}
        draw_bars(axes, values, references, "1 - R², worst of C11, C22, C33")
        axes.set_title(crystal)
    place.picture("fig7.png", "Fig. 7: 1 - R² on unseen RVEs.", figure)
    place.remarks.append(
        "From scratch means the encoder's first weights and a head of zeros; pretrained "
        "encoders start from a ridge regression. Losses and R² count a head's best epoch on "
        "validation RVEs."
    )
    place.commands.append("polyxtal finetune stiffness CONFIG --out DIR")
