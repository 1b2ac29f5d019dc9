"""Configuration of a fine-tuning to stiffness, read from YAML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from polyxtal.files.validated import validate_document
from polyxtal.files.yaml import read_yaml
from polyxtal.model.heads.stiffness.out_of_distribution import COMPONENTS

Count = Annotated[int, Field(ge=1, le=10**6)]
Rate = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
_NAME = re.compile(r"[\w-][\w.-]{0,59}")


def _plain_name(name: str) -> str:
    """Validate a head's name, which names a folder, too."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            "`heads` must have names of letters, digits, dots and hyphens, "
            f"but one is {name[:80]!r}"
        )
    return name


HeadName = Annotated[str, AfterValidator(_plain_name)]


class FitConfig(BaseModel):
    """How a head is fitted.

    Attributes:
        encoder: "pretrained", or "untrained" for its initial weights.
        model: Model to start from instead of the fine-tuning's, as for `load_model`.
        freeze: Freeze the encoder; else it is trained with layer-wise learning-rate decay.
        rate: Peak learning rate of the head.
        encoder_rate: Learning rate of the encoder's last block, over `rate`.
        layer_decay: Learning rate of a block, over that of the next one.
        decay: Weight decay.
        epochs: Maximum number of epochs.
        patience: Number of epochs without a lower validation loss before early stopping.
        batch: Number of RVEs per step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: Literal["pretrained", "untrained"] = "pretrained"
    model: str | None = None
    freeze: bool = True
    rate: Rate = 1e-3
    encoder_rate: Rate = 0.1
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 0.75
    decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1e-2
    epochs: Count = 200
    patience: Count = 20
    batch: Annotated[int, Field(ge=1, le=4096)] = 64


class HeadConfig(FitConfig):
    """One stiffness head, and how it is fitted.

    Attributes:
        kind: "tensor", the full stiffness of any cubic crystal, see `TensorHead`; or "normal", the
            paper's linear map from [CLS] to C11, C22 and C33 of the recipe's given crystals.
        ridge: Initialise by ridge regression; else by zeros, as in training from scratch.
    """

    kind: Literal["tensor", "normal"]
    ridge: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> HeadConfig:
        if self.kind == "tensor" and not self.freeze:
            raise ValueError("`freeze` must be true for a tensor head, which has no use of it")
        return self


class StiffnessConfig(BaseModel):
    """Configuration of a fine-tuning to stiffness; see `docs/finetuning.md`.

    Attributes:
        model: Pretrained model, as for `load_model`.
        data: Folder of the labelled training set, as written by `polyxtal generate`.
        test: Folder of the test set, labelled for the same given crystals.
        labels: Number of RVEs of `data` to use, the first ones; None for all.
        validation: Fraction of them held out for early stopping, drawn by the seed.
        copies: Number of rotated and shifted copies of each training RVE for a frozen encoder.
        seeds: Number of fits of each head, each with its own split.
        heads: Heads by name. The first tensor head of a pretrained encoder is saved with the model,
            from the seed with the lowest validation loss.
        components: Number of principal components of latent vectors.
        hidden: Width of a tensor head's hidden layer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "polyxtal-small"
    data: str
    test: str
    labels: Count | None = None
    validation: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    copies: Annotated[int, Field(ge=1, le=64)] = 4
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    heads: Annotated[dict[HeadName, HeadConfig], Field(min_length=1, max_length=20)] = {
        "tensor": HeadConfig(kind="tensor")
    }
    components: Annotated[int, Field(ge=1, le=256)] = COMPONENTS
    hidden: Annotated[int, Field(ge=1, le=1024)] = 16


def read_stiffness_config(path: str | Path) -> StiffnessConfig:
    """Read a configuration from a YAML file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no YAML or a field is missing, unknown or out of range.
    """
    return validate_document(StiffnessConfig, read_yaml(path), path)
