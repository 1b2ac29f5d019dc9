"""Assignment of voxels to seeds, compiled for the CPU.

Every seed is compared with the voxels of a box around it. A voxel whose power distance is below
that of any seed outside the box is settled; the few others are compared with every seed.
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled_exactly


@compiled_exactly
def claim(seeds, weights, scale, reach, owner, distance):  # type: ignore[no-untyped-def]
    """Assign the voxels in each seed's box to the nearest such seed.

    Args:
        seeds: Positions in voxels, voxel centres at half-integers, (grains, 3).
        weights: Power of every seed, in units of the scaled distance squared, (grains,).
        scale: Scaled edge of a voxel along each axis, (3,).
        reach: Half edges of a box in voxels; 2 reach + 1 must not exceed the grid, (3,).
        owner: In and out: nearest seed so far, (nx, ny, nz).
        distance: In and out: its power distance, as `owner`.
    """
    nx, ny, nz = owner.shape
    row, place = np.empty(2 * reach[2] + 1), np.empty(2 * reach[2] + 1, np.int64)
    for grain in range(len(seeds)):
        x, y, z = seeds[grain, 0], seeds[grain, 1], seeds[grain, 2]
        i0, j0, k0 = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        for c in range(2 * reach[2] + 1):
            k = k0 - reach[2] + c
            gap = (k + 0.5 - z) * scale[2]
            row[c] = gap * gap - weights[grain]
            place[c] = k % nz
        for a in range(i0 - reach[0], i0 + reach[0] + 1):
            dx = (a + 0.5 - x) * scale[0]
            i = a % nx
            for b in range(j0 - reach[1], j0 + reach[1] + 1):
                dy = (b + 0.5 - y) * scale[1]
                base, j = dx * dx + dy * dy, b % ny
                best, holder = distance[i, j], owner[i, j]
                for c in range(2 * reach[2] + 1):
                    value, k = base + row[c], place[c]
                    if value < best[k]:
                        best[k] = value
                        holder[k] = grain


@compiled_exactly
def settle(seeds, weights, scale, sure, owner, distance):  # type: ignore[no-untyped-def]
    """Compare voxels of power distance `sure` or more with every seed; return their number."""
    nx, ny, nz = owner.shape
    asked = 0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if distance[i, j, k] < sure:
                    continue
                asked += 1
                best, holder = np.inf, -1
                for grain in range(len(seeds)):
                    dx = abs(i + 0.5 - seeds[grain, 0])
                    dy = abs(j + 0.5 - seeds[grain, 1])
                    dz = abs(k + 0.5 - seeds[grain, 2])
                    dx, dy, dz = min(dx, nx - dx), min(dy, ny - dy), min(dz, nz - dz)
                    dx, dy, dz = dx * scale[0], dy * scale[1], dz * scale[2]
                    value = dx * dx + dy * dy + dz * dz - weights[grain]
                    if value < best:
                        best, holder = value, grain
                owner[i, j, k], distance[i, j, k] = holder, best
    return asked


@compiled_exactly
def moments(owner, seeds, volume, offset, spread):  # type: ignore[no-untyped-def]
    """Sum each grain's voxels and their distances from the nearest image of its seed.

    Args:
        owner: Grain of every voxel, (nx, ny, nz).
        seeds: Positions in voxels, (grains, 3).
        volume: Out: number of voxels, (grains,).
        offset: Out: sum of distances, (grains, 3). [voxels]
        spread: Out: sum of squared distances along each axis, (grains, 3). [voxels²]
    """
    nx, ny, nz = owner.shape
    extent = (nx, ny, nz)
    volume[:] = 0
    offset[:] = 0
    spread[:] = 0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                grain = owner[i, j, k]
                volume[grain] += 1
                for axis in range(3):
                    centre = (i, j, k)[axis] + 0.5
                    gap = centre - seeds[grain, axis]
                    gap -= extent[axis] * np.round(gap / extent[axis])
                    offset[grain, axis] += gap
                    spread[grain, axis] += gap * gap
