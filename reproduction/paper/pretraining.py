"""Fig. 4 and 5: pretraining by share of hidden patches, and the map of latent vectors."""

from __future__ import annotations

from pathlib import Path

from polyxtal.crystal.load_material import load_material
from polyxtal.training.pretrain.recorder import MODEL
from reproduction.latent import write as write_latent
from reproduction.latent.measure import LatentSettings, map_latents, measure_latents
from reproduction.masking import write as write_masking
from reproduction.masking.measure import evaluate_runs, read_runs
from reproduction.masking.sweep import is_finished, sweep
from reproduction.paper.presets import PaperPreset
from reproduction.paper.steps import WORK, Place

PRETRAINING, LATENT = "pretraining", "latent"


def pretrained_models(preset: PaperPreset, folder: Path) -> dict[float, str]:
    """Name the models by share of hidden patches, least first: shipped ones, or the step's own."""
    if preset.models is not None:
        return {share: preset.models[share] for share in preset.shares}
    work = folder / WORK / PRETRAINING
    return {share: str(work / _name(share) / MODEL) for share in preset.shares}


def _name(share: float) -> str:
    return f"mask-{100 * share:g}"


def run(place: Place) -> None:
    """Pretrain, unless there are models, and evaluate all models on the same unseen RVEs."""
    preset = place.preset
    if preset.pretraining is not None:
        asked = {
            _name(share): preset.pretraining.model_copy(update={"mask": share})
            for share in preset.shares
        }
        sweep(asked, place.work, progress=place.progress)
        assert all(is_finished(place.work / name, one) for name, one in asked.items())
    models = pretrained_models(preset, place.folder)
    folders = models.values() if preset.models else (Path(m).parent for m in models.values())
    runs = read_runs([*folders])
    study = evaluate_runs(runs, preset.judged, progress=place.progress)
    place.table(
        "rebuilt.csv",
        f"Hidden patches of {preset.judged} unseen RVEs: mean squared error [-] and mean "
        "disorientation [°] of the model and of predictors that learn nothing.",
        write_masking.table_header(study),
        write_masking.table_rows(study),
    )
    place.table(
        "curves.csv",
        "Losses over the pretraining.",
        ["share", "step", "RVEs", *write_masking.MEASURED],
        write_masking.curve_rows(study),
    )
    place.picture(
        "fig4.png",
        "Fig. 4: losses of pretraining by share of hidden patches, and where they end.",
        write_masking.draw_masking(study),
    )
    place.commands.append(
        f"python -m reproduction masking --from {','.join(map(str, models.values()))} "
        f"--judge {preset.judged} --out DIR"
        if preset.models
        else "python -m reproduction masking CONFIG --out DIR"
    )


def run_latent(place: Place) -> None:
    """Map [CLS] of unseen RVEs."""
    preset = place.preset
    model = pretrained_models(preset, place.folder)[preset.chosen]
    crystal = load_material("AA6022-T4").elasticity
    settings = LatentSettings(model, crystal, preset.latents, preset.method)
    count = settings.count
    latents = measure_latents(settings, place.progress)
    place.progress("maps", 0, len(latents.vectors))
    found = map_latents(latents)
    rows = [
        (name, where, *scores[where]) for name, scores in found.scores.items() for where in scores
    ]
    place.table(
        "neighbours.csv",
        "R² of C11 and of the logarithm of the texture index by nearest-neighbour regression.",
        ("vectors", "on", "C11", "log texture index"),
        rows,
    )
    place.table(
        "map.csv",
        "Places of the RVEs on the map of the pretrained encoder's vectors.",
        ("x", "y", "texture index", "C11 [MPa]"),
        zip(
            *found.maps["pretrained"].T.tolist(),
            latents.texture_index.tolist(),
            latents.c11.tolist(),
            strict=True,
        ),
    )
    place.picture(
        "fig5.png",
        f"Fig. 5: [CLS] of {count} unseen polycrystals, {100 * preset.chosen:g} % hidden in "
        "pretraining.",
        write_latent.draw_latent(found),
    )
    place.commands.append(settings.command + " --out DIR")
