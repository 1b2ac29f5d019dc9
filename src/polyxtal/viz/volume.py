"""The voxel volume, seen from outside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.viz.sphere import direction_name, to_numpy
from polyxtal.viz.style import INK, LABEL_SIZE, TITLE_SIZE
from polyxtal.viz.texture import ipf_colors

# Isometric view from (1, -1, 1): columns are where x, y, z point on the page.
_ISOMETRIC = np.array([[3**0.5 / 2, 3**0.5 / 2, 0.0], [-0.5, 0.5, 1.0]])

# Of each visible face: the axis it is normal to, and whether it lies at that axis's far end.
_FACES = ((0, True), (1, False), (2, True))


def _face(rve: Polycrystal, axis: int, far: bool) -> tuple[NDArray, NDArray]:
    """Slice the grain ids of a face and place its voxel corners on the page. [µm]"""
    ids = rve.grain_id.numpy().take(-1 if far else 0, axis=axis)
    first, second = (a for a in range(3) if a != axis)
    corners = np.zeros((ids.shape[0] + 1, ids.shape[1] + 1, 3))
    corners[..., first] = np.linspace(0, rve.size[first], ids.shape[0] + 1)[:, None]
    corners[..., second] = np.linspace(0, rve.size[second], ids.shape[1] + 1)
    corners[..., axis] = rve.size[axis] if far else 0.0
    return ids, corners @ _ISOMETRIC.T


def _grain_boundaries(ids: NDArray, page: NDArray) -> NDArray:
    """Collect the voxel edges between two grains as segments (n, 2, 2)."""
    i, j = np.nonzero(ids[1:] != ids[:-1])
    across = np.stack([page[i + 1, j], page[i + 1, j + 1]], axis=1)
    i, j = np.nonzero(ids[:, 1:] != ids[:, :-1])
    along = np.stack([page[i, j + 1], page[i + 1, j + 1]], axis=1)
    return np.concatenate([across, along])


def _length(micrometres: float) -> str:
    """Write a length with the unit that keeps it between 1 and 1000, where there is one."""
    for unit, size in (("m", 1e6), ("mm", 1e3), ("µm", 1.0)):
        if micrometres >= size:
            return f"{micrometres / size:g} {unit}"
    return f"{micrometres * 1e3:g} nm"


def grain_colors(
    rve: Polycrystal, direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0)
) -> Float[Tensor, "grains 3"]:
    """Colour every grain as `ipf_colors` does, by the Laue group of its phase."""
    colors = torch.empty(rve.grains, 3, dtype=rve.orientations.dtype)
    for index in rve.phase.unique().tolist():
        members = rve.phase == index
        colors[members] = ipf_colors(rve.orientations[members], direction, rve.laue_group(index))
    return colors


def draw_volume(
    axes: Axes,
    rve: Polycrystal,
    direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0),
    boundaries: bool = True,
) -> Axes:
    """Draw three faces of the volume in isometric view, coloured by orientation.

    Visible are the far faces of x and z and the near face of y; equal lengths along x, y and z
    are equal on the page. Every grain has the colour of its own phase's Laue group.

    Args:
        axes: Two-dimensional axes to draw onto.
        rve: Polycrystal.
        direction: Sample direction of the inverse-pole-figure colours. [-]
        boundaries: Draw the grain boundaries.
    Returns:
        The axes, in µm on the page.
    Raises:
        ValueError: if the direction is not three components with a length.
    """
    colors = to_numpy(grain_colors(rve, direction))
    for axis, far in _FACES:
        ids, page = _face(rve, axis, far)
        axes.pcolormesh(
            page[..., 0], page[..., 1], colors[ids], shading="flat", linewidth=0, rasterized=True
        )
        if boundaries:
            segments = _grain_boundaries(ids, page)
            axes.add_collection(
                LineCollection(list(segments), colors=INK, linewidths=0.5, capstyle="round")
            )
        rim = np.concatenate([page[0], page[:, -1], page[-1, ::-1], page[::-1, 0]])
        axes.plot(*rim.T, color=INK, linewidth=1.0, solid_joinstyle="round")
    _draw_arrows(axes, rve.size)
    axes.set_title(f"Inverse-pole-figure colours, {direction_name(direction)}", fontsize=TITLE_SIZE)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return axes


def _draw_arrows(axes: Axes, size: tuple[float, float, float]) -> None:
    """Draw x, y, z along the silhouette's edges and leave room for them."""
    sx, sy, sz = size
    corners = np.array([[x, y, z] for x in (0, sx) for y in (0, sy) for z in (0, sz)], float)
    page = corners @ _ISOMETRIC.T
    gap = 0.05 * np.ptp(page, axis=0).max()
    edges = (
        ((0, 0, 0), (sx, 0, 0), (-0.5, -(3**0.5) / 2), "right", "top"),
        ((sx, 0, 0), (sx, sy, 0), (0.5, -(3**0.5) / 2), "left", "top"),
        ((0, 0, 0), (0, 0, sz), (-1.0, 0.0), "right", "center"),
    )
    for name, length, (start, end, outward, ha, va) in zip("xyz", size, edges, strict=True):
        a, b = (_ISOMETRIC @ np.asarray(point, float) for point in (start, end))
        shift = gap * np.asarray(outward)
        tail, head = a + 0.25 * (b - a) + shift, a + 0.75 * (b - a) + shift
        axes.annotate(
            "",
            tuple(head),
            xytext=tuple(tail),
            arrowprops={
                "arrowstyle": "-|>",
                "color": INK,
                "linewidth": 1.0,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )
        place = 0.5 * (tail + head) + 0.6 * shift
        axes.text(
            place[0],
            place[1],
            f"{name}, {_length(length)}",
            ha=ha,
            va=va,
            fontsize=LABEL_SIZE,
            color=INK,
        )
    (x_low, y_low), (x_high, y_high) = page.min(0), page.max(0)
    axes.set_xlim(x_low - 5 * gap, x_high + 2 * gap)
    axes.set_ylim(y_low - 2 * gap, y_high + gap)
