"""Represent grains by a given number of leaves, keeping volume fractions."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.rotation import normalize_quaternion
from polyxtal.argument_types import require_type
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.harmonics import harmonic_degrees, symmetric_harmonics

MAX_LLOYD = 50


class Leaves(NamedTuple):
    """Weighted orientations that represent a polycrystal."""

    orientations: Float[Tensor, "leaves 4"]
    weights: Float[Tensor, " leaves"]  # sums to 1
    phase: Int[Tensor, " leaves"]


def quantise(rve: Polycrystal, leaves: int, generator: torch.Generator) -> Leaves:
    """Return a given number of leaves that represent a polycrystal.

    Each phase gets leaves in proportion to its volume. With at least as many leaves as grains, the
    largest grains are split into equal parts; with fewer, grains of similar orientation are merged
    by weighted k-means on their lowest symmetrised harmonics, l = 4 for cubic crystals, which are
    invariant under crystal symmetry.

    Args:
        rve: Polycrystal; grains without voxels are left out.
        leaves: Number of leaves.
        generator: Random generator of the initial k-means centres.
    Raises:
        ValueError: if there are fewer leaves than phases that have volume.
    """
    require_type(rve, Polycrystal, "rve")
    volume = rve.volume_fractions
    present = [p for p in range(len(rve.phase_names)) if bool(volume[rve.phase == p].sum() > 0)]
    if leaves < len(present):
        raise ValueError(
            f"Argument `leaves` must be at least the number of phases, {len(present)}, "
            f"but is {leaves}."
        )
    shares = torch.stack([volume[rve.phase == p].sum() for p in present])
    counts = split_counts(shares, leaves)
    parts = []
    for p, count in zip(present, counts.tolist(), strict=True):
        members = ((rve.phase == p) & (volume > 0)).nonzero().flatten()
        q, w = rve.orientations[members], volume[members]
        if count >= len(members):
            copies = split_counts(w, count)
            q, w = q.repeat_interleave(copies, 0), (w / copies).repeat_interleave(copies)
        else:
            lattice = rve.lattices[p]
            laue = CUBIC if lattice is None else lattice.laue_group
            q, w = merge_orientations(q, w, count, generator, laue)
        parts.append(Leaves(q, w, torch.full((count,), p)))
    joined = Leaves(*(torch.cat(columns) for columns in zip(*parts, strict=True)))
    return joined._replace(weights=joined.weights / joined.weights.sum())


def split_counts(weights: Float[Tensor, " parts"], total: int) -> Int[Tensor, " parts"]:
    """Return the pieces of each part if the heaviest is split until there are `total`."""
    counts = [1] * len(weights)
    heap = [(-w, k) for k, w in enumerate(weights.tolist())]
    heapq.heapify(heap)
    for _ in range(total - len(counts)):
        _, k = heap[0]
        counts[k] += 1
        heapq.heapreplace(heap, (-float(weights[k]) / counts[k], k))
    return torch.tensor(counts)


def merge_orientations(
    orientations: Float[Tensor, "grains 4"],
    weights: Float[Tensor, " grains"],
    count: int,
    generator: torch.Generator,
    laue: LaueGroup = CUBIC,
) -> tuple[Float[Tensor, "count 4"], Float[Tensor, " count"]]:
    """Cluster orientations by weighted k-means; volume is conserved.

    Returns:
        Mean orientation and total weight of each cluster.
    """
    degrees = harmonic_degrees(laue)
    points = torch.cat([symmetric_harmonics(orientations, degree, laue) for degree in degrees], -1)
    centres = points[_spread_start(points, weights, count, generator)]
    label = torch.cdist(points, centres).argmin(1)
    for _ in range(MAX_LLOYD):
        mass = torch.zeros(count, dtype=weights.dtype).index_add_(0, label, weights)
        sums = torch.zeros_like(centres).index_add_(0, label, weights[:, None] * points)
        centres = torch.where(mass[:, None] > 0, sums / mass[:, None], centres)
        distance = torch.cdist(points, centres)
        new = distance.argmin(1)
        for empty in (torch.bincount(new, minlength=count) == 0).nonzero().flatten().tolist():
            # An empty cluster takes the worst-represented grain of a cluster that can spare one.
            spare = torch.bincount(new, minlength=count)[new] > 1
            cost = weights * distance.gather(1, new[:, None])[:, 0] ** 2
            new[int(torch.where(spare, cost, -torch.ones_like(cost)).argmax())] = empty
        if torch.equal(new, label):
            break
        label = new
    mass = torch.zeros(count, dtype=weights.dtype).index_add_(0, label, weights)
    return _mean_orientations(orientations, weights, label, points, centres, laue), mass


def _spread_start(
    points: Tensor, weights: Tensor, count: int, generator: torch.Generator
) -> list[int]:
    """Draw k-means++ centres in proportion to weight times squared distance."""
    chosen = [int(torch.multinomial(weights, 1, generator=generator))]
    nearest = ((points - points[chosen[0]]) ** 2).sum(1)
    for _ in range(count - 1):
        chance = weights * nearest
        if not bool(chance.sum() > 0):  # only duplicates of chosen orientations are left
            rest = torch.ones(len(points), dtype=torch.bool)
            rest[chosen] = False
            chance = rest.to(weights.dtype)
        chosen.append(int(torch.multinomial(chance, 1, generator=generator)))
        nearest = torch.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(1))
    return chosen


def _mean_orientations(
    orientations: Tensor,
    weights: Tensor,
    label: Tensor,
    points: Tensor,
    centres: Tensor,
    laue: LaueGroup,
) -> Tensor:
    """Return each cluster's mean quaternion, over the equivalents nearest to its medoid."""
    count = len(centres)
    distance = ((points - centres[label]) ** 2).sum(1)
    medoid = torch.zeros(count, dtype=torch.int64)
    best = torch.full((count,), torch.inf, dtype=distance.dtype)
    for grain, (k, d) in enumerate(zip(label.tolist(), distance.tolist(), strict=True)):
        if d < best[k]:
            best[k], medoid[k] = d, grain
    aligned = laue.nearest(orientations, orientations[medoid[label]])
    sums = torch.zeros(count, 4, dtype=orientations.dtype)
    return normalize_quaternion(sums.index_add_(0, label, weights[:, None] * aligned))
