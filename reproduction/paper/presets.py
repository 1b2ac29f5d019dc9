"""Presets of the reproduction: sizes of data sets, models and fits, read from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from polyxtal.dataset.recipe import Recipe
from polyxtal.dataset.recipe_textures import KINDS as TEXTURE_KINDS
from polyxtal.files.validated import validate_document
from polyxtal.files.yaml import read_yaml
from polyxtal.network.fit_effort import EFFORT, FitEffort
from polyxtal.texture.components import TEXTURE_TYPES
from polyxtal.training.finetune.config import FitConfig, HeadName
from polyxtal.training.pretrain.config import KINDS, PretrainConfig
from reproduction.curves.cases import POLYCRYSTALS, CaseSettings

SHIPPED = Path(__file__).with_name("presets")
Count = Annotated[int, Field(ge=1, le=10**6)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class StiffnessPart(BaseModel):
    """Task I: the paper's linear head for C11, C22 and C33.

    Attributes:
        train: RVEs for training and validation, labelled for given crystals.
        test: Test RVEs, labelled for the same crystals.
        validation: Fraction of `train` held out for early stopping.
        seeds: Number of fits of each head.
        fit: Settings for pretrained encoders.
        scratch: Settings for the untrained encoder.
    """

    model_config = _STRICT
    train: Recipe
    test: Recipe
    validation: Share = 0.2
    seeds: Count = 3
    fit: FitConfig
    scratch: FitConfig


class ParameterPart(BaseModel):
    """Task II, offline: the paper's linear head for all parameters of a network.

    Attributes:
        data: RVEs of the four texture types, labelled for sampled crystals.
        validation: Fraction of the RVEs held out for validation.
        depth: Depth N of the networks, which have 2^N leaves.
        crystals: Number of crystals per RVE and training step.
        seeds: Number of fits of each head.
        predicted: Number of RVEs on which `predict_network` is evaluated, too.
        fit: Settings for pretrained encoders.
        scratch: Settings for the untrained encoder.
    """

    model_config = _STRICT
    data: Recipe
    validation: Share = 0.2
    depth: Annotated[int, Field(ge=1, le=12)] = 7
    crystals: Count = 2
    seeds: Count = 3
    predicted: Annotated[int, Field(ge=0, le=10**6)] = 4
    fit: FitConfig
    scratch: FitConfig


class CurvePart(BaseModel):
    """Networks against full fields, see `study_curves`.

    Attributes:
        title: Title of its section in the report.
        leaves: Number of leaves of the networks.
        seeds: Number of networks of each kind.
        grid, grains, material, strain, seed, zener, loads, names: See `CaseSettings`.
    """

    model_config = _STRICT
    title: str
    leaves: Annotated[int, Field(ge=2, le=4096)] = 128
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    grid: int = 25
    grains: int = 139
    material: str = "AA6022-T4"
    strain: float = 0.05
    seed: int = 0
    zener: float | None = None
    loads: tuple[str, ...]
    names: tuple[str, ...] = POLYCRYSTALS

    @model_validator(mode="after")
    def _known(self) -> CurvePart:
        self.cases()
        return self

    def cases(self) -> CaseSettings:
        """Return the polycrystals and loads."""
        fields = ("grid", "grains", "material", "strain", "seed", "zener", "loads", "names")
        return CaseSettings(**{name: getattr(self, name) for name in fields})


class HeadPart(BaseModel):
    """Heads that are fitted to a newly pretrained model.

    Attributes:
        labels: Number of RVEs of task I, with sampled crystals, for fitting the tensor head.
        seeds: Number of fits of the tensor head.
        recipe: Recipe of the small polycrystals whose full fields the curve head is fitted to.
    """

    model_config = _STRICT
    labels: Count | None = None
    seeds: Count = 3
    recipe: Recipe


class PaperPreset(BaseModel):
    """Everything that the results of a reproduction depend on.

    Attributes:
        models: Pretrained models by masking ratio, as for `load_model`; they must contain the
            settings of their pretraining.
        pretraining: Alternative to `models`: a pretraining that is run for each of `ratios`.
        ratios: Masking ratios.
        chosen: Masking ratio of later steps (default: the paper's 0.4).
        others: Further pretrained models for tasks I and II, by name.
        predicting: Model with heads that predicts networks; None fits `heads` to the chosen one.
        heads: Settings of these fits.
        judged: Number of unseen RVEs for evaluating pretrainings.
        latents: Number of RVEs in the map of latent vectors.
        method: Projection of the latent vectors; "umap" needs an extra package.
        stiffness: Task I.
        parameters: Task II, offline.
        curves: Task II, online, by name; the first one contains the paper's Table 2.
        effort: Effort spent on fitting each predicted network.
        repeats: Times that each cost is measured; the best counts.
    """

    model_config = _STRICT
    models: Mapping[Share, str] | None = None
    pretraining: PretrainConfig | None = None
    ratios: tuple[Share, ...] = ()
    chosen: Share = 0.4
    others: Mapping[HeadName, str] = {}
    predicting: str | None = None
    heads: HeadPart | None = None
    judged: Count = 256
    latents: Annotated[int, Field(ge=20, le=10**6)] = 1000
    method: Literal["umap", "pca"] = "umap"
    stiffness: StiffnessPart
    parameters: ParameterPart
    curves: Mapping[HeadName, CurvePart]
    effort: FitEffort = EFFORT
    repeats: Count = 3

    @model_validator(mode="after")
    def _consistent(self) -> PaperPreset:
        if (self.models is None) == (self.pretraining is None):
            raise ValueError("`models` or `pretraining` must be given, and not both")
        if self.chosen not in self.shares:
            raise ValueError(f"`chosen` must be one of the shares, but is {self.chosen:g}")
        if (self.predicting is None) == (self.heads is None):
            raise ValueError("`predicting` or `heads` must be given, and not both")
        first = next(iter(self.curves.values()), None)
        if first is None or "unloading" not in first.loads or first.names[:4] != (*TEXTURE_TYPES,):
            raise ValueError(
                "`curves` must begin with one that has the load 'unloading' and the polycrystals "
                f"{', '.join(TEXTURE_TYPES)} first"
            )
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        """Masking ratios in increasing order."""
        return tuple(sorted(self.ratios if self.models is None else self.models))


def shipped_presets() -> list[str]:
    """Return the names of the shipped presets."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def read_preset(name: str) -> PaperPreset:
    """Read a preset: a shipped one by name, or a YAML file.

    Raises:
        FileNotFoundError: if there is neither.
        ValueError: if a field is missing, unknown or out of range.
    """
    shipped = shipped_presets()
    path = SHIPPED / f"{name}.yaml" if name in shipped else Path(name)
    if not path.is_file():
        raise FileNotFoundError(
            f"{name}: a preset must be one of {', '.join(shipped)}, or a YAML file, but is none."
        )
    return validate_document(PaperPreset, read_yaml(path), path, {*KINDS, *TEXTURE_KINDS})
