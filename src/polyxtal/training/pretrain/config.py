"""Configuration of a pretraining, read from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from polyxtal.dataset.features import CRYSTAL
from polyxtal.dataset.own_volumes import OwnVolumes
from polyxtal.dataset.recipe import Recipe
from polyxtal.dataset.recipe_textures import KINDS, AnyTexture, Hull
from polyxtal.dataset.variety import Variety
from polyxtal.files.validated import validate_document
from polyxtal.files.wording import listing
from polyxtal.files.yaml import read_yaml
from polyxtal.model.config import ModelConfig, preset

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Rate = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Steps = Annotated[int, Field(ge=1, le=10**9)]
SUMMARY, WARMUP = 0.02, 500
"""Defaults of `summary`, for a model that predicts descriptors, and of `warmup`."""


class PretrainConfig(BaseModel):
    """Configuration of a pretraining; see `docs/pretraining.md`.

    Attributes:
        model: Model sizes: a preset's name, or a mapping with `preset` and changes.
        start: Model whose weights to start from, as for `load_model` (default: drawn weights).
        texture: Distribution of textures, as in a recipe.
        grains: Number of grains in an RVE, or [low, high].
        spread: Spread of grain diameters, as in a recipe.
        aspect: Aspect ratios of grains, as in a recipe.
        variety: Volumes of varied grain sizes, Laue groups and phases, instead of those of
            `texture`, `grains`, `spread` and `aspect`.
        data: Volumes of one's own, instead of generated ones or, with `share`, beside those of
            `variety`.
        mask: Share of hidden patches.
        loss: Reconstruction loss; only "plain", the paper's mean squared error.
        summary: Weight of the squared error of the descriptors of the whole volume that [CLS]
            predicts, see `dataset.descriptors` (default: 0.02 if the model predicts them, as the
            presets "small" and "base" do, else 0, as in the paper).
        optimiser: "adamw", or "muon" for the matrices of the blocks and AdamW for the rest.
        steps: Number of optimizer steps.
        batch: RVEs per step, over all processes and accumulated parts.
        accumulate: Number of parts that a step's gradient is accumulated over.
        rate: Peak learning rate for a batch of 256; proportional to the batch.
        warmup: Steps of linear warm-up (default: 500, but at most a tenth of `steps`); a cosine
            decays to zero after them.
        decay: Weight decay of matrices.
        betas: Adam's decay rates of the two moments.
        clip: Largest norm of the gradient.
        precision: Lightning's precision: "bf16-mixed", "32-true", ...
        compile: Compile the model with torch.compile.
        seed: Random seed of weights, RVEs and masks.
        validate_every: Steps between two validations.
        validation: Number of validation RVEs, which are never trained on.
        save_every: Time between two checkpoints [s].
        workers: Processes that make RVEs, per training process; 0 makes them in the same process.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: ModelConfig = ModelConfig()
    start: str | None = None
    texture: AnyTexture = Hull()
    grains: tuple[int, int] = (139, 139)
    spread: tuple[float, float] | None = None
    aspect: tuple[tuple[float, float], ...] = ((1.0, 1.0),) * 3
    variety: Variety | None = None
    data: OwnVolumes | None = None
    mask: Share = 0.4
    loss: Literal["plain"] = "plain"
    summary: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    optimiser: Literal["adamw", "muon"] = "adamw"
    steps: Steps = 20_000
    batch: Steps = 64
    accumulate: Steps = 1
    rate: Rate = 1.5e-4
    warmup: Annotated[int, Field(ge=0)] = WARMUP
    decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.05
    betas: tuple[Share, Share] = (0.9, 0.95)
    clip: Rate = 1.0
    precision: str = "bf16-mixed"
    compile: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    validate_every: Steps = 500
    validation: Steps = 256
    save_every: Rate = 300.0
    workers: Annotated[int, Field(ge=0, le=256)] = 1

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        spelled = dict(given)
        if isinstance(spelled.get("model"), str):
            spelled["model"] = {"preset": spelled["model"]}
        if isinstance(spelled.get("data"), str):
            spelled["data"] = {"folder": spelled["data"]}
        if isinstance(spelled.get("model"), dict) and "preset" in spelled["model"]:
            changes = dict(spelled["model"])
            name = changes.pop("preset")
            if not isinstance(name, str):
                raise ValueError(f"`preset` must be a name, but is {name!r}")
            unknown = [key for key in changes if key not in ModelConfig.model_fields]
            if unknown:
                known = listing(ModelConfig.model_fields)
                raise ValueError(f"`model.{unknown[0]}` must be a known one ({known}), but is not")
            spelled["model"] = preset(name, **changes)
        model, steps = spelled.get("model"), spelled.get("steps")
        described = model.get("summary") if isinstance(model, dict) else model and model.summary
        if described is True:
            spelled.setdefault("summary", SUMMARY)
        if type(steps) is int:
            spelled.setdefault("warmup", min(WARMUP, steps // 10))
        for name in ("grains", "spread"):
            value = spelled.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                spelled[name] = [value, value]
        return spelled

    @model_validator(mode="after")
    def _consistent(self) -> PretrainConfig:
        if self.batch % self.accumulate:
            raise ValueError("`accumulate` must divide `batch`")
        if self.warmup >= self.steps:
            raise ValueError(f"`warmup` must be less than `steps`, but is {self.warmup}")
        if (self.summary > 0) != self.model.summary:
            raise ValueError(
                "`summary` must be above 0 exactly if the model has `summary: true`, but they are "
                f"{self.summary} and {str(self.model.summary).lower()}"
            )
        self._check_source()
        self.recipe()
        return self

    def _check_source(self) -> None:
        """Check that fields about the volumes do not exclude each other."""
        if self.variety is None and self.data is None:
            if self.model.features == CRYSTAL:
                raise ValueError("`variety` or `data` must be given if `features` is 'crystal'")
            return
        for name in ("texture", "grains", "spread", "aspect"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"`{name}` must be left out beside `variety` or `data`")
        if self.data is not None and self.variety is None and self.data.share < 1:
            raise ValueError(
                "`variety` must say what the other volumes are if `data.share` is below 1"
            )
        if self.variety is not None and self.model.features != CRYSTAL:
            groups = {one.laue for one in self.variety.crystals}
            if groups != {self.model.laue} or self.variety.second_phase:
                raise ValueError(
                    "`features` must be 'crystal' for a second phase or for crystals that are not "
                    f"{self.model.laue}"
                )

    def recipe(self, offset: int = 0) -> Recipe:
        """Return the recipe of the RVEs.

        Args:
            offset: Offset of the seed; each gives other RVEs.
        """
        return Recipe(
            laue=self.model.laue,
            count=1,
            seed=self.seed + offset,
            grid=(self.model.voxels, self.model.voxels, self.model.voxels),
            grains=self.grains,
            spread=self.spread,
            aspect=self.aspect,
            texture=self.texture,
        )

    @property
    def peak_rate(self) -> float:
        """Peak learning rate."""
        return self.rate * self.batch / 256


def read_pretrain_config(path: str | Path) -> PretrainConfig:
    """Read a configuration from a YAML file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no YAML or a field is missing, unknown or out of range.
    """
    return validate_document(PretrainConfig, read_yaml(path), path, KINDS)
