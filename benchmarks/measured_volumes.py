"""Pretrained models on measured volumes and maps: reconstruction, and how unlike the training data.

    python benchmarks/measured_volumes.py [FOLDER MODEL...] [--crops 32] [--csv FILE]

FOLDER (default: ../shared/samples) holds files of other programs that are not part of the
repository, see `MEASURED`; those that are absent are skipped. Of each, crops of the models' grid
are encoded and reconstructed, 40 % of the patches hidden, the same ones for all models. Printed,
and written as CSV, for each model:

- out-of-distribution scores, means over the crops, above 1 out of distribution: of a volume from
  the model's own training distribution, and from that of the last model;
- mean squared error of hidden patches, in the nine harmonics of degree 4 for cubic crystals, else
  in all channels; and the disorientation, of cubic crystals: of the model, of the model snapped to
  the visible crystals, of the nearest visible voxel.

Unseen volumes of the models' own training distributions are measured in the same way. A map is cut
to columns: one layer of voxels, repeated along z, or becomes an equivalent volume.
"""

from __future__ import annotations

import argparse
import csv
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import polyxtal as px
from polyxtal.algebra.randomness import generator_of
from polyxtal.dataset.features import CRYSTAL_GROUPS
from polyxtal.dataset.own_volumes import as_volume, crop
from polyxtal.dataset.volume_stream import VolumeStream
from polyxtal.model.heads.stiffness.out_of_distribution import COMPONENTS, OutOfDistributionScore
from polyxtal.model.mae import Mask, random_mask
from polyxtal.model.reconstruction import (
    nearest_visible,
    patch_disorientation,
    snap_to_visible,
)
from polyxtal.training.pretrain.data import unseen_stream
from reproduction.pretrained import UNSEEN_SEED, Pretrained, open_model

KNOWN, ASIDE = 700, 300
"""Volumes of the training distribution that the score is fitted to, and its threshold."""
EQUIVALENT, MASK, SEED = 64, 0.4, 11
HARMONICS = 9
SAMPLES = Path(__file__).parents[2] / "shared" / "samples"


def stack(folder: Path) -> px.Polycrystal:
    return px.read_ebsd_stack(str(folder / "S*.ANG"), 0.4, frame="map").grains().polycrystal


def columns(file: Path) -> px.Polycrystal:
    return px.read(file, **({} if file.suffix == ".dream3d" else {"frame": "map"}))


def equivalent(file: Path) -> px.Polycrystal:
    return px.equivalent_rve(px.read_ebsd(file, frame="map"), EQUIVALENT)


MEASURED: Mapping[str, tuple[str, Callable[[Path], px.Polycrystal]]] = {
    "bcc iron, serial sections": ("ebsd_stack", stack),
    "316L, equivalent volume": ("ebsd_316L_500x500.ang", equivalent),
    "316L, columns": ("ebsd_316L_500x500.ang", columns),
    "dream3d layer, columns": ("measured_v8.dream3d", columns),
    "duplex steel, columns": ("measured/duplex_steel.ang", columns),
    "dream3d, cubic and hexagonal": ("2phase_irregularGrid_v7.dream3d", columns),
    "magnesium, columns": ("twins.ctf", columns),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?", default=SAMPLES)
    parser.add_argument("models", nargs="*", default=["polyxtal-small"])
    parser.add_argument("--crops", type=int, default=32)
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    torch.set_grad_enabled(False)
    volumes = dict(read(given.folder))
    models = {name: open_model(name) for name in given.models}
    if not volumes:
        print(f"{given.folder}: holds none of the measured files; nothing is measured.")
        return
    last = models[given.models[-1]]
    rows = []
    for name, model in models.items():
        own = fit_score(model, model)
        scores = [own, own if model is last else fit_score(model, last)]
        for label, draw in {**volumes, **own_distributions(models)}.items():
            row = {"model": name, "volume": label}
            row |= measure(model, scores, draw, given.crops) or {}
            rows.append(row)
            print("  ".join(show(value) for value in row.values()), flush=True)
    if given.csv:
        names = max(rows, key=len)
        with given.csv.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(names), lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: show(v) for k, v in row.items()} for row in rows)


def show(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def read(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield, for each file that is there, a function that makes batches of crops of it."""
    for label, (name, reader) in MEASURED.items():
        if not (folder / name).exists():
            print(f"{label}: skipped, {folder / name} does not exist")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about columns and filled points
            rve = reader(folder / name)
        volume = as_volume(rve, CRYSTAL_GROUPS, folder / name)
        cuts = [float((rve.grain_id.diff(dim=a) != 0).double().mean()) for a in range(3)]
        sizes = [f"{1 / c:.1f}" if c > 0 else "-" for c in cuts]
        print(f"{label}: {rve.grid}, mean intercepts {', '.join(sizes)} voxels")
        yield label, partial(crops_of, volume)


def crops_of(volume: Any, model: Pretrained, count: int) -> dict[str, Tensor] | None:
    """Return crops; None if the model is not for these crystals."""
    config = model.config.model
    if not config.seen.mixed and bool((volume.group != CRYSTAL_GROUPS.index(config.laue)).any()):
        return None
    draw = partial(crop, [volume], config.voxels)
    return VolumeStream(draw, count, config.features, config.laue_group, seed=SEED).batch(0)


def own_distributions(models: Mapping[str, Pretrained]) -> dict[str, Any]:
    """Return functions that make unseen volumes as the models were trained on."""

    def make(source: Pretrained, model: Pretrained, count: int) -> dict[str, Tensor] | None:
        return like(source, model, count, UNSEEN_SEED + 1)

    return {f"as {name} was trained on": partial(make, model) for name, model in models.items()}


def like(source: Pretrained, model: Pretrained, count: int, offset: int) -> dict[str, Tensor]:
    """Return volumes of a model's training distribution, as another model's input.

    Of several Laue groups and two phases, cubic ones of one phase are chosen for a model of those.
    """
    stream = unseen_stream(source.config, min(count, 100), offset)
    mixed = model.config.model.seen.mixed
    parts: list[dict[str, Tensor]] = []
    number = 0
    while sum(len(part["number"]) for part in parts) < count:
        batch = stream.batch(number)
        number += 1
        field = batch["field"]
        if source.config.model.seen.mixed and not mixed:
            cubic = batch["summary"].isfinite().all(-1)
            batch = {k: v[cubic] for k, v in batch.items()}
            batch["field"] = batch["field"][:, :HARMONICS]
        elif mixed and not source.config.model.seen.mixed:
            wide = field.new_zeros(len(field), model.config.model.channels, *field.shape[2:])
            wide[:, : field.shape[1]] = field
            batch["field"] = wide
        parts.append(batch)
    return {k: torch.cat([part[k] for part in parts])[:count] for k in parts[0]}


def fit_score(model: Pretrained, source: Pretrained) -> OutOfDistributionScore:
    """Fit the score to the latent vectors of a model, of volumes of a model's distribution."""
    field = like(source, model, KNOWN + ASIDE, UNSEEN_SEED)["field"]
    latent = model.model.encode_fields(field)
    score = OutOfDistributionScore(latent.shape[1], COMPONENTS)
    score.fit(latent[:KNOWN], latent[KNOWN:])
    return score


def measure(
    model: Pretrained, scores: list[OutOfDistributionScore], draw: Any, count: int
) -> dict[str, Any] | None:
    batch = draw(model, count)
    if batch is None:
        return {"crystals": "not for these"}
    config, field = model.config.model, batch["field"]
    latent = model.model.encode_fields(field)
    found: dict[str, Any] = {"crystals": "", "crops": len(field)}
    for name, score in zip(("own score", "last score"), scores, strict=True):
        values = score(latent)
        found[name] = float(values.mean())
        found[f"{name} above 1"] = float((values > 1).double().mean())
    masks = [random_mask(1, config.patches, MASK, generator_of(SEED, n)) for n in range(len(field))]
    mask = Mask(*(torch.cat([getattr(m, part) for m in masks]) for part in Mask._fields))
    reconstructed, truth, _ = model.model.autoencoder(field, mask)
    cubic = not config.seen.mixed or float(field[:, HARMONICS:-1].abs().max()) == 0
    found["crystals"] = "cubic" if cubic else "mixed"
    predictions = {
        "model": reconstructed,
        "snapped": snap_to_visible(reconstructed, field, mask, config.patch),
        "nearest": nearest_visible(field, mask, config.patch),
    }
    kept = HARMONICS if cubic else config.channels

    def chosen(values: Tensor) -> Tensor:
        return values.unflatten(-1, (-1, config.channels))[..., :kept]

    for name, values in predictions.items():
        found[f"mse {name}"] = float((chosen(values) - chosen(truth)).square().mean())
    for name, values in predictions.items():
        if cubic:
            angle = patch_disorientation(config.reconstructed, values, truth, config.channels)
            found[f"degrees {name}"] = math.degrees(float(angle.mean()))
    return found


if __name__ == "__main__":
    main()
