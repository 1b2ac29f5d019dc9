"""The masked autoencoder: an encoder of visible patches, a decoder that fills in the others."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from polyxtal.model.config import ModelConfig
from polyxtal.model.tokens import patchify, sine_positions
from polyxtal.model.transformer import Transformer


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
        self.transformer = Transformer(config.width, config.depth, config.heads, config.expansion)

    def forward(
        self,
        patches: Float[Tensor, "batch patches values"],
        visible: Int[Tensor, "batch visible"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Encode the visible patches, all if None; token 0 is [CLS]."""
        positions = self.positions.expand(len(patches), -1, -1)
        if visible is not None:
            patches = pick(patches, visible)
            positions = pick(positions, visible)
        tokens = self.embed(patches) + positions
        whole = self.whole.expand(len(patches), -1, -1).to(tokens.dtype)
        return self.transformer(torch.cat([whole, tokens], 1))


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
        self.transformer = Transformer(
            width, config.decoder_depth, config.decoder_heads, config.expansion
        )
        self.rebuild = nn.Linear(width, config.patch_values)

    def forward(
        self, tokens: Float[Tensor, "batch tokens width"], mask: Mask
    ) -> Float[Tensor, "batch hidden values"]:
        """Rebuild the hidden patches, in the mask's order."""
        seen = self.embed(tokens)
        positions = self.positions.expand(len(tokens), -1, -1)
        known = seen[:, 1:] + pick(positions, mask.visible)
        unknown = self.unknown + pick(positions, mask.hidden)
        # Attention does not mind the order of tokens.
        all_tokens = torch.cat([seen[:, :1], known, unknown.to(known.dtype)], 1)
        return self.rebuild(self.transformer(all_tokens)[:, -mask.hidden.shape[1] :])


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
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        _draw_weights(self, seed)

    def forward(
        self, field: Float[Tensor, "batch channels nx ny nz"], mask: Mask
    ) -> tuple[Float[Tensor, "batch hidden values"], Float[Tensor, "batch hidden values"]]:
        """Rebuild hidden patches: returns what was rebuilt, and what was there."""
        patches = patchify(field, self.config.patch)
        rebuilt = self.decoder(self.encoder(patches, mask.visible), mask)
        return rebuilt, pick(patches, mask.hidden)


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
