"""Sizes of the masked autoencoder, by name or one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.dataset.features import Feature, feature

MAX_PATCHES, MAX_EMBEDDING = 1 << 12, 1 << 28
"""Beyond these, attention and embedding would fill a machine's memory."""
Count = Annotated[int, Field(ge=1, le=4096)]


class ModelConfig(BaseModel):
    """All that the shape of a model depends on.

    Attributes:
        voxels: Edge of the cube that it sees. [voxels]
        patch: Edge of a patch, a divisor of `voxels`. [voxels]
        features: What a voxel holds: "quaternion", "harmonic" or "harmonic6".
        target: What the voxels of hidden patches are rebuilt as: None for the same; or, from
            quaternions, "harmonic" or "harmonic6", which have no jumps and know no copies.
        width: Numbers of an encoder's token; a multiple of 6, for the positions, and of `heads`.
        depth: Blocks of the encoder.
        heads: Attention heads of the encoder.
        decoder_width: As `width`, of the decoder.
        decoder_depth: Blocks of the decoder.
        decoder_heads: Attention heads of the decoder.
        expansion: Width of a block's hidden layer over its width.
        decoder: "joint", the paper's: visible and hidden patches look at each other; or "cross":
            hidden ones look at visible ones only, at all states of the encoder (`CrossDecoder`).
        offsets: Let attention know from the start how patches lie to each other, across the
            periodic faces, too (`OffsetBias`); the paper has absolute positions alone.
        summary: Give [CLS] a linear head that describes the volume, see `dataset.descriptors`.
        laue: Laue group of the crystals that it sees.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    voxels: Count = 25
    patch: Count = 5
    features: Literal["quaternion", "harmonic", "harmonic6"] = "quaternion"
    target: Literal["harmonic", "harmonic6"] | None = None
    width: Count = 192
    depth: Count = 6
    heads: Count = 3
    decoder_width: Count = 96
    decoder_depth: Count = 2
    decoder_heads: Count = 3
    expansion: Annotated[int, Field(ge=1, le=16)] = 4
    decoder: Literal["joint", "cross"] = "joint"
    offsets: bool = False
    summary: bool = False
    laue: Literal[LAUE_GROUPS] = "m-3m"  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _divisible(self) -> ModelConfig:
        if self.voxels % self.patch:
            raise ValueError(f"`patch` must divide `voxels`, but {self.patch} and {self.voxels}")
        if self.voxels < 2 * self.patch:
            raise ValueError(
                f"`voxels` must be at least two patches of {self.patch}, but is {self.voxels}"
            )
        if self.patches > MAX_PATCHES or self.patch_values * self.width > MAX_EMBEDDING:
            raise ValueError(
                f"a model must have at most {MAX_PATCHES} patches and {MAX_EMBEDDING} weights that "
                f"embed them, but has {self.patches} and {self.patch_values * self.width}"
            )
        if self.target is not None and self.features != "quaternion":
            raise ValueError(
                "`target` must be left out unless `features` is 'quaternion', "
                f"but is '{self.target}'"
            )
        if self.summary and self.laue != "m-3m":
            raise ValueError(
                f"`summary` must be left out unless `laue` is m-3m, but `laue` is {self.laue}"
            )
        for width, heads in ((self.width, self.heads), (self.decoder_width, self.decoder_heads)):
            if width % 6 or width % heads:
                raise ValueError(
                    f"a width must be a multiple of 6 and of its heads, but is {width} "
                    f"with {heads} heads"
                )
        return self

    @property
    def laue_group(self) -> LaueGroup:
        """Laue group of the crystals that it sees."""
        return LaueGroup(self.laue)

    @property
    def seen(self) -> Feature:
        """What a voxel holds."""
        return feature(self.features, self.laue_group)

    @property
    def channels(self) -> int:
        """Numbers that a voxel holds."""
        return self.seen.channels

    @property
    def rebuilt(self) -> str:
        """What the voxels of hidden patches are rebuilt as."""
        return self.target or self.features

    @property
    def rebuilt_channels(self) -> int:
        """Numbers that a rebuilt voxel holds."""
        return feature(self.rebuilt, self.laue_group).channels

    @property
    def rebuilt_values(self) -> int:
        """Numbers that a rebuilt patch holds."""
        return self.rebuilt_channels * self.patch**3

    @property
    def patches(self) -> int:
        """Number of patches of a field."""
        return (self.voxels // self.patch) ** 3

    @property
    def patch_values(self) -> int:
        """Numbers that a patch holds."""
        return self.channels * self.patch**3


OURS: Mapping[str, Any] = {
    "decoder": "cross",
    "decoder_heads": 6,
    "offsets": True,
    "summary": True,
}
"""Differences from the paper's design that need fewer polycrystals, see
`docs/negative_results.md`."""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "small": {
        "width": 192,
        "depth": 4,
        "heads": 6,
        "decoder_width": 192,
        "decoder_depth": 4,
        **OURS,
    },
    "base": {
        "voxels": 45,
        "patch": 9,
        "width": 384,
        "depth": 10,
        "heads": 6,
        "decoder_width": 288,
        "decoder_depth": 4,
        **OURS,
    },
    "paper": {
        "voxels": 45,
        "patch": 9,
        "width": 768,
        "depth": 12,
        "heads": 12,
        "decoder_width": 384,
        "decoder_depth": 8,
        "decoder_heads": 12,
    },
}
"""small: two cores; base: one GPU, about 25 million parameters; paper: ViT-B. The paper says the
width, the number of patches and the masking; the other numbers are ours."""


def preset(name: str, **changes: Any) -> ModelConfig:
    """Return a preset with changes.

    Raises:
        ValueError: if the name is unknown or the sizes do not fit.
    """
    if name not in PRESETS:
        raise ValueError(f"A preset must be one of {', '.join(PRESETS)}, but is '{name}'.")
    return ModelConfig(**{**PRESETS[name], **changes})
