"""The scale of a polycrystal, its grain size in voxels, as an input of the encoder."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyxtal.model.config import ModelConfig
from polyxtal.model.transformer import linear

SAME = 1e-5
"""Largest difference of the sums that stand for the channels of two voxels of one grain. [-]"""
TYPICAL = 1.3
"""Logarithm of the mean intercept that is mapped to 0: 3.7 voxels. [-]"""


class Scale(nn.Module):
    """A vector that is added to every token, from the mean intercepts of the grains.

    Its weights are zero at first: a model without it that is given one starts as it was.

    Args:
        config: Model sizes.
    """

    def __init__(self, config: ModelConfig) -> None:
        """Make the layer."""
        super().__init__()
        self.patch, self.channels = config.patch, config.channels
        self.embed = linear(3, config.width)

    def forward(
        self, patches: Float[Tensor, "batch patches values"]
    ) -> Float[Tensor, "batch 1 width"]:
        """Return the vector of each field, whose patches are all given."""
        return self.embed(log_intercepts(patches, self.patch, self.channels) - TYPICAL)[:, None]


@torch.no_grad()
def log_intercepts(
    patches: Float[Tensor, "batch patches values"], patch: int, channels: int
) -> Float[Tensor, "batch 3"]:
    """Return the logarithm of the mean intercept of grains along x, y and z, in voxels.

    It is minus that of the share of adjacent voxels, within all patches, whose channels differ.

    Args:
        patches: All patches of each field, as `patchify` cuts them.
        patch: Edge of a patch, at least 2. [voxels]
        channels: Channels of a voxel.
    """
    with torch.autocast(patches.device.type, enabled=False):
        weights = torch.arange(1, channels + 1, device=patches.device, dtype=torch.float32).sqrt()
        key = patches.detach().float().unflatten(-1, (-1, channels)) @ weights
    cubes = key.unflatten(-1, (patch, patch, patch))
    shares = []
    for axis in (2, 3, 4):
        differ = cubes.diff(dim=axis).abs() > SAME
        shares.append(differ.flatten(1).float().mean(-1).clamp_min(0.5 / differ[0].numel()))
    return -torch.stack(shares, -1).log()
