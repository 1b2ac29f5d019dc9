"""How far a latent vector is from those that a head was fitted to."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

COMPONENTS = 32
"""Principal components that are told apart; the rest of the variance counts as one more."""
QUANTILE, MARGIN = 0.99, 1.5
"""What lies further out than `MARGIN` times this share of polycrystals kept aside is unfamiliar."""
DECAY = 4.0


def fade(distance: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Return 1 up to a distance of 1, then exp(-4 (d - 1)²), and 0 where that is below 1e-3."""
    value = torch.exp(-DECAY * (distance - 1).clamp_min(0).square())
    return torch.where(value < 1e-3, 0.0, value)


class Familiarity(nn.Module):
    """Mahalanobis's distance in the leading principal components, over a threshold.

        d² = [Σ_k (a_k · (z - m))² / s_k² + |rest|² / s_rest²] / (components + 1)

    Args:
        width: Of the latent vectors.
        components: Number of principal components.
    """

    mean: Tensor
    axes: Tensor
    rest: Tensor
    threshold: Tensor

    def __init__(self, width: int, components: int) -> None:
        """Make room; `fit` fills it."""
        super().__init__()
        real = torch.float64
        self.register_buffer("mean", torch.zeros(width, dtype=real))
        self.register_buffer("axes", torch.zeros(width, components, dtype=real))
        self.register_buffer("rest", torch.ones((), dtype=real))
        self.register_buffer("threshold", torch.ones((), dtype=real))

    def fit(self, latent: Float[Tensor, "n width"], aside: Float[Tensor, "m width"]) -> None:
        """Learn mean and components of latent vectors, and the threshold from others."""
        z = latent.to(torch.float64)
        self.mean.copy_(z.mean(0))
        _, singular, right = torch.linalg.svd(z - self.mean, full_matrices=False)
        deviation = singular / max(1, len(z) - 1) ** 0.5
        kept = min(self.axes.shape[1], int((deviation > 1e-6 * deviation[0]).sum()))
        self.axes.zero_()
        self.axes[:, :kept] = right[:kept].mT / deviation[:kept]
        left_over = deviation[kept:].square().sum()
        self.rest.copy_(left_over.sqrt().clamp_min(1e-3 * deviation[0].clamp_min(1e-30)))
        self.threshold.fill_(1.0)
        self.threshold.copy_(MARGIN * torch.quantile(self(aside), QUANTILE))

    def components(self, latent: Float[Tensor, "n width"]) -> Float[Tensor, "n components"]:
        """Return principal components of mean 0 and deviation 1. [-]"""
        return (latent.to(torch.float64) - self.mean) @ self.axes

    def forward(self, latent: Float[Tensor, "n width"]) -> Float[Tensor, "n"]:
        """Return the distance over the threshold: above 1 is unfamiliar. [-]"""
        centred = latent.to(torch.float64) - self.mean
        along = centred @ self.axes
        scale = self.axes.square().sum(0)  # 1 / s²; the axes are orthogonal
        back = (along / torch.where(scale > 0, scale, 1.0)) @ self.axes.mT
        rest = (centred - back).square().sum(-1) / self.rest.square()
        count = self.axes.shape[1] + 1
        return ((along.square().sum(-1) + rest) / count).sqrt() / self.threshold
