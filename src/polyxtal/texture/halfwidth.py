"""Choice of a kernel's half-width from the orientations themselves."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_multiply
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.kernels import RotationKernel
from polyxtal.texture.measure import volume_shares
from polyxtal.texture.series import HarmonicSeries, harmonic_series
from polyxtal.texture.wigner import invariant_projector

RULES = ("cross-validation", "plug-in")
"""Names of the rules."""
MOST = 2000
"""Most orientations that are looked at; the half-width of more follows as n^(-1/7)."""
NARROWEST, WIDEST = math.radians(2.5), math.radians(40)
RATIO = 2**0.25
"""Ratio of the half-widths that are tried."""
STEPS = round(math.log(WIDEST / NARROWEST, RATIO))
HOPELESS = 1.0
"""Drop of the mean log-likelihood below the best after which narrower kernels are not tried."""
ENOUGH = 0.75
"""Share of the kernel's bandwidth that the likelihood needs; it leaves out 0.1 %. [-]"""
RANDOM_SHARE = 0.01
"""Share of random orientations in the likelihood, so that single outliers do not rule it. [-]"""
_HALFWIDTH_OVER_SIGMA = math.sqrt(2 * math.log(2))


def choose_halfwidth(
    orientations: Float[Tensor, "n 4"],
    weights: Float[Tensor, " n"] | None,
    laue: LaueGroup,
    sample: LaueGroup,
    kernel: str,
    rule: str = RULES[0],
) -> float:
    """Return the half-width of a kernel density by a rule. [rad]

    `cross-validation` maximises the likelihood of each orientation in the density of the others,
    Σ_i w_i log f_-i(q_i). `plug-in` minimises the asymptotic mean integrated squared error with
    ∫ (Δf)² from the unbiased estimate Σ_l (2l+1) l² (l+1)² |f_l|² of the orientations themselves
    [Jones1996].

    Raises:
        ValueError: if the rule is unknown or there are fewer than ten orientations.
    """
    if rule not in RULES:
        raise ValueError(f"Argument `rule` must be one of {', '.join(RULES)}, but is {rule!r}.")
    if len(orientations) < 10:
        raise ValueError(
            "Argument `halfwidth` must be given for fewer than ten orientations, "
            f"but there are {len(orientations)}."
        )
    share = volume_shares(orientations, weights)
    factor = 1.0
    if len(orientations) > MOST:
        kept = torch.randperm(len(share), generator=torch.Generator().manual_seed(0))[:MOST]
        factor = (MOST / len(share)) ** (1 / 7)
        orientations, share = orientations[kept], share[kept] / share[kept].sum()
    search = _cross_validated if rule == RULES[0] else _plugged_in
    found = search(orientations, share, laue, sample, kernel)
    _warn_at_limits(found, rule, len(orientations))
    return min(max(found * factor, NARROWEST / 2), WIDEST)


def _warn_at_limits(found: float, rule: str, count: int) -> None:
    if found >= WIDEST:
        warnings.warn(
            f"The half-width by {rule} must be below its upper limit, {math.degrees(WIDEST):g}°, "
            f"but reaches it: {count} orientations are too few to tell this texture from a random "
            "one; take more, or give `halfwidth`.",
            stacklevel=4,
        )
    elif found <= NARROWEST:
        warnings.warn(
            f"The half-width by {rule} must be above its lower limit, "
            f"{math.degrees(NARROWEST):g}°, but reaches it: either orientations repeat, as those "
            "of neighbouring points of a map do (use one of each grain), or they are as close "
            "together as the grains of a simulation may be (give `halfwidth`).",
            stacklevel=4,
        )


def _cross_validated(
    q: Tensor, share: Tensor, laue: LaueGroup, sample: LaueGroup, name: str
) -> float:
    """Return the half-width of the highest likelihood, the widest if random ones are likelier."""
    copies = laue.equivalents(quaternion_multiply(sample.rotations[:, None], q[None]))
    own = 2 * torch.einsum("pnsi,ni->pns", copies, q).square() - 1
    series: HarmonicSeries | None = None
    scores: dict[int, float] = {}

    def score(step: int) -> float:
        nonlocal series
        if step not in scores:
            kernel = RotationKernel(WIDEST / RATIO**step, name)
            width = max(4, round(ENOUGH * kernel.bandwidth))
            if series is None or width > series.bandwidth:
                series = harmonic_series(q, share, width, laue, sample)
            scores[step] = _likelihood(series.at_most(width), q, share, own, kernel)
        return scores[step]

    # The likelihood may have several maxima: every second step of the whole ladder, from the wide
    # end until it drops for good, then the steps beside the best, then the vertex of a parabola.
    for step in range(0, STEPS + 1, 2):
        if score(step) < max(scores.values()) - HOPELESS:
            break
    best = max(scores, key=scores.__getitem__)
    best = max(range(max(best - 1, 0), min(best + 1, STEPS) + 1), key=score)
    if best == 0 or score(best) <= 0:
        return WIDEST
    if best == STEPS:
        return NARROWEST
    wide, here, narrow = score(best - 1), score(best), score(best + 1)
    return WIDEST / RATIO ** (best + 0.5 * (wide - narrow) / (wide - 2 * here + narrow))


def _likelihood(
    series: HarmonicSeries, q: Tensor, share: Tensor, own: Tensor, kernel: RotationKernel
) -> float:
    """Return the mean log-likelihood of each orientation in the density of the others."""
    smooth = series.scaled(kernel.factors(series.bandwidth))
    mine = kernel.density(own).mean((0, 2))
    others = (smooth.density(q) - share * mine) / (1 - share)
    mixed = RANDOM_SHARE + (1 - RANDOM_SHARE) * others.clamp_min(0)
    return float(share @ mixed.log())


def _plugged_in(q: Tensor, share: Tensor, laue: LaueGroup, sample: LaueGroup, name: str) -> float:
    """Return the half-width from σ^7 = 3 · 8π² / ((4π)^(3/2) n ∫ (Δf)²), σ = ψ / √(2 ln 2)."""
    count = 1 / float(share.square().sum())
    bandwidth = RotationKernel(math.radians(6), name).bandwidth
    series = harmonic_series(q, share, bandwidth, laue, sample)
    degree = np.arange(bandwidth + 1.0)
    invariants = [
        float(np.trace(invariant_projector(laue, n)).real)
        * float(np.trace(invariant_projector(sample, n)).real)
        for n in range(bandwidth + 1)
    ]
    # Each orientation with itself adds the product of the numbers of invariants.
    power = (series.power - np.array(invariants) / count) / (1 - 1 / count)
    curvature = power * (degree * (degree + 1)) ** 2
    halfwidth = math.radians(15)
    for _ in range(20):
        pilot = RotationKernel(halfwidth, name).factors(bandwidth)
        roughness = float((curvature * pilot**2).sum())
        if roughness <= 0:
            return WIDEST
        sigma = (24 * math.pi**2 / ((4 * math.pi) ** 1.5 * count * roughness)) ** (1 / 7)
        goal = _HALFWIDTH_OVER_SIGMA * sigma * _symmetry(laue, sample)
        halfwidth = min(max(math.sqrt(halfwidth * goal), NARROWEST), WIDEST)
    return halfwidth


def _symmetry(laue: LaueGroup, sample: LaueGroup) -> float:
    """Return the factor of σ: equivalents make the sample larger by the order of the groups."""
    return (1 / (laue.order * sample.order)) ** (1 / 7)
