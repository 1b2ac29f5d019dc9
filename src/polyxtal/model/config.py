"""Sizes of the masked autoencoder, and presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.dataset.features import CRYSTAL, CRYSTAL_GROUPS, Feature, feature

MAX_PATCHES, MAX_EMBEDDING = 1 << 12, 1 << 28
"""Upper bounds, so that attention and embedding fit into memory."""
Count = Annotated[int, Field(ge=1, le=4096)]


class ModelConfig(BaseModel):
    """Sizes of a masked autoencoder.

    Attributes:
        voxels: Edge of the input cube. [voxels]
        patch: Edge of a patch, a divisor of `voxels`. [voxels]
        features: Input values of a voxel: "quaternion", "harmonic", "harmonic6" or "crystal", which
            is for crystals of several Laue groups and two phases, see `dataset.features`.
        target: Values that the decoder reconstructs (default: those of `features`); from
            quaternions also "harmonic" or "harmonic6", which are smooth and the same for all
            symmetric copies of a crystal.
        width: Width of the encoder's tokens, a multiple of 6 and of `heads`.
        depth: Blocks of the encoder.
        heads: Attention heads of the encoder.
        decoder_width: Width of the decoder's tokens, a multiple of 6 and of `decoder_heads`.
        decoder_depth: Blocks of the decoder.
        decoder_heads: Attention heads of the decoder.
        expansion: Ratio of a block's hidden width to its width.
        decoder: "joint", the paper's self-attention among visible and hidden patches; or "cross",
            cross-attention from hidden patches to all states of the encoder (`CrossDecoder`).
        offsets: Add a relative position bias across the periodic faces (`RelativePositionBias`);
            the paper has absolute positions only.
        summary: Predict descriptors of the volume from [CLS] by a linear layer, see
            `dataset.descriptors`.
        scale: Give the mean intercepts of the grains along x, y and z to every token of the encoder
            (`Scale`); the paper's model has to infer them.
        laue: Laue group of the crystals; m-3m, but not the only one, if `features` is "crystal".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    voxels: Count = 25
    patch: Count = 5
    features: Literal["quaternion", "harmonic", "harmonic6", "crystal"] = "quaternion"
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
    scale: bool = False
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
        if self.scale and self.patch < 2:
            raise ValueError("`scale` must be left out with a `patch` of 1 voxel")
        if self.features == CRYSTAL and self.laue != "m-3m":
            raise ValueError(
                "`laue` must be left out if `features` is 'crystal', which is for crystals of "
                f"{', '.join(CRYSTAL_GROUPS)}, but is {self.laue}"
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
        """Laue group of the crystals."""
        return LaueGroup(self.laue)

    @property
    def seen(self) -> Feature:
        """Input feature of a voxel."""
        return feature(self.features, self.laue_group)

    @property
    def channels(self) -> int:
        """Input values of a voxel."""
        return self.seen.channels

    @property
    def reconstructed(self) -> str:
        """Name of the feature that the decoder reconstructs."""
        return self.target or self.features

    @property
    def reconstructed_channels(self) -> int:
        """Reconstructed values of a voxel."""
        return feature(self.reconstructed, self.laue_group).channels

    @property
    def reconstructed_values(self) -> int:
        """Reconstructed values of a patch."""
        return self.reconstructed_channels * self.patch**3

    @property
    def patches(self) -> int:
        """Number of patches of a field."""
        return (self.voxels // self.patch) ** 3

    @property
    def patch_values(self) -> int:
        """Input values of a patch."""
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
"""small: for two cores; base: for one GPU, about 25 million parameters; paper: ViT-B. Width, number
of patches and masking of the latter are the paper's, its other sizes are ours."""


def preset(name: str, **changes: Any) -> ModelConfig:
    """Return a preset with changed sizes.

    Raises:
        ValueError: if the name is unknown or the sizes do not fit.
    """
    if name not in PRESETS:
        raise ValueError(f"A preset must be one of {', '.join(PRESETS)}, but is '{name}'.")
    sizes = {**PRESETS[name], **changes}
    if sizes.get("laue", "m-3m") != "m-3m" and "summary" not in changes:
        sizes["summary"] = False  # descriptors are those of cubic crystals
    return ModelConfig(**sizes)
