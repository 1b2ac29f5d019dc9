"""Where a pretraining's volumes come from: recipes, varied generation, or one's own files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.dataset.features import CRYSTAL_GROUPS
from polyxtal.dataset.own_volumes import Split, crop, open_volumes
from polyxtal.dataset.stream import PolycrystalStream
from polyxtal.dataset.variety import Variety, Volume, draw_volume
from polyxtal.dataset.volume_stream import VolumeStream
from polyxtal.training.pretrain.config import PretrainConfig


def read_own(config: PretrainConfig, progress: Progress = no_progress) -> Split | None:
    """Read the volumes that `data` names; None if it is not given."""
    if config.data is None:
        return None
    model = config.model
    groups = CRYSTAL_GROUPS if model.seen.mixed else (model.laue,)
    return open_volumes(config.data, model.voxels, groups, config.seed, progress)


def training_stream(
    config: PretrainConfig,
    batch_size: int,
    own: Split | None,
    *,
    start: int,
    rank: int,
    world: int,
    device: torch.device,
) -> IterableDataset[dict[str, Tensor]]:
    """Return the batches to train on.

    Args:
        config: Configuration of the pretraining.
        batch_size: Volumes in a batch of one process.
        own: Own volumes, as `read_own` returns them.
        start: Number of the first batch of this process.
        rank: Rank of this process.
        world: Number of processes.
        device: Device to generate the RVEs of a recipe on; other volumes are made on the CPU.
    """
    features, target = config.model.features, config.model.target
    if config.data is None and config.variety is None:
        return PolycrystalStream(
            config.recipe(),
            batch_size,
            features,
            target=target,
            start=start,
            rank=rank,
            world=world,
            device=device if device.type == "cuda" else "cpu",
        )
    edge = config.model.voxels
    share = 0.0 if config.data is None else config.data.share
    return VolumeStream(
        partial(_draw, edge, own and own.train, bool(own and own.periodic), share, config.variety),
        batch_size,
        features,
        config.model.laue_group,
        target=target,
        seed=config.seed,
        start=start,
        rank=rank,
        world=world,
    )


def unseen_stream(
    config: PretrainConfig, batch_size: int, offset: int, own: Split | None = None
) -> PolycrystalStream | VolumeStream:
    """Return batches of volumes like those to train on, but never trained on.

    Args:
        config: Configuration of the pretraining.
        batch_size: Volumes in a batch.
        offset: Offset of the seed; each gives other volumes.
        own: Own volumes (default: read again if `data` is given); those to validate on are used.
    """
    features = config.model.features
    if config.data is None and config.variety is None:
        recipe = config.recipe(offset)
        return PolycrystalStream(recipe, batch_size, features, at_once=False, rank=0, world=1)
    if own is None:
        own = read_own(config)
    draw = partial(
        _draw,
        config.model.voxels,
        own and own.validation,
        bool(own and own.periodic),
        0.0 if own is None else 1.0,
        config.variety,
    )
    seed, laue = config.seed + offset, config.model.laue_group
    return VolumeStream(draw, batch_size, features, laue, seed=seed, rank=0, world=1)


def _draw(
    edge: int,
    own: Sequence[Volume] | None,
    periodic: bool,
    share: float,
    variety: Variety | None,
    generator: torch.Generator,
) -> Volume:
    """Draw an own volume, or generate one."""
    if own is not None and (
        variety is None or float(torch.rand((), generator=generator, dtype=torch.float64)) < share
    ):
        return crop(own, edge, generator, periodic)
    assert variety is not None
    return draw_volume(variety, (edge, edge, edge), generator)
