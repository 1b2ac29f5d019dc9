"""Throughput of data loading, compared with a training step of the masked autoencoder.

    python benchmarks/loader.py [DATASET]

One thread. 25^3 voxels, 139 grains, textures from the hull, batches of 64. Without a data set, one
of 400 RVEs is generated first. The training step is that of the masked autoencoder `small` with 125
patches and a masking ratio of 40 %, in bfloat16 under torch's autocast, with AdamW. "Stored" uses
torch's DataLoader without workers: with the data set in memory and, as for a larger one, with
parts read from disk on each access. "Whole batches at once" is the variant intended for GPUs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from polyxtal.dataset.features import FEATURES
from polyxtal.dataset.fields import expand, random_moves
from polyxtal.dataset.generate import generate
from polyxtal.dataset.loader import CACHE_BYTES, PartSampler, PolycrystalDataset
from polyxtal.dataset.recipe import make_recipe
from polyxtal.dataset.stream import PolycrystalStream
from polyxtal.model.config import preset
from polyxtal.model.mae import MaskedAutoencoder, random_mask

BATCH, HIDDEN = 64, 0.4
RECIPE = {"count": 400, "part": 100, "grid": 25, "grains": 139}


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "data"
        if len(sys.argv) == 1:
            generate(make_recipe(RECIPE), target, workers=1)
        print("RVEs per CPU second           quaternion   harmonic  harmonic6")
        steps = [rate(training_step(name), BATCH) for name in FEATURES]
        rows = {"training step": steps}
        rows["stored, augmented"] = [stored(target, name) for name in FEATURES]
        rows["  read anew each time"] = [stored(target, name, memory=1) for name in FEATURES]
        rows["  expanding alone"] = [expanding(name) for name in FEATURES]
        rows["without end"] = [endless(name) for name in FEATURES]
        rows["  whole batches at once"] = [endless(name, at_once=True) for name in FEATURES]
        for name, values in rows.items():
            print(f"{name:28s}" + "".join(f"{value:11.0f}" for value in values))
        print("ratio to the training step")
        for name in ("stored, augmented", "  read anew each time", "without end"):
            ratios = [a / b for a, b in zip(rows[name], steps, strict=True)]
            print(f"{name:28s}" + "".join(f"{r:11.1f}" for r in ratios))


def rate(work: Callable[[], object], rves: int, seconds: float = 3.0) -> float:
    """Return RVEs per CPU second, after a warm-up call."""
    work()
    start, calls = time.process_time(), 0
    while time.process_time() - start < seconds:
        work()
        calls += 1
    return calls * rves / (time.process_time() - start)


def training_step(features: str) -> Callable[[], object]:
    config = preset("small", features=features)
    model = MaskedAutoencoder(config)
    optimiser = torch.optim.AdamW(model.parameters())
    fields = torch.randn(BATCH, config.channels, *[config.voxels] * 3)
    generator = torch.Generator()

    def step() -> None:
        mask = random_mask(BATCH, config.patches, HIDDEN, generator)
        with torch.autocast("cpu", torch.bfloat16):
            rebuilt, truth = model(fields, mask)[:2]
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(rebuilt.float(), truth).backward()
        optimiser.step()

    return step


def stored(folder: Path, features: str, memory: int = CACHE_BYTES) -> float:
    dataset = PolycrystalDataset(folder, features, augment=True, cache_bytes=memory)
    sampler = PartSampler(dataset)
    loader = DataLoader(dataset, BATCH, sampler=sampler, drop_last=True)

    def epochs() -> Iterator[dict[str, torch.Tensor]]:
        while True:
            sampler.set_epoch(sampler.epoch + 1)
            yield from loader

    batches = epochs()
    for _ in range(len(loader)):  # read everything that fits into memory
        next(batches)
    return rate(lambda: next(batches), BATCH)


def expanding(features: str) -> float:
    ids = torch.randint(139, (BATCH, 25, 25, 25)).to(torch.uint16)
    q = torch.nn.functional.normalize(torch.randn(BATCH, 139, 4), dim=-1)
    moves = random_moves((25, 25, 25), BATCH, torch.Generator())
    return rate(lambda: expand(ids, q, FEATURES[features], *moves), BATCH)


def endless(features: str, at_once: bool = False) -> float:
    source = iter(PolycrystalStream(make_recipe(RECIPE), BATCH, features, at_once=at_once))
    return rate(lambda: next(source), BATCH)


if __name__ == "__main__":
    main()
