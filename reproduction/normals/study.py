"""Does learning help to predict a network's normals? Training, and the table.

ablation.json         record of the request
volumes/, truth/      training data, and full fields of polycrystals that nothing was chosen on
trained-<name>.npz     a trained predictor
errors/               see `measure`
ablation.csv          the table: starts by iterations
training.csv          losses of the predictors, relative to those of random normals
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from polyxtal.algebra.progress import Progress, as_stage, no_progress
from polyxtal.crystal.load_material import load_material
from polyxtal.files.plain import write_csv
from polyxtal.files.run_folder import RunFolder
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.network.topology import BinaryTree
from polyxtal.training.finetune.encoders import untrained_copy
from reproduction.curves.cases import CaseSettings, full_field_cases
from reproduction.normals.measure import Starter, measure, summary
from reproduction.normals.training import (
    Trained,
    TrainingSettings,
    as_batch,
    best_linear_loss,
    train,
)
from reproduction.normals.volumes import VolumeInputs, VolumeSettings, volume_samples
from reproduction.pretrained import find_model

ENCODERS = ("untrained encoder", "pretrained encoder")
LEAVES = "leaves"
"""Predictors by what they see; all see the leaves."""
SHARES = (0.5,)
"""Shares of the training data that the predictor without encoder is trained on for comparison."""
LOADS = ("tension", "shear", "plane strain")


@dataclass(frozen=True)
class NormalSettings:
    """Settings of the study.

    Attributes:
        model: Model with heads for stiffness and curves.
        data: Training data.
        training: How predictors are trained.
        cases: Polycrystals and loads that the networks are compared on.
        seeds: Networks of each polycrystal.
    """

    model: str
    data: VolumeSettings = field(default_factory=VolumeSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    cases: CaseSettings = field(default_factory=lambda: CaseSettings(seed=6, loads=LOADS))
    seeds: int = 3

    def __post_init__(self) -> None:
        """Validate before anything is computed."""
        if not 1 <= self.seeds <= 100:
            raise ValueError(f"Option --seeds must be 1 to 100, but is {self.seeds}.")


def study_normals(
    settings: NormalSettings, folder: Path, progress: Progress = no_progress
) -> list[dict[str, Any]]:
    """Train all predictors, compare all starts, and write the tables; resumes what was begun.

    Args:
        settings: Settings of the study.
        folder: Output folder, new or of the same study.
        progress: Called after every step.
    Raises:
        ConvergenceError: if a full field or a network does not converge.
        FileNotFoundError: if there is no such model.
        FileExistsError: if the folder holds something else.
        ValueError: if it holds another study.
    """
    model, material = load_model(find_model(settings.model)), settings.cases.law()
    model.check_network()
    encoders = (untrained_copy(model), model)
    data = settings.data
    run = RunFolder(folder, "ablation.json", "an ablation")
    with run.run(asdict(settings), free=["seeds"]):
        samples = list(
            volume_samples(
                data,
                folder / "volumes",
                load_material(settings.cases.material),
                model,
                encoders,
                progress,
            )
        )
        starters, losses = _trained(settings, samples, encoders, folder, progress)
        write_csv(folder / "training.csv", list(losses[0]), [line.values() for line in losses])
        cases = full_field_cases(settings.cases, folder / "truth", progress)
        rows = measure(
            cases,
            model,
            material,
            starters,
            data.leaves,
            data.reference_leaves,
            settings.seeds,
            folder / "errors",
            progress,
        )
        table = summary(rows)
        write_csv(folder / "ablation.csv", list(table[0]), [line.values() for line in table])
    return table


def _trained(
    settings: NormalSettings,
    samples: list[VolumeInputs],
    encoders: tuple[FoundationModel, ...],
    folder: Path,
    progress: Progress,
) -> tuple[dict[str, Starter], list[dict[str, Any]]]:
    """Train every predictor, or read it; return those to start from, and their losses."""
    tree, plan = BinaryTree.balanced(settings.data.leaves), settings.training
    held = round(plan.held_out * len(samples))
    kept = len(samples) - held
    asked: list[tuple[str, int, int | None]] = [
        (LEAVES, kept, None),
        *((name, kept, number) for number, name in enumerate(ENCODERS)),
        *((LEAVES, round(share * kept), None) for share in SHARES),
    ]
    batch = as_batch(samples[kept:], None)
    limit = float(best_linear_loss(batch).mean() / batch.residual.square().sum(1).mean())
    starters: dict[str, Starter] = {}
    losses: list[dict[str, Any]] = []
    for name, count, encoder in asked:
        file = folder / f"trained-{name}-{count}.npz".replace(" ", "-")
        stage = f"{name}, {count} polycrystals"
        some = [*samples[:count], *samples[kept:]]
        shown = as_stage(progress, stage)
        if not file.is_file():
            train(some, held, tree, encoder, plan, shown).write(file)
        trained = Trained.read(file, tree)
        if count == kept:
            seen = None if encoder is None else encoders[encoder]
            starters[name] = Starter(trained, seen)
        best = min(range(len(trained.losses)), key=lambda epoch: trained.losses[epoch][1])
        losses.append(
            {
                "predictor": name,
                "polycrystals": count,
                "parameters": sum(p.numel() for p in trained.predictor.parameters()),
                "best_epoch": best + 1,
                "training": trained.losses[best][0],
                "held_out": trained.losses[best][1],
                "gauss_newton": limit,
                "seconds": trained.seconds,
            }
        )
    return starters, losses
