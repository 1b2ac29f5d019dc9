"""Measures of orientation densities: texture index and the distance of two textures.

Both are integrals over orientations, taken as sums over an even grid of the fundamental zone with
the cells' volumes. The grid must be finer than the textures' half-widths.
"""

from __future__ import annotations

from polyxtal.texture.distribution import Texture
from polyxtal.texture.zone import orientation_grid

RESOLUTION = 5.0


def texture_index(texture: Texture, resolution: float = RESOLUTION) -> float:
    """Measure the sharpness of a texture, ∫ f² [Bunge1982]: 1 if random, above otherwise. [-]

    Args:
        texture: Any; that of a list of orientations depends on its half-width.
        resolution: Of the grid that the integral is summed on. [degrees]
    """
    grid = orientation_grid(resolution)
    density = texture.density(grid.orientations)
    share = grid.volumes * density / (grid.volumes @ density)
    return float((share.square() / grid.volumes).sum())


def odf_distance(first: Texture, second: Texture, resolution: float = RESOLUTION) -> float:
    """Measure how much of the volume two textures do not share, ½ ∫ |f - g|: 0 to 1. [-]

    Args:
        first: A texture.
        second: Another.
        resolution: Of the grid that the integral is summed on. [degrees]
    """
    grid = orientation_grid(resolution)
    parts = []
    for texture in (first, second):
        share = grid.volumes * texture.density(grid.orientations)
        parts.append(share / share.sum())
    return 0.5 * float((parts[0] - parts[1]).abs().sum())
