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


@compiled_exactly
def exchange(pairs, neighbours, features, crystals, sums):  # type: ignore[no-untyped-def]
    """Exchange the crystals of two voxels wherever it lowers the sums over neighbours.

    Args:
        pairs: Voxels to be tried, (tries, 2).
        neighbours: Neighbours of every voxel, two for each axis, (voxels, 6).
        features: Features of every crystal, of zero mean, (crystals, features).
        crystals: In and out: crystal of every voxel, (voxels,).
        sums: In and out: sum over the voxels of the symmetrised products of their features and
            those of the next one along each axis, (3, features, features).
    Returns:
        Number of exchanges.
    """
    size = features.shape[1]
    change = np.empty((3, size, size))
    accepted = 0
    for k in range(len(pairs)):
        i, j = pairs[k]
        near = i == j
        for a in range(6):
            near |= neighbours[i, a] == j
        if near:
            continue
        lower = 0.0
        for axis in range(3):
            for row in range(size):
                step = features[crystals[j], row] - features[crystals[i], row]
                for column in range(size):
                    around = 0.0
                    for side in range(2):
                        place = 2 * axis + side
                        around += features[crystals[neighbours[i, place]], column]
                        around -= features[crystals[neighbours[j, place]], column]
                    change[axis, row, column] = step * around
            for row in range(size):
                for column in range(size):
                    both = 0.5 * (change[axis, row, column] + change[axis, column, row])
                    lower += both * (2.0 * sums[axis, row, column] + both)
        if lower < 0.0:
            for axis in range(3):
                for row in range(size):
                    for column in range(size):
                        sums[axis, row, column] += 0.5 * (
                            change[axis, row, column] + change[axis, column, row]
                        )
            crystals[i], crystals[j] = crystals[j], crystals[i]
            accepted += 1
    return accepted
