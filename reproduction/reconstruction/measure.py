"""Reconstruction of hidden patches by a model and by trivial predictors: slices and a table."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.crystal.laue import CUBIC
from polyxtal.model.mae import Mask, target_field
from polyxtal.model.reconstruction import (
    mean_of_visible,
    nearest_visible,
    read_orientations,
    snap_to_visible,
)
from polyxtal.model.tokens import patchify, unpatchify
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.evaluation import numbered_masks, of_cubic
from reproduction.pretrained import AT_ONCE, Pretrained, open_model, unseen_batches
from reproduction.unseen import Evaluation, evaluate_unseen

MOST_SLICES = 32


@dataclass(frozen=True)
class ReconstructionSettings:
    """Settings of the study.

    Attributes:
        model: Name or folder of the model.
        count: RVEs that are drawn.
        mask: Share of hidden patches; None for that of the pretraining.
        judge: Number of RVEs in the table (default: 500).
        seed: Random seed of the RVEs.

    Raises:
        ValueError: if a number is out of range.
    """

    model: str
    count: int = 4
    mask: float | None = None
    judge: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        """Validate before anything is computed."""
        if not 1 <= self.count <= MOST_SLICES:
            raise ValueError(f"Option --count must be 1 to {MOST_SLICES}, but is {self.count}.")
        if self.judge < 1:
            raise ValueError(f"Option --judge must be at least 1, but is {self.judge}.")
        if self.mask is not None and not 0 < self.mask < 1:
            raise ValueError(f"Option --mask must be between 0 and 1, but is {self.mask:g}.")

    @property
    def command(self) -> str:
        """The command that computes the same, without its folder."""
        given = {"count": self.count, "mask": self.mask, "judge": self.judge, "seed": self.seed}
        options = [
            text
            for name, value in given.items()
            if value is not None
            for text in (f"--{name}", str(value))
        ]
        return shlex.join(["python", "-m", "reproduction", "reconstruction", self.model, *options])


class Slice(NamedTuple):
    """A slice of an RVE normal to z, and what was made of its hidden voxels.

    Attributes:
        number: Number of the RVE.
        z: Position of the slice. [voxels]
        hidden: Which voxels were hidden.
        boundaries: Which voxels differ from the next one along x and along y.
        orientations: Unit quaternions of all voxels by "true" and by predictor. [-]
        degrees: Mean disorientation of the slice's hidden voxels, by predictor. [degrees]
    """

    number: int
    z: int
    hidden: Bool[Tensor, "nx ny"]
    boundaries: tuple[Bool[Tensor, "nx_less ny"], Bool[Tensor, "nx ny_less"]]
    orientations: Mapping[str, Float[Tensor, "nx ny 4"]]
    degrees: Mapping[str, float]

    @property
    def share(self) -> float:
        """Share of the slice that is hidden."""
        return float(self.hidden.to(torch.float64).mean())


@dataclass(frozen=True, eq=False)
class ReconstructionStudy:
    """Slices and the table.

    Attributes:
        settings: Settings of the study.
        identity: Identity of the model, see `Pretrained`.
        mask: Share of hidden patches.
        slices: One of each RVE that is drawn.
        evaluation: Model and trivial predictors over many RVEs.
    """

    settings: ReconstructionSettings
    identity: Mapping[str, Any]
    mask: float
    slices: Sequence[Slice]
    evaluation: Evaluation


def study_reconstruction(
    settings: ReconstructionSettings, progress: Progress = no_progress
) -> ReconstructionStudy:
    """Rebuild unseen RVEs, and measure how well.

    Args:
        settings: Settings of the study.
        progress: Called as RVEs are evaluated.
    Raises:
        FileNotFoundError, ValueError: if there is no such model, or it can not be studied.
    """
    pretrained = open_model(settings.model)
    config = pretrained.config
    if settings.mask is not None:
        config = config.model_copy(update={"mask": settings.mask})
    slices: list[Slice] = []
    most = settings.count * (AT_ONCE if config.model.seen.mixed else 1)
    for batch in unseen_batches(config, most, settings.seed):
        cubic = of_cubic(batch["summary"])  # only their orientations can be read
        chosen = {name: values[cubic] for name, values in batch.items()}
        slices += reconstruct_slices(pretrained, config, chosen)
        if len(slices) >= settings.count:
            break
    slices = slices[: settings.count]
    evaluation = evaluate_unseen(config, pretrained.model, settings.judge, settings.seed, progress)
    return ReconstructionStudy(settings, pretrained.identity, config.mask, slices, evaluation)


@torch.no_grad()
def reconstruct_slices(
    pretrained: Pretrained, config: PretrainConfig, batch: Mapping[str, Tensor]
) -> list[Slice]:
    """Mask and reconstruct RVEs; cut each where the share of hidden voxels is closest to `mask`."""
    given, patch = batch["field"], config.model.patch
    field = target_field(config.model, given)
    mask = numbered_masks(batch["number"], config)
    reconstructed = pretrained.model.autoencoder(given, mask)[0]
    answers = {
        "model": reconstructed,
        "model, snapped": snap_to_visible(reconstructed, field, mask, patch),
        "nearest visible": nearest_visible(field, mask, patch),
        "mean of visible": mean_of_visible(field, mask, patch),
    }
    fields = {name: fill(field, mask, values, patch) for name, values in answers.items()}
    fields = {"true": field, **fields}
    hidden = hidden_voxels(mask, config)
    slices = []
    for row, number in enumerate(batch["number"].tolist()):
        z = layer(hidden[row], config.mask, patch)
        cut = {name: values[row, :, :, :, z] for name, values in fields.items()}
        slices.append(_slice(config, number, z, hidden[row, :, :, z], cut))
    return slices


def fill(
    field: Float[Tensor, "batch channels nx ny nz"],
    mask: Mask,
    values: Float[Tensor, "batch hidden values"],
    patch: int,
) -> Float[Tensor, "batch channels nx ny nz"]:
    """Put other numbers into hidden patches."""
    grid = (field.shape[2], field.shape[3], field.shape[4])
    index = mask.hidden[:, :, None].expand(-1, -1, values.shape[-1])
    return unpatchify(patchify(field, patch).scatter(1, index, values.to(field)), patch, grid)


def hidden_voxels(mask: Mask, config: PretrainConfig) -> Bool[Tensor, "batch nx ny nz"]:
    """Mark the voxels of hidden patches."""
    edge, patch = config.model.voxels // config.model.patch, config.model.patch
    marks = torch.zeros(len(mask.hidden), edge**3, dtype=torch.bool)
    marks.scatter_(1, mask.hidden, True)
    marks = marks.reshape(-1, edge, edge, edge)
    for axis in (1, 2, 3):
        marks = marks.repeat_interleave(patch, axis)
    return marks


def layer(hidden: Bool[Tensor, "nx ny nz"], share: float, patch: int) -> int:
    """Find the middle of the layer of patches, normal to z, that hides about a share."""
    middles = torch.arange(patch // 2, hidden.shape[2], patch)
    found = hidden[:, :, middles].to(torch.float64).mean((0, 1))
    off = (found - share).abs().masked_fill(found == 0, torch.inf)  # something must be hidden
    return int(middles[off.argmin()])


def _slice(
    config: PretrainConfig, number: int, z: int, hidden: Tensor, cut: Mapping[str, Tensor]
) -> Slice:
    features = config.model.reconstructed
    orientations = {
        name: read_orientations(features, values.flatten(1).T).reshape(*hidden.shape, 4)
        for name, values in cut.items()
    }
    true = orientations["true"]
    degrees = {
        name: math.degrees(float(CUBIC.disorientation(reconstructed[hidden], true[hidden]).mean()))
        for name, reconstructed in orientations.items()
        if name != "true"
    }
    values = cut["true"]
    along_x = (values[:, 1:] != values[:, :-1]).any(0)
    along_y = (values[:, :, 1:] != values[:, :, :-1]).any(0)
    return Slice(number, z, hidden, (along_x, along_y), orientations, degrees)
