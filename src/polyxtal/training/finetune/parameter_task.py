"""The paper's network heads as a task: their configuration and their loss."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from polyxtal.algebra.randomness import generator_of
from polyxtal.dataset.fields import turn_stiffness
from polyxtal.files.validated import validate_document
from polyxtal.files.yaml import read_yaml
from polyxtal.model.heads.parameters.head import MAX_DEPTH, ParameterHead
from polyxtal.network.fit_effort import EFFORT, FitEffort
from polyxtal.network.topology import BinaryTree
from polyxtal.training.finetune.config import FitConfig, HeadName

CRYSTALS = 11
"""Stream of random numbers for the crystals of a training step."""


class ParameterConfig(BaseModel):
    """Configuration of a fine-tuning to network parameters; see `docs/finetuning.md`.

    Attributes:
        model: Pretrained model, as for `load_model`.
        data: Folder of a data set labelled for sampled crystals.
        depth: Depth N of the networks, which have 2^N leaves.
        validation: Fraction of the RVEs held out for validation, drawn by the seed.
        crystals: Number of crystals per RVE and step, drawn from its labels.
        seeds: Number of fits of each head, each with its own split.
        predicted: Number of validation RVEs of each split, the first ones, on which
            `predict_network` is evaluated, with as many leaves, beside the baselines on the same
            RVEs; the model must have heads for stiffness and curves.
        effort: Effort spent on fitting each of these networks.
        heads: Settings of the fits, by name of the head.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "polyxtal-small"
    data: str
    depth: Annotated[int, Field(ge=1, le=MAX_DEPTH)] = 7
    validation: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    crystals: Annotated[int, Field(ge=1, le=1000)] = 2
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    predicted: Annotated[int, Field(ge=0, le=10**6)] = 0
    effort: FitEffort = EFFORT
    heads: Annotated[dict[HeadName, FitConfig], Field(min_length=1, max_length=20)]


def read_parameter_config(path: str | Path) -> ParameterConfig:
    """Read a configuration from a YAML file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no YAML or a field is missing, unknown or out of range.
    """
    return validate_document(ParameterConfig, read_yaml(path), path)


class ParameterTask:
    """Regression of network parameters on stiffness labels, which rotate with the polycrystals.

    Args:
        head: Head to fit.
        stiffness: Labels, Mandel. (n, crystals, 6, 6) [MPa]
        constants: c11, c12, c44 of the labels' crystals. (n, crystals, 3) [MPa]
        crystals: Number of crystals per RVE and training step.
    """

    def __init__(
        self, head: ParameterHead, stiffness: Tensor, constants: Tensor, crystals: int
    ) -> None:
        """Take the head as it is."""
        self.head, self.stiffness, self.constants = head, stiffness, constants
        self.crystals = min(crystals, constants.shape[1])
        self.tree = BinaryTree.balanced(head.leaves)

    def begin(
        self, latent: Tensor, turns: Tensor, numbers: Tensor, aside: Tensor, aside_numbers: Tensor
    ) -> None:
        """Standardise latent vectors; the head keeps its initial weights."""
        seen = latent.flatten(0, 1)
        deviation = seen.std(0)
        self.head.input_mean.copy_(seen.mean(0))
        self.head.input_scale.copy_(torch.where(deviation > 1e-6, deviation, 1.0))

    def loss(self, latent: Tensor, turns: Tensor, numbers: Tensor) -> Tensor:
        """Return the mean relative Frobenius error: of some crystals in training, else of all."""
        count = self.constants.shape[1]
        chosen = torch.arange(count)
        if self.head.training and torch.is_grad_enabled():
            # Seeded by the batch alone, so that a resumed run draws the same crystals.
            generator = generator_of(int(numbers[0]), int(numbers.sum()), CRYSTALS)
            chosen = torch.randperm(count, generator=generator)[: self.crystals]
        truth = self.stiffness[numbers][:, chosen]
        if len(turns):
            truth = turn_stiffness(truth, turns)
        constants = self.constants[numbers][:, chosen].to(latent.dtype)
        found = self.head(latent).stiffness(constants, self.tree)
        return relative_error(found, truth.to(found)).mean()


def relative_error(found: Tensor, truth: Tensor) -> Tensor:
    """Return |C - C_truth| / |C_truth|, Frobenius. [-]"""
    return torch.linalg.matrix_norm(found - truth) / torch.linalg.matrix_norm(truth)
