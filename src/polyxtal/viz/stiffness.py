"""The elastic surface: Young's modulus over all directions."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from torch import Tensor

from polyxtal.mechanics.bounds.moduli import young_modulus
from polyxtal.viz.style import INK, LABEL_SIZE, MODULUS_MAP, add_colorbar

_GPA = 1e-3

LEAST_SPAN = 0.1
"""Least half-width of the colour scale over its centre, so that little anisotropy looks little."""

_STEPS = 150
"""Steps from pole to pole: facets of about a degree, which are not seen."""

# Near the view of volumes from (1, -1, 1), but off the symmetry planes of a cubic crystal.
_ELEVATION, _AZIMUTH = 25.0, -40.0

# From above the viewer's left shoulder; the shade leaves this share of a colour.
_LIGHT_ELEVATION, _LIGHT_AZIMUTH, _SHADE = 50.0, -80.0, 0.65

# Start, end and label of the axis stubs, relative to the largest radius.
_STUB = (1.0, 1.45, 1.6)


def young_modulus_surface(
    stiffness: Float[Tensor, "6 6"], resolution: int = _STEPS
) -> tuple[Float[Tensor, "polar azimuth 3"], Float[Tensor, "polar azimuth"]]:
    """Return the surface whose radius along n is Young's modulus E(n).

    Args:
        stiffness: Mandel stiffness. [MPa]
        resolution: Number of steps from pole to pole; twice as many around.
    Returns:
        Points E(n) n and radii E(n). [GPa]
    """
    polar = torch.linspace(0, math.pi, resolution + 1, dtype=torch.float64)
    azimuth = torch.linspace(0, 2 * math.pi, 2 * resolution + 1, dtype=torch.float64)
    theta, phi = torch.meshgrid(polar, azimuth, indexing="ij")
    direction = torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], dim=-1)
    radius = _GPA * young_modulus(stiffness.detach().to(direction), direction)
    return radius[..., None] * direction, radius


def draw_young_modulus_surface(
    axes3d: Axes3D,
    stiffness: Float[Tensor, "6 6"],
    resolution: int = _STEPS,
    colorbar: bool = True,
) -> Axes3D:
    """Draw the polar surface of Young's modulus, E(n) as radius and as colour, lit from a side.

    The colours span at least 10 % to both sides of the middle modulus, as the colour bar says.

    Args:
        axes3d: Three-dimensional axes to draw onto.
        stiffness: Mandel stiffness. [MPa]
        resolution: Number of steps from pole to pole.
        colorbar: Whether to add a colour bar in GPa.
    Returns:
        The axes, with equal scales in GPa.
    """
    points, radius = young_modulus_surface(stiffness, resolution)
    low, high = float(radius.min()), float(radius.max())
    middle = 0.5 * (low + high)
    reach = max(0.5 * (high - low), LEAST_SPAN * middle)
    norm = Normalize(middle - reach, middle + reach)
    color_map = colormaps[MODULUS_MAP]
    colors = color_map(norm(_corners(radius).mean(-1).numpy()))
    colors[..., :3] *= facet_brightness(points)[..., None].numpy()
    surface = Poly3DCollection(
        _corners(points).mT.reshape(-1, 4, 3).numpy(),
        facecolors=colors.reshape(-1, 4),
        linewidth=0,
        antialiased=False,
        zorder=2,
    )
    axes3d.add_collection3d(surface)
    axes3d.view_init(elev=_ELEVATION, azim=_AZIMUTH)
    axes3d.computed_zorder = False
    for index, name in enumerate("xyz"):
        # The stubs start outside the surface; only y points away from the viewer.
        start, end, label = ([r * high if i == index else 0.0 for i in range(3)] for r in _STUB)
        order = 0 if name == "y" else 3
        axes3d.plot(*zip(start, end, strict=True), color=INK, linewidth=1.2, zorder=order)
        axes3d.text(
            label[0],
            label[1],
            label[2],
            name,
            fontsize=LABEL_SIZE,
            color=INK,
            ha="center",
            va="center",
            zorder=4,
        )
    for set_limits in (axes3d.set_xlim, axes3d.set_ylim, axes3d.set_zlim):
        set_limits(-0.95 * high, 0.95 * high)  # not clipped: uses up the axes' wide margins
    axes3d.set_box_aspect((1, 1, 1))
    axes3d.set_axis_off()
    if colorbar:
        label = "Young's modulus [GPa]"
        if reach > 0.5 * (high - low):
            label += f"\n{low:.4g} to {high:.4g}; the colours span ±{100 * LEAST_SPAN:.0f} %"
        add_colorbar(axes3d, ScalarMappable(norm, color_map), label)
    return axes3d


def facet_brightness(points: Float[Tensor, "polar azimuth 3"]) -> Float[Tensor, "rows columns"]:
    """Return the brightness of the facets between points in diffuse light, from `_SHADE` to 1. [-]

    Args:
        points: Points of `young_modulus_surface`.
    """
    elevation, azimuth = math.radians(_LIGHT_ELEVATION), math.radians(_LIGHT_AZIMUTH)
    level = math.cos(elevation)
    light = (level * math.cos(azimuth), level * math.sin(azimuth), math.sin(elevation))
    first, second, third, fourth = _corners(points).unbind(-1)
    normal = torch.linalg.cross(third - first, fourth - second)  # outwards, also at the poles
    normal = normal / torch.linalg.vector_norm(normal, dim=-1, keepdim=True)
    lit = (normal @ torch.tensor(light, dtype=normal.dtype)).clamp_min(0.0)
    return _SHADE + (1.0 - _SHADE) * lit


def _corners(
    grid: Float[Tensor, "polar azimuth *tensor"],
) -> Float[Tensor, "rows columns *corners"]:
    """Return the values at the four corners of every facet, anticlockwise, along a last axis."""
    return torch.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], dim=-1)
