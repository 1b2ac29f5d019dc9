"""Measures of orientation densities: texture index and the distance of two textures.

Both are integrals over orientations, evaluated as sums over a uniform grid of the fundamental zone
weighted by the volumes of its cells. The grid must be finer than the textures' half-widths.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from polyxtal.argument_types import require_type
from polyxtal.texture.distribution import Texture
from polyxtal.texture.zone import OrientationGrid, orientation_grid

RESOLUTION = 5.0
MISSED = 0.25
"""Largest error of the integral of a density, 1, on a grid. [-]"""


def texture_index(texture: Texture, resolution: float = RESOLUTION) -> float:
    """Return the texture index ∫ f² [Bunge1982]: 1 for a random texture, larger otherwise. [-]

    Args:
        texture: A texture; for a list of orientations, the index depends on its half-width.
        resolution: Resolution of the integration grid. [degrees]
    Raises:
        ValueError: if the grid is too coarse for the texture.

    Example:
        >>> import polyxtal as px
        >>> round(px.texture_index(px.UniformTexture(), resolution=15.0), 6)
        1.0
        >>> sharp = px.rolling_component("cube", halfwidth=0.35)
        >>> px.texture_index(sharp, resolution=15.0) > 2
        True
    """
    require_type(texture, Texture, "texture")
    grid = orientation_grid(resolution, texture.laue)
    return float((_shares(texture, grid).square() / grid.volumes).sum())


def odf_distance(first: Texture, second: Texture, resolution: float = RESOLUTION) -> float:
    """Return the volume share in which two textures differ, ½ ∫ |f - g|, 0 to 1. [-]

    Args:
        first: First texture.
        second: Second texture.
        resolution: Resolution of the integration grid. [degrees]
    Raises:
        ValueError: if the grid is too coarse for a texture, or the textures are of different Laue
            groups.

    Example:
        >>> import polyxtal as px
        >>> cube = px.rolling_component("cube", halfwidth=0.35)
        >>> round(px.odf_distance(px.UniformTexture(), cube, resolution=15.0), 2)
        0.49
    """
    require_type(first, Texture, "first")
    require_type(second, Texture, "second")
    if first.laue != second.laue:
        raise ValueError(
            "Textures to compare must be of one Laue group, "
            f"but are of {first.laue.name} and {second.laue.name}."
        )
    grid = orientation_grid(resolution, first.laue)
    return 0.5 * float((_shares(first, grid) - _shares(second, grid)).abs().sum())


def _shares(texture: Texture, grid: OrientationGrid) -> Float[Tensor, " orientations"]:
    """Return the share of the crystals at each grid orientation, from the density there. [-]"""
    share = grid.volumes * texture.density(grid.orientations)
    total = float(share.sum())
    if not abs(total - 1) <= MISSED:
        raise ValueError(
            "The grid must be finer than the texture's half-width, but that of "
            f"{grid.resolution:g} degrees finds {total:.2g} of its volume."
        )
    return share / total
