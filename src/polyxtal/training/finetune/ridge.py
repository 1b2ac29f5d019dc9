"""Ridge regression with penalties chosen by leave-one-out cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.randomness import generator_of

PENALTIES = tuple(10.0**k for k in range(-6, 7))
"""Ridge penalties tried, over the mean squared singular value of the features."""


class Ridge(NamedTuple):
    """A linear map fitted to standardised features.

    Attributes:
        mean: Mean of the features.
        scale: Standard deviation of the features.
        weights: Weights of the standardised features.
        offset: Mean of the targets.
        penalty: Penalty of each target, chosen by leave-one-out errors.
    """

    mean: Tensor
    scale: Tensor
    weights: Tensor
    offset: Tensor
    penalty: Tensor

    def predict(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n targets"]:
        """Apply the map."""
        return (features - self.mean) / self.scale @ self.weights + self.offset


def fit_ridge(
    features: Float[Tensor, "n d"],
    targets: Float[Tensor, "n targets"],
    penalties: Sequence[float] = PENALTIES,
) -> Ridge:
    """Fit a ridge regression; each target has the penalty of least leave-one-out error.

    With features U S Vᵀ and h_i = Σ_k U_ik² s_k² / (s_k² + λ) + 1/n, the leave-one-out
    residual of sample i is r_i / (1 - h_i), so all penalties share one decomposition.
    """
    x, y = features.to(torch.float64), targets.to(torch.float64)
    mean, offset = x.mean(0), y.mean(0)
    scale = x.std(0)
    scale = torch.where(scale > 1e-9 * scale.amax().clamp_min(1e-30), scale, 1.0)
    left, singular, right = torch.linalg.svd((x - mean) / scale, full_matrices=False)
    projected = left.T @ (y - offset)
    squared = singular.square()
    weights, least = torch.zeros_like(right.T @ projected), y.new_full((y.shape[1],), torch.inf)
    chosen = torch.zeros_like(least)
    for penalty in penalties:
        absolute = penalty * float(squared.mean())
        kept = squared / (squared + absolute)
        leverage = left.square() @ kept + 1 / len(x)
        residual = y - offset - left @ (kept[:, None] * projected)
        error = (residual / (1 - leverage).clamp_min(1e-6)[:, None]).square().mean(0)
        better = error < least
        fitted = right.T @ ((singular / (squared + absolute))[:, None] * projected)
        weights, least = torch.where(better, fitted, weights), torch.where(better, error, least)
        chosen = torch.where(better, penalty, chosen)
    return Ridge(mean, scale, weights, offset, chosen)


def r_squared(
    predicted: Float[Tensor, "n targets"], truth: Float[Tensor, "n targets"]
) -> Float[Tensor, " targets"]:
    """Return R² of each target, 1 - mean squared error over the variance. [-]"""
    error = (predicted - truth).square().sum(0)
    return 1 - error / (truth - truth.mean(0)).square().sum(0)


def probe(
    features: Mapping[str, Float[Tensor, "n d"]],
    targets: Float[Tensor, "n targets"],
    pool: Sequence[int],
    test: Sequence[int],
    counts: Sequence[int],
    draws: int,
) -> dict[str, dict[int, Tensor]]:
    """Fit ridge regressions to few labels and evaluate them on others.

    Args:
        features: Features of all samples, by name.
        targets: Labels.
        pool: Samples that each draw takes those to fit to from, the same for all features.
        test: Samples to evaluate on.
        counts: Numbers of labels to fit to.
        draws: Number of draws, which are their own seeds.
    Returns:
        R² by name of the features and number of labels, (draws, targets).
    """
    held, truth = list(test), targets[list(test)].to(torch.float64)
    result: dict[str, dict[int, Tensor]] = {name: {} for name in features}
    for count in counts:
        orders = [torch.randperm(len(pool), generator=generator_of(k, count)) for k in range(draws)]
        chosen = [[pool[k] for k in order[:count].tolist()] for order in orders]
        for name, values in features.items():
            unseen = values[held].to(torch.float64)
            fits = [fit_ridge(values[some], targets[some]) for some in chosen]
            result[name][count] = torch.stack([r_squared(f.predict(unseen), truth) for f in fits])
    return result
