"""The masked autoencoder [He2022]: an encoder of visible patches and a decoder of hidden ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from polyxtal.dataset.descriptors import DESCRIPTORS
from polyxtal.dataset.features import feature
from polyxtal.model.config import ModelConfig
from polyxtal.model.relative_position_bias import RelativePositionBias
from polyxtal.model.scale import Scale
from polyxtal.model.tokens import gather_patches, patchify, sine_positions
from polyxtal.model.transformer import CrossBlock, Transformer, layer_norm, linear


class Mask(NamedTuple):
    """Indices of visible and hidden patches.

    Attributes:
        visible: Patches that the encoder sees. (batch, visible)
        hidden: Patches that the decoder reconstructs. (batch, hidden)
    """

    visible: Int[Tensor, "batch visible"]
    hidden: Int[Tensor, "batch hidden"]


def random_mask(batch: int, patches: int, ratio: float, generator: torch.Generator) -> Mask:
    """Draw hidden patches, the same number in each field: at least one, never all.

    Args:
        batch: Number of fields.
        patches: Patches of a field.
        ratio: Share of hidden patches. [-]
        generator: Source of random numbers.
    """
    count = min(max(1, round(ratio * patches)), patches - 1)
    single = {"dtype": torch.float32, "device": generator.device}
    order = torch.rand(batch, patches, generator=generator, **single).argsort(-1)
    return Mask(order[:, count:], order[:, :count])


class Encoder(nn.Module):
    """Map from a field to tokens: [CLS] for the whole field, then one per visible patch.

    Args:
        config: Model sizes.
    """

    positions: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Make the layers; the positional encoding of [CLS] is zero."""
        super().__init__()
        self.config = config
        # A linear map of a patch's values is the paper's convolution with stride = kernel = patch.
        self.embed = linear(config.patch_values, config.width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width, dtype=torch.float32))
        edge = config.voxels // config.patch
        self.register_buffer("positions", sine_positions(edge, config.width), persistent=False)
        self.relative_position_bias = position_bias(config, config.heads)
        self.scale = Scale(config) if config.scale else None
        self.transformer = Transformer(config.width, config.depth, config.heads, config.expansion)

    def forward(
        self,
        patches: Float[Tensor, "batch patches values"],
        visible: Int[Tensor, "batch visible"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Return the tokens of [CLS] and of the visible patches (default: all patches)."""
        return self.states(patches, visible)[-1]

    def states(
        self,
        patches: Float[Tensor, "batch patches values"],
        visible: Int[Tensor, "batch visible"] | None = None,
    ) -> list[Float[Tensor, "batch tokens width"]]:
        """Return the input of each block and, last, the result of `forward`."""
        positions = self.positions.expand(len(patches), -1, -1)
        scale = None if self.scale is None else self.scale(patches)
        if visible is not None:
            patches = gather_patches(patches, visible)
            positions = gather_patches(positions, visible)
        tokens = self.embed(patches) + positions
        cls_token = self.cls_token.expand(len(patches), -1, -1).to(tokens.dtype)
        if scale is not None:
            tokens, cls_token = tokens + scale, cls_token + scale
        biased = self.relative_position_bias
        bias = None if biased is None else biased(visible)
        return self.transformer.states(torch.cat([cls_token, tokens], 1), bias)


class Decoder(nn.Module):
    """The paper's decoder: self-attention among visible and hidden patches.

    Args:
        config: Model sizes.
    """

    positions: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Make the layers."""
        super().__init__()
        width = config.decoder_width
        self.embed = linear(config.width, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width, dtype=torch.float32))
        edge = config.voxels // config.patch
        self.register_buffer("positions", sine_positions(edge, width), persistent=False)
        self.relative_position_bias = position_bias(config, config.decoder_heads)
        self.transformer = Transformer(
            width, config.decoder_depth, config.decoder_heads, config.expansion
        )
        self.reconstruct = linear(width, config.reconstructed_values)

    def forward(
        self, states: list[Float[Tensor, "batch tokens width"]], mask: Mask
    ) -> Float[Tensor, "batch hidden values"]:
        """Reconstruct the hidden patches, in the mask's order, from the encoder's last state."""
        tokens = states[-1]
        seen = self.embed(tokens)
        positions = self.positions.expand(len(tokens), -1, -1)
        visible = seen[:, 1:] + gather_patches(positions, mask.visible)
        hidden = self.mask_token + gather_patches(positions, mask.hidden)
        place = torch.cat([mask.visible, mask.hidden], 1).argsort(-1)
        patches = gather_patches(torch.cat([visible, hidden.to(visible.dtype)], 1), place)
        bias = None if self.relative_position_bias is None else self.relative_position_bias()
        done = self.transformer(torch.cat([seen[:, :1], patches], 1), bias)
        return self.reconstruct(gather_patches(done[:, 1:], mask.hidden))


class CrossDecoder(nn.Module):
    """Decoder of cross-attention from hidden to visible patches [Fu2024].

    Hidden patches do not attend to each other. Each block attends to its own learned mixture of
    the encoder's states, so that the content of a patch need not pass through all of them.

    Args:
        config: Model sizes.
    """

    positions: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Make the layers."""
        super().__init__()
        width, edge = config.decoder_width, config.voxels // config.patch
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width, dtype=torch.float32))
        self.register_buffer("positions", sine_positions(edge, width), persistent=False)
        self.relative_position_bias = position_bias(config, config.decoder_heads)
        size, states = (config.decoder_depth, config.depth + 1), config.depth + 1
        self.mixture = nn.Parameter(torch.full(size, 1 / states, dtype=torch.float32))
        self.blocks = nn.ModuleList(
            [
                CrossBlock(width, config.width, config.decoder_heads, config.expansion)
                for _ in range(config.decoder_depth)
            ]
        )
        self.norm = layer_norm(width)
        self.reconstruct = linear(width, config.reconstructed_values)

    def forward(
        self, states: list[Float[Tensor, "batch tokens width"]], mask: Mask
    ) -> Float[Tensor, "batch hidden values"]:
        """Reconstruct the hidden patches, in the mask's order, from all states of the encoder."""
        every = torch.stack([state.to(states[0].dtype) for state in states])
        memory = torch.einsum("dk,k...->d...", self.mixture.to(every.dtype), every)
        positions = self.positions.expand(len(every[0]), -1, -1)
        x = self.mask_token + gather_patches(positions, mask.hidden)
        biased = self.relative_position_bias
        bias = None if biased is None else biased(mask.visible, mask.hidden)
        for block, seen in zip(self.blocks, memory, strict=True):
            x = block(x, seen, bias)
        return self.reconstruct(self.norm(x))


class MaskedAutoencoder(nn.Module):
    """Masked autoencoder [He2022] of orientation fields, in single precision.

    Args:
        config: Model sizes.
        seed: Random seed of the weights.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        """Make the layers and draw the weights."""
        super().__init__()
        self.config = config
        # torch's layers draw weights of their own from the global generator.
        with torch.random.fork_rng(devices=()):
            self.encoder = Encoder(config)
            self.summary = linear(config.width, DESCRIPTORS) if config.summary else None
            self.decoder = CrossDecoder(config) if config.decoder == "cross" else Decoder(config)
        _draw_weights(self, seed)

    def forward(
        self,
        field: Float[Tensor, "batch channels nx ny nz"],
        mask: Mask,
        target: Float[Tensor, "batch reconstructed_channels nx ny nz"] | None = None,
    ) -> tuple[
        Float[Tensor, "batch hidden values"],
        Float[Tensor, "batch hidden values"],
        Float[Tensor, "batch descriptors"] | None,
    ]:
        """Reconstruct hidden patches.

        Args:
            field: Input field.
            mask: Visible and hidden patches.
            target: Field to reconstruct (default: computed by `target_field`).
        Returns:
            Reconstructed hidden patches, their true values, and the descriptors of the volume that
            are predicted from [CLS]; None if `config.summary` is false. [-]
        """
        patches = patchify(field, self.config.patch)
        states = self.encoder.states(patches, mask.visible)
        summary = None if self.summary is None else self.summary(states[-1][:, 0])
        if target is None:
            target = target_field(self.config, field)
        truth = patches if target is field else patchify(target, self.config.patch)
        return self.decoder(states, mask), gather_patches(truth, mask.hidden), summary


def target_field(
    config: ModelConfig, field: Float[Tensor, "batch channels nx ny nz"]
) -> Float[Tensor, "batch reconstructed_channels nx ny nz"]:
    """Return the field that a model reconstructs from an input field; the same unless `target`."""
    if config.reconstructed == config.features:
        return field
    target = feature(config.reconstructed, config.laue_group)
    return target.compute(field.movedim(1, -1)).movedim(-1, 1)


def position_bias(config: ModelConfig, heads: int) -> RelativePositionBias | None:
    """Return a relative position bias if the model has one."""
    edge = config.voxels // config.patch
    return RelativePositionBias(edge, heads) if config.offsets else None


def _draw_weights(model: nn.Module, seed: int) -> None:
    """Draw Glorot-uniform weights, zero biases and small normal tokens."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            nn.init.zeros_(module.bias)
    for name, parameter in model.named_parameters():
        if name.endswith(("cls_token", "mask_token")):
            nn.init.normal_(parameter, std=0.02, generator=generator)
        if ".scale." in name:
            nn.init.zeros_(parameter)
