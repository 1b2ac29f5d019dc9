"""What each kernel of an orientation density contributes to quantities linear in the weights."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.texture.kernels import last_degree
from polyxtal.texture.series import harmonic_series
from polyxtal.texture.weighted_kernels import SAMPLE_SYMMETRIES, WeightedKernels

SHARPNESS = math.radians(720)
"""Degrees times the size of a region, up to which harmonics contribute to a band. [rad]"""


def of_index(odf: WeightedKernels) -> Float[Tensor, " n"]:
    """Return the contributions to the texture index, linearised in the weights.

    ∫ f² = u (2 - u) + (1 - u)² ∫ g², and its slope by the weights is 2 (1 - u) g * f, the product a
    convolution. Degrees where it is negligible are left out.
    """
    kept, series = 1 - odf.uniform, odf.series
    factors = odf.kernel.factors(series.bandwidth)
    width = last_degree(factors**2)
    at = series.at_most(width).scaled(factors).density(odf.centres)
    return 2 * kept * at + (series.index - 2 * kept * odf.weights @ at)


def of_region(
    odf: WeightedKernels, points: Float[Tensor, "m 4"], weights: Float[Tensor, " m"], angle: float
) -> Float[Tensor, " n"]:
    """Return the contributions to the volume fraction of a region.

    Where sums go by harmonics, those of degrees above `SHARPNESS` / angle are left out, which
    changes the deviation of the volume fraction by 2 %. A constant then makes the mean of the
    contributions the volume fraction again.

    Args:
        odf: Density.
        points: Points of the region.
        weights: Their shares of all orientations.
        angle: Radius of the region. [rad]
    """
    u, total = odf.uniform, float(weights.sum())
    region = odf.with_kernels(points, weights)
    width = min(odf.kernel.bandwidth, max(4, math.ceil(SHARPNESS / angle)))
    if region.by_series(len(odf.centres)):
        sample = SAMPLE_SYMMETRIES[odf.sample_symmetry]
        series = harmonic_series(points, weights, width, odf.laue, sample)
        seen = series.scaled(odf.kernel.factors(width)).density(odf.centres)
        mean = float(weights @ odf.density(points)) / total
        return total * (mean + (1 - u) * (seen - odf.weights @ seen))
    return total * (u + (1 - u) * region.density(odf.centres))


def of_density(odf: WeightedKernels, at: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    """Return the contributions to the density at orientations."""
    u = odf.uniform
    seen = [odf.with_kernels(q[None], None).density(odf.centres) for q in at]
    return u + (1 - u) * torch.stack(seen, 1)
