"""The out-of-distribution score: distance of a latent vector from those of the training data."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

COMPONENTS = 32
"""Principal components; the remaining variance counts as one more."""
QUANTILE, MARGIN = 0.99, 1.5
"""A score of 1 is `MARGIN` times this quantile of the validation polycrystals."""


class OutOfDistributionScore(nn.Module):
    """Mahalanobis distance in the leading principal components, over a threshold.

        d² = [Σ_k (a_k · (z - m))² / s_k² + |rest|² / s_rest²] / (components + 1)

    Args:
        width: Width of the latent vectors.
        components: Number of principal components.
    """

    mean: Tensor
    axes: Tensor
    rest: Tensor
    threshold: Tensor

    def __init__(self, width: int, components: int) -> None:
        """Allocate the statistics; `fit` computes them."""
        super().__init__()
        real = torch.float64
        self.register_buffer("mean", torch.zeros(width, dtype=real))
        self.register_buffer("axes", torch.zeros(width, components, dtype=real))
        self.register_buffer("rest", torch.ones((), dtype=real))
        self.register_buffer("threshold", torch.ones((), dtype=real))

    def fit(self, latent: Float[Tensor, "n width"], validation: Float[Tensor, "m width"]) -> None:
        """Compute mean and components of latent vectors, and the threshold from other ones."""
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
        self.threshold.copy_(MARGIN * torch.quantile(self(validation), QUANTILE))

    def forward(self, latent: Float[Tensor, "n width"]) -> Float[Tensor, " n"]:
        """Return the distance over the threshold; above 1 is out of distribution. [-]"""
        centred = latent.to(torch.float64) - self.mean
        along = centred @ self.axes
        scale = self.axes.square().sum(0)  # 1 / s²; the axes are orthogonal
        back = (along / torch.where(scale > 0, scale, 1.0)) @ self.axes.mT
        rest = (centred - back).square().sum(-1) / self.rest.square()
        count = self.axes.shape[1] + 1
        return ((along.square().sum(-1) + rest) / count).sqrt() / self.threshold
