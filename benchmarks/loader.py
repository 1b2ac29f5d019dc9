"""How fast fields come, beside what a training step of a transformer takes.

    python benchmarks/loader.py [DATASET]

One thread. 25^3 voxels, 139 grains, textures of the hull, batches of 64. Without a data set one of
400 RVEs is made first. The training step is that of a masked autoencoder of the size that two
cores can train, built here from torch's own transformer layers: 125 patches of 5^3 voxels, of
which the encoder (6 layers of 192) sees 60 %, and a decoder of 2 layers of 96.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from polyxtal.dataset.endless import EndlessPolycrystals
from polyxtal.dataset.features import FEATURES
from polyxtal.dataset.fields import expand, random_moves
from polyxtal.dataset.generate import generate
from polyxtal.dataset.loader import PartSampler, PolycrystalDataset
from polyxtal.dataset.recipe import make_recipe

BATCH, PATCH, PATCHES, VISIBLE = 64, 5, 125, 75
RECIPE = {"count": 400, "part": 100, "grid": 25, "grains": 139}


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "data"
        if len(sys.argv) == 1:
            generate(make_recipe(RECIPE), target, workers=1)
        print("RVEs a second of CPU time     quaternion   harmonic  harmonic6")
        steps = [rate(training_step(feature.channels), BATCH) for feature in FEATURES.values()]
        rows = {"training step": steps}
        rows["stored, augmented"] = [stored(target, name) for name in FEATURES]
        rows["  of which expanding"] = [expanding(name) for name in FEATURES]
        rows["without end"] = [endless(name) for name in FEATURES]
        for name, values in rows.items():
            print(f"{name:28s}" + "".join(f"{value:11.0f}" for value in values))
        for name in ("stored, augmented", "without end"):
            ratios = [a / b for a, b in zip(rows[name], steps, strict=True)]
            print(f"{name + ', ratio to training':28s}" + "".join(f"{r:11.1f}" for r in ratios))


def rate(work: Callable[[], object], rves: int, seconds: float = 3.0) -> float:
    """Measure RVEs a second of CPU time, after a first call."""
    work()
    start, calls = time.process_time(), 0
    while time.process_time() - start < seconds:
        work()
        calls += 1
    return calls * rves / (time.process_time() - start)


def training_step(channels: int) -> Callable[[], object]:
    values = channels * PATCH**3
    encoder_in, decoder_in = nn.Linear(values, 192), nn.Linear(192, 96)
    encoder = nn.TransformerEncoder(layer(192, 6), 6, enable_nested_tensor=False)
    decoder = nn.TransformerEncoder(layer(96, 3), 2, enable_nested_tensor=False)
    out = nn.Linear(96, values)
    model = nn.ModuleList([encoder_in, encoder, decoder_in, decoder, out])
    optimiser = torch.optim.AdamW(model.parameters())
    patches = torch.randn(BATCH, PATCHES, values)

    def step() -> None:
        seen = decoder_in(encoder(encoder_in(patches[:, :VISIBLE])))
        hidden = seen.new_zeros(BATCH, PATCHES - VISIBLE, 96)
        rebuilt = out(decoder(torch.cat([seen, hidden], 1)))[:, VISIBLE:]
        loss = (rebuilt - patches[:, VISIBLE:]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def layer(width: int, heads: int) -> nn.Module:
    return nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, batch_first=True, norm_first=True
    )


def stored(folder: Path, features: str) -> float:
    dataset = PolycrystalDataset(folder, features, augment=True)
    epoch = iter(())
    sampler = PartSampler(dataset)

    def batch() -> None:
        nonlocal epoch
        places = [place for _, place in zip(range(BATCH), epoch, strict=False)]
        if len(places) < BATCH:
            sampler.set_epoch(sampler.epoch + 1)
            epoch = iter(sampler)
            places = [place for _, place in zip(range(BATCH), epoch, strict=False)]
        dataset.batch(places)

    return rate(batch, BATCH)


def expanding(features: str) -> float:
    ids = torch.randint(139, (BATCH, 25, 25, 25)).to(torch.uint16)
    q = torch.nn.functional.normalize(torch.randn(BATCH, 139, 4), dim=-1)
    moves = random_moves((25, 25, 25), BATCH, torch.Generator())
    return rate(lambda: expand(ids, q, FEATURES[features], *moves), BATCH)


def endless(features: str) -> float:
    source = iter(EndlessPolycrystals(make_recipe(RECIPE), BATCH, features))
    return rate(lambda: next(source), BATCH)


if __name__ == "__main__":
    main()
