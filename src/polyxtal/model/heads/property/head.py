"""The property head: a linear map from [CLS] to the columns of a table of labels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from polyxtal.model.heads.stiffness.normal import NormalHead
from polyxtal.model.heads.stiffness.out_of_distribution import COMPONENTS, OutOfDistributionScore

MAX_LABELS = 256
Text = Annotated[str, Field(max_length=200)]


class Label(BaseModel):
    """A column of labels.

    Attributes:
        name: Name, such as "yield stress".
        unit: Unit; empty if it has none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text
    unit: Text = ""

    def __str__(self) -> str:
        """Return name and unit as in the header of a table."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


class PropertyHeadSizes(BaseModel):
    """Sizes of a property head.

    Attributes:
        width: Width of the encoder's tokens.
        labels: Columns of labels, in the order of the outputs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Annotated[int, Field(ge=1, le=4096)]
    labels: Annotated[tuple[Label, ...], Field(min_length=1, max_length=MAX_LABELS)]

    @property
    def parameters(self) -> int:
        """Number of parameters of the linear map."""
        return (self.width + 1) * len(self.labels)


class PropertyHead(NormalHead):
    """A linear map with standardised inputs and outputs, and a score of unlike inputs.

    Args:
        width: Width of the latent vectors.
        targets: Number of outputs.
    """

    def __init__(self, width: int, targets: int) -> None:
        """Predict the mean, until it is fitted."""
        super().__init__(width, targets)
        self.out_of_distribution = OutOfDistributionScore(width, COMPONENTS)

    def values(self, latent: Float[Tensor, "n width"]) -> Float[Tensor, "n targets"]:
        """Predict the targets, in their own units."""
        standard = self(latent).to(torch.float64)
        return standard * self.target_scale + self.target_mean


@dataclass(frozen=True, eq=False)
class FittedProperties:
    """A fitted head that predicts properties.

    Attributes:
        head: Property head, in single precision.
        labels: Columns of labels, in the order of the outputs.
        encoder: Fingerprint of the encoder that it was fitted to.
        about: Further content of `property.json`: training, results.
    """

    head: PropertyHead
    labels: tuple[Label, ...]
    encoder: str
    about: Mapping[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def predict(self, latent: Float[Tensor, "n width"]) -> dict[str, Float[Tensor, " n"]]:
        """Predict the properties of latent vectors, by name, and warn of unlike ones."""
        scores = self.head.out_of_distribution(latent)
        unlike = int((scores > 1).sum())
        if unlike:
            warnings.warn(
                f"{unlike} of {len(latent)} polycrystals are unlike those that the property head "
                f"was fitted to (score {float(scores.max()):.3g}, above 1); predictions for them "
                "are extrapolations.",
                UserWarning,
                stacklevel=3,
            )
        columns = self.head.values(latent).unbind(-1)
        return {label.name: column for label, column in zip(self.labels, columns, strict=True)}
