"""The texture of a measured map, and the draw of grain orientations closest to it."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.rotation import normalize_quaternion
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.microstructure.ebsd import EbsdMap, GrainMap
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.texture.harmonics import harmonic_degrees
from polyxtal.texture.measure import texture_coefficients

_MAX_POINTS = 2**18


_DRAWS = 100


def map_texture(source: EbsdMap | GrainMap, grain_map: GrainMap) -> DiscreteTexture:
    """Return the texture of all indexed points, equally weighted and sorted by similarity.

    Grains are assigned orientations at equal intervals of the list, so the better it is sorted, the
    closer the few grains come to the many points.
    """
    ebsd = source if isinstance(source, EbsdMap) else source.source
    points = ebsd.orientations[ebsd.indexed]
    if len(points) > _MAX_POINTS:
        # Evenly from the sorted list, below; a random subset would not do better.
        points = points[:: math.ceil(len(points) / _MAX_POINTS)]
    group = ebsd.laue_group(int(grain_map.phase[0]))
    points = group.reduce(normalize_quaternion(points))
    return DiscreteTexture(points[_along_curve(points, group).argsort(stable=True)], laue=group)


def closest_draw(
    texture: DiscreteTexture, shares: Float[Tensor, " grains"], seed: int
) -> Float[Tensor, "grains 4"]:
    """Draw the grains' orientations repeatedly and return the draw with the closest harmonics.

    A few large grains dominate the texture of a volume, and a single draw of them scatters.
    """
    generator = torch.Generator().manual_seed(seed)
    truth = _harmonics(texture.points, texture.weights, texture.laue)
    draws = [texture.orientations(shares, generator) for _ in range(_DRAWS)]
    off = [float((_harmonics(draw, shares, texture.laue) - truth).norm()) for draw in draws]
    return draws[off.index(min(off))]


def _harmonics(
    orientations: Float[Tensor, "n 4"], weights: Float[Tensor, " n"], group: LaueGroup
) -> Tensor:
    degrees = sorted({*harmonic_degrees(group), 4, 6})
    return torch.cat([texture_coefficients(orientations, weights, n, group) for n in degrees])


def _along_curve(q: Float[Tensor, "n 4"], group: LaueGroup) -> Int[Tensor, " n"]:
    """Return positions along a space-filling curve of the fundamental zone (Morton order)."""
    bits = 16
    limit = math.sin(math.radians(62.8) / 2)
    span = limit if group == CUBIC else q[:, 1:].abs().amax(0).clamp_min(1e-9)
    cells = ((q[:, 1:] / span + 1) * 2 ** (bits - 1)).long().clamp(0, 2**bits - 1)
    key = torch.zeros(len(q), dtype=torch.int64)
    for bit in range(bits):
        for axis in range(3):
            key |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return key
