"""The masked autoencoder: an encoder of visible patches, a decoder that fills in the others."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from polyxtal.dataset.descriptors import DESCRIPTORS
from polyxtal.dataset.features import feature
from polyxtal.model.config import ModelConfig
from polyxtal.model.relative_position_bias import OffsetBias
from polyxtal.model.tokens import patchify, sine_positions
from polyxtal.model.transformer import CrossBlock, Transformer


class Mask(NamedTuple):
    """Which patches a model may see.

    Attributes:
        visible: Patches it sees. (batch, visible)
        hidden: Patches it must rebuild. (batch, hidden)
    """

    visible: Int[Tensor, "batch visible"]
    hidden: Int[Tensor, "batch hidden"]


def random_mask(batch: int, patches: int, ratio: float, generator: torch.Generator) -> Mask:
    """Hide a share of the patches, at random, as many in each field: at least one, never all."""
    count = min(max(1, round(ratio * patches)), patches - 1)
    order = torch.rand(batch, patches, generator=generator, device=generator.device).argsort(-1)
    return Mask(order[:, count:], order[:, :count])


class Encoder(nn.Module):
    """From a field to tokens: one for the whole, [CLS], and one for each visible patch.

    Args:
        config: Sizes.
    """

    positions: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Make the layers; [CLS] has the position zero."""
        super().__init__()
        self.config = config
        # A linear map of a patch's numbers is the paper's convolution with stride = kernel = patch.
        self.embed = nn.Linear(config.patch_values, config.width)
        self.whole = nn.Parameter(torch.zeros(1, 1, config.width))
        edge = config.voxels // config.patch
        self.register_buffer("positions", sine_positions(edge, config.width), persistent=False)
        self.bias = OffsetBias(edge, config.heads) if config.offsets else None
        self.transformer = Transformer(config.width, config.depth, config.heads, config.expansion)

    def forward(
        self,
        patches: Float[Tensor, "batch patches values"],
        visible: Int[Tensor, "batch visible"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Encode the visible patches, all if None; token 0 is [CLS]."""
        return self.states(patches, visible)[-1]

    def states(
        self,
        patches: Float[Tensor, "batch patches values"],
        visible: Int[Tensor, "batch visible"] | None = None,
    ) -> list[Float[Tensor, "batch tokens width"]]:
        """Encode, and keep what goes into each block; the last state is the result."""
        positions = self.positions.expand(len(patches), -1, -1)
        if visible is not None:
            patches = pick(patches, visible)
            positions = pick(positions, visible)
        tokens = self.embed(patches) + positions
        whole = self.whole.expand(len(patches), -1, -1).to(tokens.dtype)
        bias = None if self.bias is None else self.bias(visible)
        return self.transformer.states(torch.cat([whole, tokens], 1), bias)


class Decoder(nn.Module):
    """From the tokens of visible patches to the numbers of the hidden ones.

    Args:
        config: Sizes.
    """

    positions: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Make the layers."""
        super().__init__()
        width = config.decoder_width
        self.embed = nn.Linear(config.width, width)
        self.unknown = nn.Parameter(torch.zeros(1, 1, width))
        edge = config.voxels // config.patch
        self.register_buffer("positions", sine_positions(edge, width), persistent=False)
        self.bias = OffsetBias(edge, config.decoder_heads) if config.offsets else None
        self.transformer = Transformer(
            width, config.decoder_depth, config.decoder_heads, config.expansion
        )
        self.rebuild = nn.Linear(width, config.rebuilt_values)

    def forward(
        self, states: list[Float[Tensor, "batch tokens width"]], mask: Mask
    ) -> Float[Tensor, "batch hidden values"]:
        """Rebuild the hidden patches, in the mask's order, from the encoder's last state."""
        tokens = states[-1]
        seen = self.embed(tokens)
        positions = self.positions.expand(len(tokens), -1, -1)
        known = seen[:, 1:] + pick(positions, mask.visible)
        unknown = self.unknown + pick(positions, mask.hidden)
        place = torch.cat([mask.visible, mask.hidden], 1).argsort(-1)
        patches = pick(torch.cat([known, unknown.to(known.dtype)], 1), place)
        bias = None if self.bias is None else self.bias()
        done = self.transformer(torch.cat([seen[:, :1], patches], 1), bias)
        return self.rebuild(pick(done[:, 1:], mask.hidden))


class CrossDecoder(nn.Module):
    """From all states of the encoder to the numbers of the hidden patches [Fu2024].

    Hidden patches look at visible ones, not at each other; each block looks at a learned mixture
    of the encoder's states, so that what a patch holds need not be carried through all of them.

    Args:
        config: Sizes.
    """

    positions: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Make the layers."""
        super().__init__()
        width, edge = config.decoder_width, config.voxels // config.patch
        self.unknown = nn.Parameter(torch.zeros(1, 1, width))
        self.register_buffer("positions", sine_positions(edge, width), persistent=False)
        self.bias = OffsetBias(edge, config.decoder_heads) if config.offsets else None
        states = config.depth + 1
        self.mixture = nn.Parameter(torch.full((config.decoder_depth, states), 1 / states))
        self.blocks = nn.ModuleList(
            [
                CrossBlock(width, config.width, config.decoder_heads, config.expansion)
                for _ in range(config.decoder_depth)
            ]
        )
        self.norm = nn.LayerNorm(width)
        self.rebuild = nn.Linear(width, config.rebuilt_values)

    def forward(
        self, states: list[Float[Tensor, "batch tokens width"]], mask: Mask
    ) -> Float[Tensor, "batch hidden values"]:
        """Rebuild the hidden patches, in the mask's order."""
        every = torch.stack([state.to(states[0].dtype) for state in states])
        memory = torch.einsum("dk,k...->d...", self.mixture.to(every.dtype), every)
        x = self.unknown + pick(self.positions.expand(len(every[0]), -1, -1), mask.hidden)
        bias = None if self.bias is None else self.bias(mask.visible, mask.hidden)
        for block, seen in zip(self.blocks, memory, strict=True):
            x = block(x, seen, bias)
        return self.rebuild(self.norm(x))


class MaskedAutoencoder(nn.Module):
    """Encoder and decoder [He2022], for orientation fields.

    Args:
        config: Sizes.
        seed: Of the weights.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        """Make the layers and draw the weights."""
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.summary = nn.Linear(config.width, DESCRIPTORS) if config.summary else None
        self.decoder = CrossDecoder(config) if config.decoder == "cross" else Decoder(config)
        _draw_weights(self, seed)

    def forward(
        self,
        field: Float[Tensor, "batch channels nx ny nz"],
        mask: Mask,
        target: Float[Tensor, "batch rebuilt_channels nx ny nz"] | None = None,
    ) -> tuple[
        Float[Tensor, "batch hidden values"],
        Float[Tensor, "batch hidden values"],
        Float[Tensor, "batch descriptors"] | None,
    ]:
        """Rebuild hidden patches.

        Args:
            field: What the visible patches show.
            mask: Which they are.
            target: The field that is rebuilt; None computes it, see `target_field`.
        Returns:
            What was rebuilt, what was there, and how [CLS] describes the volume, if it does.
        """
        patches = patchify(field, self.config.patch)
        states = self.encoder.states(patches, mask.visible)
        summary = None if self.summary is None else self.summary(states[-1][:, 0])
        if target is None:
            target = target_field(self.config, field)
        truth = patches if target is field else patchify(target, self.config.patch)
        return self.decoder(states, mask), pick(truth, mask.hidden), summary


def target_field(
    config: ModelConfig, field: Float[Tensor, "batch channels nx ny nz"]
) -> Float[Tensor, "batch rebuilt_channels nx ny nz"]:
    """Turn a field of a model's features into that which it rebuilds; mostly the same."""
    if config.rebuilt == config.features:
        return field
    rebuilt = feature(config.rebuilt, config.laue_group)
    return rebuilt.compute(field.movedim(1, -1)).movedim(-1, 1)


def pick(
    rows: Float[Tensor, "batch patches values"], which: Int[Tensor, "batch chosen"]
) -> Float[Tensor, "batch chosen values"]:
    """Take some patches of each field."""
    return rows.gather(1, which[:, :, None].expand(-1, -1, rows.shape[-1]))


def _draw_weights(model: nn.Module, seed: int) -> None:
    """Glorot's uniform weights, zero biases, and small normal tokens."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            nn.init.zeros_(module.bias)
    for name, parameter in model.named_parameters():
        if name.endswith(("whole", "unknown")):
            nn.init.normal_(parameter, std=0.02, generator=generator)
