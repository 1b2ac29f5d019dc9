"""Choice of the grain of every coarse voxel, compiled for the CPU."""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled_exactly


@compiled_exactly
def balance(order, starts, grains, shares, features, weights, chosen, count, total):  # type: ignore[no-untyped-def]
    """Visit voxels in turn and give each the grain that lowers the objective most.

    Args:
        order: Voxels in the order of the visit, (visits,).
        starts: First candidate of every voxel, and the number of candidates, (voxels + 1,).
        grains: Grain of every candidate, (candidates,).
        shares: Its share of the voxel, (candidates,). [-]
        features: Features of every grain, (grains, features).
        weights: Weights of counts, of features and of shares in the objective, (3,).
        chosen: In and out: grain of every voxel, (voxels,).
        count: In and out: number of voxels of every grain less its target, (grains,).
        total: In and out: sum of the features over the voxels less its target, (features,).
    Returns:
        Number of voxels that changed.
    """
    changed = 0
    for voxel in order:
        old = chosen[voxel]
        count[old] -= 1.0
        total -= features[old]
        best, least = old, np.inf
        for k in range(starts[voxel], starts[voxel + 1]):
            grain = grains[k]
            cost = weights[0] * (2.0 * count[grain] + 1.0) - weights[2] * shares[k]
            for j in range(len(total)):
                f = features[grain, j]
                cost += weights[1] * f * (2.0 * total[j] + f)
            if cost < least:
                best, least = grain, cost
        count[best] += 1.0
        total += features[best]
        chosen[voxel] = best
        changed += best != old
    return changed
