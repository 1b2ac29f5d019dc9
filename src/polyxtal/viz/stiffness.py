"""The elastic surface: Young's modulus over all directions."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from mpl_toolkits.mplot3d import Axes3D
from torch import Tensor

from polyxtal.mechanics.bounds.moduli import young_modulus
from polyxtal.viz.style import INK, LABEL_SIZE, MODULUS_MAP, add_colorbar

_GPA = 1e-3

# Near the view of volumes from (1, -1, 1), but off the symmetry planes of a cubic crystal.
_ELEVATION, _AZIMUTH = 25.0, -40.0

# Start, end and label of the axis stubs, relative to the largest radius.
_STUB = (1.0, 1.45, 1.6)


def young_modulus_surface(
    stiffness: Float[Tensor, "6 6"], resolution: int = 80
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
    axes3d: Axes3D, stiffness: Float[Tensor, "6 6"], resolution: int = 80, colorbar: bool = True
) -> Axes3D:
    """Draw the polar surface of Young's modulus, E(n) as radius and as colour.

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
    margin = 1e-3 * high  # an isotropic stiffness has no range of colours
    norm = Normalize(low - margin, high + margin)
    color_map = colormaps[MODULUS_MAP]
    centre = 0.25 * (radius[1:, 1:] + radius[1:, :-1] + radius[:-1, 1:] + radius[:-1, :-1])
    axes3d.plot_surface(
        *points.unbind(-1),
        facecolors=color_map(norm(centre.numpy())),
        rstride=1,
        cstride=1,
        linewidth=0,
        antialiased=False,
        shade=False,
        zorder=2,
    )
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
        add_colorbar(axes3d, ScalarMappable(norm, color_map), "Young's modulus [GPa]")
    return axes3d
