"""The paper's stiffness head: a linear map from [CLS] to C11, C22 and C33 of given crystals."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class NormalHead(nn.Module):
    """A linear map of standardised latent vectors to standardised targets.

    Args:
        width: Width of the latent vectors.
        targets: Number of targets, three per crystal.
    """

    input_mean: Tensor
    input_scale: Tensor
    target_mean: Tensor
    target_scale: Tensor

    def __init__(self, width: int, targets: int) -> None:
        """Make the layer; its initial weights of zero predict the mean."""
        super().__init__()
        single = torch.float32
        self.register_buffer("input_mean", torch.zeros(width, dtype=single))
        self.register_buffer("input_scale", torch.ones(width, dtype=single))
        self.register_buffer("target_mean", torch.zeros(targets, dtype=single))
        self.register_buffer("target_scale", torch.ones(targets, dtype=single))
        self.linear = nn.Linear(width, targets, dtype=single)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, latent: Float[Tensor, "n width"]) -> Float[Tensor, "n targets"]:
        """Predict the standardised targets. [-]"""
        return self.linear((latent - self.input_mean) / self.input_scale)

    def stiffness(self, latent: Float[Tensor, "n width"]) -> Float[Tensor, "n targets"]:
        """Predict the targets. [MPa]"""
        return self(latent) * self.target_scale + self.target_mean


def normal_components(stiffness: Float[Tensor, "n crystals 6 6"]) -> Float[Tensor, "n targets"]:
    """Return C11, C22, C33 of each crystal, crystal by crystal. [MPa]"""
    return torch.diagonal(stiffness, dim1=-2, dim2=-1)[..., :3].flatten(1)
