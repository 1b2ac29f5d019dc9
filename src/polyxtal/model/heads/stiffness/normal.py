"""The paper's head: a linear map from [CLS] to C11, C22 and C33 of given crystals."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class NormalHead(nn.Module):
    """A linear map of standardised latent vectors to standardised targets.

    Args:
        width: Of the latent vectors.
        targets: Numbers to tell, three for each crystal.
    """

    input_mean: Tensor
    input_scale: Tensor
    target_mean: Tensor
    target_scale: Tensor

    def __init__(self, width: int, targets: int) -> None:
        """Make the layer; zero, it tells the mean."""
        super().__init__()
        self.register_buffer("input_mean", torch.zeros(width))
        self.register_buffer("input_scale", torch.ones(width))
        self.register_buffer("target_mean", torch.zeros(targets))
        self.register_buffer("target_scale", torch.ones(targets))
        self.linear = nn.Linear(width, targets)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, latent: Float[Tensor, "n width"]) -> Float[Tensor, "n targets"]:
        """Return standardised targets. [-]"""
        return self.linear((latent - self.input_mean) / self.input_scale)

    def stiffness(self, latent: Float[Tensor, "n width"]) -> Float[Tensor, "n targets"]:
        """Return the targets. [MPa]"""
        return self(latent) * self.target_scale + self.target_mean


def normal_components(stiffness: Float[Tensor, "n crystals 6 6"]) -> Float[Tensor, "n targets"]:
    """Take C11, C22, C33 of each crystal, one crystal after the other. [MPa]"""
    return torch.diagonal(stiffness, dim1=-2, dim2=-1)[..., :3].flatten(1)
